"""When MIDI messages arrived, however late the server looks."""

import random

from hypothesis import given, strategies as st

from livevae.edges.midi_in import FARTHEST
from livevae.tempo.arrivals import RELAX, Arrivals

gaps = st.floats(0.0, 1.0)
lates = st.floats(0.0, FARTHEST / 2)


def told(script: list[tuple[float, float]]) -> list[tuple[float, float, float]]:
    """(when it came, when it was seen, when we think it came) of messages a gap apart and seen so late."""
    arrivals, came, last, out = Arrivals(FARTHEST), 1000.0, 0.0, []
    for number, (gap, late) in enumerate(script):
        came += gap
        last = max(last, came + late)  # a queue is read in order
        out.append((came, last, arrivals.at(last, gap if number else 0.0)))
    return out


@given(st.lists(st.tuples(gaps, lates), min_size=1))
def test_an_arrival_lies_between_the_message_and_the_seeing(script: list[tuple[float, float]]) -> None:
    for came, when, thought in told(script):
        assert came - 1e-6 <= thought <= when + 1e-6


@given(st.lists(st.tuples(gaps, lates), min_size=1))
def test_an_arrival_is_no_later_than_the_soonest_seeing_before_and_a_little(
    script: list[tuple[float, float]],
) -> None:
    said = told(script)
    for number, (came, _, thought) in enumerate(said):
        soonest = min(then - at + RELAX * (came - at) for at, then, _ in said[: number + 1])
        assert thought - came <= soonest + 1e-6


def test_a_busy_server_is_seen_through() -> None:
    rng = random.Random(3)
    said = told([(0.05, rng.choice((0.0005, 0.02, 0.08)) + rng.random() / 1000) for _ in range(500)])
    errors = sorted(thought - came for came, _, thought in said[20:])
    assert errors[int(0.99 * len(errors))] < 0.002


def test_a_gap_in_the_systems_own_time_is_found_and_forgotten() -> None:
    arrivals = Arrivals(FARTHEST)
    arrivals.at(10.0, 0.0)
    assert arrivals.at(11.0, 1.0) == 11.0
    assert arrivals.at(15.0, 0.5) == 15.0  # 3.5 s that the system did not count
    assert abs(arrivals.at(15.6, 0.5) - 15.5) < RELAX
