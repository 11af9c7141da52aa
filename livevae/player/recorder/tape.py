"""The tape: what the player says about everything it sent, as lines for whoever records or measures.

["m", tick, port, "903c60", late, voice]    a message, with its lateness at send in seconds, and whose it is
["t", tick, bpm]                            the tempo from a tick on
["s", tick, beats, unit]                    the time signature from a tick on, which is yet to come as a rule
"""

import itertools
import json
import os
import select
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from livevae.player.core import Sent
from livevae.tempo.timeline import Timeline

MOST_KEPT = 1 << 20
"""Bytes that wait for a reader that stalls; past that the tape has holes rather than the music."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was sent, how late (seconds), and whose it is; offs, and what is nobody's, have no voice."""

    tick: int
    port: str
    data: bytes
    late: float
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Tempo:
    """A tempo that began."""

    tick: float
    bpm: float


@dataclass(frozen=True, slots=True)
class Signature:
    """A time signature, from a bar line on."""

    tick: int
    beats: int
    unit: int


def parse(line: bytes) -> Message | Tempo | Signature:
    """The entry in a line.

    Raises:
        ValueError: it is none; the last line of a writer that was killed can be half a line.
    """
    match json.loads(line):
        case ["m", int(tick), str(port), str(data), int() | float() as late, str(voice)]:
            return Message(tick, port, bytes.fromhex(data), float(late), voice)
        case ["t", int() | float() as tick, int() | float() as bpm]:
            return Tempo(float(tick), float(bpm))
        case ["s", int(tick), int(beats), int(unit)]:
            return Signature(tick, beats, unit)
    raise ValueError(f"not a line of the tape: {line[:80]!r}")


class TapeWriter:
    """The writing end: never waits. Each line is whole or absent.

    Attributes:
        lost: lines that were left out because the reader stalled.
    """

    __slots__ = ("_fd", "_kept", "_size", "lost")

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd: int | None = fd
        self._kept: deque[bytes] = deque()
        self._size = 0
        self.lost = 0

    def sent(self, messages: Iterable[tuple[Sent, float]]) -> None:
        """Messages with their lateness in seconds."""
        for message, late in messages:
            self._keep(["m", message.tick, message.port, message.data.hex(), round(late, 7), message.voice])
        self._write()

    def tempo(self, timeline: Timeline) -> None:
        """The timeline was replaced."""
        self._keep(["t", timeline.tick, timeline.bpm])
        self._write()

    def meter(self, tick: int, beats: int, unit: int) -> None:
        """The time signature changes at `tick`."""
        self._keep(["s", tick, beats, unit])
        self._write()

    @property
    def alive(self) -> bool:
        """Whether anybody reads."""
        return self._fd is not None

    def _keep(self, value: list[object]) -> None:
        line = json.dumps(value, separators=(",", ":")).encode() + b"\n"
        self._kept.append(line)
        self._size += len(line)
        while self._size > MOST_KEPT:
            self._size -= len(self._kept.popleft())
            self.lost += 1

    def _write(self) -> None:
        """Write what the pipe takes, in pieces that it takes whole or not at all; the rest is for the next time."""
        while self._kept and self._fd is not None:
            count, size = 0, 0
            for line in self._kept:
                if count and size + len(line) > select.PIPE_BUF:
                    break
                count, size = count + 1, size + len(line)
            try:
                os.write(self._fd, b"".join(itertools.islice(self._kept, count)))
            except BlockingIOError:
                return
            except OSError:
                self._fd = None
                return
            for _ in range(count):
                self._kept.popleft()
            self._size -= size
