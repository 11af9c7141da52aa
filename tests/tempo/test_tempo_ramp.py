"""A ramp's laws."""

import pytest
from hypothesis import given, strategies as st

from livevae.tempo.ramp import RAMP_STEP, Ramp

ramps = st.builds(
    lambda start, length, a, b: Ramp(start, start + length, a, b),
    st.integers(-10_000, 10_000),
    st.integers(0, 20_000),
    st.floats(20, 999),
    st.floats(20, 999),
)


@given(ramps, st.integers(-20_000, 40_000))
def test_a_ramp_stays_between_its_tempos(ramp, tick):
    low, high = sorted((ramp.from_bpm, ramp.to_bpm))
    assert low - 1e-9 <= ramp.bpm_at(tick) <= high + 1e-9


@given(ramps)
def test_walking_a_ramp_ends_at_its_last_tempo_on_its_last_tick(ramp):
    tick = ramp.start
    steps = [(tick, ramp.step_bpm(tick))]
    while (following := ramp.next_step(tick)) is not None:
        assert tick < following <= tick + RAMP_STEP
        tick = following
        steps.append((tick, ramp.step_bpm(tick)))
    assert steps[-1] == (ramp.end, ramp.to_bpm)


def test_a_step_holds_the_tempo_of_its_middle():
    ramp = Ramp(0, 80, 100, 140)
    assert [ramp.step_bpm(t) for t in (0, 40, 80)] == [110, 130, 140]
    assert ramp.bpm_at(-5) == 100


@given(ramps)
def test_the_steps_take_as_long_as_the_straight_line_would(ramp):
    """Midpoint steps: the beats' duration is within 0.2 % of the integral of 60 / bpm over the ramp, for ramps
    that change by at most a third over a beat."""
    length = ramp.end - ramp.start
    if length < 960 or not 0.75 < ramp.to_bpm / ramp.from_bpm < 1.33:
        return
    tick, seconds = ramp.start, 0.0
    while (following := ramp.next_step(tick)) is not None:
        seconds += (following - tick) / ramp.step_bpm(tick)
        tick = following
    exact = sum(1 / ramp.bpm_at(ramp.start + i + 0.5) for i in range(length))
    assert seconds == pytest.approx(exact, rel=2e-3)
