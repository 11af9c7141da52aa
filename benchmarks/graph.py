"""A real MIDI graph to measure on: the JACK server that runs, or one of our own with the dummy driver."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from livevae.children import environment
from livevae.errors import LivevaeError

RATE, PERIOD, PATIENT_PERIOD = 48000, 64, 1024
"""The dummy driver's: arrivals are seen in steps of 1.33 ms, or of 21 ms where there is no real-time priority."""

NAMES = tuple(f"livevae-{number}" for number in range(1, 5))
"""Of servers that we start."""

Arrival = tuple[float, int, int]
"""(seconds of the monotonic clock, pitch, velocity) of a note-on."""


def jack_runs() -> bool:
    """Whether a JACK server answers."""
    if shutil.which("jack_lsp") is None:
        return False
    return subprocess.run(["jack_lsp"], capture_output=True, check=False).returncode == 0


@contextmanager
def jack_graph(*, ours: bool = False, period: int = PERIOD) -> Iterator[str]:
    """A JACK server for this process and its children; says in a few words which.

    Args:
        ours: start one even where another runs; on leaving, the environment is as it was.
        period: frames of a cycle, where real-time priority is granted: arrivals are seen in steps of it.

    Raises:
        LivevaeError: none runs, and jackd does not start.
    """
    if not ours and jack_runs():
        yield "the JACK server that runs here"
        return
    with jack_server(period) as server:
        yield server.how


@contextmanager
def jack_server(period: int = PERIOD) -> Iterator["JackServer"]:
    """A JACK server of our own, the default one of this process and its children.

    Raises:
        LivevaeError: jackd does not start.
    """
    if shutil.which("jackd") is None or shutil.which("jack_lsp") is None:
        raise LivevaeError(
            "a real MIDI graph is needed: start JACK, or install jackd (Debian: apt install jackd2)"
        )
    own = {"JACK_NO_AUDIO_RESERVATION": "1", "JACK_NO_START_SERVER": "1"}
    kept = {key: os.environ.get(key) for key in (*own, "JACK_DEFAULT_SERVER")}
    os.environ |= own
    try:
        server = JackServer(period)
        try:
            yield server
        finally:
            server.close()
    finally:
        for key, value in kept.items():
            os.environ.pop(key, None)
            if value is not None:
                os.environ[key] = value


class JackServer:
    """A running jackd.

    Attributes:
        how: how it was started, for the reader of a table.
    """

    def __init__(self, period: int = PERIOD) -> None:
        self._process, self._command, self.how = _start(period)

    def crash(self) -> None:
        """Kill it, as a crash would."""
        self._process.kill()
        self._process.wait()

    def start_again(self) -> None:
        """Start another of the same name, after a crash."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while not jack_runs():
            if time.monotonic() > until:
                raise LivevaeError("jackd does not start again")
            time.sleep(0.05)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:  # it may wait for a client that was killed
            self.crash()


def _start(period: int) -> tuple[subprocess.Popen[bytes], list[str], str]:
    """Start jackd as this machine allows: punctual, or patient.

    In each cycle it waits for its clients (-S), or what a late one writes would be lost. It waits for some twenty
    cycles and then takes the client for dead, and the graph may stop: so cycles are long where clients are not
    woken with real-time priority.
    """
    punctual = ["-R", "-P", "80", "-S", "-d", "dummy", "-r", str(RATE), "-p", str(period)]
    patient = ["-r", "-S", "-d", "dummy", "-r", str(RATE), "-p", str(PATIENT_PERIOD)]
    arguments = punctual if priority_is_granted() else patient
    words = ""
    # A machine has room for eight servers, and one that was killed keeps its place until its name comes again: so
    # names are few, and the first that no server has now is taken.
    for name in NAMES:
        os.environ["JACK_DEFAULT_SERVER"] = name
        if jack_runs():
            words = f"{name} runs already"
            continue
        # the default of 2,048 ports would take 107 MB of shared memory, which not every machine has
        command = ["jackd", "--port-max", "128", "-n", name, *arguments]
        with tempfile.TemporaryFile() as log:
            server = subprocess.Popen(command, stdout=log, stderr=log)
            until = time.monotonic() + 10
            while server.poll() is None and time.monotonic() < until:
                if jack_runs():
                    return server, command, f"jackd {' '.join(arguments)}"
                time.sleep(0.05)
            server.kill()
            server.wait()
            log.seek(0)
            words = log.read().decode(errors="replace").strip()[-300:]
        break
    raise LivevaeError(f"jackd does not start here: {words}")


def priority_is_granted() -> bool:
    """Whether processes started here may take real-time priority."""
    asked = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(80))"
    return subprocess.run([sys.executable, "-c", asked], capture_output=True, check=False).returncode == 0


class Receiver:
    """A process of its own, at real-time priority where granted, that notes when note-ons arrive at its JACK port."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.graph", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(),
        )
        self.take()

    def take(self) -> list[Arrival]:
        """What has arrived since the last time."""
        if self._process.stdin is None or self._process.stdout is None:
            return []
        self._process.stdin.write("take\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise LivevaeError("the receiver on JACK has ended")
        return [(float(when), int(pitch), int(velocity)) for when, pitch, velocity in json.loads(line)]

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def _receive(name: str) -> None:
    import rtmidi

    from livevae.player.realtime import become_realtime, quiet_collector

    arrivals: list[Arrival] = []

    def hear(event: tuple[list[int], float], _: object) -> None:
        data = event[0]
        if data[0] & 0xF0 == 0x90:
            arrivals.append((time.monotonic(), data[1], data[2]))

    port = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name, queue_size_limit=1 << 14)
    port.set_callback(hear)
    port.open_virtual_port("in")
    become_realtime()
    quiet_collector()
    for _ in sys.stdin:
        taken, arrivals = arrivals, []
        sys.stdout.write(json.dumps(taken) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _receive(sys.argv[1])
