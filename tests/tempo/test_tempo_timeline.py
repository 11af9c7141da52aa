"""The timeline's laws."""

import pytest
from hypothesis import given, strategies as st

from livevae.music import notes
from livevae.tempo.timeline import MAX_BPM, MIN_BPM, TICKS_PER_BEAT, TempoError, Timeline, next_grid

bpms = st.floats(MIN_BPM, MAX_BPM)
ticks = st.integers(-10_000_000, 100_000_000)
times = st.floats(-1e5, 1e7)
timelines = st.builds(Timeline, st.floats(-1e6, 1e8), times, bpms)


def test_music_and_tempo_agree_on_the_ticks_of_a_beat():
    assert TICKS_PER_BEAT == notes.TICKS_PER_BEAT


def test_at_120_a_beat_lasts_half_a_second():
    line = Timeline(0, 10.0, 120)
    assert [line.time_at(t) for t in (-960, 0, 960, 3840)] == [9.5, 10.0, 10.5, 12.0]
    assert line.beat_at(11.0) == 2.0
    assert line.seconds_per_tick * TICKS_PER_BEAT == 0.5


@given(timelines, ticks)
def test_a_tick_comes_back_from_its_time(line, tick):
    assert line.tick_at(line.time_at(tick)) == pytest.approx(tick, abs=1e-3)


@given(timelines, times)
def test_a_time_comes_back_from_its_tick(line, time):
    assert line.time_at(line.tick_at(time)) == pytest.approx(time, abs=1e-5)


@given(timelines, bpms, times)
def test_a_tempo_change_does_not_move_the_present(line, bpm, now):
    assert line.with_tempo(bpm, now).tick_at(now) == line.tick_at(now)


@given(timelines, bpms, ticks)
def test_a_tempo_change_at_a_tick_keeps_the_time_of_that_tick(line, bpm, tick):
    assert line.with_tempo_at_tick(bpm, tick).time_at(tick) == line.time_at(tick)


@given(timelines, st.lists(st.tuples(bpms, st.floats(0, 60)), max_size=20))
def test_time_never_runs_backwards_over_tempo_changes(line, changes):
    now = line.time
    tick = line.tick_at(now)
    for bpm, later in changes:
        line = line.with_tempo(bpm, now)
        now += later
        assert line.tick_at(now) >= tick
        tick = line.tick_at(now)


@given(timelines, times, st.integers(-4000, 4000))
def test_a_nudge_moves_every_moment_by_its_ticks(line, now, by):
    assert line.moved(by).tick_at(now) == pytest.approx(line.tick_at(now) + by, abs=1e-3)


@pytest.mark.parametrize("bpm", [0, -120, 19.99, 999.1, float("nan"), float("inf"), True, "120", None])
def test_a_tempo_that_nobody_plays_is_refused_with_the_bounds(bpm):
    with pytest.raises(TempoError, match="20 to 999"):
        Timeline(0, 0, bpm)
    with pytest.raises(TempoError, match="20 to 999"):
        Timeline(0, 0, 120).with_tempo(bpm, 1.0)


@pytest.mark.parametrize("place", [(float("nan"), 0), (0, float("inf"))])
def test_an_anchor_is_finite(place):
    with pytest.raises(ValueError, match="finite"):
        Timeline(*place, 120)


@given(st.one_of(ticks, st.floats(-1e6, 1e8)), st.integers(1, 100_000), st.integers(-100_000, 100_000))
def test_the_next_grid_point_is_on_the_grid_and_the_first_at_or_after(tick, quantum, origin):
    point = next_grid(tick, quantum, origin)
    assert isinstance(point, int)
    assert (point - origin) % quantum == 0
    assert point - quantum < tick <= point


def test_a_point_of_the_grid_is_its_own_next():
    assert [next_grid(t, 3840) for t in (-3841, -1, 0, 0.1, 1, 3840, 3840.5)] == [
        -3840,
        0,
        0,
        3840,
        3840,
        3840,
        7680,
    ]
    assert next_grid(0, 3840, origin=100) == 100


def test_a_quantum_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one tick"):
        next_grid(0, 0)
