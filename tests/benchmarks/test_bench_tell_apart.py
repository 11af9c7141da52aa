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


def test_drums_are_told_by_what_is_struck_and_grooves_by_their_hits() -> None:
    chance = np.random.default_rng(0)
    beats = np.zeros((400, 32), np.uint16)
    beats[:, ::8], beats[:, 4::8] = 1, 2
    beats[:, 2::4] = 4 * (chance.random((400, 8)) < 0.8)
    real, alike = beats[:200], beats[200:]
    other = np.where(chance.random((200, 32)) < 0.5, chance.integers(0, 512, (200, 32)), 0).astype(np.uint16)
    assert tell_apart.logistic_accuracy(real, other, drums=True) > 0.9
    assert tell_apart.recurrent_accuracy(real, other, 4, drums=True) > 0.9
    assert tell_apart.logistic_accuracy(real, alike, drums=True) < 0.65
    rows = np.concatenate([other[..., None] >> np.arange(9) & 1, np.ones((200, 32, 18), int)], -1)
    np.testing.assert_array_equal(tell_apart.struck(rows), other)
