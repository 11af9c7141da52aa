"""Melodies over chords: from lead sheets to a model that hears them."""

import json
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

from livevae.cli import main
from livevae.corpus import abc_tunes, chord_windows, dataset, musicxml
from livevae.corpus.kinds import KINDS
from livevae.corpus.lines import runs
from livevae.corpus.score import Score
from livevae.errors import ModelError, MusicError
from livevae.models.musicvae import assemble as assembling
from livevae.models.musicvae.config import CONFIGS, configuration
from livevae.models.musicvae.networks import MusicVAE
from livevae.models.training import evaluate, sample_statistics, trainer as training_loop
from livevae.models.training.batches import transposed
from livevae.models.training.options import Options
from livevae.music import chords

CONFIG = configuration("cat-mel_2bar_med_chords").replace(encoder=(12,), decoder=(16, 10), latent=6)

SHEET = """X:1
T:{title}
M:4/4
L:1/4
K:C
{bars}
"""


def sheet(title, bars):
    return SHEET.format(title=title, bars=" | ".join(bars) + " |")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    known = {CONFIG.name: CONFIG}
    monkeypatch.setattr(training_loop, "configuration", lambda name: known.get(name) or CONFIGS[name])


def test_chords_of_a_tune_lie_above_its_steps(tmp_path):
    tune = sheet("a", ['"C"cdec', '"Am"A"slow"B"Coda"c"Dolce"d', 'ef"G7"gd'])
    (tmp_path / "a.abc").write_text(tune)
    ((line,), faults) = abc_tunes.read(tmp_path / "a.abc")
    assert not faults
    (run,) = runs(line.bars, Counter())
    windows = list(chord_windows.windows(run, 32, Counter()))
    c, am, g = (chords.encode(symbol) for symbol in ("C", "Am", "G"))
    assert windows[0][:, chord_windows.CHORD].tolist() == [c] * 16 + [am] * 16
    assert windows[4][:, chord_windows.CHORD].tolist() == [am] * 16 + [am] * 8 + [g] * 8
    assert windows[0][::4, chord_windows.MELODY].tolist() == [
        p - 19 for p in (72, 74, 76, 72, 69, 71, 72, 74)
    ]


@pytest.mark.parametrize(
    ("root", "alter", "kind", "symbol"),
    [
        ("C", 0, "major", "C"),
        ("B", -1, "dominant", "Bb7"),
        ("F", 1, "minor-seventh", "F#m7"),
        ("D", 0, "half-diminished", "Dm7b5"),
        ("G", 0, "diminished-seventh", "Gdim"),
        ("E", -1, "augmented", "Eb+"),
        ("A", 0, "major-minor", "Am(maj7)"),
        ("C", 0, "suspended-fourth", "Csus4"),
        ("C", 0, "none", "N.C."),
        ("C", 0, "Neapolitan", None),
    ],
)
def test_chord_symbols_of_scores_are_heard_as_their_triads(tmp_path, root, alter, kind, symbol):
    (tmp_path / "a.musicxml").write_text(
        f"""<score-partwise><part-list/><part id="P1"><measure number="1"><attributes><divisions>2</divisions>
        <time><beats>4</beats><beat-type>4</beat-type></time></attributes>
        <note><pitch><step>C</step><octave>4</octave></pitch><duration>4</duration></note>
        <harmony><root><root-step>{root}</root-step><root-alter>{alter}</root-alter></root>
        <kind>{kind}</kind><offset>1</offset></harmony>
        <note><pitch><step>D</step><octave>4</octave></pitch><duration>4</duration></note>
        </measure></part></score-partwise>"""
    )
    (line,) = musicxml.read(tmp_path / "a.musicxml")
    wanted = () if symbol is None else ((Fraction(5, 2), chords.encode(symbol)),)
    assert line.bars[0].chords == wanted


@pytest.mark.parametrize(
    "broken",
    ["<kind>major</kind>", "<root><root-step>H</root-step></root><kind>major</kind>",
     "<root><root-step>C</root-step></root><kind>major</kind><offset>soon</offset>"],
)  # fmt: skip
def test_a_broken_chord_costs_the_melody_nothing(tmp_path, broken):
    (tmp_path / "a.musicxml").write_text(
        f"""<score-partwise><part-list/><part id="P1"><measure number="1"><attributes><divisions>1</divisions>
        </attributes><harmony>{broken}</harmony><note><pitch><step>C</step><octave>4</octave></pitch>
        <duration>4</duration></note></measure></part></score-partwise>"""
    )
    (line,) = musicxml.read(tmp_path / "a.musicxml")
    assert [note.pitch for note in line.bars[0].notes] == [60]
    assert line.bars[0].chords == ()


windows_over_chords = st.integers(0, 2**32 - 1).map(
    lambda seed: np.stack(
        [
            np.where((chance := np.random.default_rng(seed)).random((6, 32)) < 0.5, 0, chance.integers(20, 70, (6, 32))),
            chance.integers(0, chords.CLASSES, (6, 32)),
        ],
        -1,
    )
)  # fmt: skip


@given(windows_over_chords, st.integers(0, 99))
def test_chords_move_with_the_melody_over_them(windows, seed):
    moved = transposed(windows, (-7, 7), np.random.default_rng(seed))
    before, after = (sample_statistics.notes(w[..., chord_windows.MELODY]) for w in (windows, moved))
    assert (before[:, [0, 1, 3]] == after[:, [0, 1, 3]]).all()
    inside = [
        chord_windows.in_chord(found[:, 2], w[found[:, 0], found[:, 1], chord_windows.CHORD])
        for found, w in ((before, windows), (after, moved))
    ]
    assert (inside[0] == inside[1]).all()
    kinds = [(w[..., 1] + 11) // 12 for w in (windows, moved)]  # none, major, minor, augmented, diminished
    assert (kinds[0] == kinds[1]).all()
    for old, new in zip(windows, moved, strict=True):
        assert chord_windows.melody_shape(old) == chord_windows.melody_shape(new)


@pytest.mark.parametrize(
    ("symbol", "tones"),
    [("C", [0, 4, 7]), ("F#m", [1, 6, 9]), ("Bb+", [2, 6, 10]), ("Ao", [0, 3, 9]), ("G7", [2, 7, 11])],
)
def test_a_triad_has_its_notes(symbol, tones):
    assert np.flatnonzero(chord_windows.TONES[chords.encode(symbol)]).tolist() == tones
    assert not chord_windows.TONES[0].any()


@pytest.fixture
def songs(tmp_path):
    """Tunes that play the notes of their chords."""
    folder = tmp_path / "songs"
    folder.mkdir()
    tones = {"C": "ceg", "F": "fac'", "G": "gbd", "Am": "ace"}
    for song in range(24):
        chance = np.random.default_rng(song)
        bars = []
        for _ in range(6):
            symbol = str(chance.choice(list(tones)))
            notes = [tones[symbol][: 4 if "'" in tones[symbol] else 3][i] for i in chance.integers(0, 3, 4)]
            bars.append(f'"{symbol}"' + "".join(notes))
        (folder / f"{song}.abc").write_text(sheet(f"song {song}", bars))
    return folder


def test_a_model_over_chords_is_trained_judged_and_played(songs, tmp_path, capsys):
    data = dataset.build(str(tmp_path / "leads"), [songs], music="chords", share=0.2)
    assert data.train.shape[1:] == (32, 2)
    seen = []
    asked = Options(
        CONFIG.name, str(tmp_path / "run"), steps=60, batch=16, max_beta=0.01, warmup=2, learning_rate=0.02
    )
    training_loop.train(asked, data.train, data.test, lambda *now: seen.append(now[2]["nll"]))
    assert np.mean(seen[-5:]) < 0.8 * np.mean(seen[:3])
    model = assembling.load(tmp_path / "run/model.safetensors")[0]
    found = evaluate.evaluate(model, data.train, data.test, windows=8, samples=8)
    assert found.samples.shape == (8, 32, 2)
    assert (found.samples[..., 1] == data.test[:8, :, 1]).all()
    assert found.statistics["held out"]["notes of the chord"][1] > 0.9
    assert 0 <= found.scores["note_free_running"] <= 1
    a, b = data.test[0], data.test[-1]
    assert evaluate.interpolation(model, a, b, 3).shape == (3, 32)
    args = ["evaluate", str(tmp_path / "run/model.safetensors"), "--data", str(tmp_path / "leads")]
    assert main([*args, "--samples", "40", "--out", str(tmp_path / "out")]) == 0
    assert "notes of the chord" in capsys.readouterr().out
    assert (
        "notes of the chord"
        in json.loads((tmp_path / "out/evaluation.json").read_text())["distances"]["samples"]
    )
    assert {file.name for file in (tmp_path / "out").iterdir()} >= {"samples.png", "interpolation.png"}


def test_what_holds_no_chords_is_refused(songs, tmp_path):
    for tune in songs.iterdir():
        tune.write_text(tune.read_text().replace('"', "!"))
    with pytest.raises(MusicError, match=r"no (test song|training window)"):
        dataset.build(str(tmp_path / "leads"), [songs], music="chords")
    refused = Counter()
    with pytest.raises(MusicError, match="where they are written"):
        list(KINDS["chords"].cut(Score("a", 480, (), ((0, (4, 4)),), ((0, 120.0),), 0), 32, refused))


def test_only_models_over_chords_are_laid_beside_one(songs, tmp_path):
    data = dataset.build(str(tmp_path / "leads"), [songs], music="chords", share=0.2)
    plain, over = (
        MusicVAE(c) for c in (configuration("cat-mel_2bar_small").replace(decoder=(4,), encoder=(4,)), CONFIG)
    )
    with pytest.raises(ModelError, match="plain learns melody and cat-mel_2bar_med_chords chords"):
        evaluate.evaluate(over, data.train, data.test, windows=4, samples=4, beside={"plain": plain})


def test_a_data_set_of_another_kind_is_refused(songs, tmp_path, capsys):
    dataset.build(str(tmp_path / "leads"), [songs], music="chords", share=0.2)
    args = [
        "train",
        "cat-mel_2bar_small",
        "--data",
        str(tmp_path / "leads"),
        "--run",
        str(tmp_path / "r"),
        "--steps",
        "1",
    ]
    assert main(args) == 1
    assert "is chords; cat-mel_2bar_small learns melody" in capsys.readouterr().err
