"""The laws of the pace: the present never jumps, a nudge moves the music by what was asked, a clock is caught up with."""

import pytest
from hypothesis import given, strategies as st

from livevae.tempo.pace import IN_PHASE, Pace
from livevae.tempo.timeline import TempoError, Timeline

bpms = st.floats(40, 300)
nudges = st.floats(-960, 960)
overs = st.integers(1, 4 * 960)


def advance(pace: Pace, until: float) -> None:
    """Do all that is due by `until`."""
    while (tick := pace.next_tick()) is not None and pace.timeline.time_at(tick) <= until:
        before = pace.timeline.time_at(tick)
        pace.step()
        assert pace.timeline.time_at(tick) == pytest.approx(before, abs=1e-9)


@given(bpms, nudges, overs)
def test_a_nudge_moves_the_music_by_what_was_asked_and_the_present_not_at_all(
    bpm: float, ticks: float, over: int
) -> None:
    pace, line = Pace(Timeline(0, 0, bpm)), Timeline(0, 0, bpm)
    pace.nudge(ticks, 3.0, over)
    assert pace.timeline.tick_at(3.0) == pytest.approx(line.tick_at(3.0))
    hair = 1 + 1e-12  # floats
    assert 0.5 * bpm / hair <= pace.timeline.bpm <= 1.5 * bpm * hair or pace.timeline.bpm == 20
    advance(pace, 1000)
    assert pace.timeline.bpm == pytest.approx(bpm)
    if 0.5 * bpm > 20:
        assert pace.timeline.tick_at(1000) - line.tick_at(1000) == pytest.approx(ticks, abs=1e-3)


@given(bpms, nudges)
def test_a_nudge_at_once_jumps(bpm: float, ticks: float) -> None:
    pace, line = Pace(Timeline(0, 0, bpm)), Timeline(0, 0, bpm)
    pace.nudge(ticks, 3.0)
    assert pace.timeline.tick_at(3.0) == pytest.approx(line.tick_at(3.0) + ticks)
    assert pace.timeline.bpm == bpm


@given(st.lists(st.tuples(st.floats(0, 2), nudges), min_size=1, max_size=8))
def test_nudges_add_up_however_fast_they_come(script: list[tuple[float, float]]) -> None:
    pace, line, now = Pace(Timeline(0, 0, 120)), Timeline(0, 0, 120), 0.0
    for gap, ticks in script:
        now += gap
        advance(pace, now)
        pace.nudge(ticks, now, 960)
    advance(pace, now + 100)
    gained = pace.timeline.tick_at(now + 100) - line.tick_at(now + 100)
    assert gained == pytest.approx(sum(ticks for _, ticks in script), abs=1e-3)


@given(bpms, st.integers(0, 3840), st.floats(-400, 400))
def test_a_nudge_outlives_a_tempo_change_and_a_ramp(bpm: float, over: int, ticks: float) -> None:
    nudged, plain = Pace(Timeline(0, 0, 120)), Pace(Timeline(0, 0, 120))
    for pace in (nudged, plain):
        pace.nudge(ticks if pace is nudged else 0.0, 0.0, 1920)
        pace.set_tempo(bpm, 0.1, over=over)
        advance(pace, 60)
    assert nudged.timeline.bpm == pytest.approx(bpm) == plain.timeline.bpm
    if not over:
        assert nudged.timeline.tick_at(60) - plain.timeline.tick_at(60) == pytest.approx(ticks, abs=1e-3)


@given(bpms, bpms, st.floats(-5000, 5000), st.floats(0, 10))
def test_a_clock_that_is_followed_is_caught_up_with_and_kept(
    ours: float, its: float, ahead: float, start: float
) -> None:
    line, pace = Timeline(ahead, 0, its), Pace(Timeline(0, 0, ours))
    pace.replace(Timeline(line.tick_at(start) + ahead % 1920 - 960, start, ours))
    now = start
    for _ in range(200):
        before = pace.timeline.tick_at(now)
        pace.follow(line, now)
        assert abs(pace.timeline.tick_at(now) - before) * line.seconds_per_tick <= IN_PHASE + 1e-9
        now += 0.1
        advance(pace, now)
    assert pace.timeline.tick_at(now) == pytest.approx(line.tick_at(now), abs=1e-3)
    assert pace.timeline.bpm == pytest.approx(its)


def test_a_clock_that_starts_anew_is_followed_at_once() -> None:
    pace = Pace(Timeline(0, 0, 120))
    pace.follow(Timeline(0, 5, 90), 5.0, at_once=True)
    assert pace.timeline == Timeline(0, 5, 90)


def test_another_line_forgets_what_waited() -> None:
    pace = Pace(Timeline(0, 0, 120))
    pace.set_tempo(90, 0.0, tick=9600)
    pace.nudge(100, 0.0, 960)
    pace.replace(Timeline(5, 5, 77))
    assert (pace.next_tick(), pace.bpm, pace.timeline.bpm) == (None, 77, 77)


def test_a_tempo_that_nobody_plays_is_refused_and_changes_nothing() -> None:
    pace = Pace(Timeline(0, 0, 120))
    for tick, over in ((None, 0), (9600, 0), (None, 960)):
        with pytest.raises(TempoError):
            pace.set_tempo(5, 1.0, tick, over)
    assert (pace.timeline, pace.next_tick()) == (Timeline(0, 0, 120), None)
