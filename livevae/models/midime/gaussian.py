"""A persona in u: a performer's riffs in the space of the model's learned prior, in closed form.

Of few riffs it is their Gaussian: where the base model's u is N(0, 1), theirs is N(mean, covariance). A draw of it is a
draw of the base moved and stretched, so every direction in which the riffs differ comes along, and not the few that a
MidiMe keeps. But riffs are in one key each, and their Gaussian is in none. So of many riffs there are crossings too: of
melodies the u of new riffs that have the rhythm of one and the pitches of another (`exchange`); of all else, and where
melodies are too few for that, points between a riff and one of those most like it, as far from the riff as is needed
not to be its copy (as SMOTE makes new examples, Chawla and others 2002).
"""

import numpy as np
from numpy.typing import NDArray

from livevae.errors import ModelError
from livevae.latent.names import MAX_LATENT
from livevae.latent.personas import CROSSINGS, DRAW, MOST_CROSSINGS

WHOLE = MAX_LATENT
"""Directions along which samples differ as much as the riffs do."""

REST = 0.6
"""How much they differ along the others, of how much the riffs do: small differences, in many directions at once, are
what makes a Gaussian's draws less like the performer than the riffs are."""

OWN = 0.1
"""Deviation that one riff has by itself, in every direction; more riffs have it the less the more they are."""

MANY = 32
"""Riffs from which on there are crossings: of fewer, there would be little else than slips between two."""

AWAY = 2.4
"""How far a crossing lies from its riff in u, where the model's own copy of a riff lies at 0 and two riffs of one
performer at 8 to 10: nearer ones are copies more often, others less like the performer."""

ALIKE = 2
"""Riffs most like one with which it is crossed; of few riffs more of them, so that there are `PAIRS`."""

NEAREST = 1.6
"""How far those are from it at least, as a multiple of `AWAY`: nearer ones would leave a crossing a copy of both."""

PAIRS = 256
"""Pairs of riffs that are crossed, at least: of fewer, samples would repeat."""

EXCHANGED_DRAW = (300.0, 0.05)
"""How sharply and how loosely exchanged riffs are drawn: what is between or around them is less like the performer."""

KEPT = 96
"""Directions that crossings have: riffs differ by less than a hundredth of their variance in all others together."""


def parameters(
    u: NDArray[np.float64], seed: int = 1, exchanged: NDArray[np.float64] | None = None
) -> dict[str, NDArray[np.float32]]:
    """All parameters of a persona in u, as `latent.personas.Persona` has them.

    Args:
        u: `[N, dim]`, of the performer's windows.
        seed: of which riffs are crossed.
        exchanged: `[M, dim]`, of the riffs that `exchange` makes of them.

    Raises:
        ModelError: no windows, or values that are not finite.
    """
    weight, bias = fitted(u)
    found = {"map.weight": weight, "map.bias": bias}
    if len(u) >= MANY:
        lengths = np.maximum(np.linalg.norm(weight, axis=1), 1e-9)
        directions = (weight / lengths[:, None])[:KEPT]
        if exchanged is None or not len(exchanged):
            points = crossed(u, seed)
        else:
            found[DRAW] = np.array(EXCHANGED_DRAW, np.float32)
            points = np.concatenate([exchanged, crossed(u, seed)[: max(0, PAIRS - len(exchanged))]])
        found[CROSSINGS] = ((points - bias) @ directions.T).astype(np.float32)
    return found


def crossed(u: NDArray[np.float64], seed: int = 1) -> NDArray[np.float64]:
    """Points between riffs that are like each other, `[MOST_CROSSINGS, dim]`.

    Args:
        u: `[N, dim]`, of two riffs at least.
        seed: of which riffs are crossed.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    near = np.resize(random.permutation(len(u)), MOST_CROSSINGS)
    rows, squares = np.arange(len(near)), (u * u).sum(1)
    apart = np.sqrt(np.maximum(squares[near, None] + squares - 2 * u[near] @ u.T, 0))
    away = np.where(apart < NEAREST * AWAY, np.inf, apart)
    # of riffs that are all too near, the farthest
    away[np.isinf(away).all(1)] = -apart[np.isinf(away).all(1)]
    among = min(max(ALIKE, PAIRS // len(u)), len(u))
    choices = np.where((away < 0).any(1), 1, np.minimum(np.isfinite(away).sum(1), among))
    far = np.argsort(away, 1)[rows, random.integers(0, among, len(near)) % choices]
    share = np.minimum(AWAY / np.maximum(apart[rows, far], AWAY), 0.5)[:, None]
    return np.asarray((1 - share) * u[near] + share * u[far])


def fitted(u: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The map of a persona in u.

    Args:
        u: `[N, dim]`, of the performer's windows.

    Returns:
        `map.weight` [dim, dim] and `map.bias` [dim], as `latent.personas.Persona` has them.

    Raises:
        ModelError: no windows, or values that are not finite.
    """
    if u.ndim != 2 or not len(u):
        raise ModelError("there is no window to make a persona of")
    if not np.isfinite(u).all():
        raise ModelError("the model's u of these windows is not finite: is its prior whole?")
    mean = u.mean(0)
    covariance = (u - mean).T @ (u - mean) / len(u) + OWN**2 / len(u) * np.eye(u.shape[1])
    values, vectors = np.linalg.eigh(covariance)
    rows = np.sqrt(values[::-1, None]) * vectors[:, ::-1].T
    rows[WHOLE:] *= REST
    # a direction has two signs: the one whose largest part is positive, so that a set of riffs gives one file
    rows *= np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(1)])[:, None]
    return rows.astype(np.float32), mean.astype(np.float32)
