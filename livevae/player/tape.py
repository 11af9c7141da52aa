"""The tape: what the player says about everything it sent, as lines for whoever records or measures.

["m", tick, port, "903c60", late]     a message, with its lateness at send in seconds
["t", tick, bpm]                      the tempo from a tick on
"""

import json
import os
import select
from collections.abc import Iterable
from dataclasses import dataclass

from livevae.player.core import Sent
from livevae.tempo.timeline import Timeline

MOST_KEPT = 1 << 20
"""Bytes that wait for a reader that stalls; past that the tape has holes rather than the music."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was sent, and how late (seconds)."""

    tick: int
    port: str
    data: bytes
    late: float


@dataclass(frozen=True, slots=True)
class Tempo:
    """A tempo that began."""

    tick: float
    bpm: float


def parse(line: bytes) -> Message | Tempo:
    """The entry in a line.

    Raises:
        ValueError: it is none; the last line of a writer that was killed can be half a line.
    """
    match json.loads(line):
        case ["m", int(tick), str(port), str(data), int() | float() as late]:
            return Message(tick, port, bytes.fromhex(data), float(late))
        case ["t", int() | float() as tick, int() | float() as bpm]:
            return Tempo(float(tick), float(bpm))
    raise ValueError(f"not a line of the tape: {line[:80]!r}")


class TapeWriter:
    """The writing end: never waits. Each line is whole or absent."""

    __slots__ = ("_fd", "_kept", "lost")

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd: int | None = fd
        self._kept: list[bytes] = []
        self.lost = 0

    def sent(self, messages: Iterable[tuple[Sent, float]]) -> None:
        """Messages with their lateness in seconds."""
        self._write([_line(["m", m.tick, m.port, m.data.hex(), round(late, 7)]) for m, late in messages])

    def tempo(self, timeline: Timeline) -> None:
        """The timeline was replaced."""
        self._write([_line(["t", timeline.tick, timeline.bpm])])

    @property
    def alive(self) -> bool:
        """Whether anybody reads."""
        return self._fd is not None

    def _write(self, lines: list[bytes]) -> None:
        """Whole lines up to what the pipe takes atomically; the rest waits for the next time."""
        self._kept.extend(lines)
        while self._kept and self._fd is not None:
            count = _fitting(self._kept)
            try:
                os.write(self._fd, b"".join(self._kept[:count]))
            except BlockingIOError:
                break
            except OSError:
                self._fd = None
                return
            del self._kept[:count]
        over = sum(map(len, self._kept)) - MOST_KEPT if len(self._kept) > 1000 else 0
        while over > 0 and self._kept:
            over -= len(self._kept.pop(0))
            self.lost += 1


def _fitting(lines: list[bytes]) -> int:
    """How many of the lines, at least one, a pipe takes whole or not at all."""
    size = 0
    for count, line in enumerate(lines):
        size += len(line)
        if size > select.PIPE_BUF:
            return max(1, count)
    return len(lines)


def _line(value: list[object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
