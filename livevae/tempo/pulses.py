"""Counting the pulses of a clock that loses some, sends some late, and changes its tempo: several guesses at a time.

Which pulse one is, is often decided only by those that follow: twice the usual interval is a lost pulse, or half the
tempo, or a sender that stood still. So a few guesses are kept, each a straight line with its number of pulses, and
each arrival says how likely each is. This is multiple hypothesis tracking (Reid 1979), of one target; each guess is a
Kalman filter of two states, time of the last pulse and period (Bar-Shalom, Li and Kirubarajan, Estimation with
Applications to Tracking and Navigation, 6.3). All weights are natural logarithms of likelihoods.

What no later pulse can tell: which of two histories with the very same arrivals it was. An interval beside a tempo
step that is as good as a loss as without one, or as good as a change between two pulses, is such a case. The likelier
is taken: fewer losses. What it is wrong by stays until the master starts, or goes on, the next time.
"""

import math
from collections.abc import Iterator

from livevae.tempo.timeline import MAX_BPM, MIN_BPM, TICKS_PER_BEAT

PULSES_PER_BEAT = 24
TICKS_PER_PULSE = TICKS_PER_BEAT // PULSES_PER_BEAT

SHORTEST = 60 / (MAX_BPM * PULSES_PER_BEAT) / 1.1
LONGEST = 60 / (MIN_BPM * PULSES_PER_BEAT) * 1.1
"""Seconds between pulses, a little beyond the fastest and the slowest tempo."""

SILENCE = 2.0
"""Seconds without a pulse after which the tempo is found anew; the place is held over by the tempo before."""

ANY_TEMPO = -math.log(math.log(LONGEST / SHORTEST))
"""Of a new tempo nothing is known: the logarithm of its period is anywhere between these."""

STEP = math.log(2.5e-5)
"""How often a tempo changes: at one of twenty thousand pulses, as often on a pulse as between two."""

NEAR_STEP, FAR_STEP = 0.08, 0.05
"""Of the period: the deviation of steps that are small, and from where a step is looked for among all tempos."""

JUMP = math.log(2e-6)
"""How often a master's place jumps and its tempo stays."""

LATE, LATENESS = math.log(1e-3), 0.03
"""How often a sender stands still, and for how many seconds on average."""

STILL_LATE, HURRY = math.log(0.5), 2e-3
"""How often a late pulse is followed by another, and the seconds between them: it hurries to send what it missed."""

STRAY = math.log(5e-3)
"""How often a pulse is off for other reasons, by up to half a period."""

BURST, NEXT = math.log(0.02), math.log(0.9)
"""How often a loss begins a row of losses, and how often a row goes on."""

LEAST_LOST = 0.002
"""The share of pulses that is taken to be lost at least; more is learned from those that were."""

LEAST_JITTER, MOST_JITTER, MOST_OF_PERIOD = 1e-4, 5e-3, 0.45
"""Seconds between which the estimate of the jitter stays: USB's step and what nobody could play to, or this part of a
period where that is more: who takes arrivals of a slow clock for surer than they are finds losses in them."""

FIRST_JITTER, FIRST_GAIN = 1.5e-3, 0.05
"""What the jitter is taken for at first, in seconds, and by which part the first sample moves it: some of the first
intervals are of lost pulses, and who believes that all of them are jitter believes any tempo."""

CLIPPED, MEAN = 2.0, 0.781
"""Deviations beyond which a sample of jitter counts as no more, and the mean size of normal samples so clipped."""

WANDER = 8e-4
"""By how many jitters a period differs from the one before; it makes the line's end uncertain by a fifth of one."""

REGULAR = 2.0
"""Deviations from the likeliest line within which a pulse raises no questions."""

FEWER = 3
"""From so many fewer pulses than the nearest number the likeliest is chosen: two first pulses can be far too close."""

EVERY = 2
"""A small step is thought of at every second pulse, too."""

LIKELY, DIFFERENT = 8.0, 0.02
"""A pulse that is off is asked about of each guess with at most so much less weight than the best, that counts
otherwise than the ones before or has another period, by this part."""

YOUNG = 16
"""Pulses that a guess has to become better than one that says the same."""

HOPELESS, OUTLIVED = 25.0, 9.0
"""Guesses with so much less weight than the best are dropped, at any age and when no longer young."""

MOST, NEWBORN, MOST_NEWBORN = 12, 3, 16
"""How many guesses are kept, and beyond these of those that are at most so many pulses old: they had no chance yet."""

AROUND = ((0, 1), (0, 2), (1, 1), (2, 1), (0, 3), (1, 2))
"""What can be in an interval with a step on one of its pulses: periods before and after. All but one were lost."""

Spread = tuple[float, float, float]
"""Variance of the time, covariance of time and period, variance of the period."""


class Guess:
    """One way to count: a line, and how likely it is.

    Attributes:
        number: of the last pulse, lost ones included.
        time: when that was, in seconds, by the line.
        period: seconds between pulses; 0 as long as nothing says.
        weight: logarithm of its likelihood, less that of the best.
        spread: how sure time and period are.
        gap: as long as the period is unknown, what came before: seconds, the period before, pulses.
        age: pulses that arrived since its tempo began.
        late: whether the last pulse came late.
        losses: how often pulses were lost since they were last counted.
    """

    __slots__ = ("age", "gap", "late", "losses", "number", "period", "spread", "time", "weight")

    def __init__(
        self,
        number: int,
        time: float,
        period: float,
        weight: float,
        spread: Spread,
        *,
        gap: tuple[float, float, int] | None = None,
        age: int = 1,
        late: bool = False,
    ) -> None:
        self.number, self.time, self.period, self.weight = number, time, period, weight
        self.spread, self.gap, self.age, self.late = spread, gap, age, late
        self.losses = 0

    def variance(self, pulses: int) -> float:
        """Of where the line is, so many pulses on."""
        a, b, c = self.spread
        return a + pulses * (2 * b + pulses * c)

    def deviation(self, pulses: int) -> float:
        """The same as a deviation, in seconds."""
        return math.sqrt(self.variance(pulses))


class Counter:
    """Guesses of a clock's line. Not thread-safe; times do not run backwards.

    Attributes:
        guesses: the likeliest first; none before the first pulse.
    """

    def __init__(self) -> None:
        self.guesses: list[Guess] = []
        self._jitter, self._gain = FIRST_JITTER, FIRST_GAIN
        self._lost = LEAST_LOST
        self._last = -math.inf
        self._interval = 0.0
        self._odd = False

    @property
    def jitter(self) -> float:
        """Seconds by which arrivals are off, as a deviation."""
        return self._jitter

    @property
    def best(self) -> Guess | None:
        """The likeliest guess; None before the first pulse."""
        return self.guesses[0] if self.guesses else None

    def place(self, number: int) -> None:
        """The last pulse is this one, whatever the guesses were."""
        for guess in self.guesses:
            guess.number = number

    def pulse(self, time: float) -> None:
        """A pulse arrived."""
        before, interval = self._interval, time - self._last
        self._last, self._interval = time, interval
        best = self.best
        if best is None or interval > SILENCE:
            self._begin(time)
            return
        self._learn_jitter(abs(interval - before))
        v, found = self._jitter**2, list[Guess]()
        self._odd = not self._odd
        if best.period and not self._regular(best, time, v):
            for guess in _different(self.guesses):
                found += self._other_ways(guess, time, v)
        elif best.period and self._odd:
            found.append(self._small_step(best, time, v, math.log(EVERY)))
        for guess in self.guesses:
            if guess.period:
                self._go_on(guess, time, v)
                found.append(guess)
            else:
                found += self._settled(guess, time, v)
        self.guesses = _kept(found or [Guess(best.number + 1, time, 0.0, 0.0, (v, 0.0, 0.0), age=0)])
        self._learn_losses(self.guesses[0])

    def _begin(self, time: float) -> None:
        """The first pulse, or the first after a silence: the place is held over, the tempo found anew."""
        number, best = 0, self.best
        if best is not None:
            number = best.number + (max(1, round((time - best.time) / best.period)) if best.period else 1)
        self.guesses = [Guess(number, time, 0.0, 0.0, (self._jitter**2, 0.0, 0.0), age=0)]

    def _regular(self, guess: Guess, time: float, v: float) -> bool:
        off = time - guess.time - guess.period
        near = off < guess.period / 2 and off * off < REGULAR**2 * (guess.variance(1) + v)
        return near and not guess.late

    def _missed(self, pulses: int) -> float:
        """The weight of an interval of so many, all but one of them lost."""
        if pulses == 1:
            return 0.0
        first = math.log(self._lost)
        return max((pulses - 1) * first, first + BURST + (pulses - 2) * NEXT)

    def _go_on(self, guess: Guess, time: float, v: float, pulses: int = 0) -> None:
        """The line goes on: so many pulses (0: the likeliest number), the last of which is this one."""
        gap, period = time - guess.time, guess.period
        n = pulses or self._number(guess, gap, v)
        off = gap - n * period
        a, b, c = guess.spread
        b1 = b + n * c
        a1 = a + n * (b + b1)
        c1 = c + n * WANDER * WANDER * v
        s = a1 + v
        fit = -0.5 * (off * off / s + math.log(2 * math.pi * s))
        stray = STRAY - math.log(period)
        if n > 1:
            guess.weight += self._missed(n)
            guess.losses += 1
        if guess.late:
            guess.weight += STILL_LATE
            guess.late = False
        guess.number += n
        guess.time += n * period
        guess.age += 1
        if fit < stray:
            guess.weight += stray
            guess.spread = a1, b1, c1
            return
        k1, k2 = a1 / s, b1 / s
        guess.weight += fit
        guess.time += k1 * off
        guess.period = max(SHORTEST, period + k2 * off)
        guess.spread = k1 * v, k2 * v, c1 - k2 * b1

    def _number(self, guess: Guess, gap: float, v: float) -> int:
        """Of how many pulses an interval is: the nearest number, or, as long as the line is not sure, fewer."""
        nearest = max(1, round(gap / guess.period))
        if nearest == 1:
            return 1

        def weight(pulses: int) -> float:
            s = guess.variance(pulses) + v
            return self._missed(pulses) - 0.5 * ((gap - pulses * guess.period) ** 2 / s + math.log(s))

        return max(range(max(1, nearest - FEWER), nearest + 1), key=weight)

    def _small_step(self, guess: Guess, time: float, v: float, often: float = 0.0) -> Guess:
        """The tempo changed a little at the pulse before this one."""
        a, b, c = guess.spread
        spread = (a, b, c + (NEAR_STEP * guess.period) ** 2)
        other = Guess(guess.number, guess.time, guess.period, guess.weight + STEP + often, spread, age=0)
        self._go_on(other, time, v)
        return other

    def _other_ways(self, guess: Guess, time: float, v: float) -> Iterator[Guess]:
        """What a pulse can be, but the likeliest of the guess's line."""
        gap, period = time - guess.time, guess.period
        if gap <= 0:  # a line that is ahead of what arrives says nothing of it: the tempo is found anew
            yield Guess(guess.number + 1, time, 0.0, guess.weight + STEP, (v, 0.0, 0.0), age=0)
            return
        n = self._number(guess, gap, v)
        off, s = gap - n * period, guess.variance(n) + v
        for neighbour in (n - 1, n + 1):
            if s > (period / 8) ** 2 and neighbour > 0:
                other = Guess(
                    guess.number,
                    guess.time,
                    period,
                    guess.weight,
                    guess.spread,
                    age=guess.age,
                    late=guess.late,
                )
                self._go_on(other, time, v, neighbour)
                yield other
        late = gap - period
        if late > 0 and (guess.late or late * late > 9 * s):
            yield self._late(guess, late)
        yield self._small_step(guess, time, v)
        yield from self._far_steps(guess, gap, time, v)
        for pulses in {1, 2, n}:
            weight = guess.weight + STEP + self._missed(pulses)
            unknown = (gap, period, pulses)
            yield Guess(guess.number + pulses, time, 0.0, weight, (v, 0.0, 0.0), gap=unknown, age=0)
        if off * off > 9 * s:
            weight = guess.weight + JUMP + ANY_TEMPO - math.log(gap)
            yield Guess(guess.number + 1, time, period, weight, (v, 0.0, guess.spread[2]))

    def _late(self, guess: Guess, late: float) -> Guess:
        """The sender stood still: it is the next pulse, and says nothing of the line."""
        if guess.late:
            weight = STILL_LATE - math.log(HURRY) - self._interval / HURRY
        else:
            weight = LATE - math.log(LATENESS) - late / LATENESS
        _, b, c = guess.spread
        return Guess(
            guess.number + 1,
            guess.time + guess.period,
            guess.period,
            guess.weight + weight,
            (guess.variance(1), b + c, c),
            age=guess.age + 1,
            late=True,
        )

    def _far_steps(self, guess: Guess, gap: float, time: float, v: float) -> Iterator[Guess]:
        """The tempo became any other, on a pulse."""
        for before, after in AROUND:
            period = (gap - before * guess.period) / after
            if SHORTEST <= period <= LONGEST and abs(period - guess.period) > FAR_STEP * guess.period:
                weight = STEP + ANY_TEMPO - math.log(period * after) + self._missed(before + after)
                spread = (v, v / after, (guess.variance(before) + v) / after**2)
                yield Guess(guess.number + before + after, time, period, guess.weight + weight, spread)

    def _settled(self, guess: Guess, time: float, v: float) -> Iterator[Guess]:
        """The periods that a guess can have which had none; after a step between two pulses it is what fits them."""
        interval = time - guess.time
        for n in (1, 2, 3):
            period = interval / n
            if not SHORTEST <= period <= LONGEST:
                continue
            weight = guess.weight + ANY_TEMPO - math.log(interval) + self._missed(n)
            if guess.gap is not None:
                gap, before, pulses = guess.gap
                low, high = pulses * min(before, period), pulses * max(before, period)
                slack = 3 * math.sqrt(2 * v)
                if not low - slack < gap < high + slack:
                    continue
                weight -= math.log(high - low + slack)
            yield Guess(guess.number + n, time, period, weight, (v, v / n, 2 * v / n**2))

    def _learn_jitter(self, apart: float) -> None:
        """From how neighbouring intervals differ, which no tempo, ramp or step changes for long.

        The difference deviates by sqrt(6) times the jitter.
        """
        self._gain = max(1 / 200, self._gain / (1 + self._gain))
        seen = min(apart / math.sqrt(6), CLIPPED * self._jitter) / MEAN
        self._jitter += (seen - self._jitter) * self._gain
        best = self.best
        most = MOST_JITTER if best is None else max(MOST_JITTER, MOST_OF_PERIOD * best.period)
        self._jitter = min(most, max(LEAST_JITTER, self._jitter))

    def _learn_losses(self, best: Guess) -> None:
        """Of a tempo that holds: at its beginning, what looked like losses may have been the step."""
        if best.age and best.age % 32 == 0:
            self._lost = max(LEAST_LOST, self._lost + (best.losses / 32 - self._lost) * 32 / 1000)
            best.losses = 0


def _different(guesses: list[Guess]) -> list[Guess]:
    """One of each kind, the best first: those of a ramp are many, and say the same."""
    found: list[Guess] = []
    for guess in guesses:
        if guess.weight < -LIKELY:
            break
        if guess.period and not any(
            guess.number == other.number and abs(guess.period - other.period) < DIFFERENT * other.period
            for other in found
        ):
            found.append(guess)
    return found


def _kept(found: list[Guess]) -> list[Guess]:
    """The guesses that are worth going on with, the best first."""
    found.sort(key=lambda guess: -guess.weight)
    best = found[0]
    top, (a, _, c) = best.weight, best.spread
    kept: list[Guess] = []
    for guess in found:
        guess.weight -= top
        if guess.weight < -HOPELESS or len(kept) >= MOST + MOST_NEWBORN:
            break
        alike = (guess.time - best.time) ** 2 < a and (guess.period - best.period) ** 2 < c
        young = guess.age <= (YOUNG if len(kept) < MOST else NEWBORN)
        if guess is best or young or (len(kept) < MOST and guess.weight > -OUTLIVED and not alike):
            kept.append(guess)
    return kept
