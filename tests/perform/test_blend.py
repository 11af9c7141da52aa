"""The laws of blends and positions that glide."""

import math

import pytest
from hypothesis import given, settings, strategies as st

from livevae.errors import RequestError
from livevae.latent.recipe import BASE
from livevae.perform.blend import Blend, Place, Tour, position, weights

names = st.sampled_from(["ana", "ben", "base", "eve"])
shares = st.floats(0, 1e6, allow_nan=False)
blends = (
    st.lists(st.tuples(names, shares), min_size=1, max_size=5)
    .filter(lambda pairs: sum(w for _, w in pairs) > 0)
    .map(weights)
)
ticks = st.integers(0, 10**7)
overs = st.integers(0, 10**6)


def close(a, b) -> bool:
    a, b = dict(a or ((BASE, 1.0),)), dict(b or ((BASE, 1.0),))
    return all(math.isclose(a.get(n, 0), b.get(n, 0), abs_tol=1e-9) for n in {*a, *b})


@settings(max_examples=100, deadline=None)
@given(first=blends, second=blends, third=blends, tick=ticks, over=overs, later=ticks)
def test_a_glide_begins_where_the_music_is_and_ends_where_it_was_sent(
    first, second, third, tick, over, later
) -> None:
    blend = Blend(first).to(second, tick, over)
    turned = blend.to(third, later, over)
    if over:
        assert close(turned.at(later), blend.at(later))
    assert turned.at(later + over) == third


@settings(max_examples=100, deadline=None)
@given(first=blends, second=blends, tick=ticks, over=overs, at=ticks)
def test_weights_are_positive_and_sum_to_one_at_every_tick(first, second, tick, over, at) -> None:
    found = Blend(first).to(second, tick, over).at(at)
    assert found == () or math.isclose(sum(w for _, w in found), 1)
    assert all(w > 0 for _, w in found)
    assert [name for name, _ in found] == sorted(name for name, _ in found)


def test_half_way_between_her_and_the_base_is_half_of_each() -> None:
    blend = Blend().to(weights([("nora", 3)]), 960, 1920)
    assert blend.at(960) == ()
    assert blend.at(1920) == ((BASE, 0.5), ("nora", 0.5))
    assert blend.at(9999) == (("nora", 1.0),)
    assert blend.names == ("nora",)


def test_weights_are_normalised_and_base_is_a_name() -> None:
    assert weights([("a", 1), ("b", 3), ("c", 0)]) == (("a", 0.25), ("b", 0.75))
    assert weights([("base", 2.0)]) == ()
    assert weights([("a", 1), ("BASE", 1)]) == ((BASE, 0.5), ("a", 0.5))


@pytest.mark.parametrize(
    "pairs",
    [[], [("a", 0)], [("a", 0), ("b", 0.0)], [("a", -1)], [("a", float("nan"))], [("a", float("inf"))], [("a", "x")],
     [(f"p{i}", 1) for i in range(17)]],
    ids=str,
)  # fmt: skip
def test_weights_that_say_nothing_are_answered(pairs) -> None:
    with pytest.raises(RequestError):
        weights(pairs)


def test_a_position_glides_but_to_and_from_the_walk_it_jumps() -> None:
    place = Place().to((1.0, 0.0), 0, 960)
    assert place.at(0) == (1.0, 0.0)
    moved = place.to((0.0, 2.0, 1.0), 960, 960)
    assert moved.at(960) == (1.0, 0.0, 0.0)
    assert moved.at(1440) == (0.5, 1.0, 0.5)
    assert moved.at(2000) == (0.0, 2.0, 1.0)
    assert moved.to(None, 2000, 960).at(2001) is None


def test_positions_are_numbers_not_too_far_out() -> None:
    assert position([]) is None
    assert position([1, -2.5]) == (1.0, -2.5)
    for wrong in (["x"], [float("nan")], [9.0], [True], [0.0] * 17):
        with pytest.raises(RequestError):
            position(wrong)


def test_a_tour_goes_round_its_stops_and_a_blend_leaves_it_where_it_is() -> None:
    tour = Tour((weights([("ana", 1)]), weights([("ben", 1)]), ()), 960)
    assert [tour.at(tick) for tick in (0, 960, 1920, 2880)] == [
        (("ana", 1.0),),
        (("ben", 1.0),),
        (),
        (("ana", 1.0),),
    ]
    assert tour.at(480) == (("ana", 0.5), ("ben", 0.5))
    assert tour.names == ("ana", "ben")
    left = tour.to(weights([("eve", 1)]), 480, 960)
    assert left.at(480) == tour.at(480)
    assert left.at(1440) == (("eve", 1.0),)
