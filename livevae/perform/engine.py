"""The engine: jobs go in, batches go to the decoder's own thread, riffs come back.

Laws: what is queued when the decoder becomes free is one batch, and no timer waits for more; a job that nobody
waits for any longer is dropped before it starts; a job that fails takes no other job with it.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import perf_counter

from livevae.latent.recipe import Recipe
from livevae.music.notes import Riff
from livevae.perform.protocols import Decoder

logger = logging.getLogger(__name__)

HISTORY = 256
"""How many decodes the figures are taken over."""


@dataclass(frozen=True, slots=True)
class DecodeTimes:
    """How long decodes took, in seconds, over the last `HISTORY` batches; less the first one of each model.

    The first decode after loading pays for lazy initialisation, which will not happen again.
    """

    count: int = 0
    p50: float = 0.0
    p99: float = 0.0


Job = tuple[Recipe, "asyncio.Future[Riff]"]


class Engine:
    """Decodes recipes in batches, beside the event loop.

    Args:
        load: gives the decoder of a model by name; called in the worker thread, once a name, so it may be slow.
        inline: decode in the loop's own thread, for offline rendering and virtual time, where nobody waits.
    """

    def __init__(self, load: Callable[[str], Decoder], *, inline: bool = False) -> None:
        self._load = load
        self._decoders: dict[str, Decoder] = {}
        self._jobs: deque[Job] = deque()
        self._took: deque[float] = deque(maxlen=HISTORY)
        self._inline = inline
        self._worker = None if inline else ThreadPoolExecutor(1, thread_name_prefix="decoder")
        self._busy: asyncio.Task[None] | None = None

    def submit(self, recipe: Recipe) -> "asyncio.Future[Riff]":
        """A future riff; cancel it when nobody waits for it any longer."""
        future = asyncio.get_running_loop().create_future()
        self._jobs.append((recipe, future))
        if self._busy is None or self._busy.done():
            self._busy = asyncio.create_task(self._run(), name="engine")
        return future

    @property
    def times(self) -> DecodeTimes:
        """How long decodes take here."""
        if not self._took:
            return DecodeTimes()
        ranked = sorted(self._took)
        return DecodeTimes(len(ranked), ranked[len(ranked) // 2], ranked[len(ranked) * 99 // 100])

    @property
    def expected(self) -> float:
        """Seconds within which a decode can be counted on; 0 when decoding takes none of the loop's time."""
        return 0.0 if self._inline else self.times.p99

    async def warm(self, model: str = "", repeats: int = 5) -> None:
        """Load a model and decode a few riffs, so that the first one on stage is not the slow one.

        Raises:
            LivevaeError: the model does not load.
        """
        for seed in range(repeats):
            await self.submit(Recipe(seed=seed, model=model))
        while len(self._took) > max(1, repeats - 2):
            self._took.popleft()

    async def close(self) -> None:
        """Drop what is queued, wait for the batch that runs."""
        while self._jobs:
            self._jobs.popleft()[1].cancel()
        if self._busy is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._busy
        if self._worker is not None:
            self._worker.shutdown(wait=True)

    async def _run(self) -> None:
        while self._jobs:
            batch = [job for job in self._jobs if not job[1].done()]
            self._jobs.clear()
            for model in dict.fromkeys(recipe.model for recipe, _ in batch):
                await self._decode(
                    model, [job for job in batch if job[0].model == model and not job[1].done()]
                )

    async def _decode(self, model: str, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        try:
            riffs = await self._call(model, [recipe for recipe, _ in jobs])
        except Exception as error:  # noqa: BLE001  (a broken model must not stop the others)
            if len(jobs) > 1:
                for job in jobs:
                    await self._decode(model, [job])
            elif not jobs[0][1].done():
                jobs[0][1].set_exception(error)
            return
        for (_, future), riff in zip(jobs, riffs, strict=True):
            if not future.done():
                future.set_result(riff)

    async def _call(self, model: str, recipes: list[Recipe]) -> list[Riff]:
        if self._worker is None:
            return self._work(model, recipes)[0]
        riffs, seconds, first = await asyncio.get_running_loop().run_in_executor(
            self._worker, self._work, model, recipes
        )
        if not first:
            self._took.append(seconds)
        return riffs

    def _work(self, model: str, recipes: list[Recipe]) -> tuple[list[Riff], float, bool]:
        """The riffs, the seconds that decoding took, and whether it was the first batch after loading the model."""
        decoder = self._decoders.get(model)
        first = decoder is None
        if decoder is None:
            decoder = self._decoders[model] = self._load(model)
        began = perf_counter()
        riffs = decoder.decode([whole(recipe, decoder.bars) for recipe in recipes])
        return riffs, perf_counter() - began, first


def whole(recipe: Recipe, bars: int) -> Recipe:
    """The recipe with its bars rounded up to whole windows of a model of `bars`; the voice cuts what is over."""
    return replace(recipe, bars=-(-recipe.bars // bars) * bars)
