"""The hub: whoever listens is told, and whoever does not read costs nobody anything."""

import asyncio
import dataclasses

from hypothesis import given, settings, strategies as st

from livevae.errors import RequestError
from livevae.latent.recipe import PRIORS, Recipe
from livevae.perform import recipes
from livevae.perform.events import Bar, Beat, LogLine
from livevae.perform.hub import Hub
from livevae.virtual_time import virtual_time


def beat(number: int) -> Beat:
    return Beat(float(number), 1, number + 1, 120.0, number / 2)


def test_a_listener_gets_what_it_asked_for_and_nothing_else():
    hub = Hub()
    listener = hub.listen(Beat)
    hub.tell(beat(0))
    hub.tell(LogLine("tempo", "140 bpm"))
    hub.tell(beat(1))
    assert listener.drain() == [beat(0), beat(1)]
    assert listener.drain() == []


def test_a_listener_that_never_reads_loses_the_oldest_and_they_are_counted():
    hub = Hub()
    slow, quick = hub.listen(Beat, size=3), hub.listen(Beat)
    for number in range(10):
        hub.tell(beat(number))
    assert slow.dropped == hub.lost == 7
    assert slow.drain() == [beat(7), beat(8), beat(9)]
    assert len(quick.drain()) == 10
    slow.close()
    assert hub.lost == 7


def test_whoever_makes_values_hears_whether_anybody_wants_them():
    hub, wanted = Hub(), []
    hub.on_change = lambda: wanted.append((hub.wants(Beat), hub.wants(Bar)))
    listener = hub.listen(Beat)
    listener.wanting([Bar])
    listener.close()
    listener.close()
    assert wanted == [(True, False), (False, True), (False, False)]


def test_a_value_can_be_waited_for():
    async def line():
        hub = Hub()
        listener = hub.listen(Beat)
        asyncio.get_running_loop().call_later(1.0, hub.tell, beat(3))
        return await listener.get()

    with virtual_time() as loop:
        assert loop.run_until_complete(line()) == beat(3)


names = st.text(min_size=0, max_size=20)
weights = st.floats(0.0, 1.0)
RECIPES = st.builds(
    Recipe,
    seed=st.integers(0, 2**63 - 1),
    temperature=st.floats(0.0, 4.0),
    bars=st.integers(1, 64),
    index=st.integers(0, 2**53),
    drift=st.floats(0.0, 1.0),
    model=names,
    blend=st.lists(st.tuples(names, weights), max_size=16).map(tuple),
    position=st.none() | st.lists(st.floats(-8, 8), min_size=1, max_size=8).map(tuple),
    attributes=st.lists(st.tuples(names, st.floats(-1, 1)), max_size=4).map(tuple),
    call=st.lists(
        st.tuples(st.integers(0, 4000), st.integers(1, 900), st.integers(0, 127), st.integers(1, 127)),
        max_size=80,
    ).map(tuple),
    distance=st.floats(0.0, 1.0),
    context=st.lists(
        st.tuples(st.integers(-4000, -1), st.integers(1, 900), st.integers(0, 127), st.integers(1, 127)),
        max_size=9,
    ).map(tuple),
    top=st.integers(0, 9),
    prior=st.sampled_from(PRIORS),
)


def test_every_part_of_a_recipe_can_be_read():
    assert set(recipes._READERS) == {one.name for one in dataclasses.fields(Recipe)}


@settings(max_examples=40)
@given(RECIPES)
def test_a_recipe_is_the_same_after_its_text(recipe):
    assert recipes.parse(recipes.text(recipe)) == recipe


@given(
    st.text()
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(st.sampled_from(["seed", "blend", "call", "temperature", "position"]), x)
        ),
    ).map(__import__("json").dumps)
)
def test_whatever_else_is_refused_with_a_sentence(text):
    try:
        recipe = recipes.parse(text)
    except RequestError as error:
        assert "recipe" in str(error)
    else:
        assert recipes.parse(recipes.text(recipe)) == recipe
