"""What the rehearsal UI costs: its share of a core in a terminal of 200x60 while eight voices play, and its start."""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import pty
import statistics
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

from benchmarks.rehearsal import FakeServer
from livevae.children import environment

HELLO = """
from textual.app import App
from textual.widgets import Static
class Hello(App):
    def compose(self):
        yield Static("Stage")
Hello().run()
"""
"""The smallest Textual program: what no screen made with it is sooner than."""


def watching(port: int) -> list[str]:
    """The command that watches a server."""
    return [sys.executable, "-m", "livevae", "watch", f"127.0.0.1:{port}", "--theme", "dark"]


class Terminal:
    """A terminal with a program in it, whose output is read and counted.

    Args:
        command: the program.
        size: columns and rows.
    """

    def __init__(self, command: list[str], size: tuple[int, int]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        extra = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env={**environment(), **extra}
        )
        os.close(slave)
        os.set_blocking(self._master, False)
        self.read = 0
        self.first: float | None = None
        self.first_cpu = float("nan")

    def drain(self) -> None:
        """Read what it drew; notes when the first picture came."""
        with contextlib.suppress(BlockingIOError, OSError):
            while data := os.read(self._master, 65536):
                self.read += len(data)
                if self.first is None and b"Stage" in data:
                    self.first, self.first_cpu = time.perf_counter() - self.began, self.cpu()

    def cpu(self) -> float:
        """Seconds of processor time that it has used.

        Source: proc(5): numbers 14 and 15 of /proc/PID/stat, in clock ticks.
        """
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        os.close(self._master)


async def measure(size: tuple[int, int], voices: int, seconds: float) -> dict[str, float]:
    """The start, the share of a core, and bytes a second to the terminal."""
    server = FakeServer(voices)
    await server.open()
    terminal = Terminal(watching(server.port), size)
    try:
        loop = asyncio.get_running_loop()
        until = loop.time() + 5
        while loop.time() < until:
            terminal.drain()
            await asyncio.sleep(0.01)
        start_cpu, start_read, start = terminal.cpu(), terminal.read, loop.time()
        while loop.time() < start + seconds:
            terminal.drain()
            await asyncio.sleep(0.02)
        took = loop.time() - start
        return {
            "start_s": terminal.first or float("nan"),
            "start_cpu_s": terminal.first_cpu,
            "core": (terminal.cpu() - start_cpu) / took,
            "bytes": (terminal.read - start_read) / took,
        }
    finally:
        terminal.close()
        server.close()


async def first_pictures(times: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds from exec to the first picture, and of processor time until then: `watch` and a bare program in turn."""
    server = FakeServer(3)
    await server.open()
    found: dict[str, list[tuple[float, float]]] = {"watch": [], "bare": []}
    try:
        for _ in range(times):
            for name, command in (("watch", watching(server.port)), ("bare", [sys.executable, "-c", HELLO])):
                terminal = Terminal(command, (80, 24))
                until = asyncio.get_running_loop().time() + 20
                while terminal.first is None and asyncio.get_running_loop().time() < until:
                    terminal.drain()
                    await asyncio.sleep(0.005)
                terminal.close()
                found[name].append((terminal.first or float("nan"), terminal.first_cpu))
    finally:
        server.close()
    return found


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command line of this measurement."""
    text = "the rehearsal UI's start, and its share of a core while voices play"
    command = commands.add_parser("tui", help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument(
        "--seconds", type=float, default=20.0, help="of each row; 0 leaves the rows out (20)"
    )
    command.add_argument("--starts", type=int, default=7, help="starts of each program (7)")
    command.add_argument("--json", type=Path, help="also write the figures to this file")
    command.set_defaults(run=run)


ROWS = (((80, 24), 3), ((120, 40), 4), ((200, 60), 8))


def run(arguments: argparse.Namespace) -> int:
    """Measure, and show the table."""
    print(f"load {os.getloadavg()[0]:.1f}")
    starts = asyncio.run(first_pictures(arguments.starts))
    middles = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in starts.items()
    }
    for name, (wall, cpu) in middles.items():
        least = min(row[1] for row in starts[name])
        print(
            f"start of {name:<6} {wall:>6.2f} s to its first picture, {cpu:.2f} s of CPU (least {least:.2f})"
        )
    print(
        f"ratio {middles['watch'][0] / middles['bare'][0]:.2f}, of CPU {middles['watch'][1] / middles['bare'][1]:.2f}"
    )
    if not arguments.seconds:
        return 0
    print(
        f"{'terminal':<10} {'voices':>6} {'start, s':>9} {'of it CPU':>10} {'share of a core':>16} {'kB/s':>7}"
    )
    found = {}
    for size, voices in ROWS:
        row = asyncio.run(measure(size, voices, arguments.seconds))
        name = f"{size[0]}x{size[1]}"
        found[name] = row
        start = f"{row['start_s']:>9.2f} {row['start_cpu_s']:>10.2f}"
        print(
            f"{name:<10} {voices:>6} {start} {100 * row['core']:>14.1f} % {row['bytes'] / 1000:>7.1f}",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0
