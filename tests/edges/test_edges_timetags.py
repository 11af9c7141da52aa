"""Timetags to session time."""

import math
import random

import pytest
from hypothesis import given, strategies as st

from livevae.edges.osc.timetags import FARTHEST, RECENT, STEP, Timetags
from livevae.errors import RequestError


class World:
    """Two clocks made of one true time: the wall's is `ahead` of the session's, and reading takes `takes()`."""

    def __init__(self, ahead=1_760_000_000.0, takes=lambda: 0.0):
        self.true, self.ahead, self.takes = 50.0, ahead, takes

    def session(self):
        self.true += self.takes()
        return self.true

    def wall(self):
        return self.true + self.ahead

    def timetags(self):
        return Timetags(self.session, self.wall)


def test_a_timetag_ahead_is_as_far_ahead_in_session_time():
    world = World()
    assert world.timetags().at(world.wall() + 0.5) == pytest.approx(50.5, abs=1e-6)


def test_immediately_is_now_and_the_past_is_now():
    world = World()
    timetags = world.timetags()
    assert timetags.at(None) is None
    assert timetags.at(world.wall() - 0.001) is None
    assert timetags.at(0.0) is None
    assert timetags.at(-2_208_988_800.0) is None


@pytest.mark.parametrize(
    ("ahead", "sentence"),
    [
        (FARTHEST + 1, "61.0 s ahead, and 60 s is the most"),
        (600, "10 minutes ahead"),
        (36_000, "10 hours ahead"),
        (3e8, "3,472 days ahead"),
    ],
)
def test_a_timetag_absurdly_far_ahead_is_refused_with_a_sentence(ahead, sentence):
    world = World()
    with pytest.raises(RequestError, match=sentence):
        world.timetags().at(world.wall() + ahead)


def test_a_timetag_at_the_limit_is_taken():
    world = World()
    assert world.timetags().at(world.wall() + FARTHEST - 0.001) is not None


@given(st.floats(-5e-4, 5e-4), st.integers(0, 10**6))
def test_one_timetag_is_one_moment_while_the_wall_clock_is_slewed(slew, seed):
    """What came a moment later for the same time had an earlier one, and was done first."""
    chance = random.Random(seed)
    world = World(takes=lambda: chance.random() * 2e-6)
    timetags, tags, moments = world.timetags(), [world.wall() + ahead for ahead in (1.0, 2.0, 3.0)], []
    for _ in range(5):
        moments.append([timetags.at(tag) for tag in tags])
        world.true += 0.1
        world.ahead += 0.1 * slew
    assert all(found == moments[0] for found in moments)
    assert moments[0] == pytest.approx([51.0, 52.0, 53.0], abs=1e-4)
    world.ahead -= 3.0
    assert timetags.at(tags[0]) == pytest.approx(54.0, abs=1e-3)


def test_few_timetags_are_remembered():
    world = World()
    timetags = world.timetags()
    for number in range(10 * RECENT):
        timetags.at(world.wall() + 1 + number * 1e-3)
    assert len(timetags._recent) == RECENT


@given(st.floats(1e-3, FARTHEST - 1e-3))
def test_at_is_the_inverse_of_timetag(ahead):
    world = World()
    timetags = world.timetags()
    assert timetags.at(timetags.timetag(50.0 + ahead)) == pytest.approx(50.0 + ahead, abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_torn_readings_do_not_reach_the_music(seed):
    """One reading in three is torn by up to 20 ms by the scheduler; the map stays within a tenth of a millisecond."""
    dice = random.Random(seed)
    world = World(takes=lambda: dice.uniform(0, 0.02) if dice.random() < 1 / 3 else dice.uniform(0, 2e-5))
    timetags = world.timetags()
    timetags.offset()
    worst = 0.0
    for _ in range(500):
        world.true += dice.uniform(0, 0.1)
        worst = max(worst, abs(timetags.offset() - world.ahead))
    assert worst < STEP
    assert abs(timetags.offset() - world.ahead) < 1e-3


def test_a_clock_that_ntp_slews_is_followed_within_a_millisecond():
    world = World()
    timetags = world.timetags()
    for _ in range(2000):
        world.true += 0.05
        world.ahead += 0.05 * 500e-6
        assert abs(timetags.offset() - world.ahead) < 1e-3


@pytest.mark.parametrize("step", [-3600.0, -0.02, 0.02, 1.0, 86_400.0])
def test_a_clock_that_is_set_is_followed_at_once(step):
    world = World()
    timetags = world.timetags()
    timetags.offset()
    world.true += 1.0
    world.ahead += step
    assert timetags.offset() == pytest.approx(world.ahead, abs=1e-6)


def test_a_torn_reading_is_no_step():
    """The wall clock is read 30 ms after the first session reading: no more than the doubt of that reading."""
    world = World()
    timetags = world.timetags()
    timetags.offset()
    world.takes = lambda: 0.03
    assert timetags.offset() == pytest.approx(world.ahead, abs=1e-6)


def test_a_flood_of_timetags_keeps_the_offset_finite_and_still():
    world = World()
    timetags = world.timetags()
    offsets = {timetags.offset() for _ in range(10_000)}
    assert all(math.isfinite(offset) for offset in offsets)
    assert max(offsets) - min(offsets) < 1e-6


def test_the_real_clocks_agree_with_themselves():
    timetags = Timetags()
    at = timetags.at(timetags.timetag(0.0) + 0.0)
    assert at is None  # session time 0 is when the machine started
