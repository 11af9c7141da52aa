"""A clock whose pulses are all there and arrive in steps, such as a sound card's periods. Pure.

A sound card that hands MIDI on once a period of 21.3 ms makes of a pulse each 25 ms intervals of 21.3 and, now and
then, 42.7 ms, just as a faster clock would that loses pulses. What tells them apart is where the long intervals are:
losses fall anywhere, steps are even, as those of Bresenham's line. So while the count of the pulses stays in a strip
around a straight line that is no wider than a step, and chance would hardly have put the long intervals so, they are
taken for steps.
"""

import math
from collections import deque
from dataclasses import dataclass

CERTAIN = 10.0
"""How much likelier even steps have to be than losses that happen to lie as evenly, as a logarithm."""

SLACK, DEVIATIONS = 0.02, 4.0
"""By which part of a step, and by how many deviations of arrivals around the steps, a strip may be wider than one."""

ROUGH = 0.12
"""Of a step: deviation of arrivals around steps beyond which there are none."""

SAME = 0.05
"""Parts by which a step may move and still be the same."""

MOST_POINTS = 1024
"""Arrivals in a strip; then the older half is forgotten."""

PENDING = 24
"""Pulses after a strip was left from which it is decided why: a beat."""

SUDDEN, MOST_LOST = 0.3, 8
"""By which part of an interval a lost pulse leaves the strip at once, where a tempo leaves it slowly; and how many
pulses are looked for in one loss. Pulses that go up and down by half the strip tell the two apart themselves."""

REGULAR, STEADY = 0.15, 96
"""Of an interval: within which so many in a row were regular, so that there are no steps any more."""

CHECKED = (48, 96, 192, 384, 576)
"""Pulses after a beginning at which its count is looked at again."""

COARSE, WIDEST = 0.12, 1.6
"""Of an interval: the jitter from which losses that were found cannot be trusted, and how wide a strip without any may
be."""

NARROW = 0.6
"""Of an interval: a strip that is no wider has no lost pulse in it, for a loss anywhere makes it one interval wide."""


@dataclass(frozen=True, slots=True)
class Line:
    """The middle of a strip, in seconds by pulse.

    Attributes:
        slope: seconds a pulse.
        at: seconds of pulse 0.
        width: seconds from the strip's lower edge to its upper one.
    """

    slope: float
    at: float
    width: float

    def time(self, pulse: float) -> float:
        """When that pulse is."""
        return self.at + self.slope * pulse


class Strip:
    """The narrowest strip, measured upwards, that holds all points; `x` ascends.

    The two convex hulls are kept (Andrew's monotone chain); the best slope is that of an edge of one which lies over a
    corner of the other.
    """

    def __init__(self) -> None:
        self.points: list[tuple[int, float]] = []
        self._upper: list[tuple[int, float]] = []
        self._lower: list[tuple[int, float]] = []

    def __len__(self) -> int:
        return len(self.points)

    def add(self, x: int, y: float) -> None:
        """One point more."""
        if len(self.points) >= MOST_POINTS:
            kept = self.points[MOST_POINTS // 2 :]
            self.points, self._upper, self._lower = [], [], []
            for older in kept:
                self.add(*older)
        self.points.append((x, y))
        for hull, sign in ((self._upper, 1.0), (self._lower, -1.0)):
            while len(hull) > 1 and sign * _turn(hull[-2], hull[-1], (x, y)) >= 0:
                hull.pop()
            hull.append((x, y))

    def move(self, x: int) -> None:
        """All points so far to the right."""
        for points in (self.points, self._upper, self._lower):
            points[:] = [(before + x, y) for before, y in points]

    def line(self) -> Line:
        """The middle of the strip; of two points or more."""
        upper, lower = self._upper, self._lower
        i, j, slope = 0, len(lower) - 1, 0.0
        while upper[i][0] < lower[j][0]:
            above = _slope(upper[i], upper[i + 1])
            below = _slope(lower[j - 1], lower[j])
            slope = max(above, below)
            if above >= below:
                i += 1
            if below >= above:
                j -= 1
        high, low = upper[i][1] - slope * upper[i][0], lower[j][1] - slope * lower[j][0]
        return Line(slope, (high + low) / 2, high - low)


def _turn(a: tuple[int, float], b: tuple[int, float], c: tuple[int, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _slope(a: tuple[int, float], b: tuple[int, float]) -> float:
    return (b[1] - a[1]) / (b[0] - a[0])


class Uneven:
    """Whether a clock arrives in steps, and if so its line. Not thread-safe; times do not run backwards.

    Attributes:
        line: through all pulses, by their number; None as long as there are no steps.
        number: of the last pulse, where there are steps.
    """

    def __init__(self) -> None:
        self.line: Line | None = None
        self.number = 0
        self._step = 0.0
        self._strip = Strip()
        self._odd: deque[tuple[int, int]] = deque()
        self._rough = 0.0
        self._last = -math.inf
        self._pending: list[tuple[int, float]] = []
        self._sudden = False
        self._steady = 0

    @property
    def sure(self) -> bool:
        """Whether the line is through pulses enough to be played to."""
        return self.line is not None and len(self._strip) >= PENDING

    @property
    def widest(self) -> float:
        """Seconds from one edge of its strip to the other, at most, as long as no pulse was lost."""
        return self._step * (1 + SLACK + DEVIATIONS * self._rough)

    def place(self, number: int) -> None:
        """The last pulse is this one."""
        moved, line = number - self.number, self.line
        self.number = number
        self._strip.move(moved)
        self._odd = deque((x + moved, count) for x, count in self._odd)
        self._pending = [(x + moved, y) for x, y in self._pending]
        if line is not None:
            self.line = Line(line.slope, line.at - moved * line.slope, line.width)

    def begin(self) -> None:
        """Nothing that came before counts."""
        self.__init__()  # type: ignore[misc]

    def pulse(self, time: float, period: float, number: int) -> None:
        """A pulse arrived, which a finer estimate takes for `number`, at `period` seconds a pulse (0: unknown)."""
        interval = time - self._last
        self._last = time
        if self.line is not None:
            self.number += 1
            self._follow(time, interval)
        elif period:
            self._look(time, interval, period, number)

    def _look(self, time: float, interval: float, period: float, number: int) -> None:
        """Are there steps?"""
        if abs(period - self._step) > SAME * self._step or not self._strip.points:
            self._fresh(time, period, number)
            return
        self.number += 1
        self._strip.add(self.number, time)
        pulses = round(interval / self._step)
        off = abs(interval - pulses * self._step) / self._step
        self._rough += (off - self._rough) / 16
        if self._rough > ROUGH:
            self._fresh(time, period, number)
        elif pulses != 1:
            self._odd.append((self.number, pulses - 1))
            self._decide(time, number)

    def _decide(self, time: float, number: int) -> None:
        first = self._strip.points[0][0]
        while self._odd[0][0] <= first:
            self._odd.popleft()
        line, odd = self._strip.line(), [count for _, count in self._odd]
        hurried = min(odd) < 0 < max(odd)  # after a sender stood still
        if line.width > self.widest or hurried:
            self._fresh(time, self._step, number)
        elif _likelier(self.number - first, abs(sum(odd))) > CERTAIN:
            self.line = line
            self._steady = 0

    def _fresh(self, time: float, step: float, number: int) -> None:
        self._step, self.number = step, number
        self._strip, self._odd, self._rough = Strip(), deque(), 0.0
        self._strip.add(number, time)

    def _follow(self, time: float, interval: float) -> None:
        """There are steps: what a pulse says of the line."""
        line = self.line
        if line is None:
            return
        off = abs(interval / self._step - round(interval / self._step))
        self._rough += (min(off, ROUGH) - self._rough) / 64
        self._steady = self._steady + 1 if abs(interval - line.slope) < REGULAR * line.slope else 0
        if self._steady >= STEADY and abs(line.slope - self._step) > REGULAR * self._step:
            self.begin()
            return
        if self._pending:
            self._pending.append((self.number, time))
            if len(self._pending) >= PENDING:
                self._resume(line)
            return
        beyond = abs(time - line.time(self.number)) - line.width / 2
        self._strip.add(self.number, time)
        wider = self._strip.line()
        if wider.width <= self.widest:
            self.line = wider
            return
        self._strip.points.pop()  # the hulls are made anew when it is decided what to go on with
        self._pending = [(self.number, time)]
        self._sudden = beyond > SUDDEN * line.slope and time > line.time(self.number)

    def _resume(self, line: Line) -> None:
        """The strip was left: for a lost pulse, or for another tempo."""
        pending, self._pending = self._pending, []
        room = self.widest / 2
        off = [time - line.time(number) for number, time in pending]
        if self._sudden or max(off) - min(off) > line.width / 2:
            for lost in range(1, MOST_LOST + 1):
                if all(abs(one - lost * line.slope) < room for one in off):
                    old = self._strip.points
                    self._strip = Strip()
                    for x, y in (*old, *((number + lost, time) for number, time in pending)):
                        self._strip.add(x, y)
                    self.number += lost
                    self.line = self._strip.line()
                    return
        self._strip = Strip()
        for number, time in pending:
            self._strip.add(number, time)
        self.line = self._strip.line()


class Beginning:
    """The first pulses after a start, as if none was lost.

    As long as the jitter of a clock is not known, late pulses of a coarse one look like losses. Once it is known, and
    all that came is along one line, they were none.
    """

    def __init__(self) -> None:
        self._strip = Strip()
        self._number = 0

    def begin(self, number: int, time: float) -> None:
        """A pulse that has this number."""
        self._strip, self._number = Strip(), number
        self._strip.add(number, time)

    def pulse(self, time: float, period: float, jitter: float) -> int | None:
        """The next pulse; its number, where the one of a finer estimate is not to be trusted."""
        if not self._counts:
            return None
        self._number += 1
        self._strip.add(self._number, time)
        if len(self._strip) not in CHECKED:
            return None
        line = self._strip.line()
        along = line.width < WIDEST * line.slope and abs(line.slope - period) < SAME * period
        coarse = jitter >= COARSE * period
        return self._number if line.width < NARROW * line.slope or (coarse and along) else None

    def within(self, widest: float) -> int | None:
        """The last pulse's number, where all since the beginning are in a strip of so many seconds: none was lost."""
        known = self._counts and len(self._strip) > 1
        return self._number if known and self._strip.line().width <= widest else None

    @property
    def _counts(self) -> bool:
        return 0 < len(self._strip) <= CHECKED[-1]


def _likelier(pulses: int, odd: int) -> float:
    """The logarithm of how many ways there are to lay `odd` intervals anywhere, for each way to lay them evenly.

    The words of a length that are balanced number about n^3 / pi^2 (Mignosi 1991).
    """
    odd = min(odd, pulses)
    anywhere = math.lgamma(pulses + 1) - math.lgamma(odd + 1) - math.lgamma(pulses - odd + 1)
    return anywhere - math.log(1 + pulses**3 / math.pi**2)
