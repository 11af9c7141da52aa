"""The recorder: a small process that keeps a standard MIDI file of what was sent, whatever dies beside it.

It reads the player's tape from a pipe whose writing ends the server and the player hold, and replaces the
file whole about once a second. When the last writer is gone, `kill -9` included, the pipe ends: the recorder
closes the notes that still sound and writes the file for the last time. Where the disk is full it says so, keeps
everything, and writes when there is space. Where it dies itself, the server starts another, which goes on with the
file; the pipe keeps what is said meanwhile.
"""

import itertools
import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from livevae import whole_files
from livevae.player.recorder.smf import MidiFile
from livevae.player.recorder.tape import Message, Signature, parse

EVERY = 1.0
"""Seconds between two writings, so that a long night costs little and a fire loses little."""

LAST_TRIES = 20
"""Seconds for which the last writing is tried again; the server waits longer."""


class Recording:
    """The tape's entries, as a file that is whole at any time."""

    def __init__(self, path: Path, file: MidiFile | None = None) -> None:
        self._path = path
        self._file = file or MidiFile()
        self._rest = b""
        self._failed = False
        self.changed = False

    def feed(self, data: bytes) -> None:
        """Bytes of the tape; half a line waits for its other half, and what is no entry is passed over."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            with suppress(ValueError):
                entry = parse(line)
                if isinstance(entry, Message):
                    self._file.message(entry.tick, entry.port, entry.data, entry.voice)
                elif isinstance(entry, Signature):
                    self._file.signature(entry.tick, entry.beats, entry.unit)
                else:
                    self._file.tempo(entry.tick, entry.bpm)
                self.changed = True

    def write(self) -> bool:
        """Put the file in place whole: a reader sees the old one or the new one. False where it cannot be written."""
        try:
            whole_files.write_whole(self._path, self._file.encode(), durable=False)
        except OSError as error:
            if not self._failed:
                self._failed = True
                _say(
                    f"{self._path} cannot be written ({error.strerror}): all is kept, and written when it can be"
                )
            return False
        if self._failed:
            self._failed = False
            _say(f"{self._path} is written again, nothing is missing")
        self.changed = False
        return True


def go_on(path: Path) -> Recording:
    """A recording that goes on with the file of one that died; beside it, where that cannot be read."""
    try:
        return Recording(path, MidiFile.read(path.read_bytes()))
    except FileNotFoundError:
        return Recording(path)
    except (OSError, ValueError) as error:
        names = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
        other = next(name for name in names if not name.exists())
        _say(f"{path} cannot be gone on with ({error}): what comes now is in {other}")
        return Recording(other)


def record(fd: int, path: Path, *, again: bool = False) -> None:
    """Read the tape from `fd` until it ends, and keep `path` up to date; `again`: with what is in it."""
    recording = go_on(path) if again else Recording(path)
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
    for _ in range(LAST_TRIES):
        if recording.write():
            return
        time.sleep(1.0)
    _say(f"{path} ends where it could be written for the last time")


def _say(text: str) -> None:
    """A line on the performer's terminal, where there is one."""
    with suppress(OSError):
        os.write(2, f"record  {text}\n".encode())


def main(arguments: list[str]) -> int:
    """`python -m livevae.player.recorder FD FILE [again]`, started by the server."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    with suppress(OSError, AttributeError):
        os.nice(10)
    record(int(arguments[0]), Path(arguments[1]), again=arguments[2:] == ["again"])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
