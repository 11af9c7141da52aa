"""The agenda's laws."""

import pytest
from hypothesis import given, strategies as st

from livevae.tempo.agenda import Agenda, Rank

entries = st.lists(st.tuples(st.integers(-20, 20), st.sampled_from(Rank)), max_size=60)


def emptied(agenda):
    out = []
    while agenda.next_tick() is not None:
        out.append(agenda.pop())
    return out


def filled(items):
    agenda = Agenda()
    for place, (tick, rank) in enumerate(items):
        agenda.add(tick, rank, (rank, place))
    return agenda


@given(entries)
def test_what_comes_out_is_sorted_by_tick_rank_and_arrival(items):
    out = emptied(filled(items))
    assert out == sorted((tick, (rank, place)) for place, (tick, rank) in enumerate(items))


@given(entries, st.integers(-20, 20))
def test_what_is_removed_does_not_come_out_and_all_else_does(items, split):
    agenda = filled(items)
    count = agenda.remove(lambda tick, item: tick >= split and item[0] is Rank.ON)
    kept = [(t, (r, p)) for p, (t, r) in enumerate(items) if not (t >= split and r is Rank.ON)]
    assert len(agenda) == len(items) - count == len(kept)
    assert agenda.waiting() == sorted(kept)
    assert emptied(agenda) == sorted(kept)


def test_at_one_tick_clock_then_offs_then_others_then_ons():
    agenda = Agenda()
    for rank in (Rank.ON, Rank.OTHER, Rank.OFF, Rank.CLOCK, Rank.ON):
        agenda.add(0, rank, rank.name)
    assert [item for _, item in emptied(agenda)] == ["CLOCK", "OFF", "OTHER", "ON", "ON"]


def test_an_empty_agenda_has_no_next_tick():
    assert Agenda().next_tick() is None
    with pytest.raises(IndexError):
        Agenda().pop()
