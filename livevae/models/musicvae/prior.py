"""A learned prior: a map from u ~ N(0, 1) to the z's that music has, and back. Numpy alone, one z under a millisecond.

The second stage of a two-stage VAE (Dai and Wipf 2019): a normalizing flow on the principal directions of a model's
own encodings, made of affine couplings (Dinh, Sohl-Dickstein, Bengio 2017) with linear layers between them (Kingma and
Dhariwal 2018); the directions that hardly vary stay normal. It is exactly invertible, so every riff has a u of its
own. `training.prior` fits it; its file lies beside the model's weights, kept by the model's identity.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livevae.budget import json_value
from livevae.errors import LimitError, ModelError
from livevae.latent.personas import MAX_DIM
from livevae.latent.vectors import Vector
from livevae.models.checkpoints.attached import Attached

KIND = Attached("priors", "livevae prior 1", 64 << 20)
"""The file of a model's prior."""

MOST_LAYERS = 64

STEEPEST = np.float32(1.5)
"""The most that one coupling scales a component by, as a logarithm."""

PER_LAYER = ("linear", "w_in", "b_in", "w_mid", "b_mid", "w_scale", "b_scale", "w_shift", "b_shift")
"""A layer's tensors, each named `NAME.INDEX`."""

Tensors = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float32]


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
            about: layers, and "temper": how far u is drawn in along the flow's k directions and along the rest.

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
            if not 1 <= layers <= MOST_LAYERS or len(temper) != 2 or not all(0.05 < t <= 1 for t in temper):
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
        # scale and shift in one product: what a z costs is reading the weights, and calls
        self._layers = [
            (*layer[:5], np.concatenate([layer[5], layer[7]]), np.concatenate([layer[6], layer[8]]))
            for layer in self._layers
        ]
        try:
            self._back = [np.linalg.inv(layer[0]).astype(np.float32) for layer in self._layers]
        except np.linalg.LinAlgError:
            raise ModelError("this prior is broken: a layer has no way back") from None
        self._temper = np.concatenate(
            [np.full(self.dim, temper[0]), np.full(latent - self.dim, temper[1])]
        ).astype(np.float32)

    def z(self, u: ArrayLike) -> Vector:
        """The z of a u: what N(0, 1) becomes is spread as the encodings of music are."""
        given = np.asarray(u, np.float64)
        rows = [self._z(row.astype(np.float32)) for row in given.reshape(-1, given.shape[-1])]
        return np.stack(rows).astype(np.float64).reshape(given.shape)

    def u(self, z: ArrayLike) -> Vector:
        """The u of a z, the inverse of `z`."""
        given = np.asarray(z, np.float64)
        rows = [self._u(row.astype(np.float32)) for row in given.reshape(-1, given.shape[-1])]
        return np.stack(rows).astype(np.float64).reshape(given.shape)

    def _z(self, u: Floats) -> Floats:
        x: Floats = u * self._temper
        flow: Floats = x[: self.dim]
        for back, layer in zip(reversed(self._back), reversed(self._layers), strict=True):
            kept, moved = self._halves(flow)
            scale, shift = _coupling(kept, layer)
            flow = _floats(back @ np.concatenate([kept, (moved - shift) * np.exp(-scale)]))
        x = _floats(np.concatenate([flow, x[self.dim :]]))
        return _floats(self.mean + (x * self.spread) @ self.axes)

    def _u(self, z: Floats) -> Floats:
        x = np.asarray(self.axes @ (z - self.mean) / self.spread, np.float32)
        flow: Floats = x[: self.dim]
        for layer in self._layers:
            kept, moved = self._halves(np.asarray(layer[0] @ flow, np.float32))
            scale, shift = _coupling(kept, layer)
            flow = _floats(np.concatenate([kept, moved * np.exp(scale) + shift]))
        return _floats(np.concatenate([flow, x[self.dim :]]) / self._temper)

    def _halves(self, x: Floats) -> tuple[Floats, Floats]:
        kept = self.dim - self.dim // 2
        return x[:kept], x[kept:]


def _floats(values: NDArray[Any]) -> Floats:
    return np.asarray(values, np.float32)


def _coupling(kept: Floats, layer: tuple[Floats, ...]) -> tuple[Floats, Floats]:
    """The log scale and shift of the moved components, from those that are kept."""
    _, w_in, b_in, w_mid, b_mid, w_out, b_out = layer
    hidden = w_in @ kept + b_in
    hidden = w_mid @ np.maximum(hidden, 0) + b_mid + hidden
    np.maximum(hidden, 0, out=hidden)
    scale, shift = (w_out @ hidden + b_out).reshape(2, -1)
    return _floats(STEEPEST * np.tanh(scale)), _floats(shift)


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
