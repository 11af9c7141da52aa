"""What the player tells the server."""

from dataclasses import dataclass
from typing import get_args

from livevae.tempo.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Hello:
    """The player is up.

    Attributes:
        pid: its process (0 where it has none of its own).
        realtime: whether the system granted real-time priority.
        why: who granted it, where that was not the system itself; or the reason why not, and the remedy.
    """

    pid: int
    realtime: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class PortsOpened:
    """The answer to `OpenPorts`.

    Attributes:
        opened: (livevae's name, the system's name) of each port that is open now.
        failed: (livevae's name, a sentence) of each that is not; what is sent there is still recorded.
    """

    opened: tuple[tuple[str, str], ...]
    failed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TimelineChanged:
    """The timeline was replaced.

    Attributes:
        timeline: the line from now on.
        bpm: the tempo without a nudge that is in progress.
    """

    timeline: Timeline
    bpm: float


@dataclass(frozen=True, slots=True)
class ClockChanged:
    """Whose clock we go by now, and who else does.

    Attributes:
        source: `internal`, or another of clocks.py.
        peers: how many others share it.
        why: a sentence, where it is not the clock that was asked for.
    """

    source: str
    peers: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Transport:
    """Whoever leads the clock began to play, or stopped.

    Attributes:
        playing: whether they play now.
        tick: since when.
    """

    playing: bool
    tick: float


@dataclass(frozen=True, slots=True)
class Counters:
    """How it goes, about once a second while something happens.

    Attributes:
        sent: messages sent since the start.
        dropped_ons: ons dropped since the start because they were far behind.
        sounding: notes that sound now.
        waiting: messages on the agenda.
        late_p50: lateness at send of the messages since the last report, milliseconds.
        late_p99: the same.
        late_max: the same.
        through: all that was due by this tick has left the process; None before anything could.
        released: the number of the last `Release` whose offs have left the process.
    """

    sent: int = 0
    dropped_ons: int = 0
    sounding: int = 0
    waiting: int = 0
    late_p50: float = 0.0
    late_p99: float = 0.0
    late_max: float = 0.0
    through: int | None = None
    released: int = 0


@dataclass(frozen=True, slots=True)
class PortLost:
    """A port vanished; the others go on."""

    port: str
    why: str


@dataclass(frozen=True, slots=True)
class PortBack:
    """A port that had vanished is open again, its notes released."""

    port: str


@dataclass(frozen=True, slots=True)
class PlayerDied:
    """Said by the server's side of the wire: the player ended unasked, and another one was started."""

    why: str
    released: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """A sentence for the performer."""

    text: str


Report = (
    Hello
    | PortsOpened
    | TimelineChanged
    | ClockChanged
    | Transport
    | Counters
    | PortLost
    | PortBack
    | PlayerDied
    | Problem
)
REPORTS: tuple[type[Report], ...] = get_args(Report)
