"""Decoding elsewhere: the same night with workers as without, whatever becomes of them."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from ensemble import Stage, stage
from fake_broker import FakeBroker, FakeConnection

from livevae.edges.mqtt.topics import Place
from livevae.edges.mqtt.workers import PROBE, SharedEngine, Worker, hash_of, naming
from livevae.errors import ModelError
from livevae.latent.personas import Persona, layer_shapes
from livevae.latent.recipe import Recipe
from livevae.perform.engine import Engine
from livevae.perform.scene import parse
from livevae.testing import FakeDecoder, fake_riff
from livevae.virtual_time import virtual_time

SCENE = parse(
    "tempo = 120\n[voice.lead]\nbars = 2\nseed = 7\n[voice.bass]\nbars = 4\nseed = 3\nchannel = 2\n"
)


class SlowDecodes(Engine):
    """A worker's engine whose decodes take so long, in virtual time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(lambda _: FakeDecoder(), inline=True)
        self.seconds = seconds

    def submit(self, recipe: Recipe) -> "asyncio.Future[object]":
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_later(self.seconds, lambda: future.done() or future.set_result(fake_riff(recipe)))
        return future


def identity(model: str) -> str:
    if model not in ("", "other"):
        raise ModelError("there is none")
    return f"identity of {model or 'default'}"


def worker(broker: FakeBroker, seconds: float = 0.01, models: tuple[str, ...] = ("",)) -> FakeConnection:
    connection = broker.connection()
    there = {identity(name): name for name in models}
    connection.client = Worker(
        Place("trio"), SlowDecodes(seconds), connection, there.get, naming(identity, {})
    )
    connection.connect()
    return connection


def asking(broker: FakeBroker) -> tuple[Stage, SharedEngine]:
    engine = SharedEngine(lambda _: FakeDecoder(), inline=True)
    engine.patience = 0.2
    made = stage(broker, "bass", scene=SCENE, engine=engine, follow=False)
    engine.join(made.room.place, made.connection, naming(identity, {}), made.says.append)
    made.room.on_decoded = engine.arrived
    return made, engine


def night(
    play: Callable[[FakeBroker], None], seconds: float = 120.0
) -> tuple[list[object], SharedEngine, Stage]:
    """What was sent in a night with the workers that `play` makes."""

    async def run() -> tuple[list[object], SharedEngine, Stage]:
        broker = FakeBroker(lambda: 0.002)
        made, engine = asking(broker)
        play(broker)
        await asyncio.sleep(seconds)
        assert made.session.cast["lead"].counters.late == 0
        # a file has a track a voice; of two voices at one tick either may be first
        tracks = [
            [(s.tick, s.data) for s in made.player.sent if s.data[0] & 0xF == channel] for channel in (0, 1)
        ]
        assert min(map(len, tracks)) > 400
        return tracks, engine, made

    with virtual_time() as loop:
        return loop.run_until_complete(run())


def test_a_night_with_workers_is_the_night_without() -> None:
    alone, none, _ = night(lambda _: None)
    two, engine, _ = night(lambda broker: (worker(broker), worker(broker, 0.05)))
    assert two == alone
    assert none.answered == 0
    assert engine.answered > 40


def test_a_worker_that_dies_in_the_middle_makes_no_riff_late_and_is_missed_soon() -> None:
    alone, _, _ = night(lambda _: None)

    def play(broker: FakeBroker) -> None:
        one = worker(broker, 0.05)
        asyncio.get_running_loop().call_later(30.01, one.drop)

    with_death, engine, made = night(play)
    assert with_death == alone
    assert 0 < engine.answered < engine.asked
    assert any("no worker answers" in line for line in made.says)


def test_workers_that_come_back_are_asked_again() -> None:
    def play(broker: FakeBroker) -> None:
        loop = asyncio.get_running_loop()
        one = worker(broker)
        loop.call_later(20, one.drop)
        loop.call_later(60, one.connect)

    _, engine, made = night(play)
    assert made.says.count("mqtt    workers decode for this room") == 2
    assert engine.asked - engine.answered < 30


def test_nobody_waits_for_workers_that_are_not_there() -> None:
    _, engine, _ = night(lambda _: None)
    assert 5 < engine.asked <= 120 / PROBE + 1


def test_a_worker_without_the_model_says_so_and_the_riff_is_decoded_here() -> None:
    alone, _, _ = night(lambda _: None)
    refused, engine, _ = night(lambda broker: worker(broker, models=("other",)))
    assert refused == alone
    assert engine.answered == 0
    assert engine.asked < 10


def test_a_worker_slower_than_the_patience_changes_nothing() -> None:
    alone, _, _ = night(lambda _: None)
    slow, engine, _ = night(lambda broker: worker(broker, 0.5))
    assert slow == alone
    assert engine.answered == 0


def test_a_forged_answer_of_another_length_is_not_played() -> None:
    alone, _, _ = night(lambda _: None)

    def forge(broker: FakeBroker) -> None:
        worker(broker, 0.1)
        for number in range(1, 200):
            payload = b'{"n":%d,"why":"","seconds":0,"length":96,"notes":[[0,1,60,1,0]]}' % number
            asyncio.get_running_loop().call_later(
                0.4 * number, broker.publish, "livevae/1/trio/bass/decoded", payload
            )

    assert night(forge)[0] == alone


@pytest.mark.parametrize("change", ["weights", "model"])
def test_a_persona_is_told_by_its_numbers(change: str) -> None:
    def persona(model: str = "m", fill: float = 0.5) -> Persona:
        weights = {}
        for layer, shape in layer_shapes(8, 2).items():
            weights[f"{layer}.weight"] = np.full(shape, fill, np.float32)
            weights[f"{layer}.bias"] = np.zeros(shape[0], np.float32)
        return Persona("nora", model, 8, 2, weights)

    same = hash_of(persona())
    assert same == hash_of(persona())
    assert same != hash_of(persona("n") if change == "model" else persona(fill=0.25))
    names = naming(identity, {"nora": persona()})
    assert names(Recipe(1, blend=(("nora", 0.5), ("", 0.5)))) == ("identity of default", (("nora", same),))
    assert names(Recipe(1, blend=(("nobody", 1.0),))) is None
    assert names(Recipe(1, model="nowhere")) is None
