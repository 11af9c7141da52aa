"""Fakes for tests, public: a loop whose time jumps, a decoder without a network, a whole session without a server.

with virtual_time() as loop:
    loop.run_until_complete(an_hour_of_music())      # takes a second or two
"""

import asyncio
import hashlib
import selectors
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from livevae.latent.recipe import Recipe
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_STEP, Note, Riff


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that never waits: where it would, time moves on instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if events:
            return events
        if timeout is None:
            raise RuntimeError("every task waits, and no timer is set: this would wait for ever")
        self.now += max(0.0, timeout)
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` starts at 0 and jumps from timer to timer; nothing is ever waited for.

    Made for lines that await time and other coroutines only. Whatever runs in threads finishes at no
    defined virtual time, so give it an `Engine(inline=True)`.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._jumping.now


@contextmanager
def virtual_time() -> Iterator[VirtualTimeLoop]:
    """A virtual loop, closed afterwards with every task on it cancelled."""
    loop = VirtualTimeLoop()
    try:
        yield loop
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(_ended(tasks))
        loop.close()


async def _ended(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


class FakeDecoder:
    """A decoder that makes a riff out of the recipe's numbers: one note on every fourth step.

    Attributes:
        batches: the recipes of each call, in order.
    """

    def __init__(self, bars: int = 2, fail: Callable[[Recipe], Exception | None] = lambda _: None) -> None:
        self.bars = bars
        self.batches: list[tuple[Recipe, ...]] = []
        self._fail = fail

    def decode(self, recipes: Sequence[Recipe]) -> list[Riff]:
        """One riff a recipe; the same recipe gives the same riff."""
        self.batches.append(tuple(recipes))
        for recipe in recipes:
            if (error := self._fail(recipe)) is not None:
                raise error
        return [fake_riff(recipe) for recipe in recipes]


def fake_riff(recipe: Recipe) -> Riff:
    """Four notes a bar whose pitches are a hash of the recipe: nothing to listen to, but always the same."""
    digest = hashlib.blake2b(repr(recipe).encode(), digest_size=4 * recipe.bars).digest()
    notes = (
        Note(i * 4 * TICKS_PER_STEP, 3 * TICKS_PER_STEP, 48 + byte % 25) for i, byte in enumerate(digest)
    )
    return Riff(tuple(notes), recipe.bars * TICKS_PER_BAR)


class SlowEngine:
    """An engine whose decodes take as long as `seconds` says, in the loop's own time (virtual or real)."""

    def __init__(
        self, decoder: FakeDecoder, seconds: Callable[[Recipe], float], expected: float = 0.0
    ) -> None:
        from livevae.perform.engine import DecodeTimes  # noqa: PLC0415  (perform is not needed by the other fakes)

        self.times: Any = DecodeTimes()
        self.expected = expected
        self._decoder = decoder
        self._seconds = seconds

    def submit(self, recipe: Recipe) -> "asyncio.Future[Riff]":
        """A riff that comes after a while."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def finish() -> None:
            if not future.done():
                future.set_result(self._decoder.decode([recipe])[0])

        loop.call_later(self._seconds(recipe), finish)
        return future

    async def close(self) -> None:
        """Nothing to close."""
