"""Personas in u: the base model's draws, moved to where a performer's riffs are."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from livevae.cli import main
from livevae.errors import ModelError
from livevae.latent.personas import CROSSINGS, MOST_CROSSINGS, Persona, Personas, U, Z
from livevae.latent.recipe import Recipe
from livevae.models.checkpoints import shelf
from livevae.models.checkpoints.identity import identity_of
from livevae.models.live import LiveDecoder
from livevae.models.midime import files as persona_files, gaussian
from livevae.models.midime.book import PersonaBook
from livevae.models.musicvae import assemble as assembling, prior as priors
from livevae.models.musicvae.config import configuration
from livevae.models.musicvae.networks import MusicVAE
from livevae.models.musicvae.prior import Prior
from livevae.models.training.flow import Flow
from livevae.music import midi_file
from livevae.music.notes import Note, Riff

DIM = 10
SMALL = configuration("cat-mel_2bar_small").replace(encoder=(12,), decoder=(8, 8), latent=DIM)


def prior(seed: int = 0) -> Prior:
    return Prior(*flow(seed))


def flow(seed: int) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    made = Flow(6, 2, 8)
    with torch.no_grad():
        for name, value in made.named_parameters():
            if not name.startswith("linear"):
                value.normal_(0, 0.3)
    tensors = {
        "mean": chance.normal(size=DIM).astype(np.float16).astype(np.float32),
        "axes": np.linalg.qr(chance.normal(size=(DIM, DIM)))[0].astype(np.float16).astype(np.float32),
        "spread": np.ones(DIM, np.float32),
    }
    halves = {name: value.astype(np.float16).astype(np.float32) for name, value in made.tensors().items()}
    return {**tensors, **halves}, {"layers": 2, "temper": [1.0, 1.0]}


def persona(u: np.ndarray, digest: str, model: str = "0" * 16) -> Persona:
    return Persona("nora", model, u.shape[1], 4, gaussian.parameters(u), {}, U, digest)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_draws_of_the_base_become_draws_of_the_riffs_gaussian(seed: int) -> None:
    chance = np.random.default_rng(seed)
    turn = chance.normal(size=(DIM, DIM))
    riffs = chance.normal(size=(400, DIM)) @ turn + chance.normal(size=DIM)
    made = persona(riffs, "0" * 16)
    rows = made.weights["map.weight"].astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1)
    assert (np.diff(lengths) <= 1e-4).all()
    np.testing.assert_allclose(made.moved(np.zeros(DIM)), riffs.mean(0), atol=1e-4)
    # a map whose square is the covariance of what it gives
    matrix = made.moved(np.eye(DIM)) - made.moved(np.zeros(DIM))
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-4)
    wanted = np.cov(riffs, rowvar=False, bias=True)
    np.testing.assert_allclose(matrix @ matrix, wanted, atol=1e-3 * float(np.abs(wanted).max()))
    # what `/livevae/latent` names are deviations along the longest directions
    np.testing.assert_allclose(made.decode([1.0]), riffs.mean(0) + rows[0], atol=1e-4)


def test_small_differences_are_drawn_in() -> None:
    riffs = np.random.default_rng(2).normal(size=(2000, 40))
    lengths = np.linalg.norm(gaussian.fitted(riffs)[0], axis=1)
    assert lengths[: gaussian.WHOLE].min() > 0.95
    assert lengths[gaussian.WHOLE :].max() < 1.15 * gaussian.REST


def test_one_riff_gives_itself_with_slips_and_the_same_riffs_the_same_persona() -> None:
    riff = np.random.default_rng(0).normal(size=(1, DIM))
    made = persona(riff, "0" * 16)
    step = made.moved(np.ones(DIM)) - riff[0]
    assert 0 < np.abs(step).max() <= 1.001 * gaussian.OWN
    again = persona(riff, "0" * 16)
    assert all(np.array_equal(again.weights[name], value) for name, value in made.weights.items())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 24), st.floats(0.1, 10))
def test_crossings_lie_between_two_riffs_and_as_far_from_one_as_they_should(
    seed: int, count: int, size: float
) -> None:
    riffs = size * np.random.default_rng(seed).normal(size=(count, DIM))
    made = gaussian.crossed(riffs, seed)[::16]
    apart = np.linalg.norm(made[:, None] - riffs, axis=2)
    ways = np.linalg.norm(riffs[:, None] - riffs, axis=2)
    # a point on the way from one to the other: its distances to both add up to theirs
    round_ = np.abs(apart[:, :, None] + apart[:, None, :] - ways).min(2)
    assert round_.min(1).max() < 1e-5 * size
    between = round_ < 1e-5 * size
    assert (np.where(between, apart, np.inf).min(1) <= gaussian.AWAY + 1e-6).all()
    assert np.array_equal(made, gaussian.crossed(riffs, seed)[::16])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 24))
def test_riffs_that_are_nearly_the_same_are_crossed_half_way(seed: int, count: int) -> None:
    chance = np.random.default_rng(seed)
    riffs = chance.normal(size=DIM) + 0.1 * chance.normal(size=(count, DIM))
    for made in gaussian.crossed(riffs, seed)[::64]:
        apart = np.sort(np.linalg.norm(riffs - made, axis=1))
        assert np.isclose(apart[:, None], apart, atol=1e-6).sum() > count
        assert apart[0] > 1e-3


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_of_many_riffs_every_draw_is_near_a_crossing_and_near_draws_are_near(seed: int) -> None:
    chance = np.random.default_rng(seed)
    riffs = 0.7 * chance.normal(size=(gaussian.MANY, 40))
    made = persona(riffs, "0" * 16)
    crossings = gaussian.crossed(riffs)
    u = chance.normal(size=(100, 40))
    drawn = made.drawn(u)
    near = np.linalg.norm(drawn[:, None] - crossings, axis=2).min(1)
    gaussians = np.linalg.norm(made.moved(u)[:, None] - crossings, axis=2).min(1)
    assert np.median(near) < 0.5 * np.median(gaussians)
    assert len({np.linalg.norm(crossings - one, axis=1).argmin() for one in drawn}) > 50
    assert np.linalg.norm(made.drawn(u + 1e-4) - drawn, axis=1).max() < 0.05
    np.testing.assert_allclose(made.drawn(u[0]), drawn[0], atol=1e-9)


def test_few_riffs_have_no_crossings() -> None:
    riffs = np.random.default_rng(3).normal(size=(gaussian.MANY, DIM))
    few, many = persona(riffs[:-1], "0" * 16), persona(riffs, "0" * 16)
    assert (CROSSINGS in few.weights, CROSSINGS in many.weights) == (False, True)
    assert np.array_equal(few.drawn(riffs), few.moved(riffs))
    assert many.weights[CROSSINGS].shape == (MOST_CROSSINGS, DIM)


@pytest.mark.parametrize("shape", [(0, DIM), (4, DIM + 1), (4,), (MOST_CROSSINGS + 1, DIM), (2, 2, 2)])
def test_crossings_of_other_shapes_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    made = persona(np.random.default_rng(3).normal(size=(gaussian.MANY, DIM)), "0" * 16)
    with pytest.raises(ModelError, match=r"crossings is float32 .*, not"):
        replace(made, weights={**made.weights, CROSSINGS: np.zeros(shape, np.float32)})
    path = tmp_path / "nora.safetensors"
    persona_files.write(path, made)
    with safe_open(str(path), "np") as file:
        card = file.metadata()
    save_file({**load_file(path), CROSSINGS: np.zeros(shape, np.float16)}, path, card)
    with pytest.raises(ModelError, match="which no persona has"):
        persona_files.read(path)


@pytest.mark.parametrize("riffs", [np.zeros((0, DIM)), np.full((2, DIM), np.nan)])
def test_nothing_and_what_is_not_finite_are_refused(riffs: np.ndarray) -> None:
    with pytest.raises(ModelError):
        gaussian.fitted(riffs)


def test_a_decoder_takes_it_through_its_prior_and_none_of_another_prior() -> None:
    taken = []

    def network(z, _temperature, _noise, _controls=None):
        taken.append(z)
        return np.zeros((len(z), SMALL.steps), np.int64)

    here, riffs = prior(), np.random.default_rng(1).normal(size=(80, DIM))
    made, other = persona(riffs, here.digest), persona(riffs, prior(1).digest)
    assert here.digest != prior(1).digest
    decoder = LiveDecoder(SMALL, network, Personas({"nora": made, "other": other}), prior=here)
    plain = Recipe(3, prior="learned")
    blends = [(), (("nora", 1.0),), (("other", 1.0),)]
    decoder.decode([Recipe(3, prior="learned", blend=blend) for blend in blends])
    base, moved, refused = taken[0]
    assert np.array_equal(base, refused)
    np.testing.assert_allclose(moved, here.z(made.drawn(here.u(base.astype(np.float64)))), atol=2e-2)
    decoder.decode([Recipe(3, blend=(("nora", 1.0),), position=(0.5, -1.0))])
    np.testing.assert_allclose(taken[1][0], here.z(made.decode([0.5, -1.0])), atol=1e-4)
    assert plain.blend == ()


def test_its_file_says_so_and_comes_back_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    made = persona(np.random.default_rng(1).normal(size=(8, DIM)), "0123456789abcdef")
    path = tmp_path / "nora.safetensors"
    persona_files.write(path, made)
    back = persona_files.read(path)
    assert (back.space, back.prior, back.latent) == (U, made.prior, 4)
    np.testing.assert_allclose(back.moved(np.ones(DIM)), made.moved(np.ones(DIM)), atol=0.02)
    card = {"format": "livevae persona 2", "name": "nora", "model": "0" * 16, "dim": str(DIM), "latent": "4"}
    save_file(load_file(path), path, card | {"about": "{}", "prior": "../x"})
    with pytest.raises(ModelError, match="broken"):
        persona_files.read(path)
    for other in ("livevae persona 1", "livevae persona 3"):
        save_file(load_file(path), path, card | {"about": "{}", "format": other, "prior": "0" * 16})
        with pytest.raises(ModelError, match="does not hold a persona's parameters"):
            persona_files.read(path)


def test_one_with_crossings_comes_back_from_its_file_and_older_formats_have_none(tmp_path: Path) -> None:
    made = persona(np.random.default_rng(1).normal(size=(80, DIM)), "0123456789abcdef")
    path = tmp_path / "nora.safetensors"
    persona_files.write(path, made)
    assert persona_files.describe(path).crossed
    back, u = persona_files.read(path), np.random.default_rng(2).normal(size=(50, DIM))
    assert np.median(np.abs(back.drawn(u) - made.drawn(u))) < 0.02
    card = {"format": "livevae persona 2", "name": "nora", "model": "0" * 16, "dim": str(DIM), "latent": "4"}
    save_file(load_file(path), path, card | {"about": "{}", "prior": "0" * 16})
    with pytest.raises(ModelError, match="does not hold a persona's parameters"):
        persona_files.read(path)


def test_the_command_trains_one_and_the_book_knows_whose_prior_it_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path / "home"))
    torch.manual_seed(0)
    model = tmp_path / "small.safetensors"
    assembling.save(model, MusicVAE(SMALL), {})
    notes = [(i * 480, bytes((0x90, 60 + i % 7, 90))) for i in range(32)]
    notes += [(i * 480 + 470, bytes((0x80, 60 + i % 7, 0))) for i in range(32)]
    (tmp_path / "riffs [b].mid").write_bytes(midi_file.encode(notes, [(0, 120.0)]))
    asked = [
        "persona",
        "train",
        "nora",
        str(tmp_path / "riffs [b].mid"),
        "--model",
        str(model),
        "--space",
        "u",
    ]
    assert main(asked) == 1
    assert "has no learned prior" in capsys.readouterr().err
    called = identity_of(str(model))
    priors.KIND.place(called).parent.mkdir(parents=True)
    priors.save(priors.KIND.place(called), *flow(0), called)
    assert main([*asked[:-2], "--beta", "0.5", "--epochs", "2"]) == 0
    assert persona_files.load("nora").space == Z
    capsys.readouterr()
    assert main(asked[:-2]) == 0
    assert "riffs [b].mid" in capsys.readouterr().out  # which is no mark-up
    assert main(["persona", "show", "nora"]) == 0
    assert "a Gaussian in u" in capsys.readouterr().out
    book = PersonaBook(str(model))
    assert book.find("nora").space == U
    assert book.prior("") == book.find("nora").prior != ""
    file = str(tmp_path / "nora.safetensors")
    assert main(["persona", "export", "nora", file]) == 0
    priors.save(priors.KIND.place(called), *flow(1), called)
    assert book.prior("") != persona_files.load("nora").prior
    with pytest.raises(ModelError, match="its model has another one"):
        book.find("nora")
    priors.KIND.place(called).unlink()
    with pytest.raises(ModelError, match="its model has none"):
        book.find("nora")
    # what comes from elsewhere is kept, and it is said that it cannot be played
    capsys.readouterr()
    shelf.place("small").parent.mkdir(parents=True)
    shelf.place("small").write_bytes(model.read_bytes())
    assert main(["persona", "import", file, "--name", "guest"]) == 0
    assert "guest was trained over a learned prior that is not here" in capsys.readouterr().out
    assert main(["persona", "list"]) == 0
    assert capsys.readouterr().out.count("its learned prior is not here") == 2
    assert main(["persona", "show", "guest"]) == 0
    assert f"{persona_files.load('guest').prior}, which is not here" in capsys.readouterr().out


@pytest.mark.real
def test_what_is_trained_live_is_in_u_where_the_commands_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path / "home"))
    torch.manual_seed(0)
    model = tmp_path / "small.safetensors"
    assembling.save(model, MusicVAE(SMALL), {})
    take = Riff(tuple(Note(i * 480, 480, 60 + i * 5 % 12) for i in range(16)), 2 * 3840)
    book, told = PersonaBook(str(model)), []

    def trained(epochs: int) -> Persona:
        return asyncio.run(book.train("nora", "", [take], epochs, lambda *said: told.append(said)))

    assert trained(0).space == Z
    called = identity_of(str(model))
    priors.KIND.place(called).parent.mkdir(parents=True)
    priors.save(priors.KIND.place(called), *flow(0), called)
    told.clear()
    made = trained(0)
    assert (made.space, made.prior, made.about["windows"], told) == (U, priors.load(called).digest, 1, [])
    assert trained(3).space == Z
