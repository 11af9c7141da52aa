"""A persona in u: the Gaussian of a performer's riffs in the space of the model's learned prior.

Where the base model's u is N(0, 1), a performer's is N(mean, covariance): that is all that is learnt, in closed form. A
draw of it is a draw of the base moved and stretched, so every direction in which the riffs differ comes along, and not
the few that a MidiMe keeps.
"""

import numpy as np
from numpy.typing import NDArray

from livevae.errors import ModelError
from livevae.latent.names import MAX_LATENT

WHOLE = MAX_LATENT
"""Directions along which samples differ as much as the riffs do."""

REST = 0.6
"""How much they differ along the others, of how much the riffs do: small differences, in many directions at once, are
what makes a Gaussian's draws less like the performer than the riffs are."""

OWN = 0.1
"""Deviation that one riff has by itself, in every direction; more riffs have it the less the more they are."""


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
