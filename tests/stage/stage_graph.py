"""A real MIDI graph without hardware: jackd on its dummy driver, and a receiver that writes down what arrives."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SOON = 30.0


def wait_for(what: Callable[[], object], patience: float = SOON) -> None:
    """Until `what` is true; a failure after `patience` seconds."""
    until = time.monotonic() + patience
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


@dataclass
class Receiver:
    """A synth that only writes down: (seconds, message) as they arrive."""

    name: str
    heard: list[tuple[float, bytes]] = field(default_factory=list)

    def take(self, event: tuple[list[int], float], _: object = None) -> None:
        self.heard.append((time.monotonic(), bytes(event[0])))

    def ons(self) -> list[tuple[int, int]]:
        return [(d[0] & 15, d[1]) for _, d in list(self.heard) if d[0] >> 4 == 9 and d[2]]

    def sounding(self) -> set[tuple[int, int]]:
        held: set[tuple[int, int]] = set()
        for _, data in list(self.heard):
            if data[0] >> 4 == 9 and data[2]:
                held.add((data[0] & 15, data[1]))
            elif data[0] >> 4 in (8, 9):
                held.discard((data[0] & 15, data[1]))
        return held


@pytest.fixture
def receiver(jack: str) -> Iterator[Receiver]:
    """A virtual MIDI input on the graph."""
    import rtmidi  # noqa: PLC0415  (needs the system's libasound2)

    name = "receiver"
    port = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name)
    port.open_virtual_port("in")
    taker = Receiver(name)
    port.set_callback(taker.take)
    yield taker
    port.cancel_callback()
    port.close_port()
    port.delete()


@dataclass
class Stage:
    """A running `livevae serve` with the bundled model."""

    process: "subprocess.Popen[str]"
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def osc(self) -> int:
        line = next(line for line in self.said.splitlines() if line.startswith("osc "))
        return int(line.split(";")[0].rsplit(":", 1)[1])

    def player(self) -> int:
        """The player's process id."""
        found = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=True,
        )
        return next(int(line.split()[0]) for line in found.stdout.splitlines() if "livevae.player " in line)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Start `livevae serve` with these arguments, and wait until it plays."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> Stage:
        log = tmp_path / f"serve-{len(started)}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "livevae", "serve", "--osc", "127.0.0.1:0", "--seed", "3", *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
            )
        started.append(process)
        stage = Stage(process, log)
        wait_for(lambda: "\nplaying " in stage.said or process.poll() is not None)
        assert process.poll() is None, stage.said
        return stage

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
