"""Riffs with the rhythm of one and the pitches of another, and the personas that are made of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from livevae.errors import ModelError
from livevae.latent.personas import CROSSINGS, DRAW, LOOSENESS, SHARPNESS, Persona, U
from livevae.models.checkpoints.identity import identity_of
from livevae.models.midime import exchange, files as persona_files, gaussian, train as midime_training
from livevae.models.midime.network import Options
from livevae.models.midime.windows import FileReport, Imported
from livevae.models.musicvae import assemble as assembling, prior as priors
from livevae.models.musicvae.networks import MusicVAE
from livevae.music import melody
from tests.models.test_persona_in_u import DIM, SMALL, flow


def melodies(seed: int, count: int, steps: int = 32) -> np.ndarray:
    """Riffs of 4 to 12 notes, some of which end early."""
    chance = np.random.default_rng(seed)
    windows = np.zeros((count, steps), np.uint8)
    for window in windows:
        struck = np.sort(chance.permutation(steps)[: chance.integers(4, 13)])
        window[struck] = chance.integers(40, 50, len(struck))
        offs = struck[:-1][np.diff(struck) > 2] + 2
        window[offs[: chance.integers(0, 3)]] = melody.OFF
    return windows


def rhythm(window: np.ndarray) -> bytes:
    """Where notes begin and end."""
    return np.minimum(window, melody.OFF + 1).tobytes()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_each_has_the_rhythm_of_one_riff_and_its_bars_the_pitches_of_others(seed: int, count: int) -> None:
    riffs = melodies(seed, count)
    u = np.random.default_rng(seed).normal(size=(count, 6))
    made = exchange.exchanged(riffs, u, 16, seed)
    rhythms = {rhythm(riff) for riff in riffs}
    bars = {bar[bar > melody.OFF].tobytes() for bar in riffs.reshape(-1, 16)}
    wholes = {riff[riff > melody.OFF].tobytes() for riff in riffs}
    assert made.dtype == riffs.dtype
    assert made.shape[1:] == (32,)
    assert len({new.tobytes() for new in made}) == len(made) <= exchange.MOST
    for new in made:
        assert rhythm(new) in rhythms
        barwise = all(bar[bar > melody.OFF].tobytes() in bars for bar in new.reshape(-1, 16))
        assert barwise or new[new > melody.OFF].tobytes() in wholes
        assert (riffs != new).sum(1).min() * exchange.CHANGED >= 32
    assert np.array_equal(made, exchange.exchanged(riffs, u, 16, seed))


def test_of_many_riffs_pitches_are_those_of_one_and_every_rhythm_has_its_turn() -> None:
    riffs = melodies(0, 600)
    made = exchange.exchanged(riffs, np.random.default_rng(0).normal(size=(600, 6)))
    wholes = {riff[riff > melody.OFF].tobytes() for riff in riffs}
    assert len(made) == exchange.MOST
    assert all(new[new > melody.OFF].tobytes() in wholes for new in made)
    assert len({rhythm(new) for new in made}) > 0.9 * len(made)


def test_pitches_come_from_the_likest_riffs() -> None:
    riffs = np.zeros((200, 32), np.uint8)
    chance = np.random.default_rng(1)
    for i, riff in enumerate(riffs):
        riff[chance.permutation(32)[:8]] = chance.integers(30 if i < 100 else 60, 40 if i < 100 else 70, 8)
    u = np.repeat([[0.0], [9.0]], 100, 0) + chance.normal(size=(200, 1))
    low = {rhythm(riff) for riff in riffs[:100]}
    for new in exchange.exchanged(riffs, u):
        assert (new.max() < 50) == (rhythm(new) in low)


@pytest.mark.parametrize("count", [1, 40])
def test_riffs_that_are_the_same_give_none(count: int) -> None:
    riffs = np.tile(melodies(0, 1, 16), (count, 2))
    assert exchange.exchanged(riffs, np.zeros((count, 6))).shape == (0, 32)


def test_rhythms_of_too_few_notes_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_no_copies", lambda *_: pytest.fail("tried"))
    made = exchange.exchanged(melodies(1, 50, 256), np.zeros((50, 6)))
    assert made.shape == (0, 256)


@pytest.mark.parametrize(("steps", "bar"), [(16, 16), (24, 12), (64, 16), (256, 16)])
def test_of_longer_riffs_there_are_fewer(steps: int, bar: int) -> None:
    riffs = melodies(2, 300, steps)
    made = exchange.exchanged(riffs, np.random.default_rng(0).normal(size=(300, 6)), bar)
    assert len(made) * max(32, steps) <= 32 * exchange.MOST


def crossed(count: int = 80) -> Persona:
    """A persona that draws exchanged riffs."""
    u = np.random.default_rng(1).normal(size=(count, DIM))
    return Persona("nora", "0" * 16, DIM, 4, gaussian.parameters(u, 1, u + 0.5), {}, U, "1" * 16)


def test_what_is_drawn_is_mostly_one_exchanged_riff_whole() -> None:
    made, u = crossed(300), np.random.default_rng(1).normal(size=(300, DIM))
    assert made.weights[CROSSINGS].shape == (300, DIM)
    drawn = made.drawn(np.random.default_rng(2).normal(size=(200, DIM)))
    near = np.linalg.norm(drawn[:, None] - (u + 0.5), axis=2).min(1)
    loosely = replace(made, weights={**made.weights, DRAW: np.array([SHARPNESS, LOOSENESS], np.float32)})
    older = replace(made, weights={k: value for k, value in made.weights.items() if k != DRAW})
    u = np.random.default_rng(2).normal(size=(200, DIM))
    np.testing.assert_allclose(loosely.drawn(u), older.drawn(u), atol=1e-6)
    assert np.median(near) < 0.3


def test_few_of_them_are_filled_up_with_points_between_riffs() -> None:
    assert crossed().weights[CROSSINGS].shape == (gaussian.PAIRS, DIM)


def test_how_it_draws_comes_back_from_its_file_and_nonsense_is_refused(tmp_path: Path) -> None:
    made, path = crossed(), tmp_path / "nora.safetensors"
    persona_files.write(path, made)
    card = persona_files.describe(path)
    assert (card.crossed, card.draws) == (True, True)
    np.testing.assert_allclose(persona_files.read(path).weights[DRAW], gaussian.EXCHANGED_DRAW, rtol=1e-3)
    for wrong in ([0, 0.1], [2000, 0.1], [25, -0.1], [25, 1.5], [np.nan, 0.1]):
        with pytest.raises(ModelError, match=r"sharpness|not finite"):
            replace(made, weights={**made.weights, DRAW: np.array(wrong, np.float32)})
    with pytest.raises(ModelError, match="draw is float32"):
        replace(made, weights={**made.weights, DRAW: np.ones(3, np.float32)})
    with safe_open(str(path), "np") as file:
        said = file.metadata()
    held = load_file(path)
    for name in (DRAW, CROSSINGS):
        save_file({key: value for key, value in held.items() if key != name}, path, said)
        with pytest.raises(ModelError, match="does not hold a persona's parameters"):
            persona_files.read(path)
    save_file(held, path, said | {"format": "livevae persona 3"})
    with pytest.raises(ModelError, match="does not hold a persona's parameters"):
        persona_files.read(path)
    save_file(held, path, said | {"format": "livevae persona 5"})
    with pytest.raises(
        ModelError, match=r"its format is 'livevae persona 5', expected one of .*, livevae persona 4$"
    ):
        persona_files.read(path)


def test_training_makes_a_melody_persona_of_exchanged_riffs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path / "home"))
    torch.manual_seed(0)
    model = tmp_path / "small.safetensors"
    assembling.save(model, MusicVAE(SMALL), {})
    called = identity_of(str(model))
    priors.KIND.place(called).parent.mkdir(parents=True)
    priors.save(priors.KIND.place(called), *flow(0), called)
    base, riffs = midime_training.Base.open(str(model)), melodies(3, 60)
    for count in (gaussian.MANY - 1, 60):
        heard = Imported(riffs[:count], (FileReport("riffs", ""),), np.zeros(count, np.int64))
        made = midime_training.train("nora", heard, base, Options(space=U))
        assert (DRAW in made.weights) == (count == 60)
    new = exchange.exchanged(riffs, base.prior.u(base.encode(riffs).mu))
    u = base.prior.u(base.encode(new).mu)
    points = made.weights[CROSSINGS].astype(np.float64)
    lengths = np.linalg.norm(made.weights["map.weight"], axis=1, keepdims=True)
    kept = points @ (made.weights["map.weight"] / lengths)[: points.shape[1]] + made.weights["map.bias"]
    assert len(new) > 100
    np.testing.assert_allclose(kept[: len(new)], u, atol=1e-3)
