"""Beats of performances without a click: found, counted, and refused where there are none."""

from collections import Counter

import mido
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from benchmarks.align import warped
from livevae.cli import main
from livevae.corpus import align, dataset, midi
from livevae.corpus.align import Alignment, aligned
from livevae.corpus.lines import runs
from livevae.corpus.melody_windows import windows
from livevae.corpus.midi_lines import lines_of
from livevae.corpus.score import Part, PlayedNote, Score
from livevae.errors import MusicError
from livevae.models.midime import windows as persona_windows
from livevae.models.musicvae.config import configuration

PPQ = 480
RHYTHMS = ((0, 2, 4, 6), (0, 4, 6), (0, 3, 4, 6), (0, 4), (0, 2, 4, 5, 6, 7))
"""Eighths of a bar on which a tune is struck."""


def song(bars=24, seed=0, beats=4):
    """A tune over a bass that changes harmony with every bar, on the grid."""
    random = np.random.default_rng(seed)
    tune, bass = [], []
    for bar in range(bars):
        at = bar * beats * PPQ
        root = 36 + int(random.choice([0, 5, 7, 9]))
        bass.append(PlayedNote(at, at + beats * PPQ, root, 90))
        places = [e for e in RHYTHMS[int(random.integers(len(RHYTHMS)))] if e < 2 * beats]
        for place, stop in zip(places, [*places[1:], 2 * beats], strict=True):
            pitch = root + 24 + int(random.choice([0, 4, 7, 12]))
            tune.append(
                PlayedNote(at + place * PPQ // 2, at + stop * PPQ // 2, pitch, 96 if place == 0 else 76)
            )
    parts = (Part(1, "tune", 1, 0, tuple(tune), PPQ), Part(2, "bass", 2, 33, tuple(bass), PPQ))
    return Score("song", PPQ, parts, ((0, (beats, 4)),), ((0, 120.0),), bars * beats * PPQ)


def write(path, score):
    file = mido.MidiFile(type=1, ticks_per_beat=score.ticks_per_quarter)
    for part in score.parts:
        events = [(note.start, 1, "note_on", note) for note in part.notes]
        events += [(note.end, 0, "note_off", note) for note in part.notes]
        track = mido.MidiTrack(
            [mido.Message("program_change", channel=part.channel - 1, program=part.program)]
        )
        now = 0
        for tick, _, kind, note in sorted(events, key=lambda event: event[:2]):
            velocity = note.velocity if kind == "note_on" else 0
            track.append(
                mido.Message(
                    kind, channel=part.channel - 1, note=note.pitch, velocity=velocity, time=tick - now
                )
            )
            now = tick
        file.tracks.append(track)
    file.save(path)
    return path


def cut(score):
    """The windows of a score's line."""
    found = set()
    for line in lines_of(score):
        for run in runs(line.bars, Counter()):
            found.update(window.tobytes() for window in windows(run, 32, Counter()))
    return found


@pytest.mark.parametrize("seed", [1, 2, 4])  # 79 to 114 beats a minute
def test_the_beats_and_bars_of_a_free_performance_are_found(seed):
    played, beats = warped(song(seed=seed), seed, 0.02, 0.012)
    clock = align.Clock(played)
    found = align.find(align.onsets_of(played, clock), played, clock, Alignment())
    inside = beats[beats < found.times[-1]]
    near = [np.abs(found.times - beat).min() <= 0.07 for beat in inside]
    assert np.mean(near) > 0.95
    bars = found.times[found.first % 4 :: 4]
    assert found.meter == (4, 4)
    assert np.mean([np.abs(bars - beat).min() <= 0.07 for beat in inside[::4]]) > 0.95
    assert found.sure > 0.5


def test_windows_of_a_free_performance_are_those_of_the_song():
    straight = song(seed=4)
    played, _ = warped(straight, 4, 0.02, 0.012)
    known = cut(straight)
    again, words = aligned(played, Alignment())
    assert words.startswith("beats found")
    assert len(known & cut(again)) > 0.6 * len(known)
    assert not known & cut(played)


def test_a_song_on_its_files_beats_is_left_as_it_is():
    straight = song()
    same, words = aligned(straight, Alignment())
    assert same == straight
    assert words == "the file's beats, sure 100%"


def test_a_meter_and_a_tempo_that_are_given_are_taken():
    played, _ = warped(song(beats=3, seed=5), 5, 0.01, 0.01)
    clock = align.Clock(played)
    onsets = align.onsets_of(played, clock)
    bpm = 60 / float(np.median(np.diff(align.find(onsets, played, clock, Alignment()).times)))
    for wanted in (bpm, bpm / 1.2):
        found = align.find(onsets, played, clock, Alignment(bpm=wanted, meter="3/4"))
        assert found.meter == (3, 4)
        assert wanted / 1.3 < 60 / float(np.median(np.diff(found.times))) < wanted * 1.3


def test_noise_has_no_beat_and_few_notes_keep_the_files():
    random = np.random.default_rng(1)
    times = np.cumsum(random.exponential(300, 200)).astype(int).tolist()
    notes = tuple(PlayedNote(at, at + 100, 60 + at % 12, 80) for at in sorted(set(times)))
    noise = Score(
        "noise", PPQ, (Part(1, "", 1, 0, notes, PPQ),), ((0, (4, 4)),), ((0, 120.0),), notes[-1].end
    )
    with pytest.raises(MusicError, match="no steady beat"):
        aligned(noise, Alignment())
    part = Part(1, "", 1, 0, notes[:8], PPQ)
    few = Score("few", PPQ, (part,), ((0, (4, 4)),), ((0, 120.0),), notes[7].end)
    assert aligned(few, Alignment())[0] == few


def test_off_moves_nothing_and_quantise_goes_the_share_of_the_way():
    notes = tuple(PlayedNote(i * 480 + 40, i * 480 + 200, 60, 80) for i in range(16))
    score = Score("a", PPQ, (Part(1, "", 1, 0, notes, PPQ),), ((0, (4, 4)),), ((0, 120.0),), 16 * PPQ)
    assert aligned(score, Alignment("off", quantise=1.0))[0] == score
    for strength, start in ((0.0, 40), (0.5, 20), (1.0, 0)):
        (part,) = aligned(score, Alignment("file", quantise=strength))[0].parts
        assert [note.start for note in part.notes] == [i * 480 + start for i in range(16)]
        assert [note.end - note.start for note in part.notes] == [160] * 16


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 4000), st.integers(1, 900), st.integers(0, 127)), min_size=1, max_size=40
    ),
    st.sampled_from([20.0, 120.0, 6e7]),
    st.sampled_from(["", "3/4", "7/8"]),
)
def test_any_notes_are_aligned_or_refused_with_a_sentence(rows, bpm, meter):
    at, notes = 0, []
    for gap, length, pitch in rows:
        at += gap
        notes.append(PlayedNote(at, at + length, pitch, 80))
    length = max(note.end for note in notes)
    score = Score("a", PPQ, (Part(1, "", 1, 0, tuple(notes), PPQ),), ((0, (4, 4)),), ((0, bpm),), length)
    try:
        found, _ = aligned(score, Alignment(meter=meter))
    except MusicError as error:
        assert len(str(error)) < 300
    else:
        assert sum(len(part.notes) for part in found.parts) == len(notes)
        assert all(
            0 <= note.start < note.end <= found.length + PPQ for part in found.parts for note in part.notes
        )


def test_a_folder_of_free_performances_makes_a_persona_and_a_data_set(tmp_path):
    folder = tmp_path / "free"
    folder.mkdir()
    for seed in range(8):
        write(folder / f"take {seed}.mid", warped(song(12, seed), seed, 0.02, 0.01)[0])
    config = configuration("cat-mel_2bar_small")
    known = len(persona_windows.read([folder], config).windows)
    found = persona_windows.read([folder], config, alignment=Alignment())
    assert len(found.windows) > 2 * known
    assert all(file.beats.startswith("beats found") for file in found.files)
    built = dataset.build(str(tmp_path / "data"), [folder], share=0.3, alignment=Alignment())
    assert len(built.info["reports"]["free"]["beats"]) == 8


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [("--bpm", "1000", "--bpm"), ("--quantise", "2", "--quantise"), ("--meter", "4", "meter")],
)
def test_options_that_cannot_be_are_answered(option, value, sentence, capsys, tmp_path):
    write(tmp_path / "a.mid", song(2))
    assert main(["persona", "train", "nora", str(tmp_path), option, value, "--dry-run"]) != 0
    assert sentence in capsys.readouterr().err


def test_a_file_reads_the_same_after_it_was_written(tmp_path):
    read = midi.read(write(tmp_path / "song.mid", song(2)))
    assert [len(part.notes) for part in read.parts] == [len(part.notes) for part in song(2).parts]
