"""Measures of music: areas of distributions that lie over each other, scales, grooves."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from livevae.models.training import music_measures
from livevae.models.training.music_measures import (
    groove_consistency,
    overlap,
    overlapped_areas,
    scale_consistency,
)
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_STEP

note = st.tuples(
    st.integers(0, 63).map(lambda step: step * TICKS_PER_STEP),
    st.integers(1, 20).map(lambda steps: steps * TICKS_PER_STEP),
    st.integers(21, 108),
    st.just(96),
)
piece = st.lists(note, max_size=24)
sample = st.lists(st.integers(0, 40), min_size=3, max_size=40).map(lambda v: np.array(v, np.float64))


def scale(first, degrees=(0, 2, 4, 5, 7, 9, 11)):
    return [(i * TICKS_PER_STEP, TICKS_PER_STEP, first + d, 96) for i, d in enumerate(degrees)]


@given(sample, sample)
@settings(max_examples=30, deadline=None)
def test_an_overlap_is_a_share_and_does_not_ask_which_is_first(a, b):
    assert 0 <= overlap(a, b) <= 1 + 1e-9
    assert overlap(a, b) == pytest.approx(overlap(b, a), abs=1e-9)


@given(sample, st.floats(-50, 50), st.floats(0.1, 9))
@settings(max_examples=30, deadline=None)
def test_a_sample_lies_over_itself_in_any_unit(a, move, times):
    assert overlap(a, a) == pytest.approx(1)
    other = np.arange(20.0)
    same = overlap(a * times + move, other * times + move)
    assert same == pytest.approx(overlap(a, other), abs=1e-6)


def test_the_overlap_of_two_normal_distributions_is_the_known_one():
    a = np.random.default_rng(1).normal(0, 1, 4000)
    # the area under both is twice the normal distribution's at minus half of the distance: 0.3173 of 2 apart
    assert overlap(a, a + 2) == pytest.approx(0.3173, abs=0.03)
    assert overlap(a, a + 30) < 1e-6
    assert overlap(np.ones(5), np.ones(9)) == 1
    assert overlap(np.ones(5), np.zeros(9)) == 0


@given(piece, st.integers(-12, 7))
@settings(max_examples=30, deadline=None)
def test_a_scale_is_as_consistent_in_every_key(notes, by):
    moved = [(start, length, pitch + by, velocity) for start, length, pitch, velocity in notes]
    assert scale_consistency(moved) == scale_consistency(notes)
    assert 7 / 12 - 0.6 < scale_consistency(notes) <= 1


def test_a_scale_is_whole_and_a_chromatic_run_is_not():
    assert scale_consistency(scale(60)) == 1
    assert scale_consistency(scale(61)) == 1
    assert scale_consistency(scale(57, (0, 2, 3, 5, 7, 8, 10))) == 1  # A minor
    assert scale_consistency(scale(60, range(12))) == 7 / 12
    assert scale_consistency([]) == 1


@given(piece)
@settings(max_examples=30, deadline=None)
def test_a_groove_is_a_share_and_a_bar_that_repeats_is_1(notes):
    assert 0 <= groove_consistency(notes, 4) <= 1
    bar = [note for note in notes if note[0] < TICKS_PER_BAR]
    again = [(start + n * TICKS_PER_BAR, *rest) for start, *rest in bar for n in range(4)]
    assert groove_consistency(again, 4) == 1
    assert groove_consistency(notes, 1) == 1


def test_a_groove_counts_the_sixteenths_that_differ():
    notes = [(0, 240, 60, 96), (4 * TICKS_PER_STEP, 240, 60, 96), (TICKS_PER_BAR, 240, 62, 96)]
    assert groove_consistency(notes, 2) == 1 - 1 / 16


@given(st.lists(piece, min_size=3, max_size=6), st.lists(piece, min_size=1, max_size=6), st.booleans())
@settings(max_examples=10, deadline=None)
def test_every_feature_of_any_music_is_compared(music, made, drums):
    found = overlapped_areas(music, made, drums=drums)
    assert set(found) == {*music_measures.features(drums=drums), "mean"}
    assert all(0 <= value <= 1 + 1e-9 for value in found.values())


def test_a_model_that_plays_as_the_music_does_is_told_from_one_that_trills():
    numbers = np.random.default_rng(5)

    def tune():
        degrees = numbers.integers(0, 7, 16)
        return [
            (int(i) * 2 * TICKS_PER_STEP, 2 * TICKS_PER_STEP, 60 + (0, 2, 4, 5, 7, 9, 11)[d], 96)
            for i, d in enumerate(degrees)
        ]

    music, like = [tune() for _ in range(30)], [tune() for _ in range(30)]
    trills = [[(i * TICKS_PER_STEP, TICKS_PER_STEP, 60 + i % 2, 96) for i in range(64)]] * 30
    assert overlapped_areas(music, like, drums=False)["mean"] > 0.9
    assert overlapped_areas(music, trills, drums=False)["mean"] < 0.3
