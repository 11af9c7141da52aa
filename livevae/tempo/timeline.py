"""The timeline: the straight line between ticks and seconds, a frozen value that is replaced whole.

Laws, for every timeline `t`, tick `x`, moment `now` and tempo `bpm`:

    t.tick_at(t.time_at(x)) == x                          (to rounding)
    t.with_tempo(bpm, now).tick_at(now) == t.tick_at(now)  the present does not move
    x < y  implies  t.time_at(x) < t.time_at(y)
    next_grid(x, q) - q < x <= next_grid(x, q)
"""

import math
from dataclasses import dataclass, replace

TICKS_PER_BEAT = 960
"""One beat is a quarter: a sixteenth is 240 ticks, a triplet eighth 320, a MIDI clock 40."""

MIN_BPM = 20.0
MAX_BPM = 999.0
"""Ableton Link's range, so that every tempo of a Link session is one of ours."""


class TempoError(ValueError):
    """A tempo that nobody plays at; the text is for the performer."""


def checked_bpm(bpm: float) -> float:
    """The tempo as a float.

    Raises:
        TempoError: it is not a number from 20 to 999.
    """
    if isinstance(bpm, bool) or not isinstance(bpm, int | float) or not MIN_BPM <= bpm <= MAX_BPM:
        raise TempoError(f"a tempo is {MIN_BPM:g} to {MAX_BPM:g} beats a minute, not {bpm!r}")
    return float(bpm)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The straight line between ticks and seconds.

    Attributes:
        tick: the anchor's place in music; between two ticks as a rule, hence a float.
        time: the anchor's place in seconds of CLOCK_MONOTONIC (asyncio's `loop.time()`).
        bpm: beats a minute, 20 to 999; a beat is 960 ticks.
    """

    tick: float
    time: float
    bpm: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "tick", float(self.tick))
        object.__setattr__(self, "time", float(self.time))
        object.__setattr__(self, "bpm", checked_bpm(self.bpm))
        if not (math.isfinite(self.tick) and math.isfinite(self.time)):
            raise ValueError(f"a timeline's anchor is finite, not {self.tick} at {self.time}")

    @property
    def seconds_per_tick(self) -> float:
        """How long a tick lasts."""
        return 60.0 / (self.bpm * TICKS_PER_BEAT)

    def time_at(self, tick: float) -> float:
        """When `tick` sounds, in seconds."""
        return self.time + (tick - self.tick) * 60.0 / (self.bpm * TICKS_PER_BEAT)

    def tick_at(self, time: float) -> float:
        """Where the music is at `time`, in ticks with a fraction."""
        return self.tick + (time - self.time) * (self.bpm * TICKS_PER_BEAT) / 60.0

    def beat_at(self, time: float) -> float:
        """Where the music is at `time`, in beats."""
        return self.tick_at(time) / TICKS_PER_BEAT

    def with_tempo(self, bpm: float, time: float) -> "Timeline":
        """The line that goes on at another tempo from `time` on; the present does not move.

        Raises:
            TempoError: the tempo is not 20 to 999.
        """
        return Timeline(self.tick_at(time), time, bpm)

    def with_tempo_at_tick(self, bpm: float, tick: float) -> "Timeline":
        """The line that goes on at another tempo from `tick` on, exactly: the tick keeps its time.

        Raises:
            TempoError: the tempo is not 20 to 999.
        """
        return Timeline(tick, self.time_at(tick), bpm)

    def moved(self, ticks: float) -> "Timeline":
        """The same line with every moment `ticks` further on in the music: a nudge."""
        return replace(self, tick=self.tick + ticks)


def next_grid(tick: float, quantum: int, origin: int = 0) -> int:
    """The first point of the grid `origin + n * quantum` at or after `tick`.

    Args:
        tick: where to look from; may be negative or between ticks.
        quantum: ticks between grid points, at least 1.
        origin: any point of the grid.
    """
    if quantum < 1:
        raise ValueError(f"a quantum is at least one tick, not {quantum}")
    return origin - (origin - math.ceil(tick)) // quantum * quantum
