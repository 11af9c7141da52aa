"""Blending, gliding, training and taking back, under virtual time, with personas that are fakes."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from livevae.errors import ModelError, SceneError
from livevae.latent.personas import Persona, Personas, U, layer_shapes
from livevae.latent.recipe import BASE
from livevae.perform import requests as ask
from livevae.perform.disk import Disk, Writer
from livevae.perform.engine import Engine
from livevae.perform.scene import parse
from livevae.perform.session import Session
from livevae.player.client.local import LocalPlayer
from livevae.testing import FakeDecoder
from livevae.virtual_time import virtual_time

BAR = 3840
HERE = "0" * 16


def persona(name: str, model: str = HERE) -> Persona:
    weights = {}
    for layer, (out, inp) in layer_shapes(4, 2).items():
        weights[f"{layer}.weight"] = np.zeros((out, inp), np.float32)
        weights[f"{layer}.bias"] = np.zeros(out, np.float32)
    return Persona(name, model, 4, 2, weights, {"windows": 7, "base": "a-model"})


def in_u(name: str, prior: str) -> Persona:
    weights = {"map.weight": np.zeros((4, 4), np.float32), "map.bias": np.zeros(4, np.float32)}
    return Persona(name, HERE, 4, 2, weights, {"base": "a-model"}, U, prior)


class FakeBook:
    """Two personas on disk, one of another model, and trainings that take four seconds or fail."""

    def __init__(self) -> None:
        self.personas = Personas()
        self.disk = {"nora": persona("nora"), "petra": persona("petra"), "other": persona("other", "f" * 16)}
        self.disk["ulla"] = in_u("ulla", "f" * 16)
        self.wishes: list[tuple[Any, ...]] = []
        self.fails = ""

    def identity(self, model: str) -> str:
        return HERE

    def prior(self, model: str) -> str:
        return "p" * 16

    def checked_name(self, name: str) -> str:
        if not name.isalnum():
            raise ModelError("a persona's name is letters")
        return name

    def names(self) -> tuple[str, ...]:
        return tuple(self.disk)

    def find(self, name: str) -> Persona:
        if name not in self.disk:
            raise ModelError(f"there is no persona {name!r}; there are: nora, petra")
        return self.disk[name]

    def describe(self, name: str) -> Mapping[str, Any]:
        return self.find(name).about

    def keep(self, kept: Persona) -> None:
        self.disk[kept.name] = kept

    def attributes(self, model: str) -> tuple[str, ...]:
        return ("density",)

    async def train(
        self, name: str, model: str, takes: Any, epochs: int, told: Callable[..., None]
    ) -> Persona:
        self.wishes.append((name, model, len(takes), epochs))
        await asyncio.sleep(2.1)
        told(50, 100, 12.5)
        await asyncio.sleep(2)
        if self.fails:
            raise ModelError(self.fails)
        return persona(name)


class Stand:
    def __init__(self, book: FakeBook, disk: Disk | None = None) -> None:
        self.player = LocalPlayer(120.0)
        self.decoder = FakeDecoder()
        self.book = book
        self.session = Session(
            self.player, Engine(lambda _: self.decoder, inline=True), strict=True, personas=book, disk=disk
        )
        self.player.on_timeline = self.session.timeline_changed
        self.do = self.session.do

    @property
    def recipes(self) -> list[Any]:
        return [recipe for batch in self.decoder.batches for recipe in batch]

    def play_in(self, at: float, pitches: list[int], each: float = 0.25, jitter: float = 0.0) -> None:
        """Notes from the MIDI input from second `at` on."""
        for i, pitch in enumerate(pitches):
            begin = at + i * each + jitter * (-1) ** i
            self.session.receive_midi(bytes((0x90, pitch, 80)), begin)
            self.session.receive_midi(bytes((0x80, pitch, 0)), begin + each * 0.8)


def perform(line: Callable[[Stand], Any], book: FakeBook | None = None, disk: Disk | None = None) -> Stand:
    with virtual_time() as loop:

        async def main() -> Stand:
            stand = Stand(book or FakeBook(), disk)
            stand.do(ask.Set("lead", {"drift": 0}, new=True))
            await line(stand)
            await stand.session.close()
            await stand.player.close()
            return stand

        return loop.run_until_complete(main())


def test_a_blend_is_heard_from_the_next_riff_on_and_glides_over_its_beats() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Play("lead"))
        await asyncio.sleep(2)
        reply = stand.do(ask.Blend("lead", (("nora", 1),), over=16))
        assert reply.ok, reply.text
        assert dict(reply.pairs) == {"voice": "lead", "nora": 1.0}
        await asyncio.sleep(20)

    blends = [recipe.blend for recipe in perform(line).recipes]
    assert blends[0] == ()
    shares = [dict(blend).get("nora", 0.0) for blend in blends]
    assert shares == sorted(shares)
    assert 0 < shares[1] < 1
    assert dict(blends[1])[BASE] == pytest.approx(1 - shares[1])
    assert blends[-1] == (("nora", 1.0),)


def test_a_folder_of_personas_that_hangs_holds_nothing_up() -> None:
    free, writer, book = threading.Event(), Writer("test"), FakeBook()
    really = book.names

    def names() -> tuple[str, ...]:
        assert free.wait(60)
        return really()

    book.names = names  # type: ignore[method-assign]

    async def line(stand: Stand) -> None:
        stand.do(ask.PersonaLoad("nora"))
        stand.do(ask.Play("lead"))
        for _ in range(8):
            assert [one.name for one in stand.session.snapshot().personas] == ["nora"]
            assert stand.do(ask.PersonaSave("nora")).pending
            await asyncio.sleep(4)
        assert len(stand.recipes) >= 8
        free.set()
        assert writer.close()
        await asyncio.sleep(0.1)
        found = {one.name: one for one in stand.session.snapshot().personas}
        assert found.keys() >= {"nora", "petra"}
        assert found["nora"].saved

    perform(line, book, Disk(writer))


def test_a_persona_that_is_being_saved_can_be_taken_from_there() -> None:
    free, writer, book = threading.Event(), Writer("test"), FakeBook()

    def keep(kept: Persona) -> None:
        assert free.wait(60)
        book.disk[kept.name] = kept

    book.keep = keep  # type: ignore[method-assign]

    async def line(stand: Stand) -> None:
        answers: list[ask.Reply] = []
        book.personas.put("eve", persona("eve"))
        assert stand.do(ask.PersonaSave("eve"), answers.append).pending
        assert stand.do(ask.PersonaRemove("eve")).ok
        assert ("eve", "on disk") in stand.do(ask.PersonaList()).pairs
        assert stand.do(ask.Blend("lead", (("eve", 1.0),), 0.0)).ok
        assert stand.do(ask.PersonaRemove("eve")).ok
        assert stand.do(ask.PersonaLoad("eve")).ok
        assert answers == []
        free.set()
        assert writer.close()
        await asyncio.sleep(0.1)
        assert [answer.ok for answer in answers] == [True]
        assert "eve" in book.disk

    perform(line, book, Disk(writer))


def test_a_blend_in_the_future_waits_for_its_timetag() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Play("lead"))
        stand.do(ask.Blend("lead", (("nora", 1),), at=9.0))
        await asyncio.sleep(16)

    blends = [recipe.blend for recipe in perform(line).recipes]
    # riffs of two bars at 120 bpm begin every 4 s
    assert blends[:5] == [(), (), (), (("nora", 1.0),), (("nora", 1.0),)]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (ask.Blend("lead", (("eve", 1),)), "no persona 'eve'"),
        (ask.Blend("lead", (("nora", 0),)), "all 0"),
        (ask.Blend("lead", ()), "at least one name"),
        (ask.Blend("lead", (("other", 1),)), "trained over a-model"),
        (ask.Blend("lead", (("ulla", 1),)), "another learned prior than that of the model that plays here"),
        (ask.Blend("lead", (("../x", 1),)), "name"),
        (ask.Blend("nobody", (("nora", 1),)), "no voice"),
        (ask.Latent("lead", (0.0, 1.0)), "blends no persona"),
        (ask.PersonaTrain("nora"), "nothing was recorded"),
        (ask.PersonaTrain("../x"), "name"),
        (ask.PersonaSave("nora"), "no persona 'nora' in this session"),
        (ask.PersonaLoad("eve"), "no persona 'eve'"),
        (ask.PersonaRemove("eve"), "no persona 'eve'"),
        (ask.PersonaUndo(), "nothing to take back"),
        (ask.Set("lead", {"height": 0.5}), "no direction for height"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_what_cannot_be_is_answered_and_changes_nothing(request_: ask.Request, said: str) -> None:
    async def line(stand: Stand) -> None:
        before = stand.session.snapshot().voices
        reply = stand.do(request_)
        assert not reply.ok
        assert said in reply.text
        assert stand.session.snapshot().voices == before

    perform(line)


def test_a_position_is_held_by_every_recipe_until_the_voice_walks_again() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Blend("lead", (("nora", 1), ("petra", 1))))
        assert stand.do(ask.Latent("lead", (0.5, -1.0))).ok
        stand.do(ask.Play("lead"))
        await asyncio.sleep(6)
        stand.do(ask.Latent("lead", ()))
        await asyncio.sleep(8)

    positions = [recipe.position for recipe in perform(line).recipes]
    assert positions[:2] == [(0.5, -1.0)] * 2
    assert positions[-1] is None


def test_attributes_are_settings_and_reach_the_recipe() -> None:
    async def line(stand: Stand) -> None:
        assert stand.do(ask.Set("lead", {"density": 0.7})).ok
        stand.do(ask.Play("lead"))
        await asyncio.sleep(1)

    assert perform(line).recipes[0].attributes == (("density", 0.7),)


def test_a_persona_that_vanishes_says_so_and_the_music_goes_on() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Blend("lead", (("nora", 1),)))
        stand.do(ask.Play("lead"))
        await asyncio.sleep(5)
        assert dict(stand.do(ask.PersonaRemove("nora")).pairs)["fell_back"] == "lead"
        assert dict(stand.do(ask.Status()).pairs)["lead.base_model_for"] == "nora"
        await asyncio.sleep(8)
        assert stand.do(ask.Set("lead", {"temp": 0.5})).ok
        assert "nora" not in stand.book.personas
        assert dict(stand.do(ask.PersonaUndo()).pairs)["now"] == "as before"
        assert "lead.base_model_for" not in dict(stand.do(ask.Status()).pairs)

    stand = perform(line)
    assert len(stand.recipes) >= 3


def test_record_train_blend_save_and_undo_while_the_music_plays() -> None:
    told: list[ask.Reply] = []

    async def line(stand: Stand) -> None:
        stand.do(ask.Play("lead"))
        await asyncio.sleep(1)
        armed = stand.do(ask.PersonaRecord(2))
        assert armed.beat == 4.0
        stand.play_in(2.0, [60, 62, 64, 65] * 4)
        await asyncio.sleep(6)
        reply = stand.do(ask.PersonaTrain("eve", epochs=40), told.append)
        assert dict(reply.pairs)["takes"] == 1
        assert "still being trained" in stand.do(ask.PersonaTrain("ada")).text
        await asyncio.sleep(3)
        assert "eve" not in stand.book.personas
        await asyncio.sleep(6)
        assert stand.do(ask.Blend("lead", (("eve", 0.5), ("base", 0.5)))).ok
        assert stand.do(ask.PersonaSave("eve")).ok
        await asyncio.sleep(4)
        undone = stand.do(ask.PersonaUndo())
        assert dict(undone.pairs) == {"persona": "eve", "now": "gone", "fell_back": "lead"}
        lead = stand.session.snapshot().voices[0]
        assert (lead.late, lead.repeats) == (0, 0)

    stand = perform(line)
    assert stand.book.wishes == [("eve", "", 1, 40)]
    assert "eve" in stand.book.disk
    assert dict(told[0].pairs)["epoch"] == 50
    assert dict(told[-1].pairs)["state"] == "ready"
    assert told[-1].beat is not None
    assert told[-1].beat % 4 == 0


def test_a_training_that_fails_tells_why_and_leaves_the_persona_as_it_was() -> None:
    told: list[ask.Reply] = []

    async def line(stand: Stand) -> None:
        stand.book.fails = "the training died"
        stand.do(ask.PersonaLoad("nora"))
        before = stand.book.personas["nora"]
        stand.do(ask.PersonaRecord(1))
        stand.play_in(0.0, [60, 62, 64, 65])
        await asyncio.sleep(3)
        assert stand.do(ask.PersonaTrain("nora"), told.append).ok
        await asyncio.sleep(9)
        assert stand.book.personas["nora"] is before

    perform(line)
    assert not told[-1].ok
    assert "died" in told[-1].text


def test_a_scene_names_the_blend_and_the_position_of_its_voices() -> None:
    scene = parse("[voice.lead]\nlatent = [0.5, 1]\n[voice.lead.blend]\nnora = 3\nbase = 1\n")

    async def line(stand: Stand) -> None:
        stand.session.load(scene)
        await asyncio.sleep(1)

    recipe = perform(line).recipes[0]
    assert recipe.blend == ((BASE, 0.25), ("nora", 0.75))
    assert recipe.position == (0.5, 1.0)


def test_a_session_without_personas_says_so() -> None:
    with virtual_time() as loop:

        async def main() -> None:
            session = Session(LocalPlayer(), Engine(lambda _: FakeDecoder(), inline=True))
            session.do(ask.Set("lead", new=True))
            assert "no personas" in session.do(ask.Blend("lead", (("nora", 1),))).text
            assert "no personas" in session.do(ask.PersonaList()).text
            await session.close()

        loop.run_until_complete(main())


def test_a_call_is_answered_once_by_a_voice_at_a_distance() -> None:
    async def line(stand: Stand) -> None:
        assert "nothing was played" in stand.do(ask.Call("lead")).text
        await asyncio.sleep(4)
        stand.do(ask.Blend("lead", (("nora", 1),)))
        stand.play_in(0.0, [60, 62, 64, 65] * 4, jitter=0.02)
        reply = stand.do(ask.Call("lead", distance=0.25, bars=2))
        assert reply.ok, reply.text
        assert dict(reply.pairs)["notes"] == 16
        await asyncio.sleep(8)

    stand = perform(line)
    (recipe,) = stand.recipes
    assert recipe.distance == 0.25
    assert recipe.blend == (("nora", 1.0),)
    assert [start for start, _, _, _ in recipe.call] == [480 * i for i in range(16)]
    assert stand.player.sent


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[voice.a.blend]\nnora = 0", "voice.a.blend: the weights of nora are all 0"),
        ("[voice.a.blend]\nnora = 'x'", "must be a number"),
        ("[voice.a]\nblend = 3", "voice.a.blend must be a table"),
        ("[voice.a.tour]\nstops = ['nora']", "two or more"),
        ("[voice.a.tour]\nstops = ['nora', 3]", "table of personas"),
        ("[voice.a.tour]\nstops = ['nora', 'base']\nbeats = 0", "from 1 to"),
        ("[voice.a.tour]\nstop = 1", "stops and beats"),
        ("[voice.a.blend]\nnora = 1\n[voice.a.tour]\nstops = ['nora', 'base']", "one of them"),
        ("[voice.a]\nlatent = 3", "list of coordinates"),
        ("[voice.a]\nlatent = [9]", "coordinate must be"),
    ],
)
def test_a_scene_that_says_it_wrong_is_told_where(text: str, said: str) -> None:
    with pytest.raises(SceneError, match=said):
        parse(text)


def test_a_tour_moves_from_riff_to_riff() -> None:
    scene = parse("[voice.lead.tour]\nstops = ['nora', 'petra']\nbeats = 16\n")

    async def line(stand: Stand) -> None:
        stand.session.load(scene)
        await asyncio.sleep(14)

    shares = [dict(recipe.blend).get("petra", 0.0) for recipe in perform(line).recipes]
    assert shares[:4] == [0.0, 0.5, 1.0, 0.5]


def test_a_scene_whose_persona_is_not_here_plays_the_base_model_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = parse("[voice.lead.blend]\neve = 1\n[voice.bass.blend]\nother = 1\n")

    async def line(stand: Stand) -> None:
        stand.session.load(scene)
        status = dict(stand.do(ask.Status()).pairs)
        assert (status["lead.base_model_for"], status["bass.base_model_for"]) == ("eve", "other")
        await asyncio.sleep(3)

    assert perform(line).player.sent
    assert "voice lead plays the base model for eve: there is no persona" in caplog.text
    assert "voice bass plays the base model for other: other was trained over a-model" in caplog.text
