"""Attributes: directions in z along which music grows denser, higher, more syncopated or wider. numpy only.

A direction is found from data: how z moves, on average, when one attribute of the music does and the others stay
(see `livevae.models.musicvae.directions`). Pushing z along it moves what is decoded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livevae.errors import ModelError
from livevae.latent.vectors import Vector

REACH = 3.6
"""How far an amount of 1 moves z, whatever the attribute. Measured with the bundled model: far enough to be heard in
each of them (the z's of music lie about 9 from the middle)."""


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """The directions of one model.

    Attributes:
        vectors: by attribute, `[latent]`, of length 1: where z moves when the attribute grows.
    """

    vectors: Mapping[str, NDArray[np.float32]]

    def pushed(self, z: Vector, attributes: Iterable[tuple[str, float]]) -> Vector:
        """z, `[..., latent]`, moved by amounts from -1 to 1; attributes that the model has no direction for are left.

        Raises:
            ModelError: the directions are another model's.
        """
        for name, amount in attributes:
            vector = self.vectors.get(name)
            if vector is None:
                continue
            if vector.shape != z.shape[-1:]:
                raise ModelError(f"the direction of {name} has {vector.shape[0]} dimensions, z {z.shape[-1]}")
            z = z + amount * REACH * vector
        return z


def found(z: NDArray[np.floating], values: Mapping[str, NDArray[np.floating]]) -> Directions:
    """Directions from data: the least-squares answer to how z follows the attributes, all of them at once.

    Args:
        z: `[N, latent]` of N windows.
        values: by attribute, `[N]`.

    Raises:
        ModelError: too few windows, or an attribute that never changes.
    """
    names = list(values)
    table = np.stack([np.asarray(values[name], np.float64) for name in names], -1)
    if len(table) < 8 * (len(names) + 1):
        raise ModelError(f"{len(table)} windows are too few to find directions in")
    spread = table.std(0)
    if not (spread > 0).all():
        raise ModelError(f"{names[int(np.argmin(spread))]} is the same in every window")
    table = (table - table.mean(0)) / spread
    slopes, *_ = np.linalg.lstsq(table, z - z.mean(0), rcond=None)
    units = slopes / np.linalg.norm(slopes, axis=1, keepdims=True).clip(1e-12)
    return Directions({name: unit.astype(np.float32) for name, unit in zip(names, units, strict=True)})
