"""Training and judging the models that continue: one loop, resumed as if nothing had been, and an n-gram beside."""

import json

import numpy as np
import pytest

import livevae.models
from livevae.cli import main
from livevae.corpus.lines import Run
from livevae.corpus.melody_songs import windows
from livevae.corpus.note_windows import windows as note_windows
from livevae.corpus.score import Part, PlayedNote, Score
from livevae.models.checkpoints import shelf, step_files
from livevae.models.training import evaluate_steps, stepwise
from livevae.models.training.options import RunOptions
from livevae.music.piano_roll import Cell, pack


def scales(count=12, steps=64):
    """Melodies that go up a scale from another note each."""
    out = np.zeros((count, steps), np.uint8)
    for i, window in enumerate(out):
        window[::4] = [30 + (i + n) % 12 for n in range(steps // 4)]
    return out


def rhythms(count=8):
    out = np.zeros((count, 64), np.uint16)
    out[:, ::4] = 5
    out[:, 8::16] = 2
    return out


def chords(count=8):
    out = np.zeros((count, 128, 88), np.uint8)
    for i, window in enumerate(out):
        window[::8, 30 + i] = 8
        window[::8, 34 + i] = 4
    return out


def keyboards(count=8):
    out = np.zeros((count, 128, 88), np.uint16)
    for i, window in enumerate(out):
        window[::8, 30 + i] = window[::8, 34 + i] = pack(Cell(12, 0, 5))
    return out


DATA = {
    "lookback_rnn": scales,
    "drum_rnn": rhythms,
    "note_rnn": chords,
    "music_transformer": keyboards,
}


def quiet(*_):
    """Show nothing."""


@pytest.mark.parametrize("name", list(DATA))
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(name, tmp_path):
    data = DATA[name]()

    def options(run, steps):
        return RunOptions(name, str(tmp_path / run), steps=steps, batch=4, save_minutes=99, test_windows=4)

    stepwise.train(options("once", 4), data, data, quiet)
    # the rate falls with the share of the run that is done: the first half is a run of four that is cut off
    half = stepwise.StepTrainer(options("twice", 4), data, data, stepwise.training_crew.Crew(0, 1))
    (tmp_path / "twice").mkdir()
    half.step(), half.step()
    half.save()
    stepwise.train(options("twice", 4), data, data, quiet)
    once, twice = (step_files.read(tmp_path / run / "model.safetensors") for run in ("once", "twice"))
    assert once.config == twice.config
    for key, value in once.tensors.items():
        np.testing.assert_array_equal(value, twice.tensors[key])
    lines = [json.loads(line) for line in (tmp_path / "twice" / "log.jsonl").read_text().splitlines()]
    assert {"nats_a_note", "nats_a_bar", "perplexity"} <= set(lines[-1])


def test_what_is_learnt_is_judged_exported_and_played(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    data, run = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    for split in ("train", "test"):
        np.save(data / f"{split}.npy", scales())
        np.save(data / f"{split}_set.npy", np.zeros(12, np.uint8))
    info = {"music": "songs", "steps": 64, "sets": ["scales"], "counts": {"train": 12, "test": 12}}
    (data / "info.json").write_text(json.dumps(info))
    arguments = [str(data), "--run", str(run), "--steps", "3", "--batch", "4"]
    assert main(["train", "basic_rnn", "--data", *arguments]) == 0
    found = tmp_path / "found"
    model = str(run / "model.safetensors")
    assert main(["evaluate", model, "--data", str(data), "--samples", "4", "--out", str(found)]) == 0
    judged = json.loads((found / "evaluation.json").read_text())
    assert (found / "continuations.png").read_bytes().startswith(b"\x89PNG")
    assert judged["held out"]["n_gram_nats_a_bar"] < judged["held out"]["nats_a_bar"]  # of three steps
    assert judged["held out"]["best_n_gram_nats_a_bar"] <= judged["held out"]["n_gram_nats_a_bar"]
    out = shelf.place("mine")
    exported = [
        "export",
        model,
        str(out),
        "--half",
        "--evaluation",
        str(found / "evaluation.json"),
        "--licence",
        "CC0",
    ]
    assert main(exported) == 0
    mine = livevae.models.load("mine")
    assert (mine.name, mine.about["licence"]) == ("basic_rnn", "CC0")
    assert main(["sample", "mine", "-n", "2", "--seed", "4", "--out", str(tmp_path / "riffs")]) == 0
    assert len(list((tmp_path / "riffs").glob("*.mid"))) == 2
    tune = next(iter((tmp_path / "riffs").glob("*.mid")))
    went_on = ["continue", str(tune), "--model", "mine", "-n", "2", "--out", str(tmp_path / "on")]
    assert main(went_on) == 0
    assert len(list((tmp_path / "on").glob("*.mid"))) == 2
    assert main(["continue", str(tune), "--model", shelf.DEFAULT]) == 1
    assert main(["train", "basic_rnn", "--data", str(data), "--run", str(run)]) == 1  # no end was asked for
    assert main(["train", "drum_rnn", "--data", *arguments]) == 1  # these are no drums


def test_an_n_gram_learns_what_repeats():
    model = evaluate_steps.NGram(4)
    for _ in range(20):
        model.learn([0, 1, 2, 3] * 4)
    assert model.nats([0, 1, 2, 3] * 4) < 0.5
    assert model.nats([0, 3, 1, 2] * 4) > 10
    assert model.nats([0, 1, 2, 3] * 4, order=1) == pytest.approx(15 * np.log(4), rel=0.05)


def test_a_copied_run_is_found_in_any_transposition():
    tune = scales(1, 128)[0]
    other = tune.copy()
    other[other > 1] += 3
    task = stepwise.task_of("lookback_rnn")
    known = evaluate_steps._runs([task.riff(tune)])
    assert evaluate_steps._longest(task.riff(other), known) == 32


def test_long_melodies_begin_on_bar_lines_and_may_rest_for_a_bar():
    from collections import Counter  # noqa: PLC0415

    notes = [(step, step + 2, 60 + step // 4 % 5) for step in range(0, 160, 4) if not 32 <= step < 48]
    refused = Counter()
    found = list(windows(Run(notes, 160), 128, refused))
    assert len(found) == 2
    assert found[0][0] > 1
    silent = [note for note in notes if not 48 <= note[0] < 90]
    assert list(windows(Run(silent, 160), 128, refused)) == []
    assert refused


def test_many_voices_are_cut_with_their_lengths():
    from collections import Counter  # noqa: PLC0415

    notes = tuple(PlayedNote(q * 480, q * 480 + 960, 60 + q % 7, 80) for q in range(32))
    part = Part(1, "", 1, 0, notes, 480)
    drums = Part(2, "", 10, 0, notes, 480)
    score = Score("x", 480, (part, drums), ((0, (4, 4)),), ((0, 120.0),), 32 * 480)
    (window,) = note_windows(score, 128, Counter())
    assert window.shape == (128, 88)
    assert sorted(set(np.nonzero(window)[0] % 4)) == [0]
    assert set(window[window > 0].tolist()) == {8}
    waltz = Score("x", 480, (part,), ((0, (3, 4)),), ((0, 120.0),), 32 * 480)
    refused = Counter()
    assert list(note_windows(waltz, 128, refused)) == []
    assert refused
