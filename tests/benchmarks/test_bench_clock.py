"""What `python -m benchmarks clock` says is worked out as it says."""

import pytest

from benchmarks.clock_jack import BAR, compare
from benchmarks.masters import Master, follow
from livevae.tempo.pulses import PULSES_PER_BEAT, TICKS_PER_PULSE
from livevae.tempo.timeline import Timeline


def test_a_line_that_goes_with_the_pulses_is_off_by_nothing_and_one_behind_is_behind():
    sent = [10 + i / 48 for i in range(240)]
    before, there = Timeline(0, 0.0, 100.0), Timeline(3 * BAR, 10.0, 120.0)
    found = compare(sent, [before, there])
    assert found.off == pytest.approx([0] * 192, abs=1e-9)
    assert (found.lock, found.miscounted) == (0, 0)
    late = compare(sent, [before, there, Timeline(3 * BAR - 4, 10.0, 120.0)])
    assert late.off == pytest.approx([-4 / 1920] * 192)


def test_pulses_that_were_miscounted_are_in_the_error():
    sent = [10 + i / 48 for i in range(240)]
    lines = [Timeline(3 * BAR, 10.0, 120.0), Timeline(3 * BAR + 100 * TICKS_PER_PULSE, 10 + 99 / 48, 120.0)]
    found = compare(sent, lines)
    assert found.miscounted == 1
    assert found.off[-1] == pytest.approx(1 / 48)


def test_nights_are_the_same_from_the_same_seed_and_steps_between_pulses_keep_the_beat():
    master = Master(steps=((0, 120), (1.003, 60)), between=True, jitter=0, lost=0.1, drift=0)
    night = list(master.pulses(5.0, 20000))
    assert night == list(master.pulses(5.0, 20000))
    (step,) = [i for i, pulse in enumerate(night) if pulse.changed and i]
    part = (1.003 - night[step - 1].true) * 2 * PULSES_PER_BEAT
    assert night[step].true - 1.003 == pytest.approx((1 - part) / PULSES_PER_BEAT)
    assert any(pulse.arrives is None for pulse in night)
    assert len(follow(master, 5.0, 20000).offs) == 2
