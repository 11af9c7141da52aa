"""Ensembles of real servers on a real mosquitto: a piece in real time, faults and floods, and decode workers.

python -m benchmarks ensemble workers     riffs a second with 0, 1 and 2 workers, beside the decoder in process
python -m benchmarks ensemble piece       two rooms and a controller: what one published is what the other played
python -m benchmarks ensemble floods      lateness with and without 16 rooms, a deaf subscriber, hostile payloads
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.mqtt import PORT, Broker
from livevae.children import environment
from livevae.errors import LivevaeError

if TYPE_CHECKING:
    from livevae.edges.mqtt.connection import Connection
    from livevae.edges.mqtt.messages import Arrived
    from livevae.latent.recipe import Recipe

ENSEMBLE = "bench"
BASE = f"livevae/1/{ENSEMBLE}"
START = 180.0
"""Seconds that servers and workers may take to start on a machine that is shared."""

AT_ONCE = 4
"""Jobs that are on their way at a time, as a band of four asks for."""

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


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`benchmarks ensemble`."""
    text = "servers on mosquitto: a piece in real time, floods, decode workers"
    command = commands.add_parser("ensemble", help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("what", choices=("workers", "piece", "floods"))
    command.add_argument("--seconds", type=float, default=600.0, help="of the piece; default: 600")
    command.add_argument(
        "--block", type=float, default=20.0, help="seconds of each block of floods; default: 20"
    )
    command.add_argument(
        "--every", type=float, default=30.0, help="seconds from command to command; default: 30"
    )
    command.add_argument("--riffs", type=int, default=120, help="of each row of workers; default: 120")
    command.add_argument("--payloads", type=int, default=100_000, help="hostile ones; default: 100000")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, and print the table."""
    if shutil.which("mosquitto") is None:
        raise LivevaeError("mosquitto is needed (Debian: apt install mosquitto)")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    with Broker():
        match arguments.what:
            case "workers":
                return asyncio.run(workers(arguments.riffs))
            case "piece":
                return asyncio.run(piece(arguments.seconds, arguments.every))
            case _:
                return asyncio.run(floods(arguments.block, arguments.payloads))


# who takes part


class Controller:
    """Hears all that an ensemble says, and can say something.

    Attributes:
        heard: (seconds, topic below the ensemble, payload), of riffs, voices, health and the clock.
    """

    def __init__(self) -> None:
        self.heard: list[tuple[float, str, Any]] = []
        self.online = asyncio.Event()
        self.connection: Connection | None = None

    @property
    def filters(self) -> tuple[tuple[str, int], ...]:
        """What to subscribe to."""
        rooms = [f"{name}/{topic}" for name in ("rack", "desk") for topic in ("riff/+", "voice/+", "health")]
        return tuple((f"{BASE}/{topic}", 0) for topic in (*rooms, "clock"))

    def will(self) -> None:
        """No last will."""

    def farewell(self) -> None:
        """No farewell."""

    def connected(self) -> None:
        """The broker is here."""
        self.online.set()

    def disconnected(self) -> None:
        """The broker is gone."""

    def arrived(self, message: "Arrived") -> None:
        """A message came."""
        with contextlib.suppress(ValueError, RecursionError):
            self.heard.append(
                (message.at, message.topic.removeprefix(BASE + "/"), json.loads(message.payload))
            )

    def send(self, topic: str, table: object, qos: int = 1) -> None:
        """Say something."""
        payload = table if isinstance(table, bytes) else json.dumps(table).encode()
        if self.connection is not None:
            self.connection.send(f"{BASE}/{topic}", payload, qos, False)

    def of(self, topic: str, since: float = 0.0) -> list[Any]:
        """What was said to a topic, oldest first."""
        return [table for at, name, table in self.heard if name == topic and at >= since]


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


# a piece


async def piece(seconds: float, every: float) -> int:
    """Two rooms and a controller in real time: the other room plays what one published; commands keep their beat."""
    with tempfile.TemporaryDirectory() as folder, livevaes(*rooms(Path(folder))):
        async with controlling() as controller:
            await playing_together(controller)
            loop = asyncio.get_running_loop()
            began = loop.time()
            due: list[float] = []
            tempos = 0
            while loop.time() < began + seconds:
                line = controller.of("clock")[-1]
                health = controller.of(f"{line['conductor']}/health")[-1]
                due.append(health["beat"] // 4 * 4 + 32)
                sample = {"address": "/livevae/sample", "voice": "hit", "seed": len(due)}
                controller.send("all/do", {**sample, "at_beat": due[-1], "id": len(due)})
                if len(due) % 7 == 4:
                    tempos += 1
                    tempo = {
                        "address": "/livevae/tempo",
                        "bpm": 100 + len(due) % 40,
                        "over": 8,
                        "id": f"t{tempos}",
                    }
                    controller.send(f"{line['conductor']}/do", tempo)
                await asyncio.sleep(every)
            await asyncio.sleep(30)
            return told(controller, began, due, tempos)


def told(controller: Controller, began: float, due: Sequence[float], tempos: int) -> int:
    """Print what came of a piece; gives the exit status."""
    published = [alike(one) for one in controller.of("rack/riff/lead", began)]
    received = [alike(one) for one in controller.of("desk/riff/far", began - 30)]
    last = received[-1][0] if received else 0.0
    owed = [one for one in published if one[0] <= last]
    missing = [one for one in owed if one not in received]
    hits = {
        name: [one["beat"] for one in controller.of(f"{name}/riff/hit", began)] for name in ("rack", "desk")
    }
    wrong = [name for name, beats in hits.items() if beats != list(due)]
    notes = {
        name: [alike(one)[1] for one in controller.of(f"{name}/riff/hit", began)] for name in ("rack", "desk")
    }
    health = {name: controller.of(f"{name}/health", began) for name in ("rack", "desk")}
    print(
        f"{len(owed)} riffs of rack/lead were published, {len(owed) - len(missing)} played by desk/far alike"
    )
    print(
        f"{len(due)} commands with at_beat, {tempos} ramps: on their beat in both rooms: {not wrong}; alike: "
        f"{notes['rack'] == notes['desk']}"
    )
    for name, rows in health.items():
        apart = sorted(abs(one["apart_ms"]) for one in rows)
        late = sorted(one["late_ms_max"] for one in rows)
        print(
            f"{name}: apart {_row(apart)}; worst lateness of each second {_row(late)};"
            f" dropped {rows[-1]['dropped'] - rows[0]['dropped']}, refused {rows[-1]['refused']}"
        )
    here = dict(received)
    for beat, riff in missing[:10]:
        other = here.get(beat)
        there = "nothing" if other is None else f"{len(other)} others, first {other[0] if other else None}"
        print(f"beat {beat:g}: {len(riff)} notes, first {riff[0] if riff else None}; the desk played {there}")
    for name, beats in hits.items():
        off = [f"{want:g} at {beat:g}" for want, beat in zip(due, beats, strict=False) if want != beat]
        if off or len(beats) != len(due):
            print(
                f"{name}: {len(beats)} of {len(due)} commands; not on their beat: {', '.join(off[:8]) or 'none'}"
            )
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    return 1 if missing or wrong or notes["rack"] != notes["desk"] else 0


def alike(riff: Any) -> tuple[float, tuple[tuple[int, ...], ...]]:
    """A riff's beat, and its notes without their channel."""
    return riff["beat"], tuple(tuple(note[:4]) for note in riff["notes"])


# floods


async def floods(block: float, payloads: int) -> int:
    """Lateness of both rooms in blocks: nothing else, then each flood, and nothing else between them."""
    with tempfile.TemporaryDirectory() as folder, livevaes(*rooms(Path(folder))):
        async with controlling() as controller:
            await playing_together(controller)
            kinds: list[tuple[str, Callable[[], Awaitable[str]]]] = [
                ("16 rooms, 20 messages/s each", lambda: sixteen(block)),
                ("a subscriber that never reads", lambda: deaf(block)),
                (f"{payloads} hostile payloads", lambda: hostile(controller, payloads)),
            ]
            print(f"{'':<32} {'worst lateness of each second, ms':<44} {'late riffs':>10} {'dropped':>8}")
            await quiet(controller, block)
            for name, flood in kinds:
                before = _counts(controller)
                began = asyncio.get_running_loop().time()
                more = await flood()
                await asyncio.sleep(2)
                _print_block(controller, name, began, before, more)
                await quiet(controller, block)
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    return 0


async def quiet(controller: Controller, block: float) -> None:
    """A block without a flood."""
    began, before = asyncio.get_running_loop().time(), _counts(controller)
    await asyncio.sleep(block)
    _print_block(controller, "nothing else", began, before, "")


def _counts(controller: Controller) -> dict[str, int]:
    """Riffs that were late and notes that were dropped, of both rooms, since their start."""
    dropped = [controller.of(f"{name}/health")[-1]["dropped"] for name in ("rack", "desk")]
    late = [controller.of(topic)[-1]["late"] for topic in ("rack/voice/lead", "desk/voice/far")]
    return {"dropped": sum(dropped), "late": sum(late)}


def _print_block(controller: Controller, name: str, began: float, before: dict[str, int], more: str) -> None:
    rows = [one for room in ("rack", "desk") for one in controller.of(f"{room}/health", began)]
    late = sorted(one["late_ms_max"] for one in rows)
    after = _counts(controller)
    riffs, dropped = (after[what] - before[what] for what in ("late", "dropped"))
    print(f"{name:<32} {_row(late):<44} {riffs:>10} {dropped:>8}  {more}", flush=True)


class Publisher:
    """A client that only publishes, with QoS 0 (MQTT 3.1.1, 3.1 and 3.3, by hand): it costs next to nothing.

    Args:
        name: its identifier.
        everything: whether it also subscribes to all there is, which it never reads.
    """

    def __init__(self, name: str, *, everything: bool = False) -> None:
        self._socket = socket.create_connection(("127.0.0.1", PORT), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = b"\x00\x04MQTT\x04\x02\x00\x00" + _text(name)
        self._socket.sendall(b"\x10" + _length(len(body)) + body)
        if everything:
            body = b"\x00\x01" + _text("#") + b"\x00"
            self._socket.sendall(b"\x82" + _length(len(body)) + body)

    def send(self, topic: str, payload: bytes) -> None:
        """Publish; waits where the broker does not keep up."""
        body = _text(f"{BASE}/{topic}") + payload
        self._socket.sendall(b"\x30" + _length(len(body)) + body)

    def close(self) -> None:
        """Leave."""
        self._socket.close()


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2) + data


def _length(number: int) -> bytes:
    """MQTT's remaining length: seven bits a byte, the lowest first."""
    found = bytearray()
    while True:
        number, low = divmod(number, 128)
        found.append(low | 128 if number else low)
        if not number:
            return bytes(found)


async def sixteen(seconds: float) -> str:
    """Fourteen rooms more, each with 20 messages a second: riffs and voices."""
    notes = [[i * 240, 200, 60 + i % 12, 90, 1] for i in range(32)]
    riff = json.dumps({"beat": 8, "beats": 8, "notes": notes}).encode()
    voice = json.dumps({"playing": True, "settings": {f"s{i}": i for i in range(30)}}).encode()
    clients = [Publisher(f"room{number}") for number in range(14)]
    loop, sent = asyncio.get_running_loop(), 0
    began = tick = loop.time()
    while loop.time() < began + seconds:
        for number, client in enumerate(clients):
            topic, payload = ("riff", riff) if sent % 2 else ("voice", voice)
            client.send(f"room{number}/{topic}/lead", payload)
        sent += 1
        tick += 0.05
        await asyncio.sleep(max(0.0, tick - loop.time()))
    for client in clients:
        client.close()
    return f"{sent * len(clients) / (loop.time() - began):.0f} messages/s were sent"


async def deaf(seconds: float) -> str:
    """A client that subscribes to everything and never reads a byte, while there is much to read."""
    one = Publisher("deaf", everything=True)
    try:
        return f"while {await sixteen(seconds)}"
    finally:
        one.close()


async def hostile(controller: Controller, count: int) -> str:
    """Payloads that mean harm, on every topic that a room reads, as fast as the broker takes them."""
    chance = random.Random(1)  # noqa: S311  (payloads that can be made again)
    shapes: list[bytes] = [
        b"", b"null", b"[" * 5000, b"\xff\xfe", b'{"a":1}', b'{"n":1e400}', b'{"boot":1,"state":"ready"}',
        b'{"address":["x"]}', b'{"address":"/livevae/set","x":{}}', b'{"address":"/livevae/nowhere"}',
        b'{"address":"/livevae/set","voice":"lead","temp":"hot"}', b'{"beat":1e300,"notes":[[1]]}',
    ]  # fmt: skip
    topics = [
        "rack/do", "all/do", "desk/do", "cue", "clock", "clock/ping/zoe", "rack/pong", "rack/decoded", "zoe/$state",
        "rack/$state", "zoe/riff/lead", "zoe/voice/lead", "zoe/health", "rack/riff/lead", "desk/health/x",
    ]  # fmt: skip
    stranger = Publisher("stranger")

    def some(first: int) -> None:
        for number in range(first, min(count, first + 1000)):
            payload = chance.choice(shapes) if number % 3 else chance.randbytes(chance.randrange(200))
            stranger.send(chance.choice(topics), payload)

    began = time.monotonic()
    for first in range(0, count, 1000):
        await asyncio.to_thread(some, first)
    took = time.monotonic() - began
    await asyncio.sleep(10)  # what waits at the broker and in the rooms
    stranger.close()
    refused = {name: controller.of(f"{name}/health")[-1]["refused"] for name in ("rack", "desk")}
    return f"{count / took:.0f}/s for {took:.0f} s; refused by the rooms: {refused}"


# workers


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


def _row(ranked: Sequence[float]) -> str:
    if not ranked:
        return "nothing"
    return f"p50 {statistics.median(ranked):.2f}, p99 {ranked[len(ranked) * 99 // 100]:.2f}, max {ranked[-1]:.2f} ms"
