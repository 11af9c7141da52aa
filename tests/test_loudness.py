"""Loudness after ITU-R BS.1770-4: its own reference tones, and a limiter that keeps what it promises."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from livevae import loudness

RATE = 44_100


def tone(hertz: float, seconds: float = 3.0, height: float = 1.0, phase: float = 0.0) -> loudness.Audio:
    at = np.arange(round(RATE * seconds)) / RATE
    return height * np.sin(2 * np.pi * hertz * at + phase)[:, None]


def test_a_full_tone_of_997_hz_in_one_channel_is_at_minus_3_01_lufs() -> None:
    assert loudness.integrated(tone(997), RATE) == pytest.approx(-3.01, abs=0.02)
    assert loudness.integrated(np.tile(tone(997, height=0.1), 2), RATE) == pytest.approx(-20.0, abs=0.02)


def test_silence_is_not_counted_and_is_loud_as_nothing() -> None:
    with_rest = np.concatenate([tone(997), np.zeros((10 * RATE, 1))])
    assert loudness.integrated(with_rest, RATE) == pytest.approx(-3.01, abs=0.3)
    assert loudness.integrated(np.zeros((RATE, 2)), RATE) == -math.inf
    assert loudness.levelling(np.zeros((RATE, 2)), RATE).of(np.zeros((RATE, 2))).max() == 0


def test_a_peak_between_the_samples_is_found() -> None:
    between = tone(RATE / 4, height=0.5, phase=math.pi / 4)
    assert np.abs(between).max() == pytest.approx(0.354, abs=0.001)
    assert loudness.true_peak(between) == pytest.approx(-6.02, abs=0.2)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0005, 1.0), st.floats(1, 40))
def test_what_is_levelled_is_at_its_target_and_below_its_ceiling(
    seed: int, height: float, decay: float
) -> None:
    chance = np.random.default_rng(seed)
    at = np.arange(2 * RATE) / RATE
    audio = height * chance.normal(size=(len(at), 2)) * np.exp(-decay * (at % 0.5))[:, None]
    level = loudness.levelling(audio, RATE)
    done = level.of(audio)
    assert loudness.true_peak(done) <= loudness.CEILING
    assert loudness.integrated(done, RATE) <= loudness.TARGET + 0.1
    if decay < 8:
        assert loudness.integrated(done, RATE) == pytest.approx(loudness.TARGET, abs=0.3)
    halves = level.of(audio * [1, 0]) + level.of(audio * [0, 1])
    np.testing.assert_allclose(halves, done, atol=1e-12)
