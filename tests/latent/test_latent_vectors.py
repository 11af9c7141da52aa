"""Laws of the latent space: the walk is an AR(1) process, means stay finite and move smoothly."""

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from livevae.latent import chance
from livevae.latent.vectors import Gaussian, barycentre, memory, slerp, walk

SEEDS = st.integers(0, 2**63 - 1)
VECTORS = arrays(np.float64, 6, elements=st.floats(-4, 4, allow_subnormal=False))
PARTS = st.floats(0, 1)


@given(SEEDS, st.integers(0, 10**6), PARTS)
@settings(max_examples=50)
def test_the_same_place_of_a_walk_is_the_same_point(seed, index, drift):
    assert np.array_equal(walk(seed, index, drift, 8), walk(seed, index, drift, 8))


@given(SEEDS, st.integers(0, 10**6))
@settings(max_examples=30)
def test_without_drift_a_walk_stays_on_the_seeds_own_point(seed, index):
    assert np.array_equal(walk(seed, index, 0.0, 8), walk(seed, 0, 0.7, 8))


def test_with_full_drift_every_point_is_new():
    points = np.stack([walk(3, index, 1.0, 64) for index in range(300)])
    assert abs(np.mean(points[1:] * points[:-1])) < 0.03


@pytest.mark.parametrize("drift", [0.1, 0.3, 0.7, 1.0])
def test_a_walk_has_unit_variance_and_forgets_by_the_power_of_its_distance(drift):
    points = np.stack([[walk(seed, index, drift, 64) for index in range(33)] for seed in range(60)])
    assert np.var(points, axis=(0, 2)) == pytest.approx(1, abs=0.12)
    for distance in (1, 2, 5, 16):
        found = np.mean(points[:, distance:] * points[:, :-distance])
        assert found == pytest.approx(memory(drift) ** distance, abs=0.06)


def test_streams_and_seeds_are_independent():
    a, b, c = walk(1, 5, 0.4, 5000), walk(1, 5, 0.4, 5000, stream=1), walk(2, 5, 0.4, 5000)
    assert max(abs(np.mean(a * b)), abs(np.mean(a * c))) < 0.06


def test_a_walk_has_no_place_before_its_first():
    with pytest.raises(ValueError, match="starts at index 0"):
        walk(1, -1, 0.5, 4)


@given(VECTORS, VECTORS)
def test_slerp_begins_and_ends_where_it_is_told(a, b):
    assert np.allclose(slerp(a, b, 0), a, atol=1e-7)
    assert np.allclose(slerp(a, b, 1), b, atol=1e-6)


@given(VECTORS, VECTORS, PARTS)
@example(np.full(6, 4.59373687e-160), np.ones(6), 1.0)
def test_slerp_is_finite_and_its_length_lies_on_the_line_between_the_lengths(a, b, t):
    c = slerp(a, b, t)
    assert np.all(np.isfinite(c))
    if np.any(a) and np.any(b):
        expected = (1 - t) * np.linalg.norm(a) + t * np.linalg.norm(b)
        assert np.linalg.norm(c) == pytest.approx(expected, abs=1e-7)


@given(VECTORS, st.floats(0.01, 5), st.sampled_from([1, -1, 0]))
def test_slerp_moves_smoothly_between_parallel_opposite_and_zero_vectors(a, factor, sign):
    b = a * factor * sign
    path = np.stack([slerp(a, b, t) for t in np.linspace(0, 1, 101)])
    widest = max(np.linalg.norm(a), np.linalg.norm(b))
    assert np.max(np.linalg.norm(np.diff(path, axis=0), axis=1)) <= 0.05 * widest + 1e-9


def test_slerp_of_vectors_a_hair_apart_is_the_line():
    a = np.ones(4)
    b = a + np.array([1e-12, 0, 0, 0])
    assert np.allclose(slerp(a, b, 0.5), a, atol=1e-9)


@given(VECTORS, VECTORS, PARTS)
def test_the_barycentre_of_two_is_their_slerp(a, b, t):
    if np.linalg.norm(a) > 1e-3 and np.linalg.norm(b) > 1e-3:
        assert np.allclose(barycentre([a, b], [1 - t, t]), slerp(a, b, t), atol=1e-5)


@given(st.lists(VECTORS, min_size=1, max_size=5), st.lists(st.floats(0, 1), min_size=5, max_size=5))
@settings(max_examples=60)
def test_a_barycentre_is_finite_and_as_long_as_the_mean_length(vectors, weights):
    weights = [0.1, *weights][: len(vectors)]
    mean = barycentre(vectors, weights)
    lengths = [np.linalg.norm(vector) for vector in vectors]
    assert np.all(np.isfinite(mean))
    assert np.linalg.norm(mean) <= np.average(lengths, weights=weights) + 1e-6


@given(SEEDS)
@settings(max_examples=20)
def test_the_order_of_vectors_in_a_hemisphere_does_not_matter(seed):
    points = [chance.normal(seed, 9, 0, i, 64) for i in range(4)]
    forward = barycentre(points, [0.1, 0.2, 0.3, 0.4])
    backward = barycentre(points[::-1], [0.4, 0.3, 0.2, 0.1])
    assert np.allclose(forward, backward, atol=1e-4)


def test_a_barycentre_moves_smoothly_when_weight_moves_between_opposites():
    a = np.array([1.0, 2, -1, 0])
    path = np.stack([barycentre([a, -a], [1 - t, t]) for t in np.linspace(0, 1, 101)])
    assert np.max(np.linalg.norm(np.diff(path, axis=0), axis=1)) < 0.1


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0], [-1.0, 2.0], [float("nan"), 1.0]])
def test_weights_that_mean_nothing_are_refused(weights):
    with pytest.raises(ValueError, match="barycentre needs"):
        barycentre([np.ones(2), np.ones(2)], weights)


def test_a_gaussian_is_reached_through_its_noise():
    q = Gaussian(np.array([1.0, 2.0]), np.array([0.5, 0.0]))
    assert np.array_equal(q.at([2.0, 7.0]), [2.0, 2.0])


@pytest.mark.parametrize(
    ("make", "mean", "variance"), [(chance.gumbel, 0.5772, 1.645), (chance.logistic, 0.0, 3.29)]
)
def test_noise_has_its_distributions_mean_and_variance(make, mean, variance):
    numbers = make(4, chance.CHOICE, 0, 0, 200_000)
    assert np.mean(numbers) == pytest.approx(mean, abs=0.03)
    assert np.var(numbers) == pytest.approx(variance, rel=0.03)
    assert np.all(np.isfinite(numbers))


def test_random_numbers_are_these_on_every_machine():
    assert chance.uniform(1, 2, 3, 4, 3).tolist() == GOLDEN


GOLDEN = [0.6455652082022911, 0.139038678210823, 0.4542275534018551]
