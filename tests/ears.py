"""A receiver on JACK that notes when what arrived, and how to wait for what another process does."""

import subprocess
import time

SOON = 30.0
"""Seconds in which what another process does has happened, on a busy machine."""


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

    def ons(self) -> list[tuple[int, int]]:
        """(channel, pitch) of every note that began, in order."""
        return [(data[0] & 15, data[1]) for _, data in list(self.messages) if data[0] >> 4 == 9 and data[2]]

    def sounding(self) -> set[tuple[int, int]]:
        """(channel, pitch) of what has begun and not ended."""
        notes: set[tuple[int, int]] = set()
        for _, data in list(self.messages):
            if data[0] >> 4 == 9 and data[2]:
                notes.add((data[0] & 15, data[1]))
            elif data[0] >> 4 in (8, 9):
                notes.discard((data[0] & 15, data[1]))
        return notes

    def close(self) -> None:
        self._input.cancel_callback()
        self._input.close_port()
        self._input.delete()


def wait_for(what, patience: float = SOON) -> None:
    """Wait until something that another process does has happened; a failure after `patience` seconds."""
    assert wait_until(what, patience), "it did not happen"


def wait_until(condition, seconds: float = 10.0) -> bool:
    """Look every 10 ms whether something that another process does has happened."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
