"""Vectors of the latent space: a walk, a Gaussian, and means on the sphere. Pure numpy, float64."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livevae.latent import chance

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Gaussian:
    """A diagonal normal distribution over z: what the encoder knows of some music.

    Attributes:
        mu: the mean, `[..., latent]`.
        sigma: the deviation of each component, of the same shape.
    """

    mu: NDArray[Any]
    sigma: NDArray[Any]

    def at(self, noise: ArrayLike) -> NDArray[Any]:
        """The point that standard normal noise leads to: mu + sigma * noise."""
        return np.asarray(self.mu + self.sigma * np.asarray(noise))


def memory(drift: float) -> float:
    """How much of one riff's z is left in the next, as a correlation: cos of drift quarter turns."""
    return math.cos(min(max(drift, 0.0), 1.0) * math.pi / 2) if drift < 1 else 0.0


def walk(seed: int, index: int, drift: float, dim: int, stream: int = 0) -> Vector:
    """The point of a stationary walk through N(0, 1): an AR(1) process with no state.

    x(0) is the seed's own point; corr(x(m), x(n)) = memory(drift) ** |m - n|, and every component of every
    point has variance 1. A point needs about 2 log2(index) draws and none of the points between: it is
    reached over the powers of two and from there by halving, as a Brownian bridge is; each place has its own
    draw.

    Args:
        seed: 0 to 2**63 - 1.
        index: which riff of the walk, from 0.
        drift: 0 stays on the seed's point, 1 forgets it with every riff.
        dim: components of the vector.
        stream: independent walks of one seed.
    """
    if index < 0:
        raise ValueError(f"a walk starts at index 0, not at {index}")
    a = memory(drift)
    if a in (0.0, 1.0) or index == 0:
        return chance.normal(seed, chance.LATENT, stream, 0 if a else index, dim)
    places = _way(index)
    draws = dict(zip(places, chance.normals(seed, chance.LATENT, stream, places, dim), strict=True))

    def onward(point: Vector, steps: int, to: int) -> Vector:
        keep = a**steps
        return np.asarray(keep * point + math.sqrt(1 - keep * keep) * draws[to])

    left, point = 1, onward(draws[0], 1, 1)
    while 2 * left <= index:
        left, point = 2 * left, onward(point, left, 2 * left)
    if left == index:
        return point
    step, far = left, onward(point, left, 2 * left)
    while True:
        step //= 2
        keep = a**step
        spread = 1 + keep * keep
        between = (keep / spread) * (point + far) + math.sqrt((1 - keep * keep) / spread) * draws[left + step]
        if left + step == index:
            return np.asarray(between)
        if left + step < index:
            left, point = left + step, between
        else:
            far = between


def _way(index: int) -> list[int]:
    """The places whose draws a walk's point is made of: powers of two, then the middles of halving."""
    left = 1 << (index.bit_length() - 1)
    places = [0, *(1 << exponent for exponent in range(index.bit_length()))]
    if left == index:
        return places
    places.append(2 * left)
    step = left
    while left != index:
        step //= 2
        places.append(left + step)
        if left + step <= index:
            left += step
    return places


TINY = 1e-150
"""Shorter vectors count as zero: their squares underflow, so they have no direction."""


def slerp(a: ArrayLike, b: ArrayLike, t: float) -> Vector:
    """From a (t = 0) to b (t = 1): the direction turns evenly, the length changes evenly.

    Finite for every pair: along parallel vectors it is the straight line, between opposite ones the turn goes
    over a fixed perpendicular, and a zero vector has the other's direction.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    length_a, length_b = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    length = (1 - t) * length_a + t * length_b
    if min(length_a, length_b) < TINY:
        return a * (1 - t) + b * t
    return length * _turn(a / length_a, b / length_b, t)


def barycentre(vectors: Sequence[ArrayLike], weights: Sequence[float]) -> Vector:
    """The weighted mean on the sphere: Karcher's mean of the directions, the weighted mean of the lengths.

    For two vectors it is `slerp`. Where several directions would do (opposite vectors) the order of the
    vectors decides, and the mean still moves smoothly with the weights. Zero vectors have no say in the
    direction.

    Args:
        vectors: at least one, all of one size.
        weights: not negative, as many as vectors, of a sum above 0.
    """
    points = [np.asarray(vector, np.float64) for vector in vectors]
    shares = np.asarray(weights, np.float64)
    total = float(shares.sum())
    if not points or len(points) != len(shares) or total <= 0 or shares.min() < 0 or not math.isfinite(total):
        raise ValueError("a barycentre needs vectors and as many weights, none negative, not all zero")
    shares = shares / total
    lengths = [float(np.linalg.norm(point)) for point in points]
    length = float(np.dot(shares, lengths))
    given = [
        (p / n, float(w)) for p, n, w in zip(points, lengths, shares, strict=True) if w > 0 and n >= TINY
    ]
    if not given:
        return np.zeros_like(points[0])
    mean, so_far = given[0]
    for direction, weight in given[1:]:
        so_far += weight
        mean = _turn(mean, direction, weight / so_far)
    for _ in range(KARCHER_STEPS):
        tangent = sum((weight * _log(mean, direction) for direction, weight in given), np.zeros_like(mean))
        angle = float(np.linalg.norm(tangent))
        if angle < KARCHER_TOLERANCE:
            break
        mean = math.cos(angle) * mean + math.sin(angle) * (tangent / angle)
        mean /= np.linalg.norm(mean)
    return length * mean


KARCHER_STEPS = 24
KARCHER_TOLERANCE = 1e-7
PARALLEL = 1e-9
"""Sine below which two directions are parallel or opposite."""


def _turn(u: Vector, v: Vector, t: float) -> Vector:
    """From direction u to direction v, the angle in proportion to t."""
    across, angle = _across(u, v)
    return math.cos(t * angle) * u + math.sin(t * angle) * across


def _log(u: Vector, v: Vector) -> Vector:
    """The tangent at u that leads to v: its length is the angle."""
    across, angle = _across(u, v)
    return angle * across


def _across(u: Vector, v: Vector) -> tuple[Vector, float]:
    """The direction at u that leads to v, and the angle between them."""
    along = float(np.dot(u, v))
    rest = v - along * u
    size = float(np.linalg.norm(rest))
    angle = math.atan2(size, along)
    if size > PARALLEL:
        return rest / size, angle
    axis = np.zeros_like(u)
    axis[int(np.argmin(np.abs(u)))] = 1.0
    rest = axis - float(np.dot(axis, u)) * u
    size = float(np.linalg.norm(rest))
    return (rest / size if size > 0 else u), angle
