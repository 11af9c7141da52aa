"""Tap tempo, as fingers do it."""

import random

import pytest
from hypothesis import given, strategies as st

from livevae.tempo.taps import MOST, Taps


def row(*times: float) -> Taps:
    taps = Taps()
    for time in times:
        taps = taps.tapped(time)
    return taps


def test_two_taps_are_no_tempo_and_three_are() -> None:
    assert row(1.0).bpm is row(1.0, 1.5).bpm is None
    assert row(1.0, 1.5, 2.0).bpm == 120.0


@given(st.floats(0, 1e6), st.floats(30, 400), st.integers(3, 30))
def test_steady_taps_are_their_tempo(start: float, bpm: float, count: int) -> None:
    taps = row(*(start + i * 60 / bpm for i in range(count)))
    assert taps.bpm == pytest.approx(bpm, abs=0.06)
    assert taps.count == min(count, MOST)


def test_unsteady_fingers_are_within_a_beat_a_minute_or_two() -> None:
    rng = random.Random(1)
    for bpm in (60, 97.5, 174):
        for _ in range(50):
            taps = row(*(i * 60 / bpm + rng.gauss(0, 0.01) for i in range(9)))
            assert taps.bpm == pytest.approx(bpm, rel=0.025)


def test_one_tap_that_misses_moves_the_tempo_little() -> None:
    assert row(0.0, 0.5, 1.0, 1.5, 2.1, 2.5, 3.0).bpm == pytest.approx(120, rel=0.01)


def test_a_beat_left_out_is_counted() -> None:
    assert row(0.0, 0.5, 1.0, 2.0, 2.5).bpm == 120.0


def test_a_finger_that_bounces_taps_once() -> None:
    assert row(0.0, 0.5, 0.52, 1.0, 1.03).marks == row(0.0, 0.5, 1.0).marks


def test_another_tempo_begins_anew_and_needs_three_taps_again() -> None:
    taps = row(0.0, 0.5, 1.0, 1.5)
    assert taps.tapped(1.82).bpm is None
    assert taps.tapped(1.82).tapped(2.14).bpm == 187.5


@pytest.mark.parametrize("later", [3.01, 100.0, -1.0])
def test_a_pause_or_a_clock_that_went_back_begins_anew(later: float) -> None:
    assert row(0.0, 0.5, 1.0).tapped(1.0 + later).marks == ((0, 1.0 + later),)


@given(st.lists(st.floats(-1e6, 1e6), max_size=40))
def test_any_taps_are_a_tempo_in_range_or_none(times: list[float]) -> None:
    assert 20 <= (row(*times).bpm or 20) <= 999
