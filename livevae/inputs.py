"""What came in, kept in a log with its times, so that a night can be played again (replay.py).

A log is lines of JSON: a head, then `[time, kind, bytes, when]` for everything that came, in the order of its coming.
Law: a log that is written and read is the same log.
"""

import json
import logging
import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from livevae.edges.osc.timetags import Timetags
from livevae.errors import LivevaeError
from livevae.perform.voice import Timing
from livevae.player.clocks.clock import INTERNAL
from livevae.player.wire.reports import ClockChanged, PortBack, PortLost, Report, TimelineChanged, Transport
from livevae.tempo.timeline import Timeline

logger = logging.getLogger(__name__)

KINDS = ("osc", "midi", "clock", "line", "transport", "lost", "back", "end")
SPEAKING = ("line", "transport")
"""Kinds whose data says something of ours."""

Heard = Callable[[bytes, float], None]


@dataclass(frozen=True, slots=True)
class Input:
    """One thing that came in.

    Attributes:
        time: when, in seconds since the log began.
        kind: `osc` (a packet), `midi` (a message of an input), `clock` (a byte of a MIDI clock that is followed),
            `line` (where the music is, once another clock has led), `transport` (others begin to play, or stop),
            `lost` and `back` (a port, by livevae's name), `end`.
        data: its bytes; of a line JSON `[tick, bpm]`, of transport `[playing, tick]`.
        when: the moment that it says of itself, where that is another than `time`: a MIDI message's, a line's anchor.
    """

    time: float
    kind: str
    data: bytes = b""
    when: float | None = None

    @property
    def line(self) -> Timeline:
        """Where the music is from now on, of a `line`.

        Raises:
            ValueError: its data is no line.
        """
        tick, bpm = json.loads(self.data)
        return Timeline(tick, self.time if self.when is None else self.when, bpm)

    @property
    def transport(self) -> tuple[bool, float]:
        """Whether others play, and since which tick, of a `transport`.

        Raises:
            ValueError: its data says nothing of the kind.
        """
        playing, tick = json.loads(self.data)
        if not math.isfinite(tick):
            raise ValueError("a tick that is no number")
        return bool(playing), float(tick)


@dataclass(frozen=True, slots=True)
class Head:
    """What else the music depends on.

    Attributes:
        seed: the night's random numbers.
        zero: when tick 0 was, in seconds since the log began.
        wall: the wall clock (Unix seconds) less the seconds of the log, for timetags.
        lead: how early riffs were begun, in seconds.
        lookahead: how early they were handed to the player.
        bpm: the tempo at the beginning; 0 is the scene's.
        ports: names of the MIDI ports, the first being the default.
    """

    seed: int = 0
    zero: float = 0.0
    wall: float = 0.0
    lead: float = 0.5
    lookahead: float = 0.06
    bpm: float = 0.0
    ports: tuple[str, ...] = ("livevae",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ports", tuple(self.ports))


@dataclass(frozen=True, slots=True)
class Log:
    """A night's inputs."""

    head: Head
    inputs: tuple[Input, ...]


def line_of(item: Head | Input) -> str:
    """As a line of the log's file, with its end."""
    if isinstance(item, Head):
        return json.dumps(asdict(item)) + "\n"
    return json.dumps([item.time, item.kind, item.data.hex(), item.when]) + "\n"


def read(lines: Iterable[str]) -> Log:
    """A log from its file's lines; half a last line, of a server that was killed, is passed over.

    Raises:
        LivevaeError: it is no log.
    """
    rest = iter(lines)
    try:
        head = Head(**json.loads(next(rest, "")))
        sound = all(map(math.isfinite, (head.zero, head.wall, head.lead, head.lookahead, head.bpm)))
    except (ValueError, TypeError) as error:
        raise LivevaeError(f"this is no log of what came in (see --log): {error}") from None
    if not sound:
        raise LivevaeError("this is no log of what came in (see --log): a number of its head is none")
    inputs = []
    for number, line in enumerate(rest, 2):
        if not line.endswith("\n"):
            break
        with suppress(ValueError, TypeError):
            time, kind, data, when = json.loads(line)
            one = Input(float(time), kind, bytes.fromhex(data), None if when is None else float(when))
            if kind in KINDS and math.isfinite(time) and (kind not in SPEAKING or getattr(one, kind)):
                inputs.append(one)
                continue
        raise LivevaeError(f"line {number} of the log is none: {line[:60].strip()!r}")
    return Log(head, tuple(inputs))


class LogWriter:
    """A log that grows while a server plays. Used from the server's loop alone.

    Args:
        path: the file, which is begun anew.
        clock: monotonic seconds.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        try:
            self._file: TextIO = path.open("w", buffering=1, encoding="utf-8")
        except OSError as error:
            raise LivevaeError(f"--log: {path} cannot be written: {error.strerror}") from None
        self._clock, self._begun = clock, clock()
        self._fails = False
        self._led = False

    def head(self, seed: int, timing: Timing, timeline: Timeline, ports: tuple[str, ...]) -> None:
        """The first line."""
        wall = Timetags(self._clock).offset() + self._begun
        zero = timeline.time_at(0) - self._begun
        head = Head(seed, zero, wall, timing.lead, timing.lookahead, timeline.bpm, ports)
        self._write(head)

    def came(self, kind: str, data: bytes = b"", when: float | None = None) -> None:
        """Something came in now."""
        said = None if when is None else when - self._begun
        self._write(Input(self._clock() - self._begun, kind, data, said))

    def request(self, data: bytes) -> None:
        """An OSC message, as a packet, is done now."""
        self.came("osc", data)

    def hearing(self, heard: Heard) -> Heard:
        """`heard`, which takes MIDI messages and when they arrived, with the log's ear before it."""

        def hear(data: bytes, when: float) -> None:
            self.came("midi", data, when)
            heard(data, when)

        return hear

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

    def close(self) -> None:
        """The night is over."""
        self.came("end")
        with suppress(OSError):
            self._file.close()

    def _write(self, item: Head | Input) -> None:
        """A disk that is full costs the log, and nothing of the music."""
        if self._fails:
            return
        try:
            self._file.write(line_of(item))
        except OSError as error:
            self._fails = True
            logger.error("--log: the log ends here: %s", error.strerror)  # noqa: TRY400  (the performer's disk, not our fault)
