"""What the server can ask of the player. Read top to bottom, this and reports.py are the wire's protocol."""

import math
from dataclasses import dataclass
from typing import get_args

from livevae.tempo.events import PlayNote
from livevae.tempo.timeline import TICKS_PER_BEAT, Timeline, checked_bpm

TICKS_PER_BAR = 4 * TICKS_PER_BEAT


@dataclass(frozen=True, slots=True)
class PortSpec:
    """A port by livevae's name for it and by what it is to the system.

    Attributes:
        name: what notes call it.
        target: `virtual` (a port of our own that others connect to), `none` (nothing is sent, but all is kept
            and recorded), or a part of the name of an output that exists.
        offset_ms: how much later than its tick everything is sent there; negative is earlier.
        clock: whether MIDI clock is sent there.
    """

    name: str
    target: str = "virtual"
    offset_ms: float = 0.0
    clock: bool = False


@dataclass(frozen=True, slots=True)
class Play:
    """Put notes on the agenda; each on brings its own off."""

    notes: tuple[PlayNote, ...]


@dataclass(frozen=True, slots=True)
class Send:
    """Another message at its tick: a controller, a program change. Notes go through `Play`.

    Attributes:
        tick: absolute ticks; the past means now.
        port: livevae's name of the port.
        data: one complete MIDI message, no note-on or note-off.
        voice: whose it is, for `Cancel`.
    """

    tick: int
    port: str
    data: bytes
    voice: str = ""

    def __post_init__(self) -> None:
        if not self.data or self.data[0] < 0x80:
            raise ValueError("a MIDI message begins with a status byte")
        if self.data[0] & 0xF0 in (0x80, 0x90):
            raise ValueError("notes are played with Play, so that each on has its off")


@dataclass(frozen=True, slots=True)
class Cancel:
    """Drop what waits for a voice.

    Attributes:
        voice: its name; empty means all voices.
        tick: what starts at or after it is dropped and what sounds rings out; None drops all that waits and
            releases at once what sounds.
    """

    voice: str = ""
    tick: int | None = None


@dataclass(frozen=True, slots=True)
class SetTempo:
    """Another tempo; the present does not move.

    Attributes:
        bpm: 20 to 999.
        tick: from this tick on; None is now.
        over: ticks that a straight ramp from the tempo before takes; 0 is at once.
    """

    bpm: float
    tick: int | None = None
    over: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "bpm", checked_bpm(self.bpm))
        if self.over < 0:
            raise ValueError(f"a ramp lasts some ticks, not {self.over}")


@dataclass(frozen=True, slots=True)
class Nudge:
    """Put the music further on than it would be, or back.

    Attributes:
        ticks: how far; negative is back.
        over: ticks of music that it takes, by bending the tempo; 0 is at once.
    """

    ticks: float
    over: int = 0

    def __post_init__(self) -> None:
        if not math.isfinite(self.ticks) or self.over < 0:
            raise ValueError(f"a nudge is some ticks over some ticks, not {self.ticks} over {self.over}")


@dataclass(frozen=True, slots=True)
class SetTimeline:
    """The line to go on with: at the start, and after a player died."""

    timeline: Timeline


@dataclass(frozen=True, slots=True)
class SetClock:
    """Whose clock to go by from now on. Nothing that plays jumps: what is out of phase is caught up with.

    Attributes:
        source: `internal`, or another of clocks.py.
        quantum: ticks of the grid on which we agree with it.
        target: for a MIDI clock: `virtual` (a port of our own, livevae-clock), or part of an output's name.
        lost: whether its MIDI system went away: what is left of it is not touched again, and the tempo is held.
    """

    source: str
    quantum: int = TICKS_PER_BAR
    target: str = "virtual"
    lost: bool = False

    def __post_init__(self) -> None:
        if self.quantum < 1:
            raise ValueError(f"a quantum is at least one tick, not {self.quantum}")


@dataclass(frozen=True, slots=True)
class FollowLine:
    """What an ensemble's time is, for a clock that the server feeds (`mqtt`).

    Attributes:
        line: where the music is, in our ticks and seconds; None lets us keep our own line.
        playing: whether all play; None where nobody says.
        since: the tick where that began.
        peers: how many others go by it.
    """

    line: Timeline | None = None
    playing: bool | None = None
    since: float = 0.0
    peers: int = 0


@dataclass(frozen=True, slots=True)
class SetMeter:
    """Bars have another time signature: nothing that plays changes, but recordings tell.

    Attributes:
        tick: the bar line from which on.
        beats: the upper number, 1 to 255.
        unit: the lower number, a power of two.
    """

    tick: int
    beats: int
    unit: int

    def __post_init__(self) -> None:
        if not 1 <= self.beats <= 255 or self.unit not in (1, 2, 4, 8, 16, 32):
            raise ValueError(f"no time signature: {self.beats}/{self.unit}")


@dataclass(frozen=True, slots=True)
class SetPlaying:
    """We play from now on, or stop: for others that go by our clock, or share one with us."""

    playing: bool


@dataclass(frozen=True, slots=True)
class OpenPorts:
    """The ports from now on: new ones are opened, those not named are released and closed."""

    ports: tuple[PortSpec, ...]


@dataclass(frozen=True, slots=True)
class LosePort:
    """The port's other end is gone from the system: close it until `OpenPorts` names it again.

    Attributes:
        port: livevae's name of it.
        why: the end of a sentence for the performer.
    """

    port: str
    why: str = "its other end is gone"


@dataclass(frozen=True, slots=True)
class Release:
    """Send the offs of these notes at once: what a player that died may have left sounding.

    Attributes:
        notes: their keys are released, save those that this player has begun itself.
        number: `Counters.released` says it when the offs have left.
    """

    notes: tuple[PlayNote, ...]
    number: int = 0


@dataclass(frozen=True, slots=True)
class Panic:
    """Drop everything that waits, release what sounds, CC123 and CC120 on every channel of every port."""


@dataclass(frozen=True, slots=True)
class Quit:
    """Release what sounds, and end."""


Command = (
    Play
    | Send
    | Cancel
    | SetTempo
    | Nudge
    | SetTimeline
    | SetClock
    | FollowLine
    | SetMeter
    | SetPlaying
    | OpenPorts
    | LosePort
    | Release
    | Panic
    | Quit
)
COMMANDS: tuple[type[Command], ...] = get_args(Command)
