"""Turns: everything has its turn, in an order that only the seed chooses."""

from hypothesis import given, strategies as st

from livevae.music.turns import pick

counts = st.integers(1, 9)
rounds = st.integers(0, 10_000)
seeds = st.text(max_size=8)


@given(counts, rounds, seeds)
def test_each_choice_has_one_turn_a_round(count: int, round_: int, seed: str) -> None:
    assert sorted(pick(count, round_ * count + place, seed) for place in range(count)) == list(range(count))


@given(st.integers(3, 9), rounds, seeds)
def test_of_three_or_more_none_has_two_turns_in_a_row(count: int, turn: int, seed: str) -> None:
    assert pick(count, turn, seed) != pick(count, turn + 1, seed)


def test_an_order_is_the_seeds_and_the_same_everywhere() -> None:
    assert [pick(3, turn, "1") for turn in range(9)] == [2, 1, 0, 2, 0, 1, 2, 1, 0]
    assert len({tuple(pick(4, turn, str(seed)) for turn in range(8)) for seed in range(20)}) > 15
