"""A tempo ramp: a straight line of beats a minute over ticks, walked in steps of a MIDI clock."""

from dataclasses import dataclass

RAMP_STEP = 40
"""Ticks between two tempos of a ramp: one MIDI clock, so that whoever follows our clock sees each of them."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """From one tempo to another, straight over ticks.

    Attributes:
        start: the tick where it leaves `from_bpm`.
        end: the tick where it has reached `to_bpm`; at least `start`.
        from_bpm: beats a minute before.
        to_bpm: beats a minute after.
    """

    start: int
    end: int
    from_bpm: float
    to_bpm: float

    def bpm_at(self, tick: float) -> float:
        """The tempo at a tick; before the ramp the first, after it the last."""
        if tick >= self.end:
            return self.to_bpm
        if tick <= self.start:
            return self.from_bpm
        return self.from_bpm + (self.to_bpm - self.from_bpm) * (tick - self.start) / (self.end - self.start)

    def step_bpm(self, tick: int) -> float:
        """The tempo to hold from `tick` for one step: that of the step's middle, or the last at the end."""
        return self.to_bpm if tick >= self.end else self.bpm_at(tick + min(RAMP_STEP, self.end - tick) / 2)

    def next_step(self, tick: int) -> int | None:
        """Where the next tempo begins; None when the last one is reached."""
        return None if tick >= self.end else min(tick + RAMP_STEP, self.end)
