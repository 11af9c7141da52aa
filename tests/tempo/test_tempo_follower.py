"""Following a simulated master: jitter, lost pulses, drift, tempo steps, start, stop, continue and song position."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livevae.tempo.follower import LOCK, PULSES_PER_BEAT, TICKS_PER_PULSE, ClockFollower

STEPS = (
    (0, 120),
    (60, 121),
    (120, 140),
    (180, 90),
    (240, 92),
    (300, 174),
    (360, 87),
    (420, 180),
    (480, 60),
    (540, 123),
)
TWO_BEATS = 2 * PULSES_PER_BEAT


class Master:
    """A clock as it arrives: (true time, time of arrival or None when lost) of each pulse, from 1000 s on."""

    def __init__(self, seed, *, jitter=1e-3, lost=0.01, drift=200e-6, steps=STEPS, seconds=600.0):
        chance = random.Random(seed)
        self.pulses, self.changes = [], []
        time, steps = 1000.0, list(steps)
        while time - 1000.0 < seconds:
            while steps and steps[0][0] <= time - 1000.0:
                period = 60 / (steps.pop(0)[1] * (1 + drift) * PULSES_PER_BEAT)
                self.changes.append(len(self.pulses))
            gone = chance.random() < lost and len(self.pulses) > 0
            self.pulses.append(
                (time, None if gone else time + (chance.gauss(0, jitter) if self.pulses else 0))
            )
            time += period


def errors_after_lock(master, follower):
    """Phase errors in seconds of every estimate made two beats or more after a start or a tempo step."""
    errors, change = [], 0
    for number, (true, arrives) in enumerate(master.pulses):
        if number in master.changes:
            change = number
        if arrives is not None:
            follower.pulse(arrives)
        line = follower.line()
        if line is not None and number - change >= TWO_BEATS:
            errors.append(abs(line.tick_at(true) - number * TICKS_PER_PULSE) * line.seconds_per_tick)
    return sorted(errors)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ten_minutes_of_a_bad_clock_are_followed_within_a_millisecond(seed):
    """1 ms normal jitter, 1 % lost, 200 ppm, nine tempo steps up to threefold; locked two beats after each."""
    master, follower = Master(seed), ClockFollower()
    follower.start()
    errors = errors_after_lock(master, follower)
    assert errors[int(0.99 * len(errors))] < 0.001
    assert errors[-1] < 0.002


def test_a_good_clock_is_followed_to_microseconds():
    master, follower = Master(1, jitter=0, lost=0, steps=((0, 133),), seconds=30), ClockFollower()
    follower.start()
    assert errors_after_lock(master, follower)[-1] < 1e-6
    assert follower.bpm == pytest.approx(133 * 1.0002, rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.floats(40, 240), st.floats(0.4, 2.5))
def test_at_half_a_millisecond_of_jitter_no_pulse_is_miscounted_over_a_tempo_step(seed, before, ratio):
    after = min(240.0, before * ratio)
    master = Master(seed, jitter=5e-4, lost=0, steps=((0, before), (10, after)), seconds=20)
    follower = ClockFollower()
    follower.start()
    errors = errors_after_lock(master, follower)
    assert errors[-1] < 60 / (after * PULSES_PER_BEAT) / 2


def clocked(follower, count, bpm=120.0, start=0.0):
    """Send `count` perfect pulses; when the next one would come."""
    period = 60 / (bpm * PULSES_PER_BEAT)
    for i in range(count):
        follower.pulse(start + i * period)
    return start + count * period


def test_pulses_before_the_start_prime_the_tempo_and_do_not_move_the_song():
    follower = ClockFollower()
    now = clocked(follower, 40)
    assert follower.locked
    assert follower.bpm == pytest.approx(120)
    assert not follower.running
    follower.start()
    follower.pulse(now)
    assert follower.anew
    assert follower.line().tick_at(now) == pytest.approx(0)
    assert not follower.anew


def test_the_first_pulse_after_start_is_the_downbeat():
    follower = ClockFollower()
    follower.start()
    clocked(follower, LOCK + 1)
    assert follower.line().tick_at(0.0) == pytest.approx(0)
    assert follower.line().tick_at(0.5) == pytest.approx(960)


def test_stop_and_continue_go_on_where_the_song_stood():
    follower = ClockFollower()
    follower.start()
    now = clocked(follower, 49)
    follower.stop()
    assert not follower.running
    now = clocked(follower, 30, start=now)
    follower.resume()
    follower.pulse(now)
    assert follower.anew
    assert follower.line().tick_at(now) == pytest.approx(48 * TICKS_PER_PULSE, abs=TICKS_PER_PULSE)


@given(st.integers(0, (1 << 14) - 1))
def test_continue_begins_at_the_song_position(sixteenths):
    follower = ClockFollower()
    now = clocked(follower, 30)
    follower.position(sixteenths)
    follower.resume()
    follower.pulse(now)
    assert follower.line().tick_at(now) == pytest.approx(sixteenths * 240, abs=1e-3)


def test_over_lost_pulses_the_line_goes_on():
    follower = ClockFollower()
    follower.start()
    now = clocked(follower, 96)
    assert follower.line().tick_at(now + 10) == pytest.approx(96 * 40 + 20 * 960)
    follower.pulse(now + 10 / 48 * 5)
    assert follower.line().tick_at(now + 50 / 48) == pytest.approx((96 + 50) * 40, abs=0.01)


def test_a_master_that_returns_after_a_silence_is_taken_up_where_it_would_be():
    follower = ClockFollower()
    follower.start()
    now = clocked(follower, 96)
    clocked(follower, 48, bpm=120, start=now + 10)
    assert follower.locked
    assert follower.line().tick_at(now + 10) == pytest.approx(96 * 40 + 20 * 960, abs=21)


@given(
    st.lists(
        st.one_of(st.floats(0, 5), st.sampled_from(("start", "stop", "resume", "position"))), max_size=200
    )
)
def test_nothing_that_arrives_breaks_it(events):
    follower, now = ClockFollower(), 0.0
    for event in events:
        if event == "position":
            follower.position(5)
        elif isinstance(event, str):
            getattr(follower, event)()
        else:
            now += event
            follower.pulse(now)
        line = follower.line()
        assert line is None or 20 <= line.bpm <= 999
