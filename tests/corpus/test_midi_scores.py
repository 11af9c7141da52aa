"""MIDI files to scores: one walk, whatever a file says."""

import io
import struct

import mido
import pytest
from hypothesis import given, settings, strategies as st

from livevae.corpus import midi, midi_lines, music_files
from livevae.corpus.score import band, fullest
from livevae.errors import MusicError
from livevae.models.midime import windows as persona_windows
from livevae.models.musicvae.config import configuration

PPQ = 96
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def scale(channel=0, step=48, pitches=SCALE):
    messages = []
    for pitch in pitches:
        messages.append(mido.Message("note_on", channel=channel, note=pitch, time=step))
        messages.append(mido.Message("note_off", channel=channel, note=pitch, time=48))
    messages[0].time = 0
    return messages


def written(path, *tracks, kind=1):
    file = mido.MidiFile(type=kind, ticks_per_beat=PPQ, tracks=[mido.MidiTrack(track) for track in tracks])
    file.save(path)
    return path


def raw(path, events, ppq=PPQ, kind=0):
    """A file of one track, from its bytes."""
    path.write_bytes(
        b"MThd" + struct.pack(">IHHH", 6, kind, 1, ppq) + b"MTrk" + struct.pack(">I", len(events)) + events
    )
    return path


END = b"\x00\xff\x2f\x00"
NOTES = b"".join(bytes((48, 0x90, pitch, 80, 48, 0x80, pitch, 0)) for pitch in SCALE)


def program(number, channel=0, time=0):
    return mido.Message("program_change", channel=channel, program=number, time=time)


def test_a_lead_that_changes_its_program_is_one_line_and_its_bass_notes_are_a_part_of_their_own(tmp_path):
    track = [program(73), *scale(), program(48), *scale(), program(33), *scale(pitches=(36, 38))]
    score = midi.read(written(tmp_path / "a.mid", track))
    players = band(score.parts)
    assert [(part.program, len(part.notes)) for part in players.lines] == [(73, 16)]
    assert [(part.program, [n.pitch for n in part.notes]) for part in players.basses] == [(33, [36, 38])]


def test_a_program_that_another_track_chooses_holds_for_the_channel_until_the_track_chooses_its_own(tmp_path):
    score = midi.read(
        written(tmp_path / "a.mid", [program(33, 2)], scale(2), [program(40, 2, 800), *scale(2)])
    )
    assert [(part.track, part.program) for part in score.parts] == [(2, 33), (3, 40)]


@pytest.mark.parametrize("signature", [b"\x00\x02", b"\x04\xff", b"\xff\x02"])
def test_a_meter_that_is_none_is_passed_over_with_a_remark(tmp_path, signature):
    events = b"\x00\xff\x58\x04" + signature + b"\x18\x08" + NOTES + END
    score = midi.read(raw(tmp_path / "a.mid", events))
    assert score.meters == ((0, (4, 4)),)
    assert "time signature" in score.remarks[0]
    assert len(midi_lines.lines_of(score)) == 1


def test_a_key_signature_that_is_none_costs_nothing(tmp_path):
    score = midi.read(raw(tmp_path / "a.mid", b"\x00\xff\x59\x02\x7f\xff" + NOTES + END))
    assert [note.pitch for note in score.parts[0].notes] == list(SCALE)


def test_a_tempo_of_nothing_is_passed_over_with_a_remark(tmp_path):
    score = midi.read(raw(tmp_path / "a.mid", b"\x00\xff\x51\x03\0\0\0" + NOTES + END))
    assert (score.tempi, len(score.remarks)) == (((0, 120.0),), 1)


def test_a_note_after_a_huge_pause_is_refused_and_a_huge_pause_after_the_music_is_no_music(tmp_path):
    late = b"\xff\xff\xff\x7f\x90\x3c\x50\x30\x80\x3c\x00"
    with pytest.raises(MusicError, match="longer than"):
        midi.read(raw(tmp_path / "late.mid", NOTES + late + END))
    with pytest.raises(MusicError, match="longer than"):
        midi.read(raw(tmp_path / "later.mid", NOTES + b"\xff" * 900 + late[3:] + END))
    ended = midi.read(raw(tmp_path / "end.mid", NOTES + b"\xff\xff\xff\x7f\xff\x2f\x00"))
    assert ended.length == 8 * 96


def test_patterns_of_a_type_2_file_are_read_one_after_the_other(tmp_path):
    score = midi.read(written(tmp_path / "a.mid", scale(), scale(1), kind=2))
    assert [part.notes[0].start for part in score.parts] == [0, 2 * 4 * PPQ]
    assert [stretch[:2] for stretch in score.stretches()] == [(0, 768), (768, 1536 - 48)]


def test_what_is_never_ended_ends_with_its_track_and_a_stroke_needs_no_end(tmp_path):
    events = b"\x00\x90\x3c\x50\x00\x99\x24\x50\x00\x99\x26\x50\x00\x89\x26\x00\x60\xff\x2f\x00"
    score = midi.read(raw(tmp_path / "a.mid", events))
    assert {(part.is_drums, tuple(note[:3] for note in part.notes)) for part in score.parts} == {
        (False, ((0, 96, 60),)),
        (True, ((0, 1, 38), (0, 96, 36))),
    }


def test_time_in_frames_and_files_without_notes_are_refused_by_name(tmp_path):
    for name, path in (
        ("frames", raw(tmp_path / "frames.mid", NOTES + END, ppq=0xE728)),
        ("none", raw(tmp_path / "none.mid", END)),
    ):
        with pytest.raises(MusicError, match=name):
            midi.read(path)


def test_a_score_beyond_the_limits_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(midi, "MAX_NOTES", 7)
    with pytest.raises(MusicError, match="more than 7 notes"):
        midi.read(raw(tmp_path / "a.mid", NOTES + END))
    monkeypatch.setattr(midi, "MAX_BYTES", 20)
    with pytest.raises(MusicError, match="larger than"):
        midi.read(tmp_path / "a.mid")


def test_the_fullest_part_is_a_line_before_chords(tmp_path):
    chords = [mido.Message("note_on", channel=1, note=note, time=0) for note in range(50, 80)]
    score = midi.read(written(tmp_path / "a.mid", scale(), [*chords, mido.MetaMessage("text", time=96)]))
    assert [len(part.notes) for part in score.parts] == [8, 30]
    assert [part.channel for part in fullest(score.parts)] == [1]


def test_personas_and_data_sets_read_the_same_score(tmp_path):
    path = written(tmp_path / "a.mid", [program(73), *scale(), program(48), *scale(), *scale(), *scale()])
    found = persona_windows.read([path], configuration("cat-mel_2bar_small"))
    (line,) = midi_lines.lines_of(music_files.read(path))
    assert len(line.bars[0].notes) == 32
    assert len(found.windows) > 8


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(1, 0x7FFF), st.integers(0, 3))
def test_any_bytes_are_a_score_or_one_sentence(tmp_path_factory, events, ppq, kind):
    path = tmp_path_factory.getbasetemp() / "fuzz.mid"
    for data in (events, NOTES[:16] + events + END):
        raw(path, data, ppq, kind)
        try:
            score = midi.read(path)
        except MusicError as error:
            assert "fuzz.mid" in str(error)
        else:
            assert score.length <= midi.MAX_QUARTERS * ppq
            for part in score.parts:
                assert all(0 <= a.start < a.end <= score.length for a in part.notes)


def test_mido_reads_the_bytes_that_mido_wrote(tmp_path):
    out = io.BytesIO()
    mido.MidiFile(ticks_per_beat=PPQ, tracks=[mido.MidiTrack(scale())]).save(file=out)
    (tmp_path / "a.mid").write_bytes(out.getvalue())
    (part,) = midi.read(tmp_path / "a.mid").parts
    assert [(note.start, note.end) for note in part.notes] == [(96 * i, 96 * i + 48) for i in range(8)]
