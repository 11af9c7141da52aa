"""What came in, kept in a log with its times, so that a night can be played again (replay.py).

A log is lines of JSON: a head, then `[time, kind, bytes, when]` for everything that came, in the order of its coming.
Law: a log that is written and read is the same log; so reader and writer share one file, and its limits.
"""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, astuple, dataclass
from functools import partial
from itertools import chain, count, islice, takewhile
from pathlib import Path
from typing import TextIO

from livevae.budget import json_value, shown
from livevae.edges.osc.limits import full
from livevae.edges.osc.timetags import Timetags
from livevae.errors import LimitError, LivevaeError
from livevae.latent.recipe import NORMAL, PRIORS
from livevae.models.fingerprint import Fingerprint
from livevae.perform.disk import PATIENCE, Writer
from livevae.perform.timing import MOST_LEAD, Timing
from livevae.player.clocks.clock import INTERNAL
from livevae.player.wire.reports import ClockChanged, PortBack, PortLost, Report, TimelineChanged, Transport
from livevae.tempo.timeline import Timeline, checked_bpm

logger = logging.getLogger(__name__)

MAX_LINE = 1 << 18
"""Characters of a line; a packet of OSC has at most 64 kB, which are 128 as hexadecimal digits."""

MAX_INPUTS = 5_000_000
"""Inputs of a log that is held in memory; one in files may have any number."""

MAX_SECONDS = 366 * 24 * 3600.0
"""How long a night is at most: an exhibition may play for months."""

MAX_ZERO = 1e7
"""Seconds that tick 0 lies from the log's beginning, on either side."""

MAX_WALL = 1e11
MAX_TICK = 1e12
"""On either side; a year at 999 beats a minute has 5.1e11."""

MAX_PORTS = 64
MAX_NAME = 4096
"""Characters that a model's name has: it may be a path."""

MAX_SEED = 1 << 64

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

KINDS = ("osc", "midi", "clock", "line", "transport", "lost", "back", "trained", "model", "left", "end")
SPEAKING = ("line", "transport", "model", "left")
"""Kinds whose data says something of ours."""

OnMessage = Callable[[bytes, float], None]


@dataclass(frozen=True, slots=True)
class Input:
    """One thing that came in.

    Attributes:
        time: when, in seconds since the log began.
        kind: `osc` (a packet), `midi` (a message of an input), `clock` (a byte of a MIDI clock that is followed),
            `line` (where the music is, once another clock has led), `transport` (others begin to play, or stop),
            `lost` and `back` (a port, by livevae's name), `trained` (a persona, by name, now ready), `model` (one
            that plays from now on), `left` (how many inputs before this one were left out, for there were too many),
            `end`.
        data: its bytes; of a line JSON `[tick, bpm]`, of transport `[playing, tick]`, of a model `[what voices call
            it, the fields of its fingerprint ...]`, of left a number.
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
        tick, bpm = json_value(self.data, 1)
        return Timeline(_within(tick, MAX_TICK), _within(self._moment, MAX_SECONDS), bpm)

    @property
    def _moment(self) -> float:
        return self.time if self.when is None else self.when

    @property
    def transport(self) -> tuple[bool, float]:
        """Whether others play, and since which tick, of a `transport`.

        Raises:
            ValueError: its data says nothing of the kind.
        """
        playing, tick = json_value(self.data, 1)
        return bool(playing), _within(tick, MAX_TICK)

    @property
    def model(self) -> tuple[str, Fingerprint]:
        """What voices call a model, and what it is, of a `model`.

        Raises:
            ValueError: its data says nothing of the kind.
        """
        called, *facts = json_value(self.data, 1)
        if not all(isinstance(fact, str) and len(fact) <= MAX_NAME for fact in (called, *facts)):
            raise ValueError(f"a model is told by texts of {MAX_NAME} characters at most")
        return called, Fingerprint(*facts)

    @property
    def left(self) -> int:
        """How many inputs were left out, of a `left`.

        Raises:
            ValueError: its data is no such number.
        """
        count = json_value(self.data.decode(), 0)
        if type(count) is not int or count < 1:
            raise ValueError("a count of what was left out is a whole number from 1")
        return count

    def check(self) -> None:
        """See that it can be played again.

        Raises:
            ValueError: a kind, a time or data that no server writes.
            LimitError: data that are nested.
        """
        if self.kind not in KINDS:
            raise ValueError(f"a kind of input that is none: {self.kind!r}")
        if not 0 <= self.time <= MAX_SECONDS or (self.when is not None and not abs(self.when) <= MAX_SECONDS):
            raise ValueError("a time that is beyond a night")
        if self.kind in ("lost", "back", "trained"):
            self.data.decode()
        elif self.kind == "midi":
            _check_message(self.data)
        elif self.kind == "clock" and not self.data:
            raise ValueError("a clock's message without a byte")
        elif self.kind in SPEAKING and not getattr(self, self.kind):
            raise ValueError(f"a {self.kind} that says nothing")


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
        prior: what riffs were drawn from, where a voice did not say; logs from before there was a choice say nothing.
        set_makes: whether `/livevae/set` made every voice that was not there, as it did where a log says nothing; else
            only with `new 1`.
    """

    seed: int = 0
    zero: float = 0.0
    wall: float = 0.0
    lead: float = 0.5
    lookahead: float = 0.06
    bpm: float = 0.0
    ports: tuple[str, ...] = ("livevae",)
    prior: str = NORMAL
    set_makes: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "ports", tuple(self.ports))

    def check(self) -> None:
        """See that a night can begin so.

        Raises:
            ValueError: a number that is out of range, or ports that are no names.
        """
        if type(self.seed) is not int or abs(self.seed) >= MAX_SEED:
            raise ValueError("a seed is a whole number")
        for seconds in (self.lead, self.lookahead):
            if not _within(seconds, MOST_LEAD) >= 0:
                raise ValueError("lead and lookahead are 0 to 60 seconds")
        if self.prior not in PRIORS:
            raise ValueError(f"a prior is {' or '.join(PRIORS)}, not {self.prior!r}")
        if type(self.set_makes) is not bool:
            raise ValueError("set_makes is true or false")
        _within(self.zero, MAX_ZERO)
        _within(self.wall, MAX_WALL)
        if self.bpm != 0:
            checked_bpm(self.bpm)
        if not 1 <= len(self.ports) <= MAX_PORTS or not all(isinstance(port, str) for port in self.ports):
            raise ValueError(f"a night has 1 to {MAX_PORTS} ports, by name")


@dataclass(frozen=True, slots=True)
class Log:
    """A night's inputs.

    Attributes:
        head: what else the music depends on.
        inputs: in the order of their coming; those of files are read anew each time, and never all in memory.
    """

    head: Head
    inputs: Collection[Input]

    @property
    def left_out(self) -> int:
        """How many inputs are not in it, because too many came."""
        return sum(item.left for item in self.inputs if item.kind == "left")


def line_of(item: Head | Input) -> str:
    """As a line of the log's file, with its end."""
    if isinstance(item, Head):
        return json.dumps(asdict(item)) + "\n"
    return json.dumps([item.time, item.kind, item.data.hex(), item.when]) + "\n"


def read(lines: Iterable[str]) -> Log:
    """A log from its file's lines; half a last line, of a server that was killed, is passed over.

    Raises:
        LivevaeError: it is no log, or holds more than `MAX_INPUTS`.
    """
    rest = iter(lines)
    head = _head(rest)
    inputs = tuple(islice(_inputs(rest), MAX_INPUTS + 1))
    if len(inputs) > MAX_INPUTS:
        raise LivevaeError(f"the log holds more than {MAX_INPUTS} inputs")
    return Log(head, inputs)


def _head(lines: Iterator[str]) -> Head:
    try:
        head = Head(**json_value(next(lines, ""), 2))
        head.check()
    except _FAULTS as error:
        raise LivevaeError(f"this is no log of what came in (see --log): {shown(str(error))}") from None
    return head


def _inputs(lines: Iterator[str]) -> Iterator[Input]:
    """The inputs in the lines after the head."""
    for number, line in enumerate(lines, 2):
        if not line.endswith("\n"):
            break
        try:
            time, kind, data, when = json_value(line, 1)
            item = Input(float(time), kind, bytes.fromhex(data), None if when is None else float(when))
            item.check()
        except _FAULTS:
            raise LivevaeError(f"line {number} of the log is none: {shown(line[:60].strip())!r}") from None
        yield item


class _Filed(Collection[Input]):
    """The inputs of a log in files, each looked at once when this is made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = sum(1 for _ in self)

    def __len__(self) -> int:
        return self._size

    def __contains__(self, item: object) -> bool:
        return any(item == other for other in self)

    def __iter__(self) -> Iterator[Input]:
        yield from _inputs(islice(_lines(self._path), 1, None))


def load(path: Path) -> Log:
    """A log from its file, and from those in which it goes on.

    Raises:
        LivevaeError: it cannot be read, or is no log.
    """
    if path.exists() and not path.is_file():
        raise LivevaeError(f"{path} is no regular file")
    return Log(_head(_lines(path)), _Filed(path))


def _part(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _parts(path: Path) -> Iterator[Path]:
    """The files in which a log goes on, in order."""
    return takewhile(Path.is_file, (_part(path, number) for number in count(1)))


def _lines(path: Path) -> Iterator[str]:
    """The lines of a log's files, one file open at a time.

    Raises:
        LivevaeError: a file cannot be read, or a line is too long.
    """
    try:
        for part in chain((path,), _parts(path)):
            with part.open(encoding="utf-8") as file:
                while line := file.readline(MAX_LINE + 1):
                    if len(line) > MAX_LINE:
                        raise LivevaeError(
                            "this is no log of what came in (see --log): a line has more than"
                            f" {MAX_LINE} characters"
                        )
                    yield line
    except (OSError, UnicodeDecodeError) as error:
        raise LivevaeError(f"{path} cannot be read as a log: {error}") from None


_FAULTS = (ValueError, TypeError, OverflowError, LimitError)
"""What a line can be wrong in: JSON, types, ranges, nesting."""


def _within(number: float, most: float) -> float:
    """The number, which lies between `-most` and `most`.

    Raises:
        ValueError: it does not, or is none.
    """
    if isinstance(number, bool) or not abs(number) <= most:
        raise ValueError(f"a number that is beyond {most:g}")
    return float(number)


def _check_message(data: bytes) -> None:
    """See that bytes are one whole MIDI message.

    Raises:
        ValueError: they are not.
    """
    if not data or data[0] < 0x80:
        raise ValueError("a MIDI message without a status")
    if data[0] < 0xF0 and (len(data) != (2 if data[0] & 0xE0 == 0xC0 else 3) or max(data[1:]) > 0x7F):
        raise ValueError("a MIDI message that is not whole")


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
            part = _part(self._path, self._number)
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
        for part in list(_parts(self._path)):
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
