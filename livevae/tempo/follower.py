"""Following a MIDI clock: tempo and place estimated over many pulses, holding over lost ones and jitter. Pure.

Source: MIDI 1.0 Detailed Specification, System Real Time: F8 24 times a beat; the first F8 after FA (start) or FB
(continue) is the downbeat or the place of the song; F2 gives that place in sixteenths, six pulses each.

The estimate is a straight line through the last pulses by least squares. Its end is uncertain by 2 s / sqrt(n) for
jitter of s and n pulses (Draper and Smith, Applied Regression Analysis, 1.4), hence a window of four beats; where the
pulses leave the line for good, the window is cut to those that did.
"""

import math
from collections import deque
from itertools import pairwise

from livevae.tempo.timeline import MAX_BPM, MIN_BPM, TICKS_PER_BEAT, Timeline

PULSES_PER_BEAT = 24
TICKS_PER_PULSE = TICKS_PER_BEAT // PULSES_PER_BEAT
PULSES_PER_SIXTEENTH = 6

SHORTEST = 60 / (MAX_BPM * PULSES_PER_BEAT)
LONGEST = 60 / (MIN_BPM * PULSES_PER_BEAT)
"""Seconds between pulses at the fastest and the slowest tempo."""

WINDOW = 4 * PULSES_PER_BEAT
LOCK = PULSES_PER_BEAT
"""Pulses on one line after which it is trusted: one beat, for an error of 0.4 ms at 1 ms of jitter."""

SUSPECTS = 4
"""Pulses in a row far off the line that mean another tempo; fewer are accidents."""

IRREGULAR = 4
"""Intervals in a row unlike the period that mean another tempo; fewer are lost pulses and accidents."""

REMEMBERED = 16
"""Pulses that are kept to be numbered again when the tempo proves to be another."""

GATE = 4.0
"""Far off: this many times the jitter."""

REGULAR = 3.0
"""An interval is like the period within this many times its own jitter, which is that of two pulses."""

TREND = 4.5
"""Off together: the mean of some residuals against its own uncertainty."""

SPANS = (8, 16, 32)
"""How many of the last residuals are looked at together."""

LEAST_LOST = 0.01
"""The share of pulses that is taken to be lost at least; more is learned from those that were."""

SELDOM = 10.0
"""Minus the logarithm of how often the tempo changes by a step: at one of twenty thousand pulses."""

LEAST_JITTER, MOST_JITTER = 1e-4, 5e-3
"""Seconds between which the estimate of the jitter stays: USB's step and what nobody could play to."""


class ClockFollower:
    """A MIDI clock's line, from its pulses. Not thread-safe; every `time` is in seconds and does not run backwards.

    Attributes:
        running: whether the master plays: after start or continue, until stop.
        anew: whether the place jumped (start, continue) since `line` was last asked for; `line` makes it False.
    """

    def __init__(self) -> None:
        self.running = False
        self.anew = False
        self._pulses = _Window()
        self._residuals: deque[float] = deque(maxlen=max(SPANS))
        self._suspects: list[tuple[int, float]] = []
        self._lost = LEAST_LOST
        self._irregular = 0
        self._recent: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)
        self._number = 0
        self._last = -math.inf
        self._period = 0.0
        self._origin = 0.0
        self._jitter = 1e-3
        self._interval = 0.0
        self._place = 0
        self._song = 0
        self._waits = False

    # what arrives

    def start(self) -> None:
        """FA: the next pulse is the downbeat."""
        self._place = 0
        self.running, self._waits = True, True

    def resume(self) -> None:
        """FB: the next pulse is where the song stands."""
        self.running, self._waits = True, True

    def stop(self) -> None:
        """FC: pulses may go on, the song does not."""
        if self.running:
            self._place = max(0, self._number - self._song) if not self._waits else self._place
        self.running, self._waits = False, False

    def position(self, sixteenths: int) -> None:
        """F2: where the song stands; senders give it while stopped."""
        self._place = sixteenths * PULSES_PER_SIXTEENTH
        if self.running:
            self._waits = True

    def pulse(self, time: float) -> None:
        """F8."""
        self._count(time)
        if self._waits:
            self._song = self._number - self._place
            self._waits, self.anew = False, True

    # what is known

    @property
    def locked(self) -> bool:
        """Whether the line goes through enough pulses to be played to."""
        return len(self._pulses) >= LOCK

    @property
    def bpm(self) -> float | None:
        """The tempo; None before the second pulse."""
        return 60 / (self._period * PULSES_PER_BEAT) if self._period else None

    @property
    def last(self) -> float:
        """When the last pulse came; minus infinity before the first."""
        return self._last

    def line(self) -> Timeline | None:
        """The master's timeline in ticks of its song; None before the second pulse.

        While it stands, and before its first start, the line goes on from where it was.
        """
        if not self._period:
            return None
        self.anew = False
        tick = (self._number - self._song) * TICKS_PER_PULSE
        bpm = min(MAX_BPM, max(MIN_BPM, 60 / (self._period * PULSES_PER_BEAT)))
        return Timeline(tick, self._at(self._number), bpm)

    # how it is found

    def _at(self, number: int) -> float:
        return self._origin + number * self._period

    def _count(self, time: float) -> None:
        interval, self._last = time - self._last, time
        if not self._period or interval > max(2.0, 4 * LONGEST):
            self._begin(time, interval)
            return
        missed = periods(interval, self._period)
        if missed > 1 and self.locked and not self._suspects:
            missed = min(missed, max(1, round((time - self._at(self._number)) / self._period)))
        self._learn_jitter(interval)
        self._lost = max(LEAST_LOST, self._lost + ((missed > 1) - self._lost) / 200)
        unlike = abs(interval - self._period) > REGULAR * math.sqrt(2) * self._jitter
        self._irregular = self._irregular + 1 if unlike else 0
        self._number += missed
        self._recent.append((self._number, time))
        self._take(self._number, time)
        if self._irregular >= IRREGULAR:
            self._recount()

    def _begin(self, time: float, interval: float) -> None:
        """The first two pulses, or the first after a silence: the place is held over, the tempo found anew."""
        if self._period:
            self._number = round((time - self._origin) / self._period)
            self._pulses.clear()
            self._period = 0.0
        elif SHORTEST / 2 <= interval <= 2 * LONGEST:
            self._number += 1
        else:
            self._pulses.clear()
        self._residuals.clear()
        self._suspects.clear()
        self._pulses.add(self._number, time)
        self._recent.append((self._number, time))
        if len(self._pulses) >= 2:
            self._fit()

    def _take(self, number: int, time: float) -> None:
        residual = time - self._at(number)
        short = len(self._pulses) < 6
        if abs(residual) > GATE * self._spread(1) and not short:
            self._suspects.append((number, time))
            if len(self._suspects) >= SUSPECTS and not self._recount():
                self._restart(self._suspects)
            return
        self._suspects.clear()
        self._pulses.add(number, time)
        self._residuals.append(residual)
        self._fit()
        for span in SPANS:
            if len(self._residuals) >= span and len(self._pulses) >= 2 * span:
                recent = list(self._residuals)[-span:]
                if abs(sum(recent) / span) > TREND * self._spread(span):
                    self._restart(self._pulses.last(span))
                    return

    def _learn_jitter(self, interval: float) -> None:
        """From how neighbouring intervals differ, which no tempo, ramp or step changes for long.

        The difference deviates by sqrt(6) times the jitter, and a normal value's mean size is its deviation / 1.2533.
        """
        apart, self._interval = abs(interval - self._interval), interval
        seen = min(apart, 3 * math.sqrt(6) * self._jitter) * 1.2533 / math.sqrt(6)
        self._jitter = min(MOST_JITTER, max(LEAST_JITTER, self._jitter + (seen - self._jitter) / 50))

    def _spread(self, span: int) -> float:
        """How far the mean of `span` residuals may be from 0: their own jitter and the line's uncertainty."""
        return self._jitter * math.sqrt(1 / span + 4 / len(self._pulses))

    def _restart(self, pulses: list[tuple[int, float]]) -> None:
        """Another line: through these pulses alone."""
        self._pulses.clear()
        for number, time in pulses:
            self._pulses.add(number, time)
        self._residuals.clear()
        self._suspects = []
        self._fit()

    def _recount(self) -> bool:
        """Another tempo: number the pulses since it changed by their own intervals, and go on from them alone.

        Counted by the tempo before, a slower one looks like lost pulses. False where the tempo is likely the same.
        """
        recent = list(self._recent)[-max(self._irregular, SUSPECTS) - 1 :]
        intervals = [after[1] - before[1] for before, after in pairwise(recent)]
        guesses = [
            self._guess(intervals, change, _median(intervals[change + 1 :]))
            for change in range(len(intervals) - 1)
        ]
        cost, change, counts = min(guesses)
        if self._guess(intervals, len(intervals), self._period)[0] < cost + SELDOM:
            return False
        number = recent[0][0]
        pulses = []
        for place, (count, (_, time)) in enumerate(zip(counts, recent[1:], strict=True)):
            number += count
            if place >= change:
                pulses.append((number, time))
        self._number = number
        self._irregular = 0
        self._recent.clear()
        self._recent.extend(pulses)
        self._restart(pulses)
        return True

    def _guess(self, intervals: list[float], change: int, period: float) -> tuple[float, int, list[int]]:
        """How well the intervals fit when the tempo changed within the one numbered `change`, and their pulses.

        The first value is minus the log likelihood.
        """
        cost, counts = 0.0, []
        low, high = sorted((self._period, period))
        for place, interval in enumerate(intervals):
            expected = self._period if place < change else period
            if place == change and interval <= high + 2 * self._jitter:
                expected = min(high, max(low, interval))
            count = periods(interval, expected)
            counts.append(count)
            cost += ((interval - count * expected) / (2 * self._jitter)) ** 2 - (count - 1) * math.log(
                self._lost
            )
        return cost, change, counts

    def _fit(self) -> None:
        """The line that the window says."""
        line = self._pulses.line()
        if line is not None:
            self._origin, self._period = line


class _Window:
    """The last pulses as (number, time), and the straight line through them by least squares from running sums."""

    __slots__ = ("_base", "_items", "_sums")

    def __init__(self) -> None:
        self._items: deque[tuple[int, float]] = deque()
        self._base = (0, 0.0)
        self._sums = [0.0, 0.0, 0.0, 0.0]

    def __len__(self) -> int:
        return len(self._items)

    def last(self, count: int) -> list[tuple[int, float]]:
        """The newest `count` pulses."""
        return list(self._items)[-count:]

    def clear(self) -> None:
        """Forget all."""
        self._items.clear()

    def add(self, number: int, time: float) -> None:
        """One more pulse; the oldest goes when the window is full."""
        if len(self._items) == WINDOW:
            self._sum(*self._items.popleft(), -1.0)
        self._items.append((number, time))
        if len(self._items) == 1 or number - self._base[0] > 4 * WINDOW:
            self._base = self._items[0]
            self._sums = [0.0, 0.0, 0.0, 0.0]
            for item in self._items:
                self._sum(*item, 1.0)
        else:
            self._sum(number, time, 1.0)

    def line(self) -> tuple[float, float] | None:
        """(time of pulse 0, period); None where the pulses say none."""
        count = len(self._items)
        n, t, nn, nt = self._sums
        square = nn - n * n / count
        period = (nt - n * t / count) / square if square > 0 else 0.0
        if period <= 0:
            return None
        return self._base[1] + (t - n * period) / count - self._base[0] * period, period

    def _sum(self, number: int, time: float, sign: float) -> None:
        n, t = number - self._base[0], time - self._base[1]
        sums = self._sums
        sums[0] += sign * n
        sums[1] += sign * t
        sums[2] += sign * n * n
        sums[3] += sign * n * t


def periods(interval: float, period: float) -> int:
    """How many pulses on a pulse is that comes after `interval`: one, and one more for each that was lost."""
    return max(1, round(interval / period)) if period > 0 else 1


def _median(values: list[float]) -> float:
    return sorted(values)[(len(values) - 1) // 2]
