"""What another clock says of itself: the seam between clocks and the player's loop."""

from dataclasses import dataclass
from typing import Protocol

from livevae.errors import LivevaeError
from livevae.tempo.pace import Pace
from livevae.tempo.timeline import Timeline

CLOCKS = INTERNAL, MIDI, LINK, MQTT = "internal", "midi", "link", "mqtt"

NO_LINK = (
    "Ableton Link is not installed here: pip install 'livevae[link]' adds LinkPython-extern, "
    "which is free software under the GPL (version 2 or later), unlike livevae itself"
)


class ClockError(LivevaeError):
    """A clock that cannot be followed here; the message says what would help."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading of a clock.

    Attributes:
        line: where it is, in our ticks and seconds; None while it does not know.
        at_once: whether it starts anew, so that the present may jump.
        playing: whether it plays; None where it does not say.
        since: the tick where it began to play, or to stop.
        peers: how many others are there.
    """

    line: Timeline | None
    at_once: bool = False
    playing: bool | None = None
    since: float = 0.0
    peers: int = 0


class Clock(Protocol):
    """Another clock. Used from the player's loop alone; every call takes microseconds.

    Attributes:
        every: seconds between two looks at it.
        shift: ticks by which we were nudged away from it; it is for the clock to add them to its line.
        quantum: ticks of the grid on which we agree with it.
    """

    every: float
    shift: float
    quantum: int

    def look(self, now: float, pace: Pace) -> Reading:
        """What it says at `now`, in seconds; where it can be led, it learns our tempo from `pace`."""

    def play(self, playing: bool, now: float) -> None:
        """We play from now on, or stop; for a clock that can be told."""

    def close(self) -> None:
        """Stop listening; a second time is no error."""
