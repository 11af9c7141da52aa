"""A receiver on JACK that notes when what arrived, and how to wait for what another process does."""

import subprocess
import time


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
