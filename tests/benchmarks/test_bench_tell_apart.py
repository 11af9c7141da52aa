"""The classifiers tell what is unlike, and not what is alike."""

import numpy as np

from benchmarks import tell_apart


def steps(seed: int, widest: int, count: int = 400) -> np.ndarray:
    """Quarter notes that move by up to `widest` semitones."""
    chance = np.random.default_rng(seed)
    windows = np.zeros((count, 32), np.int64)
    windows[:, ::4] = 45 + np.cumsum(chance.integers(-widest, widest + 1, (count, 8)), 1) % 24
    return windows


def test_leaps_are_told_from_steps_and_steps_are_not_told_from_steps() -> None:
    real, alike, leaping = steps(0, 2), steps(1, 2), steps(2, 9)
    assert tell_apart.logistic_accuracy(real, leaping) > 0.9
    assert tell_apart.recurrent_accuracy(real, leaping, 4) > 0.75
    assert tell_apart.logistic_accuracy(real, alike) < 0.6
    assert tell_apart.recurrent_accuracy(real, alike, 4) < 0.6


def test_keys_and_registers_do_not_tell() -> None:
    low = steps(0, 2)
    high = np.where(low > 1, low + 12, low)
    np.testing.assert_array_equal(tell_apart.relative(low), tell_apart.relative(high))


def test_a_silent_window_has_no_ngrams_and_halves_are_drawn_by_the_seed() -> None:
    silent = np.zeros((2, 32), np.int64)
    assert not tell_apart.ngrams(silent).any()
    first, again, other = (tell_apart.halves(100, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert first.sum() == 50
    assert (first != other).any()
