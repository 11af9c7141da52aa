"""How far another machine's clock is from ours, from round trips. Pure: times come in.

Each exchange says: sent at t1 (ours), seen at t2 and answered at t3 (theirs), back at t4 (ours). The middle of their
times less the middle of ours is the offset, wrong by half of what one way took longer than the other, so of several
exchanges the one with the least round trip counts (Mills, NTP; Cristian 1989). The clocks drift apart by up to some
50 parts in a million, so a straight line through the best of a minute says where they are between exchanges.

Laws: without jitter the offset is exact, whatever the drift; it is never wrong by more than half the least round trip
of the group that it comes from, plus what drift can do.
"""

from collections import deque
from dataclasses import dataclass

GROUP = 8
"""Exchanges of which the one with the least round trip counts."""

SPAN = 60.0
"""Seconds that the line is drawn through."""

LEAST_SPAN = 30.0
"""Seconds below which a line would say more of the jitter than of the drift."""

MOST_DRIFT = 1e-4
"""Seconds a second: two crystals of 50 parts in a million; more than this is jitter."""

FASTEST, SLOWEST = 0.125, 1.0
"""Seconds between two exchanges: at first, and when a group is full."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One round trip, measured.

    Attributes:
        when: the middle of it, in seconds of our clock.
        offset: their clock less ours then, in seconds.
        round_trip: how long it was on the way, in seconds.
    """

    when: float
    offset: float
    round_trip: float


def exchange(t1: float, t2: float, t3: float, t4: float) -> Exchange:
    """An exchange from its four times.

    Raises:
        ValueError: it was on its way for less than no time.
    """
    round_trip = (t4 - t1) - (t3 - t2)
    if not (t4 >= t1 and t3 >= t2 and round_trip >= 0):
        raise ValueError("an exchange that arrived before it was sent")
    return Exchange((t1 + t4) / 2, (t2 + t3) / 2 - (t1 + t4) / 2, round_trip)


class Offset:
    """The other clock less ours, at any moment. One for each clock that is followed."""

    def __init__(self) -> None:
        self._recent: deque[Exchange] = deque(maxlen=GROUP)
        self._best: deque[Exchange] = deque()
        self._fresh = 0

    @property
    def known(self) -> bool:
        """Whether it can be said at all."""
        return bool(self._recent)

    @property
    def settled(self) -> bool:
        """Whether a group of exchanges is full, so that the least round trip means something."""
        return bool(self._best) or len(self._recent) == GROUP

    @property
    def pause(self) -> float:
        """Seconds until the next exchange should be begun."""
        return SLOWEST if self.settled else FASTEST

    @property
    def round_trip(self) -> float:
        """The least round trip lately, in seconds: twice what the offset can be wrong by."""
        return min((one.round_trip for one in self._recent), default=0.0)

    def add(self, measured: Exchange) -> None:
        """One more exchange."""
        self._recent.append(measured)
        self._fresh += 1
        if self._fresh < GROUP:
            return
        self._fresh = 0
        self._best.append(min(self._recent, key=lambda one: one.round_trip))
        while self._best[-1].when - self._best[0].when > SPAN:
            self._best.popleft()

    def at(self, now: float) -> float:
        """The other clock less ours at `now`, in seconds.

        Raises:
            ValueError: nothing was measured yet.
        """
        if not self._recent:
            raise ValueError("no exchange has come back yet")
        least = min(self._recent, key=lambda one: one.round_trip)
        slope = self._slope()
        # the best of the last group, or of the present one where that had a quicker way
        anchor = min((least, *list(self._best)[-1:]), key=lambda one: one.round_trip)
        return anchor.offset + slope * (now - anchor.when)

    def _slope(self) -> float:
        """Seconds a second by which the clocks drift apart; 0 while not enough is known."""
        points = list(self._best)
        if len(points) < 3 or points[-1].when - points[0].when < LEAST_SPAN:
            return 0.0
        middle = sum(one.when for one in points) / len(points)
        level = sum(one.offset for one in points) / len(points)
        spread = sum((one.when - middle) ** 2 for one in points)
        slope = sum((one.when - middle) * (one.offset - level) for one in points) / spread
        return max(-MOST_DRIFT, min(MOST_DRIFT, slope))
