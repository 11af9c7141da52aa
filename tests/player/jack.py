"""A MIDI graph without hardware for tests: jackd's dummy driver, and a receiver that notes when what arrived."""

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

PERIOD = 64 / 48000


@contextmanager
def jack_server(log: Path):
    """jackd with a name of its own, as the default server of this process and its children."""
    if shutil.which("jackd") is None or shutil.which("jack_lsp") is None:
        pytest.skip("jackd is not installed (Debian: apt install jackd2)")
    name = f"livevae-test-{os.getpid()}"
    kept = {
        key: os.environ.get(key)
        for key in ("JACK_DEFAULT_SERVER", "JACK_NO_AUDIO_RESERVATION", "JACK_NO_START_SERVER")
    }
    os.environ |= {"JACK_DEFAULT_SERVER": name, "JACK_NO_AUDIO_RESERVATION": "1", "JACK_NO_START_SERVER": "1"}
    server = None
    try:
        for realtime in (["-R", "-P", "80"], ["-r"]):
            with log.open("wb") as out:
                server = subprocess.Popen(
                    ["jackd", *realtime, "-S", "-n", name, "-d", "dummy", "-r", "48000", "-p", "64"],
                    stdout=out,
                    stderr=subprocess.STDOUT,
                )
            if _up(server):
                break
            server.kill()
            server.wait()
            server = None
        if server is None:
            pytest.skip(f"jackd does not start here: {log.read_text(errors='replace')[-300:]}")
        yield server
    finally:
        if server is not None:
            server.terminate()
            server.wait(10)
        for key, value in kept.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def _up(server) -> bool:
    for _ in range(100):
        if server.poll() is not None:
            return False
        if subprocess.run(["jack_lsp"], capture_output=True, check=False).returncode == 0:
            return True
        time.sleep(0.05)
    return False


class Receiver:
    """A virtual JACK input called `name`; `messages` holds (seconds of the monotonic clock, bytes)."""

    def __init__(self, name: str) -> None:
        import rtmidi  # noqa: PLC0415  (needs libasound)

        self.name = name
        self.messages: list[tuple[float, bytes]] = []
        self._input = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name)
        self._input.ignore_types(sysex=False, timing=False, active_sense=False)
        self._input.set_callback(self._hear)
        self._input.open_virtual_port("in")

    def _hear(self, event, _data=None) -> None:
        self.messages.append((time.monotonic(), bytes(event[0])))

    def connect(self, output: str) -> None:
        subprocess.run(["jack_connect", output, f"{self.name}:in"], check=True, capture_output=True)

    def sounding(self) -> set[tuple[int, int]]:
        """(channel, pitch) of what has begun and not ended."""
        notes: set[tuple[int, int]] = set()
        for _, data in list(self.messages):
            key = (data[0] & 0x0F, data[1]) if len(data) > 1 else (0, 0)
            if data[0] & 0xF0 == 0x90:
                notes.add(key)
            elif data[0] & 0xF0 == 0x80:
                notes.discard(key)
        return notes

    def close(self) -> None:
        self._input.cancel_callback()
        self._input.close_port()
        self._input.delete()


def wait_until(condition, seconds: float = 10.0) -> bool:
    """Look every 10 ms whether something that another process does has happened."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
