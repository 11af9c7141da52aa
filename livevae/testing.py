"""Fakes for tests, public: a decoder without a network, an engine that takes its time."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from livevae.latent.recipe import Recipe
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_STEP, Note, Riff


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
