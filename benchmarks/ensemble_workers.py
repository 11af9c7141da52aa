"""`benchmarks ensemble workers`: riffs a second with decode workers, beside the decoder in process."""

import argparse
import asyncio
import contextlib
import json
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.ensemble_rooms import BASE, ENSEMBLE, START, Controller, livevaes
from benchmarks.mqtt import PORT
from livevae.errors import LivevaeError

if TYPE_CHECKING:
    from livevae.edges.mqtt.messages import Arrived
    from livevae.latent.recipe import Recipe


AT_ONCE = 4
"""Jobs that are on their way at a time, as a band of four asks for."""


async def workers(count: int) -> int:
    """Riffs a second of the bundled model: in process, and through 0, 1 and 2 workers. Same recipes, same riffs."""
    import livevae.cli.common as cli
    from livevae.edges.mqtt.workers import SharedEngine, naming
    from livevae.latent.recipe import Recipe
    from livevae.perform.engine import Engine

    models = cli.open_models(argparse.Namespace(model="", device="cpu"))
    book = models.personas
    assert book is not None  # noqa: S101  (for the type checker)
    recipes = [Recipe(1000 + number, 0.8, bars=2) for number in range(count)]
    alone = Engine(models.load)
    await alone.warm()
    rows: dict[str, float] = {}
    told: dict[str, list[Any]] = defaultdict(list)
    rows["in process"], told["in process"] = await _rate(alone, recipes)
    await alone.close()
    for number in (0, 1, 2):
        name = f"--decode mqtt, {number} worker{'' if number == 1 else 's'}"
        command = ["worker", "--mqtt", f"mqtt://127.0.0.1:{PORT}/{ENSEMBLE}", "--device", "cpu"]
        with livevaes(*([command] * number)):
            engine = SharedEngine(models.load)
            await engine.warm()
            engine.patience = 30.0
            async with asking(engine, naming(book.identity, book.personas)):
                await _woken(engine, recipes[0], number)
                before = engine.answered
                rows[name], told[name] = await _rate(engine, recipes)
                print(f"{name}: {engine.answered - before} of {count} riffs came from workers", flush=True)
            await engine.close()
    for name, rate in rows.items():
        same = told[name] == told["in process"]
        print(f"{name:<28} {rate:>7.1f} riffs/s  {rate / rows['in process']:>5.2f}  same riffs: {same}")
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    return 0


async def _woken(engine: Any, recipe: "Recipe", number: int) -> None:
    """Ask until the workers answer."""
    loop = asyncio.get_running_loop()
    end = loop.time() + START
    while engine.answered < 4 * number:
        if loop.time() > end:
            raise LivevaeError("nothing was measured: the workers do not answer")
        await asyncio.gather(*(engine.submit(recipe) for _ in range(2)))
        await asyncio.sleep(0.5)


async def _rate(engine: Any, recipes: Sequence["Recipe"]) -> tuple[float, list[Any]]:
    """Riffs a second with `AT_ONCE` on their way, and the riffs."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def decoded(recipe: "Recipe") -> Any:
        async with gate:
            return await engine.submit(recipe)

    began = time.perf_counter()
    riffs = await asyncio.gather(*map(decoded, recipes))
    return len(recipes) / (time.perf_counter() - began), list(riffs)


@contextlib.asynccontextmanager
async def asking(engine: Any, names: Any) -> AsyncIterator[None]:
    """An engine that asks the ensemble's workers while the block lasts."""
    from livevae.edges.mqtt import topics
    from livevae.edges.mqtt.connection import Connection

    class Asker(Controller):
        """Takes the workers' answers."""

        @property
        def filters(self) -> tuple[tuple[str, int], ...]:
            """What to subscribe to."""
            return ((f"{BASE}/asker/decoded", 0),)

        def arrived(self, message: "Arrived") -> None:
            """An answer came."""
            engine.arrived(json.loads(message.payload))

    address = topics.parse(f"mqtt://127.0.0.1:{PORT}/{ENSEMBLE}/asker")
    asker = Asker()
    asker.connection = Connection(address, f"asker-{os.getpid()}", say=lambda _: None)
    task = asyncio.create_task(asker.connection.keep(asker))
    try:
        await asyncio.wait_for(asker.online.wait(), START)
        engine.join(address.place, asker.connection, names, lambda _: None)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
