"""The engine: what shares a batch, what is dropped, what a failure may touch."""

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from livevae.errors import ModelError
from livevae.latent.recipe import Recipe
from livevae.music.notes import Riff
from livevae.perform.engine import Engine
from livevae.testing import FakeDecoder, fake_riff


class Gate:
    """A decoder that waits, in its thread, until it is let through."""

    bars = 2

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()
        self.batches: list[list[int]] = []

    def decode(self, recipes: Sequence[Recipe]) -> list[Riff]:
        self.batches.append([recipe.seed for recipe in recipes])
        self.entered.set()
        assert self.open.wait(10)
        return [fake_riff(recipe) for recipe in recipes]


async def test_what_is_queued_when_the_decoder_becomes_free_is_one_batch() -> None:
    gate = Gate()
    engine = Engine(lambda _: gate)
    first = engine.submit(Recipe(1))
    await asyncio.get_running_loop().run_in_executor(None, gate.entered.wait)
    others = [engine.submit(Recipe(seed)) for seed in (2, 3, 4)]
    others[1].cancel()
    gate.open.set()
    assert await first == fake_riff(Recipe(1))
    assert await others[0] == fake_riff(Recipe(2))
    assert await others[2] == fake_riff(Recipe(4))
    assert gate.batches == [[1], [2, 4]]
    assert engine.times.count == 1  # the first one after loading does not count
    await engine.close()


async def test_a_job_that_fails_takes_no_other_job_with_it() -> None:
    decoder = FakeDecoder(fail=lambda recipe: ModelError("broken") if recipe.seed == 2 else None)
    engine = Engine(lambda _: decoder)
    good, bad, also_good = (engine.submit(Recipe(seed)) for seed in (1, 2, 3))
    assert await good == fake_riff(Recipe(1))
    with pytest.raises(ModelError, match="broken"):
        await bad
    assert await also_good == fake_riff(Recipe(3))
    await engine.close()


async def test_a_model_that_does_not_load_fails_its_own_jobs_only() -> None:
    def load(name: str) -> FakeDecoder:
        if name == "gone":
            raise ModelError("there is no model gone")
        return FakeDecoder()

    engine = Engine(load)
    bad, good = engine.submit(Recipe(1, model="gone")), engine.submit(Recipe(1))
    with pytest.raises(ModelError, match="no model gone"):
        await bad
    assert await good == fake_riff(Recipe(1))
    await engine.close()


async def test_warming_up_gives_figures_without_the_first_decode() -> None:
    engine = Engine(lambda _: FakeDecoder())
    await engine.warm(repeats=5)
    assert engine.times.count == 3
    assert 0 < engine.times.p50 <= engine.times.p99 == engine.expected
    await engine.close()


async def test_closing_cancels_what_waits() -> None:
    gate = Gate()
    engine = Engine(lambda _: gate)
    running = engine.submit(Recipe(1))
    await asyncio.get_running_loop().run_in_executor(None, gate.entered.wait)
    waiting = engine.submit(Recipe(2))
    closing = asyncio.ensure_future(engine.close())
    await asyncio.sleep(0)
    gate.open.set()
    await closing
    assert waiting.cancelled()
    assert (await running) == fake_riff(Recipe(1))


pytestmark = pytest.mark.asyncio


async def test_a_model_that_is_new_does_not_count_its_first_decode_as_how_long_decoding_takes():
    """After a change to a scene with another model, `decode_ms_p99` read 405."""

    class Slow(FakeDecoder):
        first = True

        def decode(self, recipes):
            if self.first:
                time.sleep(0.05)
            self.first = False
            return super().decode(recipes)

    engine = Engine(lambda _: Slow())
    for model in ("", "other"):
        for seed in range(3):
            await engine.submit(Recipe(seed=seed, model=model))
    await engine.close()
    assert engine.times.count == 4
