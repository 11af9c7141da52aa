"""The other clock less ours: exact without jitter, and never wrong by more than half a quick way."""

import random

import pytest
from hypothesis import example, given, strategies as st

from livevae.edges.mqtt.offset import DRIFT, FASTEST, GROUP, MIDDLE, PATIENT, SLOWEST, Offset, exchange

drifts = st.floats(-DRIFT, DRIFT)
offsets = st.floats(-1e6, 1e6)


def run(
    offset: float, drift: float, ways: list[tuple[float, float]], start: float = 1000.0
) -> tuple[Offset, float]:
    """An offset that was fed exchanges a second apart, each with its way there and back; and when the last was."""
    found, now = Offset(), start
    for there, back in ways:
        sent = now
        seen = sent + there
        theirs = seen + offset + drift * (seen - start)
        found.add(exchange(sent, theirs, theirs, seen + back))
        now += SLOWEST
    return found, now


@given(offsets, drifts, st.integers(1, 200))
def test_without_jitter_the_offset_is_exact(offset: float, drift: float, count: int) -> None:
    found, now = run(offset, drift, [(0.0, 0.0)] * count)
    true = offset + drift * (now - 1000.0)
    assert found.at(now) == pytest.approx(true, abs=SLOWEST * abs(drift) + 1e-6 + abs(offset) * 1e-12)


@given(drifts, st.integers(0, 2**32))
@example(-5e-05, 58)
def test_it_is_wrong_by_half_of_any_round_trip_and_its_drift_at_most(drift: float, seed: int) -> None:
    chance = random.Random(seed)
    ways = [(chance.expovariate(500), chance.expovariate(500)) for _ in range(120)]
    found, now = run(12.5, drift, ways)
    bound = min(sum(way) / 2 + DRIFT * (120 - i) for i, way in enumerate(ways) if i >= 60)
    assert abs(found.at(now) - (12.5 + drift * (now - 1000.0))) <= bound
    assert found.uncertainty(now) <= bound


@given(st.integers(0, 2**32))
def test_a_machine_that_is_busy_for_half_a_minute_moves_nobody(seed: int) -> None:
    chance = random.Random(seed)
    quick = [(0.0005, 0.0006)] * 30
    busy = [(chance.uniform(0.01, 0.3), chance.uniform(0.001, 0.01)) for _ in range(30)]
    found, now = run(12.5, 0.0, quick + busy)
    assert abs(found.at(now) - 12.5) < 1e-3


def test_drift_is_followed_between_exchanges() -> None:
    found, now = run(0.0, 4e-5, [(0.0004, 0.0004)] * 90)
    assert found.at(now + 30) - found.at(now) == pytest.approx(30 * 4e-5, rel=0.1)


def test_one_quick_way_outweighs_many_slow_ones() -> None:
    ways = [(0.08, 0.002)] * 7 + [(0.001, 0.001)]
    found, now = run(5.0, 0.0, ways)
    assert found.at(now) == pytest.approx(5.0, abs=1e-6)
    assert found.uncertainty(now) < 0.002


def test_exchanges_are_quick_until_a_group_is_full() -> None:
    found = Offset()
    pauses = []
    for i in range(GROUP + 1):
        pauses.append(found.pause)
        found.add(exchange(i, i, i, i + 0.001))
    assert pauses == [FASTEST] * GROUP + [1.0]
    assert found.settled


def test_slow_round_trips_are_repeated_until_one_is_quick() -> None:
    found, now, pauses = Offset(), 0.0, []
    for number in range(600):
        trip = 0.006 if number < 590 else 0.0008
        found.add(exchange(now, now, now, now + trip))
        pauses.append(found.pause)
        now += pauses[-1]
    assert set(pauses[:400]) == {FASTEST}
    assert pauses[500] == MIDDLE
    assert pauses[-1] == SLOWEST


def test_what_may_be_far_off_is_not_followed_before_it_was_tried_for_a_while() -> None:
    slow, quick = Offset(), Offset()
    for number in range(GROUP * PATIENT):
        assert not slow.settled
        slow.add(exchange(number, number, number, number + 0.3))
        quick.add(exchange(number, number, number, number + 0.002))
        assert quick.settled == (number + 1 >= GROUP)
    assert slow.settled


@pytest.mark.parametrize("times", [(1.0, 5.0, 5.0, 0.5), (0.0, 5.0, 4.0, 1.0), (0.0, 5.0, 9.0, 1.0)])
def test_an_exchange_that_came_before_it_was_sent_is_none(times: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="before it was sent"):
        exchange(*times)
    with pytest.raises(ValueError, match="no exchange"):
        Offset().at(0.0)
