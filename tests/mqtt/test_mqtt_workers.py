"""Decoding elsewhere: the same night with workers as without, whatever becomes of them."""

import asyncio
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from ensemble import Stage, stage
from fake_broker import FakeBroker, FakeConnection
from hypothesis import given, strategies as st

from livevae.edges.mqtt.shares import FORGOTTEN, Shares
from livevae.edges.mqtt.topics import Place
from livevae.edges.mqtt.values import MOST_TOGETHER
from livevae.edges.mqtt.workers import MISSES, PROBE, SharedEngine, Worker, hash_of, naming
from livevae.errors import ModelError
from livevae.latent.personas import Persona, layer_shapes
from livevae.latent.recipe import Recipe
from livevae.music.notes import Riff
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


def test_all_that_a_worker_had_in_hand_when_it_died_is_decoded_here_in_time() -> None:
    async def run() -> None:
        broker = FakeBroker(lambda: 0.002)
        _, engine = asking(broker)
        one = worker(broker, 0.05)
        await asyncio.sleep(20)
        assert engine.answered > 0
        engine.shares.here = 0.0  # all go to workers
        riffs = [engine.submit(Recipe(seed, bars=2)) for seed in range(3 * MISSES)]
        await asyncio.sleep(0.03)
        one.drop()
        await asyncio.sleep(engine.patience)
        assert [riff.result() for riff in riffs] == [
            fake_riff(Recipe(seed, bars=2)) for seed in range(3 * MISSES)
        ]

    with virtual_time() as loop:
        loop.run_until_complete(run())


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
    refused, engine, made = night(lambda broker: worker(broker, models=("other",)))
    assert refused == alone
    assert [line for line in made.says if "worker" in line] == [
        "mqtt    a worker refuses riffs of the model: it has another one, or other personas; they are decoded here"
    ]
    assert engine.answered == 0
    assert engine.asked < 10


def test_a_recipe_that_a_worker_stumbles_over_is_answered_and_decoded_here_at_once() -> None:
    """It was not answered, and after three of them there was no worker, as far as the server knew."""

    odd = [Recipe(seed, bars=2) for seed in range(3 * MISSES)]

    async def run() -> None:
        broker = FakeBroker(lambda: 0.002)
        made, engine = asking(broker)
        one = broker.connection()
        theirs = Engine(
            lambda _: FakeDecoder(fail=lambda recipe: ValueError("odd") if recipe in odd else None),
            inline=True,
        )
        one.client = Worker(Place("trio"), theirs, one, {identity(""): ""}.get, naming(identity, {}))
        one.connect()
        await asyncio.sleep(20)
        assert engine.answered > 0
        engine.shares.here = 0.0  # all go to workers
        riffs = [engine.submit(recipe) for recipe in odd]
        await asyncio.sleep(engine.patience / 4)
        assert [riff.result() for riff in riffs] == [fake_riff(recipe) for recipe in odd]
        assert not any("no worker answers" in line for line in made.says)

    with virtual_time() as loop:
        loop.run_until_complete(run())


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
            payload = (
                b'{"worker":"w","seconds":0,"riffs":[{"n":%d,"why":"","length":96,"notes":[[0,1,60,1,0]]}]}'
                % number
            )
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


COUNTS = st.integers(0, 40)


@given(COUNTS, COUNTS, COUNTS, st.floats(1e-6, 1), st.floats(0, 1), st.integers(0, 5))
def test_workers_come_first_and_what_is_left_is_where_it_is_ready_soonest(
    count: int, here: int, there: int, each_here: float, each_there: float, workers: int
) -> None:
    shares = Shares()
    for number in range(workers):
        shares.decoded_there(str(number), 1, each_there, 0.0)
    assert shares.split(count, here, there, 1.0) == count  # nothing was measured here
    shares.decoded_here(2, 2 * each_here)
    sent = shares.split(count, here, there, 1.0)
    known = max(1, workers)
    assert min(count, max(0, known - there)) <= sent <= count
    if sent > max(0, known - there):  # the last that went there was not ready sooner here
        ours, theirs = (here + count - sent + 1) * shares.here, (there + sent) / known * shares.there
        assert theirs <= ours or theirs == pytest.approx(ours)
    assert shares.workers(FORGOTTEN + 1) == 1


def test_two_alike_share_a_band_evenly() -> None:
    shares = Shares()
    shares.decoded_here(4, 0.012)
    shares.decoded_there("one", 4, 0.012, 0.0)
    assert shares.split(4, 0, 0, 0.0) == 2
    shares.decoded_there("two", 4, 0.012, 0.0)
    assert shares.split(6, 0, 0, 0.0) == 4


def test_jobs_that_are_due_together_travel_together_and_are_one_batch() -> None:
    sent: list[bytes] = []
    batches: list[int] = []

    class Decoder(FakeDecoder):
        def decode(self, recipes: Sequence[Recipe]) -> list[Riff]:
            batches.append(len(recipes))
            return super().decode(recipes)

    async def run() -> None:
        broker = FakeBroker(lambda: 0.002)
        made, engine = asking(broker)
        one = broker.connection()
        ours = Engine(lambda _: Decoder(), inline=True)
        one.client = Worker(Place("trio"), ours, one, {identity(""): ""}.get, naming(identity, {}))
        one.connect()
        await asyncio.sleep(20)
        assert engine.answered > 0
        engine.shares.here = 0.0  # all go to workers
        sent.extend(payload for topic, payload in made.connection.sent if topic.endswith("jobs"))
        batches.clear()
        before = len(sent)
        riffs = await asyncio.gather(*(engine.submit(Recipe(seed, bars=2)) for seed in range(5)))
        assert riffs == [fake_riff(Recipe(seed, bars=2)) for seed in range(5)]
        sent[:] = [payload for topic, payload in made.connection.sent if topic.endswith("jobs")]
        assert len(sent) == before + 1
        assert batches == [5]
        # more than a message holds come in two, and a riff too long to send is decoded here
        many = [engine.submit(Recipe(seed, bars=2)) for seed in range(MOST_TOGETHER + 1)]
        assert [await riff for riff in many] == [
            fake_riff(Recipe(s, bars=2)) for s in range(MOST_TOGETHER + 1)
        ]

    with virtual_time() as loop:
        loop.run_until_complete(run())
