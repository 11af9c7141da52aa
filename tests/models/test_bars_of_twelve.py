"""Models of bars of twelve sixteenths: what they learn, and how they are played in 3/4, 6/8 and 4/4."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from livevae.cli import main
from livevae.corpus import dataset, midi
from livevae.errors import ModelError, MusicError
from livevae.latent.recipe import Recipe
from livevae.models.live import LiveDecoder
from livevae.models.midime import windows as persona_windows
from livevae.models.musicvae import assemble as assembling
from livevae.models.musicvae.call_and_response import call_riffs
from livevae.models.musicvae.config import CONFIGS, Config
from livevae.models.musicvae.directions import measured
from livevae.models.musicvae.networks import MusicVAE
from livevae.models.training import sample_statistics
from livevae.music.meter import COMMON, Meter, common, fitted, spread
from livevae.music.notes import TICKS_PER_BAR, Note, Riff
from livevae.perform.settings import VoiceSettings
from livevae.perform.voice import shaped

CONFIG = CONFIGS["cat-mel_2bar_12"].replace(encoder=(12,), decoder=(8, 8), latent=6)
BAR = 2880
JIGS = """X:{number}
T:Jig {name}
M:6/8
L:1/8
K:G
{tune}
X:1{number}
T:Waltz {name}
M:3/4
L:1/4
K:C
C E G | {waltz} |
X:2{number}
T:Reel {name}
M:4/4
L:1/8
K:D
DEFG ABcd | dcBA GFED | {reel} |
"""


def jigs(number: int) -> str:
    chance = random.Random(number)
    name = "".join(chr(ord("a") + int(digit)) for digit in str(number))  # names are compared without numbers
    line = " | ".join("".join(chance.choices("ABcdefg", k=6)) for _ in range(8))
    waltz = " | ".join("2 ".join(chance.choices("ABcdefg", k=2)) for _ in range(4))
    reel = "".join(chance.choices("ABcdefg", k=8))
    return JIGS.format(number=number, name=name, tune=line, waltz=waltz, reel=reel)


@pytest.fixture
def folk(tmp_path):
    folder = tmp_path / "folk"
    folder.mkdir()
    for number in range(1, 40):
        (folder / f"tune{number}.abc").write_text(jigs(number))
    return folder


def decoder() -> LiveDecoder:
    def network(z, _temperature, _noise, _controls=None):
        line = np.array([40 + step if step % 5 == 0 else 0 for step in range(CONFIG.steps)])
        return np.stack([line] * len(z))

    return LiveDecoder(CONFIG, network)


@given(st.integers(1, 8), st.sampled_from([Meter(3, 4), Meter(6, 8)]))
def test_in_its_own_meter_a_riff_is_played_as_it_is_also_across_bar_lines(count: int, meter: Meter) -> None:
    riff = decoder().decode([Recipe(1, bars=2 * count)])[0]
    assert riff.bar == BAR
    assert riff.length == 2 * count * BAR
    assert any(note.start // BAR != (note.end - 1) // BAR for note in riff.notes)
    assert shaped(riff, VoiceSettings(bars=2 * count), meter).notes == riff.notes


def test_twelve_eighths_are_two_of_its_bars() -> None:
    riff = decoder().decode([Recipe(1, bars=2)])[0]
    assert fitted(riff, Meter(12, 8), 1).notes == riff.notes


def test_in_four_quarters_its_bars_begin_on_the_bar_lines() -> None:
    riff = decoder().decode([Recipe(1, bars=2)])[0]
    played = fitted(riff, COMMON, 2)
    assert played.length == 2 * TICKS_PER_BAR
    places = [(note.start // BAR, note.start % BAR) for note in riff.notes]
    assert [(note.start // TICKS_PER_BAR, note.start % TICKS_PER_BAR) for note in played.notes] == places
    assert common(riff) == spread(riff, Meter(3, 4))


def test_a_call_is_heard_in_bars_of_twelve_and_given_back_whole() -> None:
    played = Riff(tuple(Note(step * 720, 720, 60 + step) for step in range(8)), 2 * BAR)
    call = tuple((n.start, n.length, n.pitch, n.velocity) for n in spread(played, Meter(6, 8)).notes)
    assert [riff.notes for riff in call_riffs(Recipe(1, call=call), CONFIG, 1)] == [played.notes]
    again = decoder().decode([Recipe(1, bars=4, call=call, distance=0.0)])[0]
    assert again.length == 4 * BAR
    assert [note.pitch for note in again.notes] == [60 + step for step in range(8)] * 2


def test_a_data_set_takes_the_bars_that_are_asked_for(folk, tmp_path) -> None:
    both = dataset.build(str(tmp_path / "both"), [folk], grid="12", share=0.3)
    assert both.bar == 12
    assert both.train.shape[1] == 24
    parts = [dataset.build(str(tmp_path / name[0]), [folk], grid=name, share=0.3) for name in ("3/4", "6/8")]
    sizes = [len(part.train) + len(part.test) for part in parts]
    assert min(sizes) > 0
    assert sum(sizes) >= len(both.train) + len(both.test)
    assert any(
        "4/4, which does not fit the 12 grid" in reason for reason in both.info["reports"]["folk"]["refused"]
    )
    plain = dataset.build(str(tmp_path / "plain"), [folk], share=0.3)
    assert plain.bar == 16
    assert plain.train.shape[1] == 32


def test_bars_of_twelve_are_of_melodies_and_whole(folk, tmp_path) -> None:
    with pytest.raises(MusicError, match="of melodies, not of drums"):
        dataset.build(str(tmp_path / "x"), [folk], music="drums", grid="6/8")
    with pytest.raises(MusicError, match="no whole bars"):
        dataset.build(str(tmp_path / "x"), [folk], grid="6/8", steps=32)
    with pytest.raises(ModelError, match="16 or 12"):
        Config.from_json(json.dumps(json.loads(CONFIG.to_json()) | {"bar": 8}))


def test_it_trains_by_the_command_and_a_file_of_it_plays_and_samples(folk, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path / "home"))
    data = tmp_path / "jigs"
    assert main(["dataset", "build", str(data), str(folk), "--grid", "12", "--held-out", "0.3"]) == 0
    torch.manual_seed(1)
    torch_model = MusicVAE(CONFIG)
    path = tmp_path / "small.safetensors"
    assembling.save(path, torch_model, {})
    assert main(["train", CONFIG.name, "--data", str(data), "--run", str(tmp_path / "run"), "--steps", "3",
                 "--batch", "4", "--begin-with", str(path), "--narrow", "8", "--device", "cpu"]) == 0  # fmt: skip
    model, _ = assembling.load(tmp_path / "run" / "model.safetensors")
    assert (model.config.bar, model.config.steps) == (12, 24)
    assert main(["evaluate", str(path), "--data", str(data), "--windows", "8", "--samples", "8"]) == 0
    out = tmp_path / "out"
    assert main(["sample", "--model", str(path), "-n", "1", "--seed", "3", "--out", str(out)]) == 0
    score = midi.read(next(out.glob("*.mid")))
    assert score.meters == ((0, (3, 4)),)


def test_data_of_other_bars_is_refused_in_a_sentence(folk, tmp_path, capsys) -> None:
    data = tmp_path / "reels"
    assert main(["dataset", "build", str(data), str(folk), "--held-out", "0.3"]) == 0
    assert (
        main(["train", CONFIG.name, "--data", str(data), "--run", str(tmp_path / "run"), "--steps", "1"]) == 1
    )
    assert "has bars of 16 sixteenths; cat-mel_2bar_12 learns bars of 12" in capsys.readouterr().err


def test_a_performers_jigs_become_windows_from_bar_lines(folk) -> None:
    found = persona_windows.read([folk], CONFIG)
    assert found.windows.shape[1] == 24
    take = spread(
        Riff(tuple(Note(step * 480, 480, 60 + step % 7) for step in range(24)), 4 * BAR), Meter(6, 8)
    )
    played = persona_windows.from_takes([take], CONFIG)
    assert [int(token) for token in played.windows[0][::2]] == [41 + step % 7 for step in range(12)]


def test_places_in_the_bar_and_syncopation_are_counted_in_bars_of_twelve() -> None:
    window = np.zeros((1, 24), np.uint8)
    window[0, [0, 12]] = 50
    histogram = sample_statistics.statistics(window, bar=12)["onset positions"]
    assert histogram.tolist() == [1.0] + [0.0] * 11
    on = Riff(tuple(Note(bar * BAR, 240, 60) for bar in range(2)), 2 * BAR, BAR)
    assert measured(on)["syncopation"] == 0
    assert measured(on)["density"] == 1
    late = replace(on, notes=(Note(BAR - 240, 480, 60),))
    assert measured(late)["syncopation"] > 0
