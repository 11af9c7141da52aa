"""Personas: MidiMe's two halves in numpy, and the registry from which decodes take them.

A persona is a small VAE over MusicVAE's z (Dinculescu, Engel, Roberts 2019): its decoder turns a point u of a few
dimensions into a z that sounds like one performer. It is trained in `livevae.models.midime.network`; here it is played.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livevae.errors import ModelError
from livevae.latent.names import MAX_LATENT
from livevae.latent.vectors import Gaussian, Vector

HIDDEN = (1024, 256, 64)
"""Units of MidiMe's encoder, first to last; its decoder has them the other way round."""

MAX_DIM = 4096
"""Dimensions of MusicVAE's z, at most: published models have 256 and 512."""

Z = "z"
"""A persona that is a MidiMe over z."""

U = "u"
"""A persona in the u of its model's learned prior: riffs' crossings and a Gaussian, of what the base is drawn from."""

CROSSINGS = "crossings"
"""The parameters of a persona in u of many riffs that are points of their own: each crosses two or more of them."""

DRAW = "draw"
"""The parameter of a persona with crossings that says its own sharpness and looseness."""

MOST_CROSSINGS = 1024

KEYS = 56
"""Directions in which the base model's u chooses among crossings; in the others riffs hardly differ."""

SHARPNESS = 25.0
"""How much one crossing is preferred to the next, on the scale of a standard normal: mostly one is heard.

Of personas that do not say it themselves, as the looseness.
"""

SHARPEST = 1000.0
"""The most that a persona may say."""

LOOSENESS = 0.1
"""Deviation around a crossing, as a share of the riffs' own."""

SPACES = (Z, U)

Array = NDArray[np.float32]


def layer_shapes(dim: int, latent: int, space: str = Z) -> dict[str, tuple[int, int]]:
    """A persona's dense layers as (outputs, inputs), in order of their parameters: MidiMe's, or the map of u."""
    if space == U:
        return {"map": (dim, dim)}
    shapes: dict[str, tuple[int, int]] = {}
    width = dim
    for i, units in enumerate(HIDDEN):
        shapes[f"encoder.{i}"], width = (units, width), units
    shapes["mu"] = shapes["sigma"] = (latent, width)
    width = latent
    for i, units in enumerate((*reversed(HIDDEN), dim)):
        shapes[f"decoder.{i}"], width = (units, width), units
    return shapes


@dataclass(frozen=True, slots=True, eq=False)
class Persona:
    """One performer's model: a MidiMe over z, or in u a Gaussian, with crossings where there are many riffs.

    A MidiMe turns a few dimensions of its own into z. The Gaussian moves the base model's own u: `map.weight`
    [dim, dim] has its principal directions as rows, longest first, each as long as the deviation along it, and
    `map.bias` [dim] is its mean. Of many riffs there are `crossings` [count, k] too: new riffs that were made of them,
    or points between two, as distances from the mean along the first k of those directions; the base model's u chooses
    among them, and `draw` [2] says how sharply and how loosely, where it is not as `SHARPNESS` and `LOOSENESS` say.

    Attributes:
        name: what the performer calls it.
        model: identity of the MusicVAE whose z it speaks.
        dim: size of that z.
        latent: size of its own u.
        weights: by name: `encoder.0.weight` [out, in], `encoder.0.bias` ... `decoder.3.bias`, `mu`, `sigma`; float32.
        about: what is known of its training: riffs, losses, options. Plain values.
        space: `z` or `u`.
        prior: of a persona in u, the digest of the learned prior that it speaks the u of.
    """

    name: str
    model: str
    dim: int
    latent: int
    weights: Mapping[str, Array]
    about: Mapping[str, Any] = field(default_factory=dict)
    space: str = Z
    prior: str = ""
    _directions: Vector = field(init=False, repr=False)
    _keys: Vector = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.space not in SPACES:
            raise ModelError(f"persona {self.name}: its space is {self.space[:20]!r}, not z or u")
        if not 1 <= self.latent <= MAX_LATENT or not 1 <= self.dim <= MAX_DIM:
            raise ModelError(
                f"a persona of {self.latent} over {self.dim} dimensions is none that livevae trains"
            )
        wanted: dict[str, tuple[int, ...]] = {}
        for layer, (out, inp) in layer_shapes(self.dim, self.latent, self.space).items():
            wanted[f"{layer}.weight"], wanted[f"{layer}.bias"] = (out, inp), (out,)
        if self.space == U and CROSSINGS in self.weights:
            count, kept = (*self.weights[CROSSINGS].shape, 0, 0)[:2]
            wanted[CROSSINGS] = (min(max(count, 1), MOST_CROSSINGS), min(max(kept, 1), self.dim))
            if DRAW in self.weights:
                wanted[DRAW] = (2,)
        if set(wanted) != set(self.weights):
            odd = min(set(wanted) ^ set(self.weights))
            raise ModelError(f"persona {self.name}: its parameters are not a persona's, first {odd[:60]!r}")
        for name, shape in wanted.items():
            found = self.weights[name]
            if found.shape != shape or found.dtype != np.float32:
                raise ModelError(
                    f"persona {self.name}: {name} is {found.dtype} {list(found.shape)}, not {list(shape)}"
                )
            if not np.isfinite(found).all():
                raise ModelError(f"persona {self.name}: {name} holds values that are not finite")
        sharpness, looseness = self._draw
        if not (0 < sharpness <= SHARPEST and 0 <= looseness <= 1):
            raise ModelError(
                f"persona {self.name}: its sharpness is {sharpness:g}, not up to {SHARPEST:g}, or its looseness"
                f" {looseness:g}, not 0 to 1"
            )
        rows = self.weights["map.weight"].astype(np.float64) if self.space == U else np.zeros((0, self.dim))
        directions = rows / np.maximum(np.linalg.norm(rows, axis=1), 1e-9)[:, None]
        keys = self.weights[CROSSINGS][:, :KEYS].astype(np.float64) if CROSSINGS in self.weights else rows[:0]
        if len(keys):
            keys = keys / np.maximum(keys.std(0), 1e-9)
            keys = keys / np.maximum(np.linalg.norm(keys, axis=1), 1e-9)[:, None]
        object.__setattr__(self, "_directions", directions)
        object.__setattr__(self, "_keys", keys)

    def decode(self, u: ArrayLike) -> Vector:
        """A point of the persona's own space to a z (in u: to a u): `[..., latent]` to `[..., dim]`."""
        if self.space == U:
            named = np.asarray(u, np.float64)
            return named @ self.weights["map.weight"][: named.shape[-1]] + self.weights["map.bias"]
        x = np.asarray(u, np.float32)
        for i in range(len(HIDDEN)):
            x = np.maximum(self._dense(f"decoder.{i}", x), 0)
        return np.asarray(self._dense(f"decoder.{len(HIDDEN)}", x), np.float64)

    def drawn(self, u: ArrayLike) -> Vector:
        """A draw of the base model's u as this performer's, `[..., dim]`.

        The crossings that lie in the u's direction, each the more the nearer, and loosely around them. Of few riffs,
        which have no crossings, it is `moved`.
        """
        if not len(self._keys):
            return self.moved(u)
        along = np.asarray(u, np.float64) @ self._directions.T
        sharpness, looseness = self._draw
        scores = sharpness * along[..., : self._keys.shape[1]] @ self._keys.T
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        crossings = self.weights[CROSSINGS]
        middle = shares @ crossings @ self._directions[: crossings.shape[1]]
        loose = along @ self.weights["map.weight"]
        return np.asarray((1 - looseness**2) ** 0.5 * middle + looseness * loose + self.weights["map.bias"])

    def moved(self, u: ArrayLike) -> Vector:
        """The base model's u in this performer's Gaussian, `[..., dim]`: of all maps between the two, the nearest.

        (Optimal transport between Gaussians, N(0, 1) to the riffs': along each principal direction apart.)
        """
        along = np.asarray(u, np.float64) @ self._directions.T
        return np.asarray(along @ self.weights["map.weight"].astype(np.float64) + self.weights["map.bias"])

    @property
    def _draw(self) -> tuple[float, float]:
        """Sharpness and looseness."""
        if DRAW not in self.weights:
            return SHARPNESS, LOOSENESS
        sharpness, looseness = self.weights[DRAW].tolist()
        return sharpness, looseness

    def encode(self, z: ArrayLike) -> Gaussian:
        """Where a z lies in the persona's own space: `[..., dim]` to a Gaussian of `[..., latent]`."""
        x = np.asarray(z, np.float32)
        for i in range(len(HIDDEN)):
            x = np.maximum(self._dense(f"encoder.{i}", x), 0)
        return Gaussian(self._dense("mu", x), np.logaddexp(0, self._dense("sigma", x)))

    def answer(self, z: ArrayLike) -> Vector:
        """A z (in u: a u) as this performer would have played it: the middle of where it lies, decoded again."""
        if self.space == U:
            return self.moved(z)
        return self.decode(self.encode(z).mu)

    def _dense(self, layer: str, x: Array) -> Array:
        return np.asarray(x @ self.weights[f"{layer}.weight"].T + self.weights[f"{layer}.bias"])


class Personas(Mapping[str, Persona]):
    """The personas that can be played, by name: one frozen mapping, replaced whole.

    The server's loop puts personas in and takes them out; the decoder's thread reads whatever mapping is there.
    """

    def __init__(self, known: Mapping[str, Persona] | None = None) -> None:
        self._known: Mapping[str, Persona] = MappingProxyType(dict(known or {}))

    def __getitem__(self, name: str) -> Persona:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def put(self, name: str, persona: Persona | None) -> Persona | None:
        """Let a name mean this persona (None: nothing); gives what it meant before."""
        changed = dict(self._known)
        before = changed.pop(name, None)
        if persona is not None:
            changed[name] = persona
        self._known = MappingProxyType(changed)
        return before

    def of(self, model: str, prior: str = "") -> "Speaking":
        """Those of them that speak the z of the model with this identity, or the u of its prior, as they are now."""
        return Speaking(self, model, prior)


class Speaking(Mapping[str, Persona]):
    """The personas of one model: what its decoder is given, so that none of another model or prior is ever played."""

    def __init__(self, personas: Personas, model: str, prior: str) -> None:
        self._personas = personas
        self._model, self._prior = model, prior

    def __getitem__(self, name: str) -> Persona:
        persona = self._personas[name]
        if not self._speaks(persona):
            raise KeyError(name)
        return persona

    def __iter__(self) -> Iterator[str]:
        return (name for name, persona in self._personas.items() if self._speaks(persona))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _speaks(self, persona: Persona) -> bool:
        return persona.model == self._model and (persona.space != U or persona.prior == self._prior)
