"""Ensembles over MQTT, measured: round trips with and without NODELAY, and how far two rooms are apart, beside Link.

A room here is a server's session, room and connection with a real player; it plays a note on every beat to a receiver
on a JACK graph. Everything, Link's multicast too, stays in a network namespace of its own where one may be made.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benchmarks.graph import PERIOD, RATE
from livevae.edges.mqtt.clients import Visitor
from livevae.errors import LivevaeError

if TYPE_CHECKING:
    from benchmarks.graph import Receiver
    from livevae.edges.mqtt.messages import Arrived

ALONE = "ip link set lo up && ip link set lo multicast on && ip route add 224.0.0.0/4 dev lo"
PORT = 18_883
RECEIVER = "ensemble-receiver"
ROOMS = (("bass", "mqtt", 60), ("cello", "mqtt", 61), ("third", "link", 62), ("fourth", "link", 63))
BLOCKS = 10
SETTLE = 20.0
"""Seconds that all have to find each other before it counts."""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`benchmarks mqtt`."""
    command = commands.add_parser("mqtt", help="ensembles over MQTT: round trips, and phase beside Link")
    command.add_argument("--exchanges", type=int, default=1000, help="round trips each; default: 1000")
    command.add_argument(
        "--seconds", type=float, default=600.0, help="of phase; 0 leaves it out; default: 600"
    )
    command.add_argument(
        "--kills", type=int, default=0, help="kill and restart the broker so often meanwhile"
    )
    command.add_argument(
        "--period", type=int, default=PERIOD, help=f"frames of a JACK cycle, at {RATE} Hz; default: {PERIOD}"
    )
    command.add_argument("--room", nargs=3, help=argparse.SUPPRESS)
    command.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print both tables."""
    if arguments.room is not None:
        asyncio.run(play_beats(*arguments.room))
        return 0
    if shutil.which("mosquitto") is None:
        raise LivevaeError("mosquitto is needed (Debian: apt install mosquitto)")
    if not arguments.inside and _namespaces():
        words = [*sys.argv[1:], "--inside"]
        shell = f'{ALONE} && exec "$0" "$@"'
        return subprocess.run(
            ["unshare", "-n", "sh", "-c", shell, sys.executable, "-m", "benchmarks", *words], check=False
        ).returncode
    kinds = ("mqtt", "link") if arguments.inside else ("mqtt",)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    trips: dict[tuple[int, bool], list[float]] = {
        (messages, nodelay): [] for messages in (1, 2) for nodelay in (True, False)
    }
    for _ in range(BLOCKS):  # in turn, so that what else this machine does meets all alike
        for (messages, nodelay), found in trips.items():
            with Broker(nodelay=nodelay):
                count = arguments.exchanges // BLOCKS
                found.extend(asyncio.run(round_trips(count, nodelay=nodelay, messages=messages)))
    for (messages, nodelay), found in trips.items():
        what = "one message" if messages == 1 else "two at once"
        print(f"round trip, {what}, NODELAY {'on ' if nodelay else 'off'}: {_row(sorted(found))}", flush=True)
    if arguments.seconds > 0:
        phases(arguments.seconds, arguments.kills, kinds, arguments.period)
    return 0


class Broker:
    """A mosquitto on the loopback interface."""

    def __init__(self, *, nodelay: bool = True) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._config = Path(self._folder.name) / "mosquitto.conf"
        self._config.write_text(
            f"listener {PORT} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay {str(nodelay).lower()}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._folder.cleanup()

    def start(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            ["mosquitto", "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(0.5)

    def pin(self, core: int) -> None:
        """Keep it to one core."""
        if self._process is not None:
            os.sched_setaffinity(self._process.pid, {core})

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Echo(Visitor):
    """A client that sends back what comes, or notes when it came back."""

    def __init__(self, topic: str) -> None:
        super().__init__()
        self.came: asyncio.Queue[float] = asyncio.Queue()
        self.connection: Any = None
        self.answers = ""
        self._topic = topic

    @property
    def filters(self) -> tuple[tuple[str, int], ...]:
        """What to subscribe to."""
        return ((self._topic, 0),)

    def arrived(self, message: "Arrived") -> None:
        """A message came."""
        if self.answers:
            self.connection.send(self.answers, message.payload, 0, False)
        else:
            self.came.put_nowait(message.at)


async def round_trips(count: int, *, nodelay: bool, messages: int = 2) -> list[float]:
    """Milliseconds of round trips through the broker, one after the other; so many small messages go at once each time.

    A pair is what Nagle's algorithm holds back: the second waits for the acknowledgement of the first.
    """
    from livevae.edges.mqtt import topics
    from livevae.edges.mqtt.connection import Connection

    address = topics.parse(f"mqtt://127.0.0.1:{PORT}/bench", room=False)
    there, back = Echo("there"), Echo("back")
    there.answers = "back"
    tasks = []
    for who in (there, back):
        who.connection = Connection(address, f"bench-{id(who)}", nodelay=nodelay)
        tasks.append(asyncio.create_task(who.connection.keep(who)))
    await there.online.wait()
    await back.online.wait()
    loop, trips = asyncio.get_running_loop(), []
    for _ in range(count):
        began = loop.time()
        for _ in range(messages):
            back.connection.send("there", b'{"n":1,"t1":1.25}', 0, False)
        came = [await back.came.get() for _ in range(messages)]
        trips.append(1000 * (came[-1] - began))
        await asyncio.sleep(0.002)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return trips


def phases(seconds: float, kills: int, kinds: Sequence[str], period: int) -> None:
    """Print how far apart two rooms' beats arrive at a receiver on JACK, for each way to share the time."""
    from benchmarks.graph import Receiver, jack_graph

    with jack_graph(ours=True, period=period) as how, Broker() as broker:
        print(f"{seconds:g} s, a note a beat at 120, {how}, broker killed {kills} times", flush=True)
        receiver = Receiver(RECEIVER)
        words = [sys.executable, "-m", "benchmarks", "mqtt", "--room"]
        rooms = [
            subprocess.Popen([*words, name, kind, str(pitch)], stdout=subprocess.PIPE, text=True)
            for name, kind, pitch in ROOMS
            if kind in kinds
        ]
        try:
            _settled(receiver, {pitch for _, kind, pitch in ROOMS if kind in kinds})
            arrivals = _listen(receiver, seconds, kills, broker)
        finally:
            for room in rooms:
                room.send_signal(signal.SIGTERM)
            reports = [room.communicate()[0] for room in rooms]
            receiver.close()
    for kind in kinds:
        pitches = [pitch for _, way, pitch in ROOMS if way == kind]
        apart, missing = paired(arrivals, pitches[0], pitches[1])
        print(
            f"{kind}: two rooms apart at JACK: {_row(apart)}; {missing} beats without their other", flush=True
        )
        print(f"{kind}: beats 2 ms and more apart: {_seconds(arrivals, pitches[0], pitches[1])}", flush=True)
    for kind, manner in (("mqtt", "with MQTT"), ("link", "without MQTT")):
        worst = sorted(one for text in reports for one in _worst(text, kind))
        print(f"lateness at send, worst of each second, {manner}: {_row(worst)}", flush=True)
    for text in reports:
        print("\n".join(line for line in text.strip().splitlines() if not line.startswith("{")), flush=True)


def _settled(receiver: "Receiver", pitches: set[int]) -> None:
    """Wait until every room plays, and has had time to find the others; what came until then does not count."""
    played: set[int] = set()
    for _ in range(int(6 * SETTLE)):
        played |= {pitch for _, pitch, _ in receiver.take()}
        if played >= pitches:
            break
        time.sleep(1.0)
    else:
        raise LivevaeError("not all rooms play: nothing was measured")
    time.sleep(SETTLE)
    receiver.take()


def _listen(receiver: "Receiver", seconds: float, kills: int, broker: Broker) -> list[tuple[float, int]]:
    arrivals: list[tuple[float, int]] = []
    every = seconds / kills if kills else seconds + 1
    began, killed = time.monotonic(), 0
    while (now := time.monotonic() - began) < seconds:
        time.sleep(1.0)
        arrivals += [(when, pitch) for when, pitch, _ in receiver.take()]
        if killed < kills and now > every * (killed + 0.5):
            killed += 1
            broker.kill()
            time.sleep(2.0)
            broker.start()
    return arrivals


def paired(arrivals: Sequence[tuple[float, int]], one: int, other: int) -> tuple[list[float], int]:
    """Milliseconds between the beats of two rooms, sorted, and how many had no beat of the other within 200 ms."""
    theirs = [when for when, pitch in arrivals if pitch == other]
    apart, missing = [], 0
    for when in (when for when, pitch in arrivals if pitch == one):
        nearest = min(theirs, key=lambda there: abs(there - when), default=None)
        if nearest is None or abs(nearest - when) > 0.2:
            missing += 1
        else:
            apart.append(1000 * abs(nearest - when))
    return sorted(apart), missing


def _seconds(arrivals: Sequence[tuple[float, int]], one: int, other: int) -> str:
    """When, since the beginning, two rooms were 2 ms and more apart, and how far."""
    if not arrivals:
        return "-"
    began = arrivals[0][0]
    found = []
    theirs = [when for when, pitch in arrivals if pitch == other]
    for when in (when for when, pitch in arrivals if pitch == one):
        nearest = min(theirs, key=lambda there: abs(there - when), default=when)
        if 0.002 <= abs(nearest - when) <= 0.2:
            found.append(f"{when - began:.0f} s: {1000 * (nearest - when):+.1f} ms")
    return ", ".join(found[:20]) or "none"


def _worst(report: str, kind: str) -> list[float]:
    """What a room wrote: the worst lateness of each second, in ms."""
    tables = [json.loads(line) for line in report.splitlines() if line.startswith("{")]
    return [one for table in tables if table["kind"] == kind for one in table["late"]]


async def play_beats(name: str, kind: str, pitch: str) -> None:
    """One room: a note on every beat, until SIGTERM; then how late its notes were sent."""
    from livevae.player.client.process import PlayerProcess
    from livevae.player.wire.commands import PortSpec
    from livevae.player.wire.reports import Counters, Report
    from livevae.tempo.events import PlayNote

    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    late: list[Counters] = []

    def report(value: Report) -> None:
        if isinstance(value, Counters):
            late.append(value)

    player = await PlayerProcess.start(120.0, [PortSpec("main", RECEIVER)], on_report=report)
    player.begin(loop.time() + 0.2)
    lines: list[str] = []
    tasks = await _joined(player, name, lambda line: lines.append(line.strip())) if kind == "mqtt" else []
    if kind == "link":
        player.set_clock("link")
    beat = 0
    while not over.is_set():
        beat = max(beat + 1, int(player.timeline.tick_at(loop.time()) / 960) + 1)
        player.play([PlayNote(beat * 960, 120, "main", 1, int(pitch), 96, name)])
        wait = player.timeline.time_at(beat * 960) - 0.1 - loop.time()
        try:
            await asyncio.wait_for(over.wait(), max(0.01, wait))
        except TimeoutError:
            continue
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    dropped = player.counters.dropped_ons
    await player.close()
    worst = sorted(one.late_max for one in late[int(SETTLE) :])
    middle = worst[len(worst) // 2] if worst else 0.0
    print(json.dumps({"kind": kind, "late": worst}))
    print(
        f"{name} ({kind}): lateness at send, worst of each second: p50 {middle:.3f} ms,"
        f" p99 {worst[len(worst) * 99 // 100] if worst else 0.0:.3f} ms, max {worst[-1] if worst else 0.0:.3f} ms;"
        f" {dropped} notes dropped"
    )
    if lines:
        print(f"{name} said {len(lines)} lines, the last of them: {'; '.join(lines[-4:])}")


async def _joined(player: Any, name: str, say: Callable[[str], None]) -> list["asyncio.Task[None]"]:
    """A room in the ensemble, without voices."""
    from livevae.edges.mqtt import topics
    from livevae.edges.mqtt.connection import Connection
    from livevae.edges.mqtt.room import Room, Setup
    from livevae.perform.engine import Engine
    from livevae.perform.requests import Clock
    from livevae.perform.session import Session
    from livevae.player.clocks.opening import why_not
    from livevae.testing import FakeDecoder

    address = topics.parse(f"mqtt://127.0.0.1:{PORT}/bench/{name}")
    session = Session(player, Engine(lambda _: FakeDecoder()), clocks=why_not(ensemble=True))
    connection = Connection(address, f"bench-{name}-{os.getpid()}", say=say)
    setup = Setup(address.place, f"{name}-{os.getpid()}", player.follow_line, say=say)
    room = Room(setup, session, connection)

    def changed(timeline: Any) -> None:
        session.timeline_changed(timeline)
        room.timeline_changed()

    player.on_timeline = changed
    session.do(Clock("mqtt"))
    return [asyncio.create_task(connection.keep(room, room.apart)), asyncio.create_task(room.run())]


def _namespaces() -> bool:
    """Whether a network namespace may be made, and Link is installed."""
    from importlib.util import find_spec

    if find_spec("link") is None or shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    return not subprocess.run(
        ["unshare", "-n", "sh", "-c", ALONE], capture_output=True, check=False
    ).returncode


def _row(ranked: Sequence[float]) -> str:
    if not ranked:
        return "nothing"
    p50, p99 = ranked[len(ranked) // 2], ranked[len(ranked) * 99 // 100]
    return f"p50 {p50:.3f} ms, p99 {p99:.3f} ms, max {ranked[-1]:.3f} ms ({len(ranked)})"
