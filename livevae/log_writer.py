"""A log of what comes in, while a server plays; `inputs` says what is in it, and reads it."""

import json
import logging
from collections.abc import Callable
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import TextIO

from livevae.edges.osc.limits import full
from livevae.edges.osc.timetags import Timetags
from livevae.errors import LivevaeError
from livevae.inputs import Head, Input, line_of, part_of, parts
from livevae.latent.recipe import NORMAL
from livevae.models.fingerprint import Fingerprint
from livevae.perform.disk import PATIENCE, Writer
from livevae.perform.timing import Timing
from livevae.player.clocks.clock import INTERNAL
from livevae.player.wire.reports import ClockChanged, PortBack, PortLost, Report, TimelineChanged, Transport
from livevae.tempo.timeline import Timeline

logger = logging.getLogger(__name__)

OnMessage = Callable[[bytes, float], None]

PART = 64 * 2**20
"""Characters of one file of a log; what comes then goes on in the next, FILE.1, FILE.2 and so on."""

MOST = 2**30
"""Characters of packets and MIDI in a whole log. A night of a thousand requests an hour has 2 MB."""

MOST_EARLY = 10_000
"""Packets and MIDI messages that are kept for a log before it has a head, while the first downbeat waits."""

RATE, BURST = 262_144.0, 16 * 2.0**20
"""Characters a second of packets and MIDI, and at once: two thousand requests a second."""

MOST_WAITING = 8 * 2**20
"""Characters that wait for a slow disk."""

FLOODING = ("osc", "midi")
"""Kinds that others can send without end; what is too much of them is left out, and that is said."""


class LogWriter:
    """A log that grows while a server plays, within a budget. Used from the server's loop alone; a thread writes.

    Args:
        path: the file. With its head it is begun anew, and those in which an earlier log of that name went on are
            removed; a start that fails touches nothing.
        clock: monotonic seconds.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        try:
            self._file: TextIO = path.open("a", buffering=1, encoding="utf-8")
        except OSError as error:
            raise LivevaeError(f"--log: {path} cannot be written: {error.strerror}") from None
        self._path, self._number = path, 0
        self._clock, self._begun = clock, clock()
        self._rate = full(RATE, BURST, self._begun)
        self._size = self._flooded = self._left = 0
        self._writer, self._queued, self._written = Writer("log"), 0, 0
        self._over = self._fails = False
        self._led = False
        self._early: list[Input] | None = []

    def head(
        self, seed: int, timing: Timing, timeline: Timeline, ports: tuple[str, ...], prior: str = NORMAL
    ) -> None:
        """The first line. What came before goes after it."""
        wall = Timetags(self._clock).offset() + self._begun
        zero = timeline.time_at(0) - self._begun
        head = Head(
            seed, zero, wall, timing.lead, timing.lookahead, timeline.bpm, ports, prior, set_makes=False
        )
        self._writer.submit(partial(self._do, self._empty))
        left, self._left = self._left, 0
        self._write(head)
        early, self._early = self._early or [], None
        for item in early:
            self._write(item)
        self._left += left

    def came(self, kind: str, data: bytes = b"", when: float | None = None) -> None:
        """Something came in now."""
        own_time = None if when is None else when - self._begun
        item = Input(self._clock() - self._begun, kind, data, own_time)
        if self._early is None:
            self._write(item)
        elif kind not in FLOODING or len(self._early) < MOST_EARLY:
            self._early.append(item)
        else:
            self._leave_out()

    def model(self, called: str, found: Fingerprint) -> None:
        """A model plays from now on."""
        self.came("model", json.dumps([called, *astuple(found)]).encode())

    def request(self, data: bytes) -> None:
        """An OSC message, as a packet, is done now."""
        self.came("osc", data)

    def logged(self, on_message: OnMessage) -> OnMessage:
        """`on_message`, which takes MIDI messages and when they arrived; each is kept in the log before."""

        def logged(data: bytes, when: float) -> None:
            self.came("midi", data, when)
            on_message(data, when)

        return logged

    def reported(self, report: Report) -> None:
        """What the player tells that came from outside: another's clock, a port that goes or comes."""
        match report:
            case ClockChanged(source):
                # from then on every line: what another's clock has begun goes on when we are our own again
                self._led = self._led or source != INTERNAL
            case TimelineChanged(line) if self._led:
                self.came("line", json.dumps([line.tick, line.bpm]).encode(), line.time)
            case Transport(playing, tick):
                self.came("transport", json.dumps([playing, tick]).encode())
            case PortLost(port):
                self.came("lost", port.encode())
            case PortBack(port):
                self.came("back", port.encode())
            case _:
                pass

    def end(self) -> None:
        """The night is over; what comes now is not kept."""
        if not self._over:
            self.came("end")
            self._over = True

    def close(self, patience: float = PATIENCE) -> None:
        """End, and wait until all is written, but not for ever."""
        self.end()
        self._writer.submit(self._shut)
        if not self._writer.close(patience):
            logger.error("--log: %s does not answer: the end of the log may not be there", self._path)

    def _shut(self) -> None:
        self._file.close()

    def _write(self, item: Head | Input) -> None:
        """A disk that is full or slow costs the log, and nothing of the music; so does a flood."""
        if self._fails or self._over:
            return
        line = line_of(item)
        if isinstance(item, Input) and item.kind in FLOODING and not self._has_room(len(line)):
            self._leave_out()
            return
        if self._left:
            count, self._left = self._left, 0
            self._line(line_of(Input(self._clock() - self._begun, "left", str(count).encode())))
        self._line(line)

    def _leave_out(self) -> None:
        if not self._left:
            logger.warning("--log: more comes in than the log takes, and some of it is left out")
        self._left += 1

    def _has_room(self, size: int) -> bool:
        waiting = self._queued - self._written + size
        if self._flooded + size > MOST or waiting > MOST_WAITING or not self._rate.take(self._clock(), size):
            return False
        self._flooded += size
        return True

    def _line(self, line: str) -> None:
        part = None
        if self._size + len(line) > PART:
            self._number += 1
            self._size = 0
            part = part_of(self._path, self._number)
        self._size += len(line)
        self._queued += len(line)
        self._writer.submit(partial(self._do, partial(self._append, line, part)))

    # in the writer's thread

    def _do(self, work: Callable[[], None]) -> None:
        """Do something with the file, unless that failed before."""
        if self._fails:
            return
        try:
            work()
        except OSError as error:
            self._fails = True
            logger.error("--log: the log ends here: %s", error.strerror)  # noqa: TRY400  (the performer's disk, not our fault)

    def _empty(self) -> None:
        for part in list(parts(self._path)):
            part.unlink()
        if self._path.is_file():
            self._file.truncate(0)

    def _append(self, line: str, part: Path | None) -> None:
        """Add a line, to the next file where one is given."""
        if part is not None:
            self._file.close()
            self._file = part.open("w", buffering=1, encoding="utf-8")
        self._file.write(line)
        self._written += len(line)
