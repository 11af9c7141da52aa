"""How far another machine's clock is from ours, from round trips. Pure: times come in.

Each exchange says: sent at t1 (ours), seen at t2 and answered at t3 (theirs), back at t4 (ours). The middle of their
times less the middle of ours is the offset, wrong by at most half the round trip (Cristian 1989; Mills, NTP). The
clocks drift apart by up to some 50 parts in a million, so an exchange says less the older it is. Of the exchanges of
the last minute that one counts which can be wrong by least, so a busy machine, whose round trips are slow for a while,
does not move anybody. A straight line through the quickest ones says how the clocks drift, where they are quick enough
to tell.

Laws: without jitter the offset is exact, whatever the drift; it is never wrong by more than half the round trip of any
exchange of the last minute, plus `DRIFT` for each second since.
"""

from collections import deque
from dataclasses import dataclass

GROUP = 8
"""Exchanges after which the offset is worth following, and of which the quickest is a point of the line."""

SPAN = 60.0
"""Seconds that exchanges count."""

MOST = 512
"""Exchanges that are kept: of a minute, however fast they come."""

LEAST_SPAN = 30.0
"""Seconds below which a line would say more of the jitter than of the drift."""

DRIFT = 5e-5
"""Seconds a second by which two clocks drift apart at most, in practice."""

MOST_DRIFT = 2 * DRIFT
"""Seconds a second: two crystals of 50 parts in a million, each the other way; more than this is jitter."""

TOLD = DRIFT / 2
"""Seconds of round trip a second of the line: a slower line may be wrong by more than `DRIFT`, and says nothing.

Points that are wrong by half a round trip turn a line of even points by 3/2 of the round trip over its span."""

FASTEST, MIDDLE, SLOWEST = 0.125, 0.25, 1.0
"""Seconds between two exchanges: at first, where a minute of them was not exact enough, and where they are."""

EXACT = 6e-4
"""Seconds that the offset may be wrong by so that it need not be measured more often."""

COARSE, PATIENT = 0.01, 4
"""Seconds that it may be wrong by so that it is worth following, and groups after which it is followed all the same:
while a machine starts, all of its first round trips may be slow, and slower one way than the other."""


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
        self._known: deque[Exchange] = deque(maxlen=MOST)
        self._group: list[Exchange] = []
        self._points: deque[Exchange] = deque()
        self._groups = 0
        self._begun: float | None = None

    @property
    def known(self) -> bool:
        """Whether it can be said at all."""
        return bool(self._known)

    @property
    def settled(self) -> bool:
        """Whether the offset is worth following."""
        return self._groups >= PATIENT or (self._groups > 0 and self._doubt_now() <= COARSE)

    @property
    def pause(self) -> float:
        """Seconds until the next exchange should be begun."""
        if self.settled and self._doubt_now() <= EXACT:
            return SLOWEST
        return MIDDLE if self._begun is not None and self._known[-1].when - self._begun > SPAN else FASTEST

    def uncertainty(self, now: float) -> float:
        """Seconds that the offset may be wrong by at `now`."""
        return min((self._doubt(one, now) for one in self._known), default=0.0)

    def add(self, measured: Exchange) -> None:
        """One more exchange."""
        self._begun = measured.when if self._begun is None else self._begun
        self._known.append(measured)
        while self._known[-1].when - self._known[0].when > SPAN:
            self._known.popleft()
        self._group.append(measured)
        if len(self._group) < GROUP:
            return
        self._groups += 1
        self._points.append(min(self._group, key=lambda one: one.round_trip))
        self._group = []
        while self._points[-1].when - self._points[0].when > SPAN:
            self._points.popleft()

    def at(self, now: float) -> float:
        """The other clock less ours at `now`, in seconds.

        Raises:
            ValueError: nothing was measured yet.
        """
        if not self._known:
            raise ValueError("no exchange has come back yet")
        surest = min(self._known, key=lambda one: self._doubt(one, now))
        return surest.offset + self._slope() * (now - surest.when)

    def _doubt_now(self) -> float:
        return self.uncertainty(self._known[-1].when) if self._known else 0.0

    def _doubt(self, one: Exchange, now: float) -> float:
        """Seconds that an exchange may be wrong by at `now`."""
        return one.round_trip / 2 + abs(now - one.when) * DRIFT

    def _slope(self) -> float:
        """Seconds a second by which the clocks drift apart; 0 while not enough is known."""
        points = list(self._points)
        span = points[-1].when - points[0].when if points else 0.0
        if span < LEAST_SPAN or max(one.round_trip for one in points) / span > TOLD:
            return 0.0
        middle = sum(one.when for one in points) / len(points)
        level = sum(one.offset for one in points) / len(points)
        spread = sum((one.when - middle) ** 2 for one in points)
        slope = sum((one.when - middle) * (one.offset - level) for one in points) / spread
        return max(-MOST_DRIFT, min(MOST_DRIFT, slope))
