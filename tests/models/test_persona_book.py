"""Personas of a session: identities, files, and trainings in a process of their own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from livevae.errors import ModelError
from livevae.latent.attributes import REACH, found
from livevae.latent.personas import Personas
from livevae.latent.recipe import Recipe
from livevae.models.checkpoints import shelf
from livevae.models.checkpoints.identity import identity_of
from livevae.models.live import LiveDecoder
from livevae.models.midime import (
    files as persona_files,
    fitting,
    train as midime_training,
    windows as persona_windows,
)
from livevae.models.midime.book import PersonaBook
from livevae.models.midime.network import Options
from livevae.models.midime.shipped import make
from livevae.models.musicvae import assemble as assembling, directions
from livevae.models.musicvae.config import configuration
from livevae.models.musicvae.networks import MusicVAE
from livevae.music.notes import Note, Riff

CONFIG = configuration("cat-mel_2bar_small").replace(encoder=(16,), decoder=(16, 16), latent=12)
BEAT, BAR = 960, 3840


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small random model as the only one, and a home that is thrown away."""
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(persona_files, "SHIPPED", tmp_path / "none")
    return write_model(tmp_path / "mine.safetensors", 1)


def write_model(path: Path, seed: int) -> str:
    torch.manual_seed(seed)
    made = MusicVAE(CONFIG)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    assembling.save(path, made, {})
    return str(path)


def take(first: int) -> Riff:
    return Riff(tuple(Note(i * BEAT // 2, BEAT // 2, first + i * 5 % 12) for i in range(16)), 2 * BAR)


def test_identity_is_the_weights_not_the_name(tmp_path: Path, model: str) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(Path(model).read_bytes())
    assert identity_of(str(copy)) == identity_of(model)
    assert identity_of(write_model(tmp_path / "other.safetensors", 2)) != identity_of(model)
    book = PersonaBook(model)
    assert book.identity("") == identity_of(model)
    with pytest.raises(ModelError, match="no checkpoint"):
        book.identity(str(tmp_path / "absent.safetensors"))


@pytest.mark.real
def test_a_training_in_its_own_process_gives_the_persona_that_training_here_gives(model: str) -> None:
    book = PersonaBook(model)
    takes = [take(60), take(50), take(67)]
    told: list[tuple[int, int, float]] = []
    made = asyncio.run(book.train("nora", "", takes, 40, lambda *said: told.append(said)))
    base = midime_training.Base.open(model)
    here = midime_training.train(
        "nora", persona_windows.from_takes(takes, base.config), base, Options(epochs=40)
    )
    assert (made.name, made.model, made.about["windows"]) == ("nora", here.model, 3)
    assert told[-1][:2] == (40, 40)
    assert [epoch for epoch, _, _ in told] == sorted(epoch for epoch, _, _ in told)
    u = np.random.default_rng(0).standard_normal((8, 4))
    assert np.abs(made.decode(u) - here.decode(u)).max() < 0.02
    book.keep(made)
    assert book.names() == ("nora",)
    assert book.find("nora").model == made.model


@pytest.mark.real
def test_a_training_that_cannot_be_says_why(model: str) -> None:
    sparse = Riff((Note(0, BEAT, 60),), 2 * BAR)
    with pytest.raises(ModelError, match="fewer than 3 notes"):
        asyncio.run(PersonaBook(model).train("nora", "", [sparse], 10, lambda *_: None))


@pytest.mark.real
def test_a_training_that_is_killed_says_so_and_one_that_nobody_waits_for_ends(model: str) -> None:
    async def killed() -> None:
        book = PersonaBook(model)
        seen = asyncio.Event()
        training = asyncio.ensure_future(book.train("nora", "", [take(60)], 20_000, lambda *_: seen.set()))
        await asyncio.wait_for(seen.wait(), 300)
        os.kill(child_of(os.getpid()), signal.SIGKILL)
        with pytest.raises(ModelError, match="died with status -9"):
            await training

    async def forgotten() -> None:
        book = PersonaBook(model)
        seen = asyncio.Event()
        training = asyncio.ensure_future(book.train("nora", "", [take(60)], 20_000, lambda *_: seen.set()))
        await asyncio.wait_for(seen.wait(), 300)
        child = child_of(os.getpid())
        training.cancel()
        with pytest.raises(asyncio.CancelledError):
            await training
        gone.append(child)

    gone: list[int] = []
    if not Path("/proc/self/task").exists():
        pytest.skip("children are found in /proc")
    asyncio.run(killed())
    asyncio.run(forgotten())
    assert not Path(f"/proc/{gone[0]}").exists()


def child_of(parent: int) -> int:
    found = [
        int(child)
        for task in Path(f"/proc/{parent}/task").iterdir()
        for child in (task / "children").read_text().split()
        if b"livevae.models.midime.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    return found[0]


def test_a_persona_of_another_model_is_never_played(tmp_path: Path, model: str) -> None:
    base = midime_training.Base.open(model)
    found = persona_windows.from_takes([take(60), take(50)], base.config)
    personas = Personas({"nora": midime_training.train("nora", found, base, Options(epochs=30))})
    recipe = Recipe(3, temperature=0.0, blend=(("nora", 1.0),))
    mine = LiveDecoder.open(model, device="cpu", personas=personas)
    other_model = write_model(tmp_path / "other.safetensors", 2)
    other = LiveDecoder.open(other_model, device="cpu", personas=personas)
    assert mine._personas.get("nora") is personas["nora"]
    assert other._personas.get("nora") is None
    plain = LiveDecoder.open(other_model, device="cpu").decode([Recipe(3, temperature=0.0)])
    assert other.decode([recipe]) == plain
    personas.put("nora", None)
    assert list(mine._personas) == []


def test_directions_are_kept_by_the_models_identity(model: str) -> None:
    book = PersonaBook(model)
    assert book.attributes("") == ()
    base = midime_training.Base.open(model)
    random = np.random.default_rng(0)
    takes = [
        Riff(take(int(pitch)).notes[::every], 2 * BAR)
        for pitch in random.integers(40, 80, 40)
        for every in (1, 3)
    ]
    windows = persona_windows.from_takes(takes, CONFIG).windows
    values = directions.table(CONFIG, windows)
    made = found(base.encode(windows).mu, values)
    directions.save(directions.KIND.place(base.identity), made, base.identity)
    again = directions.load(base.identity)
    assert again is not None
    assert set(again.vectors) == set(values)
    assert set(PersonaBook(model).attributes("")) == set(values)
    directions.KIND.place(base.identity).write_bytes(b"broken")
    with pytest.raises(ModelError, match="broken"):
        directions.load(base.identity)


def test_a_direction_points_where_its_attribute_grows() -> None:
    random = np.random.default_rng(1)
    values = {"density": random.standard_normal(400) * 3 + 7, "height": random.standard_normal(400)}
    truth = random.standard_normal((2, 6))
    z = np.stack([(values["density"] - 7) / 3, values["height"]], -1) @ truth
    directions_ = found(z, values)
    unit = truth[0] / np.linalg.norm(truth[0])
    assert np.allclose(directions_.vectors["density"], unit, atol=0.02)
    assert np.allclose(
        directions_.pushed(np.zeros(6), [("height", -1.0)]), -REACH * directions_.vectors["height"]
    )
    with pytest.raises(ModelError, match="too few"):
        found(z[:5], {name: value[:5] for name, value in values.items()})
    with pytest.raises(ModelError, match="same in every"):
        found(z, {**values, "range": np.ones(400)})


def test_the_measures_of_a_riff_are_what_they_say() -> None:
    straight = Riff(tuple(Note(i * BEAT, BEAT, 60 + i) for i in range(4)), BAR)
    off = straight.moved(BEAT // 2)
    a, b = directions.measured(straight), directions.measured(off)
    assert a == {"density": 4.0, "height": 61.5, "syncopation": 0.0, "range": 3.0}
    assert b["syncopation"] > 1


SHIPPED = Path(persona_files.__file__).parent / "shipped"


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.safetensors")), ids=lambda path: path.stem)
def test_shipped_personas_speak_a_bundled_model(path: Path) -> None:
    """Where this fails: python -m livevae.models.midime.shipped.make."""
    card = persona_files.describe(path)
    assert card.about["base"] == make.BASES.get(path.stem, shelf.DEFAULT)
    assert card.model == identity_of(str(shelf.BUNDLED / f"{card.about['base']}.safetensors"))
    assert "licence" in card.about
    assert persona_files.read(path).dim == 256
    assert fitting.prior_trouble(card) == ""
    assert path.stat().st_size < 400_000


@pytest.mark.parametrize("name", ["jig", "lied"])
def test_a_shipped_persona_is_what_is_made_of_its_riffs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "HERE", tmp_path)
    made = make.persona(make.RIFFS / name, midime_training.Base.open(make.BASES.get(name, "")))
    path = SHIPPED / f"{name}.safetensors"
    there, here = persona_files.read(path), persona_files.read(tmp_path / path.name)
    assert here.about == there.about == made.about
    assert {part: value.shape for part, value in here.weights.items()} == {
        part: value.shape for part, value in there.weights.items()
    }
    u = np.random.default_rng(0).normal(size=(20, 256))
    np.testing.assert_allclose(here.drawn(u), there.drawn(u), atol=0.02)


def test_a_training_ends_with_the_server_that_waits_for_it_and_takes_its_folder_along(
    model: str, tmp_path: Path
) -> None:
    folder = tmp_path / "workshop"
    folder.mkdir()
    wish = {
        "name": "me",
        "model": model,
        "epochs": 100_000,
        "takes": [
            {"length": 2 * BAR, "notes": [[n.start, n.length, n.pitch, 96, 0] for n in take(48).notes]}
        ],
        "out": str(folder / "me.safetensors"),
    }
    worker = subprocess.Popen(
        [sys.executable, "-m", "livevae.models.midime.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps(wish).encode() + b"\n")
    worker.stdin.flush()
    assert b"epoch" in worker.stdout.readline()
    worker.stdin.close()  # what the kernel does when the server is killed
    assert worker.wait(20) == 1
    worker.stdout.close()
    assert not folder.exists()


def test_what_a_persona_says_of_itself_is_read_without_its_weights():
    book = PersonaBook()
    about = book.describe("lied")
    assert about["licence"].startswith("CC0")
    assert about["base"] == "cat-mel_2bar_small"
    with pytest.raises(ModelError, match="no persona's file"):
        book.describe("nobody")
