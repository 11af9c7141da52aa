"""`benchmarks cold`: from the command to the first answer and the first note on a real MIDI graph.

Each start is a `livevae serve` of the bundled scene in a process of its own; the clock starts before it does. Seconds
of processor time, those of the player and the watch with them, are what other programs beside it change least.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.graph import Receiver, jack_graph
from livevae.children import environment
from livevae.errors import LivevaeError

PING = b"/livevae/ping\x00\x00\x00,\x00\x00\x00"
NAME = "livevae-bench"
PATIENCE = 60.0
"""Seconds within which it has to play."""

EVERY = 0.005
"""Seconds between pings."""


def add_command(below: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `cold`."""
    text = "how long livevae serve takes to its first answer and its first note"
    cold = below.add_parser("cold", help=text, description=text[0].upper() + text[1:] + ".")
    cold.add_argument("--starts", type=int, default=5, help="(default: %(default)s)")
    cold.set_defaults(run=run)


def start(receiver: Receiver) -> tuple[float, float, float]:
    """One start: seconds to the first answer, to the first note, and of processor time until then.

    Raises:
        LivevaeError: it does not play.
    """
    receiver.take()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "livevae", "serve", "--osc", f"127.0.0.1:{port}", "--midi", NAME]
    quiet = subprocess.DEVNULL
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, env=environment())
    answered = note = 0.0
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
            host.settimeout(EVERY)
            while not note and process.poll() is None and time.monotonic() < begun + PATIENCE:
                if answered:
                    time.sleep(EVERY)
                else:
                    try:
                        host.sendto(PING, ("127.0.0.1", port))
                        host.recv(1 << 12)
                        answered = time.monotonic() - begun
                    except OSError:
                        time.sleep(EVERY)
                if answered and (arrivals := receiver.take()):
                    note = arrivals[0][0] - begun
        used = sum(_processor_time(pid) for pid in _family(process.pid))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
    if not note:
        raise LivevaeError(f"livevae serve played nothing within {PATIENCE:.0f} s")
    return answered, note, used


def _family(pid: int) -> list[int]:
    """A process and its children."""
    done = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [pid, *(int(word) for word in done.stdout.split())]


def _processor_time(pid: int) -> float:
    """Seconds; source: proc(5), fields 14 and 15 of /proc/PID/stat."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def run(arguments: argparse.Namespace) -> int:
    """Measure, and show a line a start."""
    names = ("first answer", "first note", "processor time")
    with jack_graph() as graph:
        print(f"graph: {graph}")
        receiver = Receiver(NAME)
        found = []
        for _ in range(arguments.starts):
            found.append(start(receiver))
            print(
                ", ".join(f"{name} {value:.2f} s" for name, value in zip(names, found[-1], strict=True)),
                flush=True,
            )
        receiver.close()
    for name, values in zip(names, zip(*found, strict=True), strict=True):
        print(f"{name}: best {min(values):.2f} s, p50 {median(values):.2f} s")
    return 0
