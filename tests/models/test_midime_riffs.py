"""What the importer takes, leaves out, and says."""

from pathlib import Path

import mido
import numpy as np
import pytest

from livevae.errors import MusicError
from livevae.models.midime import windows as persona_windows
from livevae.models.midime.windows import Choice
from livevae.models.musicvae.config import configuration
from livevae.music import midi_file
from livevae.music.notes import Note, Riff

BEAT = 960
BAR = 4 * BEAT
MELODY = configuration("cat-mel_2bar_small")
DRUMS = configuration("cat-drums_2bar_small")
GROOVE = configuration("groovae_2bar_humanize")
TRIO = configuration("hierdec-trio_16bar").replace(steps=32, segments=2)


def tune(bars: int, first: int = 60) -> Riff:
    return Riff(
        tuple(Note(i * BEAT // 2, BEAT // 2, first + i * 5 % 12) for i in range(8 * bars)), bars * BAR
    )


def write(path: Path, riff: Riff, *, channel: int = 1, meter: tuple[int, int] | None = None) -> Path:
    path.write_bytes(midi_file.riff_bytes(riff, channel=channel))
    if meter:
        file = mido.MidiFile(path)
        file.tracks[0].insert(0, mido.MetaMessage("time_signature", numerator=meter[0], denominator=meter[1]))
        file.save(path)
    return path


def test_a_window_begins_on_every_bar_or_on_every_beat(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.mid", Riff(tuple(Note(i * BEAT, BEAT, 60 + i % 13) for i in range(16)), 4 * BAR)
    )
    assert len(persona_windows.read([path], MELODY, Choice(hop="bar")).windows) == 3
    assert len(persona_windows.read([path], MELODY).windows) == 9


def test_a_riff_of_one_bar_is_repeated_to_fill_the_window(tmp_path: Path) -> None:
    found = persona_windows.read([write(tmp_path / "a.mid", tune(1))], MELODY)
    assert found.windows.shape == (1, 32)
    assert np.array_equal(found.windows[0, :16], found.windows[0, 16:])


def test_the_report_says_what_was_left_out_and_why(tmp_path: Path) -> None:
    write(tmp_path / "a-waltz.mid", tune(4), meter=(3, 4))
    write(tmp_path / "b-sparse.mid", Riff((Note(0, BAR, 60), Note(BAR, BEAT, 62)), 2 * BAR))
    write(tmp_path / "c-good.mid", tune(2))
    write(tmp_path / "d-twice.mid", tune(2))
    (tmp_path / "e-broken.mid").write_bytes(b"MThd\0\0")
    write(tmp_path / "f-drums.mid", tune(2), channel=10)
    found = persona_windows.read([tmp_path], MELODY)
    said = {file.name: (file.windows, " ".join(file.left_out)) for file in found.files}
    assert "3/4" in said["a-waltz.mid"][1]
    assert "fewer than 3 notes" in said["b-sparse.mid"][1]
    assert said["c-good.mid"] == (1, "")
    assert said["d-twice.mid"] == (0, "windows that are there already")
    assert "not a MIDI file" in said["e-broken.mid"][1]
    assert "drum tracks" in said["f-drums.mid"][1]
    assert len(found.windows) == 1
    assert list(found.sources) == [2]


def chords(path: Path) -> Path:
    notes = [Note(i * BEAT, BEAT, pitch) for i in range(8) for pitch in (48, 55, 64 + i)]
    return write(path, Riff(tuple(notes), 2 * BAR))


def test_chords_are_left_out_until_their_skyline_is_asked_for(tmp_path: Path) -> None:
    path = chords(tmp_path / "a.mid")
    with pytest.raises(MusicError, match="skyline"):
        persona_windows.read([path], MELODY)
    window = persona_windows.read([path], MELODY, Choice(skyline=True)).windows[0]
    assert [int(token) - 2 + 21 for token in window if token > 1] == [64 + i for i in range(8)]


def several(path: Path) -> Path:
    file = mido.MidiFile(type=1, ticks_per_beat=480)
    for name, channel, program, base in (("Lead", 0, 0, 72), ("Low", 1, 33, 40), ("Kit", 9, 0, 36)):
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        track.append(mido.Message("program_change", channel=channel, program=program))
        for i in range(8):
            pitch = base + (i % 3) * 2
            track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=80, time=0))
            track.append(mido.Message("note_off", channel=channel, note=pitch, time=480))
        file.tracks.append(track)
    file.save(path)
    return path


def test_a_track_is_chosen_by_number_name_or_channel_and_a_bass_only_when_chosen(tmp_path: Path) -> None:
    path = several(tmp_path / "a.mid")
    assert persona_windows.read([path], MELODY).files[0].parts == ["track 1 'Lead', channel 1"]
    for choice in (Choice(track="2"), Choice(track="low"), Choice(channel=2)):
        assert persona_windows.read([path], MELODY, choice).files[0].parts == ["track 2 'Low', channel 2"]
    with pytest.raises(MusicError, match="'Kit', channel 10"):
        persona_windows.read([path], MELODY, Choice(track="flute"))


def test_drums_grooves_and_trios_are_read_too(tmp_path: Path) -> None:
    path = several(tmp_path / "a.mid")
    assert persona_windows.read([path], DRUMS).windows.shape == (1, 32)
    assert persona_windows.read([path], GROOVE).windows.shape == (1, 32, 27)
    assert persona_windows.read([path], TRIO).windows.shape == (1, 32, 3)
    with pytest.raises(MusicError, match="channel 10"):
        persona_windows.read([write(tmp_path / "b.mid", tune(2))], DRUMS)


def test_what_is_not_there_or_no_music_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no music")
    with pytest.raises(MusicError, match=r"notes\.txt is no music"):
        persona_windows.read([tmp_path / "notes.txt"], MELODY)
    with pytest.raises(MusicError, match="there is no"):
        persona_windows.read([tmp_path / "absent.mid"], MELODY)
    with pytest.raises(MusicError, match="no music file"):
        persona_windows.read([tmp_path], MELODY)


def test_takes_that_were_played_in_become_windows(tmp_path: Path) -> None:
    found = persona_windows.from_takes([tune(4), tune(1, 48)], MELODY)
    assert [file.windows for file in found.files] == [9, 1]
    assert [file.name for file in found.files] == ["take 1", "take 2"]


def test_the_words_of_expectation_follow_the_number_of_windows(tmp_path: Path) -> None:
    one = persona_windows.from_takes([tune(2)], MELODY)
    assert "little else" in one.expectation
