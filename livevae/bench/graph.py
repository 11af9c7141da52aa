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
from pathlib import Path

from livevae.errors import LivevaeError

RATE, PERIOD = 48000, 64
"""The dummy driver's: arrivals are seen in steps of 1.33 ms."""

Arrival = tuple[float, int, int]
"""(seconds of the monotonic clock, pitch, velocity) of a note-on."""


def jack_runs() -> bool:
    """Whether a JACK server answers."""
    if shutil.which("jack_lsp") is None:
        return False
    return subprocess.run(["jack_lsp"], capture_output=True, check=False).returncode == 0


@contextmanager
def jack_graph() -> Iterator[str]:
    """A JACK server for this process and its children; says in a few words which.

    Raises:
        LivevaeError: none runs, and jackd does not start.
    """
    if jack_runs():
        yield "the JACK server that runs here"
        return
    if shutil.which("jackd") is None:
        raise LivevaeError(
            "a real MIDI graph is needed: start JACK, or install jackd (Debian: apt install jackd2)"
        )
    own = {
        "JACK_DEFAULT_SERVER": f"livevae-bench-{os.getpid()}",
        "JACK_NO_AUDIO_RESERVATION": "1",
        "JACK_NO_START_SERVER": "1",
    }
    kept = {key: os.environ.get(key) for key in own}
    os.environ |= own
    server, how = _start()
    try:
        yield how
    finally:
        server.terminate()
        server.wait(10)
        for key, value in kept.items():
            os.environ.pop(key)
            if value is not None:
                os.environ[key] = value


def _start() -> tuple[subprocess.Popen[bytes], str]:
    words = ""
    for realtime in (["-R", "-P", "80"], ["-r"]):
        command = ["jackd", *realtime, "-S", "-n", os.environ["JACK_DEFAULT_SERVER"]]
        with tempfile.TemporaryFile() as log:
            server = subprocess.Popen(
                [*command, "-d", "dummy", "-r", str(RATE), "-p", str(PERIOD)], stdout=log, stderr=log
            )
            until = time.monotonic() + 5
            while server.poll() is None and time.monotonic() < until:
                if jack_runs():
                    return server, f"{' '.join(command[:-2])} -d dummy -r {RATE} -p {PERIOD}"
                time.sleep(0.05)
            server.kill()
            server.wait()
            log.seek(0)
            words = log.read().decode(errors="replace").strip()[-200:]
    raise LivevaeError(f"jackd does not start here: {words}")


class Receiver:
    """A process of its own, at real-time priority where granted, that notes when note-ons arrive at its JACK port."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "livevae.bench.graph", name],
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


def environment() -> dict[str, str]:
    """For child processes: our own, with the way to this livevae."""
    here = str(Path(__file__).resolve().parents[2])
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": here + (os.pathsep + path if path else "")}


def _receive(name: str) -> None:
    import rtmidi  # noqa: PLC0415  (the other functions here need none)

    from livevae.player.realtime import become_realtime, quiet_collector  # noqa: PLC0415

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
