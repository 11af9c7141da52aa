"""A learned prior: a map from u ~ N(0, 1) to the z's that music has, and back. Numpy alone, one z under a millisecond.

The second stage of a two-stage VAE (Dai and Wipf 2019): a normalizing flow on the principal directions of a model's
own encodings, made of affine couplings (Dinh, Sohl-Dickstein, Bengio 2017) with linear layers between them (Kingma and
Dhariwal 2018); the directions that hardly vary stay normal. It is exactly invertible, so every riff has a u of its
own. `training.prior` fits it; its file lies beside the model's weights, kept by the model's identity.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livevae.budget import json_value
from livevae.errors import LimitError, ModelError
from livevae.latent.personas import MAX_DIM
from livevae.latent.vectors import Vector
from livevae.models.checkpoints.attached import Attached
from livevae.models.checkpoints.files import facts
from livevae.models.products import Floats

KIND = Attached("priors", "livevae prior 1", 64 << 20)
"""The file of a model's prior."""

MOST_LAYERS = 64

STEEPEST = np.float32(1.5)
"""The most that one coupling scales a component by, as a logarithm."""

WIDEST = 1.25
"""The farthest that u may be drawn out."""

PER_LAYER = ("linear", "w_in", "b_in", "w_mid", "b_mid", "w_scale", "b_scale", "w_shift", "b_shift")
"""A layer's tensors, each named `NAME.INDEX`."""

Tensors = Mapping[str, NDArray[Any]]


class Prior:
    """The map of one model between u and z, `[latent]` or `[N, latent]`; float32 inside, rows apart from each other.

    Attributes:
        digest: 16 hexadecimal digits of it, the same for every copy: personas in u speak one prior's u.
    """

    def __init__(self, tensors: Tensors, about: Mapping[str, Any]) -> None:
        """Take a flow's tensors.

        Args:
            tensors: `mean [latent]`, `axes [latent, latent]` (rows, orthonormal, of falling variance),
                `spread [latent]` along them; of each layer i `linear.i [k, k]`, `w_in.i [hidden, k - k // 2]`,
                `w_mid.i [hidden, hidden]`, `w_scale.i` and `w_shift.i [k // 2, hidden]` and their biases.
            about: layers, and "temper": how far u is drawn in or out along the flow's k directions and along the rest.

        Raises:
            ModelError: tensors are missing, of other shapes, or not finite.
        """
        self._read(tensors, about)
        digest = hashlib.sha256(repr([float(value) for value in about["temper"]]).encode())
        for name in sorted(tensors):
            digest.update(name.encode() + b"\0" + np.ascontiguousarray(tensors[name], np.float16).tobytes())
        self.digest = digest.hexdigest()[:16]

    def _read(self, tensors: Tensors, about: Mapping[str, Any]) -> None:
        try:
            layers = int(about["layers"])
            temper = [float(value) for value in about["temper"]]
            if (
                not 1 <= layers <= MOST_LAYERS
                or len(temper) != 2
                or not all(0.05 < t <= WIDEST for t in temper)
            ):
                raise ValueError("layers or temper")  # noqa: TRY301  (told below, with the others)
            self.mean, self.axes, self.spread = (
                np.asarray(tensors[name], np.float32) for name in ("mean", "axes", "spread")
            )
            self._layers = [
                tuple(np.ascontiguousarray(tensors[f"{name}.{i}"], np.float32) for name in PER_LAYER)
                for i in range(layers)
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"this prior is broken: {error}") from None
        latent = len(self.mean) if self.mean.ndim == 1 else 0
        self.latent, self.dim = latent, len(self._layers[0][0])
        kept = self.dim - self.dim // 2
        for layer in self._layers:
            hidden, moved = len(layer[1]), self.dim // 2
            shapes = [
                (self.dim, self.dim), (hidden, kept), (hidden,), (hidden, hidden), (hidden,),
                (moved, hidden), (moved,), (moved, hidden), (moved,),
            ]  # fmt: skip
            if [one.shape for one in layer] != shapes or not all(np.isfinite(one).all() for one in layer):
                raise ModelError("this prior is broken: a layer is of other shapes")
        whole = self.axes.shape == (latent, latent) and self.spread.shape == (latent,)
        if not (
            whole and 2 <= self.dim <= latent and np.isfinite(self.axes).all() and (self.spread > 0).all()
        ):
            raise ModelError("this prior is broken: its directions are of other shapes")
        try:
            self._back = [_columns(np.linalg.inv(layer[0])) for layer in self._layers]
            # not the transpose: rows that were rounded to float16 are not quite orthonormal
            self._into = np.ascontiguousarray(np.linalg.inv(self.axes.astype(np.float64)), np.float32)
        except np.linalg.LinAlgError:
            raise ModelError("this prior is broken: a layer or its directions have no way back") from None
        # scale and shift in one product: what a z costs is reading the weights, and calls
        self._layers = [
            (
                *(_columns(layer[0]), _columns(layer[1]), layer[2], _columns(layer[3]), layer[4]),
                *(_columns(np.concatenate([layer[5], layer[7]])), np.concatenate([layer[6], layer[8]])),
            )
            for layer in self._layers
        ]
        self._from = _columns(self.axes.T)
        self._temper = np.concatenate(
            [np.full(self.dim, temper[0]), np.full(latent - self.dim, temper[1])]
        ).astype(np.float32)

    def z(self, u: ArrayLike) -> Vector:
        """The z of a u: what N(0, 1) becomes is spread as the encodings of music are."""
        given = np.asarray(u, np.float64)
        x: Floats = given.reshape(-1, given.shape[-1]).astype(np.float32) * self._temper
        flow: Floats = x[:, : self.dim]
        for back, layer in zip(reversed(self._back), reversed(self._layers), strict=True):
            kept, moved = self._halves(flow)
            scale, shift = _coupling(kept, layer)
            flow = _times(np.concatenate([kept, (moved - shift) * np.exp(-scale)], 1), back)
        x[:, : self.dim] = flow
        x *= self.spread
        found = _times(x, self._from)
        found += self.mean
        return found.astype(np.float64).reshape(given.shape)

    def u(self, z: ArrayLike) -> Vector:
        """The u of a z, the inverse of `z`."""
        given = np.asarray(z, np.float64)
        x = _times(given.reshape(-1, given.shape[-1]).astype(np.float32) - self.mean, self._into)
        x /= self.spread
        flow: Floats = x[:, : self.dim]
        for layer in self._layers:
            kept, moved = self._halves(_times(flow, layer[0]))
            scale, shift = _coupling(kept, layer)
            flow = np.concatenate([kept, moved * np.exp(scale) + shift], 1)
        x[:, : self.dim] = flow
        x /= self._temper
        return x.astype(np.float64).reshape(given.shape)

    def _halves(self, x: Floats) -> tuple[Floats, Floats]:
        kept = self.dim - self.dim // 2
        return x[:, :kept], x[:, kept:]


def _columns(weights: NDArray[Any]) -> Floats:
    """`[outputs, inputs]` turned round, for `_times`."""
    return np.ascontiguousarray(weights.T, np.float32)


def _times(rows: Floats, weights: Floats) -> Floats:
    """Rows `[N, inputs]` through `_columns`, a matrix-vector product each (see `models.products`): `[N, outputs]`."""
    found: Floats = np.matmul(rows[:, None], weights)[:, 0]
    return found


def _coupling(kept: Floats, layer: tuple[Floats, ...]) -> tuple[Floats, Floats]:
    """The log scale and shift of the moved components, from those that are kept, rows of each."""
    _, w_in, b_in, w_mid, b_mid, w_out, b_out = layer
    first = _times(kept, w_in)
    first += b_in
    hidden = _times(np.maximum(first, 0), w_mid)
    hidden += b_mid
    hidden += first
    np.maximum(hidden, 0, out=hidden)
    both = _times(hidden, w_out)
    both += b_out
    moved = both.shape[1] // 2
    scale, shift = both[:, :moved], both[:, moved:]
    np.tanh(scale, out=scale)
    scale *= STEEPEST
    return scale, shift


def save(path: Path, tensors: Tensors, about: Mapping[str, Any], identity: str) -> None:
    """Write a prior, float16, whole or not at all.

    Raises:
        ModelError: the folder cannot be written.
    """
    Prior(tensors, about)
    held = {name: np.asarray(value, np.float16) for name, value in tensors.items()}
    KIND.write(path, identity, held, about=json.dumps(dict(about), sort_keys=True))


def load(identity: str) -> Prior | None:
    """The learned prior of a model, a performer's own before the shipped one; None where there is none.

    Raises:
        ModelError: its file is broken.
    """
    path = KIND.find(identity)
    return None if path is None else read(path, identity)


def digest_of(identity: str) -> str:
    """The digest of a model's learned prior, "" where there is none; kept while its file stays as it is.

    Raises:
        ModelError: its file is broken.
    """
    path = KIND.find(identity)
    return "" if path is None else _digest(path, facts(path), identity)


@lru_cache(maxsize=256)
def _digest(path: Path, _: tuple[int, ...], identity: str) -> str:
    return read(path, identity).digest


def read(path: Path, identity: str) -> Prior:
    """The prior of a file.

    Raises:
        ModelError: it is broken, or another model's.
    """
    tensors, held = KIND.read(path, identity)
    try:
        found = Prior(tensors, json_value(held.get("about", "{}")))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    except (ValueError, LimitError) as error:
        raise ModelError(f"{path} is broken: {error}") from None
    if found.latent > MAX_DIM:
        raise ModelError(f"{path} is broken: z of {found.latent}")
    return found
