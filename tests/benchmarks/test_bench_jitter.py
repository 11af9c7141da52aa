"""The parts of the jitter measurement that can be wrong without anybody noticing."""

import pytest
from hypothesis import given, strategies as st

from benchmarks import isobar_way, jitter
from benchmarks.stage import index_of, interval, mark


@given(st.integers(0, jitter.MARKS - 1))
def test_each_note_of_a_take_is_told_apart(index):
    pitch, velocity = mark(index)
    assert index_of(pitch, velocity) == index
    assert 0 <= pitch <= 127
    assert 1 <= velocity <= 127


@pytest.mark.parametrize("rate", [240, 480, 960])
def test_both_ends_speak_of_the_same_interval(rate):
    assert interval(round(jitter.TICKS_A_SECOND / rate)) == pytest.approx(1 / rate)


def test_lateness_at_the_receiver_is_of_the_note_that_was_meant():
    due = [1.0, 2.0, 3.0]
    arrivals = [(3.25, *mark(2)), (1.5, *mark(0))]
    assert jitter.arrivals_late(due, arrivals) == ([0.5, 0.25], 1)


def test_quantiles_are_nearest_ranks_in_milliseconds():
    assert jitter.quantiles(i / 1000 for i in range(1000)) == [500.0, 990.0, 999.0, 999.0]
    assert jitter.quantiles([]) == []


def test_isobars_beats_are_counted_from_the_note_that_makes_it_look_best():
    pytest.importorskip("isobar", reason="isobar is not installed")
    sent = []
    due, times = isobar_way.play([(60, 1), (61, 2), (62, 3)], 1 / 240, 16, sent.append)
    assert [data for data in sent if data[0] == 0x9F] == [b"\x9f\x3c\x01", b"\x9f\x3d\x02", b"\x9f\x3e\x03"]
    assert sum(data[0] == 0x8F for data in sent) == 3
    assert min(when - wanted for when, wanted in zip(times, due, strict=True)) == 0


def test_every_row_is_made_of_loads_that_there_are():
    assert {load for row in jitter.ROWS.values() for load in row} == set(jitter.ROWS["all"])


def test_cyclictests_histogram_is_read():
    text = "# Histogram\n000003 000002\n000010 000001\n# Total: 000003\n# Max Latencies: 00010\n"
    assert jitter.histogram(text) == [3e-6, 3e-6, 1e-5]


def test_the_hypervisors_share_is_of_the_time_between_two_readings():
    assert jitter.share_stolen((10, 1000), (15, 1100)) == 0.05
    assert jitter.share_stolen((0, 0), (0, 0)) == 0.0
