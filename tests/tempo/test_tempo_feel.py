"""The laws of feel: swing, scatter, shift."""

import pytest
from hypothesis import given, strategies as st

from livevae.tempo.events import PlayNote
from livevae.tempo.feel import FARTHEST, HARDEST, STRAIGHT, Feel, chance, felt, swung

swings = st.floats(STRAIGHT, HARDEST)
steps = st.sampled_from([240, 480])
ticks = st.integers(-10_000, 1_000_000)
seeds = st.integers(0, 2**63 - 1)
feels = st.builds(
    Feel,
    swing=swings,
    step=steps,
    scatter=st.floats(0, 500),
    touch=st.integers(0, 40),
    shift=st.integers(-200, 200),
    origin=st.sampled_from([0, 960, 3840]),
)


def notes_on(steps: list[int]) -> list[PlayNote]:
    return [PlayNote(240 * step, 240, "main", 1, 60 + i % 12, 96) for i, step in enumerate(steps)]


notes = st.lists(st.integers(0, 64), max_size=24).map(sorted).map(notes_on)


def test_triplet_swing_of_sixteenths_reads_as_it_sounds() -> None:
    straight = [0, 240, 480, 720, 960]
    assert [swung(tick, 2 / 3, 240) for tick in straight] == [0, 320, 480, 800, 960]
    assert [swung(tick, HARDEST, 480) for tick in straight] == [0, 360, 720, 840, 960]
    assert [swung(tick, HARDEST, 240, origin=240) for tick in straight] == [120, 240, 600, 720, 1080]


@given(notes, seeds, steps)
def test_a_plain_feel_changes_nothing(played: list[PlayNote], seed: int, step: int) -> None:
    assert felt(played, Feel(step=step), seed) == tuple(played)
    assert [swung(note.tick, STRAIGHT, step) for note in played] == [note.tick for note in played]


@given(ticks, ticks, swings, steps)
def test_swing_keeps_the_order_of_ticks(one: int, other: int, swing: float, step: int) -> None:
    first, second = sorted((one, other))
    assert swung(first, swing, step) <= swung(second, swing, step)


@given(st.integers(-100, 100), swings, steps, st.integers(0, 4000))
def test_pairs_of_steps_begin_where_they_began(pair: int, swing: float, step: int, origin: int) -> None:
    downbeat = origin + pair * 2 * step
    assert swung(downbeat, swing, step, origin) == downbeat


@given(ticks, swings, steps)
def test_swing_delays_and_never_by_more_than_a_quarter_of_a_pair(tick: int, swing: float, step: int) -> None:
    assert tick <= swung(tick, swing, step) <= tick + (2 * swing - 1) * step + 1


@given(notes, swings, steps)
def test_what_touched_still_touches_and_what_did_not_overlap_does_not(
    played: list[PlayNote], swing: float, step: int
) -> None:
    new = felt(played, Feel(swing=swing, step=step), 0)
    for before, after in zip(played, new, strict=True):
        for before_other, after_other in zip(played, new, strict=True):
            if before.end == before_other.tick:
                assert after.end == after_other.tick
            if before.end <= before_other.tick:
                assert after.end <= after_other.tick


@given(notes, feels, seeds, st.integers(0, 100))
def test_every_note_stays_a_note_and_steps_keep_their_order(
    played: list[PlayNote], feel: Feel, seed: int, turn: int
) -> None:
    new = felt(played, feel, seed, turn)
    for before, after in zip(played, new, strict=True):
        assert after.tick >= 0
        assert after.length >= 1
        assert (after.pitch, after.channel, after.port, after.voice) == (before.pitch, 1, "main", "")
        assert abs(after.velocity - before.velocity) <= feel.touch
        for before_other, after_other in zip(played, new, strict=True):
            if before.tick < before_other.tick:
                assert after.tick < after_other.tick or after.tick == 0


@given(notes, feels, seeds, st.integers(0, 100))
def test_the_same_seed_and_turn_play_the_same_whatever_else_is_played(
    played: list[PlayNote], feel: Feel, seed: int, turn: int
) -> None:
    together = felt(played, feel, seed, turn)
    assert together == felt(played, feel, seed, turn)
    assert together == tuple(felt([note], feel, seed, turn)[0] for note in played)


def test_another_seed_or_turn_plays_otherwise() -> None:
    played = notes_on(list(range(32)))
    feel = Feel(scatter=40.0, touch=20)
    ways = {felt(played, feel, seed, turn) for seed in range(5) for turn in range(5)}
    assert len(ways) == 25


@given(seeds, st.integers(), st.integers())
def test_chance_stays_within_one(seed: int, turn: int, place: int) -> None:
    assert all(-1 <= number <= 1 for number in chance(seed, turn, place))


def test_chance_is_a_bell_around_nothing() -> None:
    drawn = [number for place in range(2000) for number in chance(7, place)]
    mean = sum(drawn) / len(drawn)
    deviation = (sum((number - mean) ** 2 for number in drawn) / len(drawn)) ** 0.5
    assert abs(mean) < 0.03
    assert deviation == pytest.approx((1 / 12) ** 0.5, rel=0.05)


def test_scatter_never_reaches_the_step_beside_even_in_the_hardest_swing() -> None:
    played = notes_on(list(range(64)))
    for seed in range(20):
        new = felt(played, Feel(swing=HARDEST, scatter=1e6), seed)
        straight = felt(played, Feel(swing=HARDEST), seed)
        moved = [after.tick - before.tick for before, after in zip(straight, new, strict=True)]
        assert max(map(abs, moved)) <= FARTHEST


@pytest.mark.parametrize("swing", [0.4, 0.8])
def test_a_swing_that_nobody_plays_is_refused(swing: float) -> None:
    with pytest.raises(ValueError, match=r"swing is 0\.5 to 0\.75"):
        Feel(swing=swing)
