"""A real MIDI graph without hardware: jackd on its dummy driver, and a receiver that writes down what arrives."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ears import Receiver, wait_for


@pytest.fixture
def receiver(jack: str) -> Iterator[Receiver]:
    """A virtual MIDI input on the graph."""
    receiver = Receiver("receiver")
    yield receiver
    receiver.close()


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
