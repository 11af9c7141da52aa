"""Simulated MIDI clocks, for measurements and tests: jitter, losses, drift, tempo steps, a sender that stalls.

A night is made from a seed; the same seed gives the same night.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from livevae.tempo.follower import PULSES_PER_BEAT, TICKS_PER_PULSE, ClockFollower

LOCKED = 2 * PULSES_PER_BEAT
"""Pulses after the start or a tempo step from which phase errors count: two beats."""

NEAR = 2e-3
"""Seconds of phase error, modulo a pulse, within which a locked follower stays: ten deviations at 1 ms of jitter."""

WATCHED = 8 * PULSES_PER_BEAT
"""Pulses after the start or a step in which the lock is looked for."""


class Pulse(NamedTuple):
    """One pulse of a master.

    Attributes:
        true: when it is meant, in seconds.
        arrives: when it arrives; None where it is lost. Arrivals keep their order.
        changed: whether a tempo begins here, or between the pulse before and this one.
    """

    true: float
    arrives: float | None
    changed: bool


@dataclass(frozen=True, slots=True)
class Master:
    """A simulated MIDI clock.

    Attributes:
        title: what a table calls it.
        jitter: seconds, the deviation of normal jitter.
        lost: the share of pulses that do not arrive; the first always does, for it is the downbeat.
        drift: how much faster than it says.
        steps: (seconds, bpm) of tempo changes, the first at 0.
        between: whether tempos change at any moment; else they do at the next pulse.
        stalls: how often a second the sender stands still.
        longest_stall: seconds; it then sends at once what it missed.
        card: seconds of a sound card's period, at whose end arrives what came in it; 0 is none.
        spread: seconds by which each pulse comes late, anything up to this being as likely.
    """

    title: str = ""
    jitter: float = 1e-3
    lost: float = 0.01
    drift: float = 200e-6
    steps: tuple[tuple[float, float], ...] = ((0, 120),)
    between: bool = False
    stalls: float = 0.0
    longest_stall: float = 0.05
    card: float = 0.0
    spread: float = 0.0

    def pulses(self, seconds: float, seed: int) -> Iterator[Pulse]:
        """The pulses of `seconds` of a night."""
        chance = random.Random(seed)  # noqa: S311  (as above)
        last, stalled, phase = 0.0, 0.0, chance.random() if self.card else 0.0
        for number, (true, changed) in enumerate(self._meant(seconds)):
            arrives: float | None = None
            if chance.random() >= self.lost or not number:
                if self.stalls and chance.random() < self.stalls * max(0.0, true - stalled):
                    stalled = true + chance.random() * self.longest_stall
                arrives = true + chance.gauss(0, self.jitter)
                if self.spread:
                    arrives += chance.random() * self.spread
                if self.card:
                    arrives = (math.ceil(true / self.card + phase) - phase) * self.card + abs(arrives - true)
                arrives = last = max(last, arrives, stalled)
            stalled = max(stalled, true)
            yield Pulse(true, arrives, changed)

    def _meant(self, seconds: float) -> Iterator[tuple[float, bool]]:
        """(time, whether the tempo changed) of each pulse, without anything that happens on its way."""
        coming = list(self.steps)
        time, period, changed = 0.0, 0.0, False
        while time < seconds:
            while coming and coming[0][0] <= time:
                period, changed = self._period(coming.pop(0)[1]), True
            yield time, changed
            changed = False
            following = time + period
            while self.between and coming and coming[0][0] < following:
                when, bpm = coming.pop(0)
                part = (following - when) / period
                period, changed = self._period(bpm), True
                following = when + part * period
            time = following

    def _period(self, bpm: float) -> float:
        return 60 / (bpm * (1 + self.drift) * PULSES_PER_BEAT)


def random_steps(
    seed: int, seconds: float, *, least: float = 40, most: float = 240
) -> tuple[tuple[float, float], ...]:
    """A tempo step every ten to twenty seconds, to any tempo."""
    chance = random.Random(seed)  # noqa: S311  (as above)
    steps, when = [], 0.0
    while when < seconds:
        steps.append((when, chance.uniform(least, most)))
        when += chance.uniform(10, 20)
    return tuple(steps)


@dataclass(slots=True)
class Night:
    """How a follower did in a night.

    Attributes:
        errors: seconds by which the follower's place was off, pulses that it miscounted included, at each pulse
            two beats and more after the start or a step.
        offs: pulses by which its count was off at the end of each tempo.
        beside: whether the last pulse before each tempo, its first or its second was lost: what was between is then
            often told by nothing that arrives.
        locks: beats after which, at each tempo, the follower trusted its line and stayed within `NEAR`.
    """

    errors: list[float]
    offs: list[int]
    beside: list[bool]
    locks: list[float]

    @property
    def miscounted(self) -> int:
        """Tempo steps (and the start) over which pulses were miscounted."""
        return sum(self._wrong())

    @property
    def miscounted_beside_losses(self) -> int:
        """Those of them that a lost pulse was beside."""
        return sum(wrong and beside for wrong, beside in zip(self._wrong(), self.beside, strict=True))

    def _wrong(self) -> list[bool]:
        return [before != after for before, after in zip([0, *self.offs], self.offs, strict=False)]


def follow(master: Master, seconds: float, seed: int) -> Night:
    """Let a follower hear a night from its start on."""
    follower, night = ClockFollower(), Night([], [], [], [])
    follower.start()
    since, off, unlocked, before = 0, 0.0, 0, False
    for number, (true, arrives, changed) in enumerate(master.pulses(seconds, seed)):
        if changed and number:
            night.offs.append(round(off))
            night.locks.append(unlocked / PULSES_PER_BEAT)
        if changed:
            since, unlocked = 0, 0
            night.beside.append(before)
        if since <= 1 and arrives is None:
            night.beside[-1] = True
        before = arrives is None
        if arrives is not None:
            follower.pulse(arrives)
        line = follower.line()
        if line is not None:
            off = line.tick_at(true) / TICKS_PER_PULSE - number
            a_pulse = TICKS_PER_PULSE * line.seconds_per_tick
            if since >= LOCKED:
                night.errors.append(abs(off) * a_pulse)
        else:
            a_pulse = 1.0
        if since < WATCHED and (not follower.locked or abs(off - round(off)) * a_pulse > NEAR):
            unlocked = since + 1
        since += 1
    night.offs.append(round(off))
    night.locks.append(unlocked / PULSES_PER_BEAT)
    return night
