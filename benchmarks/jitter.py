"""`benchmarks jitter`: how late notes leave and arrive on a real MIDI graph, under load, beside the limit.

The limit is cyclictest's (rt-tests): how late Linux wakes a C program of the same priority and period. It and the
ways of sending take turns in rounds, so that what else the machine does falls on all of them alike.
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from benchmarks.graph import Receiver, jack_graph, priority_is_granted
from benchmarks.stage import interval
from livevae.children import environment
from livevae.errors import LivevaeError
from livevae.player.realtime import PRIORITY

RATE = 240
"""Notes a second: one in 4.17 ms."""

MOST_RATE = 960

TICKS_A_SECOND = 1920
"""At the stage's tempo."""

MARKS = 15_240
"""Notes of one take that can be told apart at the receiver."""

ROWS: dict[str, tuple[str, ...]] = {
    "idle": (),
    "decode": ("decode",),
    "train": ("train",),
    "flood": ("flood",),
    "tui": ("tui",),
    "busy": ("busy",),
    "all": ("decode", "train", "flood", "tui", "busy"),
}
"""Rows of the table, and what runs meanwhile: decoding of four voices without a pause, training of a network at low
priority, 2000 OSC messages a second, the rehearsal UI at 200x60 while eight muted voices walk, a thread of the server
that computes in pure Python."""

WAYS = ("livevae", "ordinary", "asyncio", "thread", "isobar")
"""See stage.py."""

DEPRIVED = (
    "setpriv",
    "--bounding-set=-sys_nice,-ipc_lock,-sys_resource",
    "--inh-caps=-sys_nice,-ipc_lock,-sys_resource",
)
"""Starts a command with no right to raise its priority."""

OWN = ("livevae", "ordinary")
"""Those that are players of ours."""

QUANTILES = (0.5, 0.99, 0.999, 1.0)

Say = Callable[[str], None]


@dataclass(slots=True)
class Lateness:
    """Of the notes of one row and way: seconds."""

    send: list[float] = field(default_factory=list)
    receive: list[float] = field(default_factory=list)
    lost: int = 0


def quantiles(values: Iterable[float]) -> list[float]:
    """p50, p99, p99.9 and the largest, in milliseconds (nearest rank); empty of nothing."""
    ordered = sorted(values)
    if not ordered:
        return []
    return [1000 * ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in QUANTILES]


def arrivals_late(
    due: Sequence[float], arrivals: Iterable[tuple[float, int, int]]
) -> tuple[list[float], int]:
    """Lateness at the receiver of each note that arrived, and how many did not.

    Notes are told apart by pitch and velocity (see stage.mark).
    """
    late = {(velocity - 1) * 120 + pitch: when for when, pitch, velocity in arrivals}
    found = [late[index] - when for index, when in enumerate(due) if index in late]
    return found, len(due) - len(found)


def cyclictest(count: int, ticks: int, *, priority: bool = True) -> list[float]:
    """Lateness of `count` wake-ups of a C program at the player's interval, and its priority or none, in seconds."""
    micros = str(round(interval(ticks) * 1e6))
    rank = ["-p", str(PRIORITY)] if priority else []
    command = [
        "cyclictest",
        *(["-m"] if priority else []),
        "-q",
        *rank,
        "-i",
        micros,
        "-l",
        str(count),
        "-h",
        "100000",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return histogram(done.stdout)


def histogram(text: str) -> list[float]:
    """The samples in cyclictest's histogram (microseconds and counts), in seconds."""
    samples: list[float] = []
    for line in text.splitlines():
        parts = line.split()
        if len(parts) >= 2 and all(part.isdigit() for part in parts):
            samples += [int(parts[0]) / 1e6] * int(parts[1])
    return samples


def stolen() -> tuple[int, int]:
    """Processor time that a hypervisor took, and all of it, since the machine started; (0, 0) where unknown.

    Source: proc(5), the line `cpu` of /proc/stat; the eighth number is time stolen.
    """
    try:
        numbers = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    except (OSError, ValueError):
        return 0, 0
    return (numbers[7], sum(numbers[:8])) if len(numbers) >= 8 else (0, 0)


def share_stolen(before: tuple[int, int], after: tuple[int, int]) -> float:
    """The share of processor time that was stolen between two readings."""
    return (after[0] - before[0]) / max(1, after[1] - before[1])


@contextmanager
def stage(
    target: str, loads: Sequence[str], ways: Sequence[str], ticks: int, model: str, *, deprived: bool
) -> Iterator["Stage"]:
    """A server process under load; `deprived` of the right to take priority itself."""
    process = subprocess.Popen(
        [
            *(DEPRIVED if deprived else ()),
            sys.executable,
            "-m",
            "benchmarks.stage",
            target,
            ",".join(loads),
            ",".join(way for way in OWN if way in ways),
            str(ticks),
            model,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        yield Stage(process)
    finally:
        process.communicate()


class Stage:
    """The parent's end of stage.py."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        hello = self._read()
        self.realtime = bool(hello["realtime"])
        self.why = str(hello["why"])

    def take(self, way: str, count: int) -> tuple[list[float], list[float]]:
        """Have `count` notes sent one way; when each was due, and how late it was sent."""
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps([way, count]) + "\n")
            self._process.stdin.flush()
        answer = self._read()
        return list(answer["due"]), [late for late in answer["late"] if late is not None]

    def _read(self) -> dict[str, list[float]]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise LivevaeError("the server that was measured has ended; its last words are above")
        answer: dict[str, list[float]] = json.loads(line)
        return answer


def measure(
    rows: Sequence[str],
    ways: Sequence[str],
    notes: int,
    rounds: int,
    say: Say,
    *,
    ticks: int,
    model: str,
    deprived: bool = False,
) -> dict[str, dict[str, Lateness]]:
    """Lateness by row and way; cyclictest (`sleeping`: without priority) has what it slept too long under `send`."""
    table: dict[str, dict[str, Lateness]] = {}
    a_round = min(-(-notes // rounds), MARKS)
    limits = {"cyclictest": True} if priority_is_granted() else {}
    limits |= {"sleeping": False}
    if shutil.which("cyclictest") is None:
        limits = {}
        say("cyclictest is not installed (Debian: apt install rt-tests): the limit is not measured")
    if "isobar" in ways and find_spec("isobar") is None:
        say("isobar is not installed (pip install isobar): that way is left out")
        ways = [way for way in ways if way != "isobar"]
    with jack_graph() as graph:
        say(f"graph: {graph}; {platform.machine()}, {platform.release()}, Python {platform.python_version()}")
        receiver = Receiver("livevae-bench")
        for row in rows:
            results = table[row] = {way: Lateness() for way in (*ways, *limits)}
            before = stolen()
            with stage("livevae-bench", ROWS[row], ways, ticks, model, deprived=deprived) as server:
                if row == rows[0]:
                    say(
                        f"player: real-time priority {server.why}"
                        if server.realtime
                        else f"player: {server.why}"
                    )
                for _ in range(rounds):
                    for way in ways:
                        receiver.take()
                        due, late = server.take(way, a_round)
                        arrived, lost = arrivals_late(due, receiver.take())
                        results[way].send += late
                        results[way].receive += arrived
                        results[way].lost += lost
                    for way, priority in limits.items():
                        results[way].send += cyclictest(a_round, ticks, priority=priority)
            for line in lines_of(row, results):
                say(line)
            if (share := share_stolen(before, stolen())) >= 0.001:
                say(
                    f"{row:<8} the hypervisor took {100 * share:.1f} % of the processors from this machine meanwhile"
                )
        receiver.close()
    return table


HEAD = (
    f"{'load':<8} {'way':<11} {'notes':>6} {'lost':>5}  {'sent late, ms: p50':>18} {'p99':>8} {'p99.9':>8} {'max':>8}"
    f"   {'arrived late: p50':>17} {'p99':>8} {'p99.9':>8} {'max':>8}"
)


def lines_of(row: str, results: dict[str, Lateness]) -> Iterator[str]:
    """The row's part of the table."""
    for way, lateness in results.items():
        send, receive = quantiles(lateness.send), quantiles(lateness.receive)
        yield (
            f"{row:<8} {way:<11} {len(lateness.send):>6} {lateness.lost:>5}  "
            + " ".join(f"{value:>{width}.3f}" for value, width in zip(send, (18, 8, 8, 8), strict=False))
            + "   "
            + " ".join(f"{value:>{width}.3f}" for value, width in zip(receive, (17, 8, 8, 8), strict=False))
        )


def ratios(table: dict[str, dict[str, Lateness]]) -> Iterator[str]:
    """Livevae's p99 at send beside the limit's and the others'."""
    for row, results in table.items():
        p99 = {way: quantiles(lateness.send)[1] for way, lateness in results.items() if lateness.send}
        ours = p99.get("livevae")
        if ours:
            others = [f"{way} {value / ours:.2f}" for way, value in p99.items() if way != "livevae"]
            yield f"{row:<8} p99 at send as a multiple of livevae's: {', '.join(others)}"


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command line of this measurement."""
    text = "how late notes leave and arrive on a real MIDI graph, under load, beside cyclictest"
    command = commands.add_parser("jitter", help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("--notes", type=int, default=5000, help="notes of each row and way (5000)")
    command.add_argument(
        "--rounds", type=int, default=4, help="turns in which ways and cyclictest alternate (4)"
    )
    command.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), help="loads (all)")
    command.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="ways of sending (all)")
    command.add_argument("--rate", type=int, default=RATE, help="notes a second, of 1 to 960 (240)")
    command.add_argument("--model", default="", help="the model that decodes (the default one)")
    command.add_argument(
        "--deprived",
        action="store_true",
        help="start livevae with no right to priority, by setpriv; RealtimeKit, where it runs, is still asked",
    )
    command.add_argument("--json", type=Path, help="also write all quantiles to this file")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, and show the table."""

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    say(HEAD)
    if not 1 <= arguments.rate <= MOST_RATE:
        raise LivevaeError(f"--rate is 1 to {MOST_RATE} notes a second, not {arguments.rate}")
    table = measure(
        arguments.rows,
        arguments.ways,
        arguments.notes,
        arguments.rounds,
        say,
        ticks=round(TICKS_A_SECOND / arguments.rate),
        model=arguments.model,
        deprived=arguments.deprived,
    )
    for line in ratios(table):
        say(line)
    if arguments.json:
        plain = {
            row: {
                way: {
                    "send_ms": quantiles(late.send),
                    "receive_ms": quantiles(late.receive),
                    "lost": late.lost,
                }
                for way, late in results.items()
            }
            for row, results in table.items()
        }
        arguments.json.write_text(json.dumps(plain, indent=1) + "\n")
    return 0
