"""Timetags to session time: a host's wall clock to our monotonic seconds. Here alone is the wall clock read.

A timetag is CLOCK_REALTIME, which is slewed and sometimes set; the session runs on a monotonic clock. One
offset, wall minus session, is kept between them:

    session = timetag - offset

It is measured at each timetag. A reading is the wall clock between two readings of the session's; half their
distance bounds its error, so one that the scheduler tore apart is known and left out. What remains is
smoothed over a second, which follows the slewing of NTP (at most 0.5 ms a second); a difference beyond `STEP`
is the clock being set, and is taken whole.

Law: one timetag is one moment, so that what a bundle asks for is done in its order, however the clocks' readings
tremble.
"""

import math
import time
from collections.abc import Callable

from livevae.errors import RequestError

FARTHEST = 60.0
"""Seconds ahead that a timetag may be. Hosts look a second or so ahead; beyond this a clock is wrong."""

STEP = 0.005
"""Seconds between reading and estimate from which the wall clock was set, not slewed."""

SMOOTHING = 1.0
"""Time constant of the offset's filter, seconds."""

READINGS = 3
"""How often a torn reading is tried again."""

RECENT, SAME = 64, 1e-3
"""Timetags whose moments are remembered, and seconds by which a new reading may differ and change none of them."""

Clock = Callable[[], float]


class Timetags:
    """Maps timetags to the session's clock. One an edge; not thread-safe.

    Args:
        session: the session's clock, monotonic seconds.
        wall: CLOCK_REALTIME, Unix seconds.
    """

    __slots__ = ("_measured", "_offset", "_recent", "_session", "_wall")

    def __init__(self, session: Clock = time.monotonic, wall: Clock = time.time) -> None:
        self._session, self._wall = session, wall
        self._offset = math.nan
        self._measured = -math.inf
        self._recent: dict[float, float] = {}

    def at(self, timetag: float | None) -> float | None:
        """When, in session seconds, a message with `timetag` (Unix seconds) should sound; None is now.

        Immediate timetags and those in the past are now.

        Raises:
            RequestError: the timetag is more than `FARTHEST` ahead.
        """
        if timetag is None:
            return None
        at = self._moment(timetag)
        ahead = at - self._session()
        if ahead > FARTHEST:
            raise RequestError(
                f"the timetag is {_long(ahead)} ahead, and {FARTHEST:g} s is the most: look at the clock of"
                " the computer that sent it, or at the latency set there"
            )
        return at if ahead > 0 else None

    def _moment(self, timetag: float) -> float:
        """When a timetag is, in session seconds: what it was before, unless the clock was set."""
        at = timetag - self.offset()
        before = self._recent.pop(timetag, at)
        if abs(at - before) < SAME:
            at = before
        self._recent[timetag] = at
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        return at

    def timetag(self, at: float) -> float:
        """The timetag (Unix seconds) of session time `at`: the inverse of `at`."""
        return at + self.offset()

    def offset(self) -> float:
        """Wall clock minus session clock, seconds, measured anew and smoothed."""
        now, reading, doubt = self._read()
        jump = abs(reading - self._offset)
        if math.isnan(self._offset) or jump > max(STEP, 2 * doubt):
            self._offset, self._measured = reading, now
        elif doubt < STEP:
            self._offset += (reading - self._offset) * -math.expm1((self._measured - now) / SMOOTHING)
            self._measured = now
        return self._offset

    def _read(self) -> tuple[float, float, float]:
        """Session time, offset and the bound of its error, from the tightest of some readings."""
        best = (0.0, 0.0, math.inf)
        for _ in range(READINGS):
            before, wall, after = self._session(), self._wall(), self._session()
            doubt = (after - before) / 2
            if doubt < best[2]:
                best = (after, wall - (before + after) / 2, doubt)
            if doubt < STEP / 100:
                break
        return best


def _long(seconds: float) -> str:
    for name, unit in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.0f} {name}"
    return f"{seconds:.1f} s"
