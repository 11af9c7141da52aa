"""The parts of the jitter measurement that can be wrong without anybody noticing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livevae.bench import jitter
from livevae.bench.stage import INTERVAL, index_of, mark


@given(st.integers(0, jitter.MARKS - 1))
def test_each_note_of_a_take_is_told_apart(index):
    pitch, velocity = mark(index)
    assert index_of(pitch, velocity) == index
    assert 0 <= pitch <= 127
    assert 1 <= velocity <= 127


def test_both_ends_speak_of_the_same_interval():
    assert pytest.approx(INTERVAL) == jitter.INTERVAL


def test_lateness_at_the_receiver_is_of_the_note_that_was_meant():
    due = [1.0, 2.0, 3.0]
    arrivals = [(3.25, *mark(2)), (1.5, *mark(0))]
    assert jitter.arrivals_late(due, arrivals) == ([0.5, 0.25], 1)


def test_quantiles_are_nearest_ranks_in_milliseconds():
    assert jitter.quantiles(i / 1000 for i in range(1000)) == [500.0, 990.0, 999.0, 999.0]
    assert jitter.quantiles([]) == []


def test_cyclictests_histogram_is_read():
    text = "# Histogram\n000003 000002\n000010 000001\n# Total: 000003\n# Max Latencies: 00010\n"
    assert jitter.histogram(text) == [3e-6, 3e-6, 1e-5]


def test_the_hypervisors_share_is_of_the_time_between_two_readings():
    assert jitter.share_stolen((10, 1000), (15, 1100)) == 0.05
    assert jitter.share_stolen((0, 0), (0, 0)) == 0.0
