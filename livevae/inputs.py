"""What came in, kept in a log with its times, so that a night can be played again (replay.py).

A log is lines of JSON: a head, then `[time, kind, bytes, when]` for everything that came, in the order of its coming.
Law: a log that is written and read is the same log; so the lines of both, and their limits, are here. `log_writer`
writes one while a server plays.
"""

import json
import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain, count, islice, takewhile
from pathlib import Path

from livevae.budget import json_value, shown
from livevae.errors import LimitError, LivevaeError
from livevae.latent.recipe import NORMAL, PRIORS
from livevae.models.fingerprint import Fingerprint
from livevae.perform.timing import MOST_LEAD
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

KINDS = ("osc", "midi", "clock", "line", "transport", "lost", "back", "trained", "model", "left", "end")
SPEAKING = ("line", "transport", "model", "left")
"""Kinds whose data says something of ours."""


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


def part_of(path: Path, number: int) -> Path:
    """The file in which a log goes on, from 1."""
    return path.with_name(f"{path.name}.{number}")


def parts(path: Path) -> Iterator[Path]:
    """The files in which a log goes on, in order."""
    return takewhile(Path.is_file, (part_of(path, number) for number in count(1)))


def _lines(path: Path) -> Iterator[str]:
    """The lines of a log's files, one file open at a time.

    Raises:
        LivevaeError: a file cannot be read, or a line is too long.
    """
    try:
        for part in chain((path,), parts(path)):
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
