"""The recorder: a small process that keeps a standard MIDI file of what was sent, whatever dies beside it.

It reads the player's tape from a pipe whose writing ends the server and the player hold, and replaces the
file whole about once a second. When the last writer is gone, `kill -9` included, the pipe ends: the recorder
closes the notes that still sound and writes the file for the last time.
"""

import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from livevae.player.recorder.smf import MidiFile
from livevae.player.recorder.tape import Message, Signature, parse

EVERY = 1.0
"""Seconds between two writings, so that a long night costs little and a fire loses little."""


class Recording:
    """The tape's entries, as a file that is whole at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = MidiFile()
        self._rest = b""
        self.changed = False

    def feed(self, data: bytes) -> None:
        """Bytes of the tape; half a line waits for its other half, and what is no entry is passed over."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            with suppress(ValueError):
                entry = parse(line)
                if isinstance(entry, Message):
                    self._file.message(entry.tick, entry.port, entry.data)
                elif isinstance(entry, Signature):
                    self._file.signature(entry.tick, entry.beats, entry.unit)
                else:
                    self._file.tempo(entry.tick, entry.bpm)
                self.changed = True

    def write(self) -> None:
        """Put the file in place whole: a reader sees the old one or the new one, never half of one."""
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        beside.write_bytes(self._file.encode())
        beside.replace(self._path)
        self.changed = False


def record(fd: int, path: Path) -> None:
    """Read the tape from `fd` until it ends, and keep `path` up to date."""
    recording = Recording(path)
    written = time.monotonic() - EVERY
    while True:
        wait = max(0.0, written + EVERY - time.monotonic()) if recording.changed else None
        ready, _, _ = select.select([fd], [], [], wait)
        if ready:
            data = os.read(fd, 1 << 16)
            if not data:
                break
            recording.feed(data)
        if recording.changed and time.monotonic() - written >= EVERY:
            recording.write()
            written = time.monotonic()
    recording.write()


def main(arguments: list[str]) -> int:
    """`python -m livevae.player.recorder FD FILE`, started by the server."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    with suppress(OSError, AttributeError):
        os.nice(10)
    record(int(arguments[0]), Path(arguments[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
