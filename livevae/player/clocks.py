"""Clocks that the player can follow, and what each says of itself: the seam between them and the player's loop."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

from livevae.errors import LivevaeError
from livevae.player.commands import SetClock
from livevae.tempo.pace import Pace
from livevae.tempo.timeline import Timeline

INTERNAL, MIDI, LINK = "internal", "midi", "link"

NO_LINK = (
    "Ableton Link is not installed here: pip install 'livevae[link]' adds LinkPython-extern, "
    "which is free software under the GPL (version 2 or later), unlike livevae itself"
)


class ClockError(LivevaeError):
    """A clock that cannot be followed here; the message says what would help."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a clock says.

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

    def look(self, now: float, pace: Pace) -> Told:
        """What it says at `now`, in seconds; where it can be led, it learns our tempo from `pace`."""

    def play(self, playing: bool, now: float) -> None:
        """We play from now on, or stop; for a clock that can be told."""

    def close(self) -> None:
        """Stop listening; a second time is no error."""


def why_not() -> dict[str, str]:
    """The clocks by name, each with the reason why it cannot be followed here; empty where it can. Imports none."""
    return {INTERNAL: "", MIDI: "", LINK: "" if find_spec("link") else NO_LINK}


def open_clock(wanted: SetClock, now: float, pace: Pace) -> Clock | None:
    """The clock that is asked for; None for our own.

    Raises:
        ClockError: it cannot be followed here.
    """
    if wanted.source == INTERNAL:
        return None
    if wanted.source == LINK:
        from livevae.player.link import LinkClock  # noqa: PLC0415  (GPL: only ever loaded when asked for)

        return LinkClock(now, pace, wanted.quantum)
    if wanted.source == MIDI:
        from livevae.player.midi_clock import MidiClock  # noqa: PLC0415  (it needs Told)

        return MidiClock(wanted.target, wanted.quantum)
    raise ClockError(f"there is no clock {wanted.source[:40]!r}; there are: {', '.join(why_not())}")
