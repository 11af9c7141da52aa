"""Who takes part in the ensembles of `benchmarks ensemble`: real servers, and a controller that listens to them."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.mqtt import PORT
from livevae.children import environment
from livevae.edges.mqtt.clients import Visitor
from livevae.errors import LivevaeError

if TYPE_CHECKING:
    from livevae.edges.mqtt.connection import Connection
    from livevae.edges.mqtt.messages import Arrived

ENSEMBLE = "bench"
BASE = f"livevae/1/{ENSEMBLE}"
START = 180.0
"""Seconds that servers and workers may take to start on a machine that is shared."""

RACK = """
title = "rack"
tempo = 120
[voice.lead]
bars = 2
seed = 7
[voice.hit]
play = false
bars = 1
channel = 2
seed = 3
"""
DESK = """
title = "desk"
tempo = 97
[voice.far]
from = "rack/lead"
low = 0
high = 127
[voice.hit]
play = false
bars = 1
channel = 2
seed = 3
"""


class Controller(Visitor):
    """Hears all that an ensemble says, and can say something.

    Attributes:
        received: (seconds, topic below the ensemble, payload), of riffs, voices, health and the clock.
    """

    def __init__(self) -> None:
        super().__init__()
        self.received: list[tuple[float, str, Any]] = []
        self.connection: Connection | None = None

    @property
    def filters(self) -> tuple[tuple[str, int], ...]:
        """What to subscribe to."""
        rooms = [f"{name}/{topic}" for name in ("rack", "desk") for topic in ("riff/+", "voice/+", "health")]
        return tuple((f"{BASE}/{topic}", 0) for topic in (*rooms, "clock"))

    def arrived(self, message: "Arrived") -> None:
        """A message came."""
        with contextlib.suppress(ValueError, RecursionError):
            self.received.append(
                (message.at, message.topic.removeprefix(BASE + "/"), json.loads(message.payload))
            )

    def send(self, topic: str, table: object, qos: int = 1) -> None:
        """Say something."""
        payload = table if isinstance(table, bytes) else json.dumps(table).encode()
        if self.connection is not None:
            self.connection.send(f"{BASE}/{topic}", payload, qos, False)

    def of(self, topic: str, since: float = 0.0) -> list[Any]:
        """What was said to a topic, oldest first."""
        return [table for at, name, table in self.received if name == topic and at >= since]


@contextlib.asynccontextmanager
async def controlling() -> AsyncIterator[Controller]:
    """A controller that is there while the block lasts."""
    from livevae.edges.mqtt import topics
    from livevae.edges.mqtt.connection import Connection

    controller = Controller()
    address = topics.parse(f"mqtt://127.0.0.1:{PORT}/{ENSEMBLE}", room=False)
    controller.connection = Connection(address, f"controller-{os.getpid()}", say=lambda _: None)
    task = asyncio.create_task(controller.connection.keep(controller))
    try:
        await asyncio.wait_for(controller.online.wait(), START)
        yield controller
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.contextmanager
def livevaes(*commands: Sequence[str]) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Programs of livevae that run while the block lasts; what they say goes to files."""
    with tempfile.TemporaryDirectory(prefix="livevae-bench-") as folder, contextlib.ExitStack() as stack:
        env = {**environment(), "LIVEVAE_HOME": folder, "OMP_NUM_THREADS": "1"}
        processes = []
        for number, words in enumerate(commands):
            log = stack.enter_context((Path(folder) / f"{number}.log").open("wb"))
            processes.append(
                subprocess.Popen([sys.executable, "-m", "livevae", *words], stdout=log, stderr=log, env=env)
            )
        try:
            yield processes
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for number, process in enumerate(processes):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                process.kill()
                process.wait()
                if process.returncode not in (0, -signal.SIGTERM):
                    last = (Path(folder) / f"{number}.log").read_text(errors="replace")[-300:]
                    print(f"a livevae ended with {process.returncode}: {last}", flush=True)


def rooms(folder: Path) -> tuple[list[str], list[str]]:
    """The command lines of two servers: the desk plays what the rack's lead plays."""
    found = []
    for name, scene in (("rack", RACK), ("desk", DESK)):
        path = folder / f"{name}.toml"
        path.write_text(scene)
        url = f"mqtt://127.0.0.1:{PORT}/{ENSEMBLE}/{name}"
        osc = f"127.0.0.1:{free_port()}"
        found.append(["serve", str(path), "--mqtt", url, "--clock", "mqtt", "--midi", "none", "--osc", osc])
    return found[0], found[1]


def free_port() -> int:
    """A UDP port that nobody has now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def until(what: Callable[[], object], why: str, patience: float = START) -> None:
    """Wait for something.

    Raises:
        LivevaeError: it did not come.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    while not what():
        if loop.time() > end:
            raise LivevaeError(f"nothing was measured: {why}")
        await asyncio.sleep(0.05)


async def playing_together(controller: Controller) -> None:
    """Wait until both rooms play, on one time."""
    await until(lambda: controller.of("rack/riff/lead"), "the rack does not play")
    await until(lambda: controller.of("desk/riff/far"), "the desk does not play")

    def close() -> bool:
        last = {name: found[-1] for name in ("rack", "desk") if (found := controller.of(f"{name}/health"))}
        return len(last) == 2 and all(one["conductor"] and abs(one["apart_ms"]) < 2 for one in last.values())

    await until(close, "the rooms do not find each other's time")
    await asyncio.sleep(10)


def summary(ranked: Sequence[float]) -> str:
    """Milliseconds, in ascending order, in words."""
    if not ranked:
        return "nothing"
    return f"p50 {statistics.median(ranked):.2f}, p99 {ranked[len(ranked) * 99 // 100]:.2f}, max {ranked[-1]:.2f} ms"
