"""`benchmarks ensemble workers`: riffs a second with decode workers, beside the decoder in process."""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.ensemble_rooms import BASE, ENSEMBLE, START, Controller, livevaes
from benchmarks.mqtt import PORT, Broker
from livevae.errors import LivevaeError

if TYPE_CHECKING:
    from livevae.edges.mqtt.messages import Arrived
    from livevae.latent.recipe import Recipe


AT_ONCE = (1, 4, 16)
"""Jobs that are on their way at a time: one voice, a band of four, sixteen voices."""

BLOCKS = 5
"""Times that each row is measured, in turn, so that what else the machine does meets all alike."""


async def workers(count: int, broker: Broker) -> int:
    """Riffs a second of the bundled model in a server on one core, alone and with workers on another core.

    The broker is on the workers' core. Same recipes, same riffs.
    """
    import livevae.cli.common as cli
    from livevae.edges.mqtt.workers import SharedEngine, naming
    from livevae.ensemble import speaking
    from livevae.latent.recipe import Recipe
    from livevae.models.fingerprint import fingerprint
    from livevae.perform.engine import Engine

    ours, theirs = cores()
    broker.pin(theirs)
    models = cli.open_models(argparse.Namespace(model="", device="cpu"))
    book = models.personas
    assert book is not None  # noqa: S101  (for the type checker)
    recipes = [Recipe(1000 + number, 0.8, bars=2) for number in range(count)]
    alone = Engine(models.load)
    await alone.warm()
    print(
        f"server on core {ours}, workers and broker on core {theirs}, {count} riffs, {BLOCKS} times",
        flush=True,
    )
    for number in (0, 1, 2):
        command = ["worker", "--mqtt", f"mqtt://127.0.0.1:{PORT}/{ENSEMBLE}", "--device", "cpu"]
        with livevaes(*([command] * number)) as processes:
            for process in processes:
                os.sched_setaffinity(process.pid, {theirs})
            engine = SharedEngine(models.load)
            await engine.warm()
            engine.patience = 30.0
            async with asking(engine, naming(speaking({"": fingerprint("")}), book.personas)):
                await _woken(engine, recipes[0], number)
                for at_once in AT_ONCE:
                    await _compare(alone, engine, recipes, at_once, number)
            await engine.close()
    await alone.close()
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    return 0


def cores() -> tuple[int, int]:
    """Two cores: this process and what it starts are put on the first, and the second is for the workers."""
    if not hasattr(os, "sched_setaffinity") or len(there := sorted(os.sched_getaffinity(0))) < 2:
        raise LivevaeError("two cores are needed, on Linux")
    os.sched_setaffinity(0, {there[0]})
    return there[0], there[1]


async def _compare(alone: Any, engine: Any, recipes: Sequence["Recipe"], at_once: int, number: int) -> None:
    """Print a row: riffs a second alone and with workers, in turn."""
    rates: tuple[list[float], list[float]] = ([], [])
    before, same = engine.answered, True
    for _ in range(BLOCKS):
        one, riffs = await _rate(alone, recipes, at_once)
        other, shared = await _rate(engine, recipes, at_once)
        rates[0].append(one)
        rates[1].append(other)
        same = same and riffs == shared
    one, other = (statistics.median(found) for found in rates)
    there = (engine.answered - before) / (BLOCKS * len(recipes))
    print(
        f"{number} worker{'' if number == 1 else 's'}, {at_once:>2} at once: {one:>6.1f} riffs/s alone,"
        f" {other:>6.1f} shared, {other / one:>5.2f} times; {100 * there:.0f} % came from workers; same riffs: {same}",
        flush=True,
    )


async def _woken(engine: Any, recipe: "Recipe", number: int) -> None:
    """Ask until the workers answer."""
    loop = asyncio.get_running_loop()
    end = loop.time() + START
    while engine.answered < 4 * number:
        if loop.time() > end:
            raise LivevaeError("nothing was measured: the workers do not answer")
        await asyncio.gather(*(engine.submit(recipe) for _ in range(2)))
        await asyncio.sleep(0.5)


async def _rate(engine: Any, recipes: Sequence["Recipe"], at_once: int) -> tuple[float, list[Any]]:
    """Riffs a second, so many at a time as voices that are due together ask for, and the riffs."""
    riffs: list[Any] = []
    began = time.perf_counter()
    for first in range(0, len(recipes), at_once):
        riffs += await asyncio.gather(*map(engine.submit, recipes[first : first + at_once]))
    return len(recipes) / (time.perf_counter() - began), riffs


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
