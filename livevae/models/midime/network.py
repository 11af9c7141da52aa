"""MidiMe, a persona's network: a small VAE over MusicVAE's z (Dinculescu, Engel, Roberts 2019; magenta.js' midi_me).

z -> dense relu 1024, 256, 64 -> mu and softplus sigma -> dense relu 64, 256, 1024 -> z. The loss is
mean(sum((x - y)^2) / 2) + beta * KL; Adam at 1e-3 takes the full batch at once.

It is trained in numpy on one thread: all parameters lie in one vector, the gradient is written out by hand into a
second, and Adam goes over both in pieces that fit the cache. A whole training takes less time than importing torch
does. The tests hold gradient and update to torch's.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from livevae.errors import ModelError
from livevae.latent.names import MAX_LATENT
from livevae.latent.personas import HIDDEN, SPACES, Z, layer_shapes

Array = NDArray[np.float32]

MOST_ROWS = 4096
"""More windows than this add seconds to every epoch and nothing to a persona of four dimensions."""

PUBLISHED_EPOCHS = 100
"""As magenta.js' demo trains melodies; it gives trios three times as many."""

FEW = ((8, 4.0), (64, 1.5))
"""Below so many windows, so many times the epochs: an epoch is one step, however few it sees. On reels, samples of
one riff lie 0.1 of a window nearer to it after 400 epochs than after 100."""

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7
"""Adam's; the epsilon is tensorflow.js', as in the published training."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a persona is trained; the defaults are the published ones for melodies.

    Attributes:
        latent: dimensions of the persona's own space.
        epochs: passes over the full batch; magenta.js' demo takes 100 for melodies, 300 for trios.
        beta: weight of the KL.
        learning_rate: Adam's.
        jitter: deviations of MusicVAE's own posterior by which every z is moved, anew in every epoch.
        seed: of the first weights and all noise. The same seed and riffs give the same persona.
        space: `z`, MidiMe as published, or `u`, the riffs in the u of the model's learned prior (see `gaussian`), to
            which of all these only `latent` and `seed` matter.
    """

    latent: int = 4
    epochs: int = PUBLISHED_EPOCHS
    beta: float = 1.0
    learning_rate: float = 1e-3
    jitter: float = 0.0
    seed: int = 1
    space: str = Z

    def __post_init__(self) -> None:
        if not 1 <= self.latent <= MAX_LATENT:
            raise ModelError(f"a persona has 1 to {MAX_LATENT} dimensions of its own, not {self.latent}")
        if self.space not in SPACES:
            raise ModelError(f"a persona's space is z or u, not {self.space!r}")
        if not 1 <= self.epochs <= 100_000:
            raise ModelError(f"a persona is trained for 1 to 100000 epochs, not {self.epochs}")
        for name, low in (("beta", 0.0), ("learning_rate", 0.0), ("jitter", 0.0)):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= low):
                raise ModelError(f"{name} must be a number from {low:g} up, not {value!r}")


@dataclass(frozen=True, slots=True)
class Losses:
    """What one epoch cost, means over the windows, in nats."""

    reconstruction: float
    kl: float
    total: float


Progress = Callable[[int, Losses], Any]
"""Called after each epoch with its number from 1 and what it cost."""


def usual_epochs(windows: int, music: str) -> int:
    """How many epochs a persona of so many windows is trained where nobody says."""
    times = next((times for below, times in FEW if windows < below), 1.0)
    return round(PUBLISHED_EPOCHS * times * (3 if music == "trio" else 1))


class MidiMe:
    """The network, its parameters in one vector.

    Attributes:
        flat: every parameter.
        weights: views of `flat` by name: `encoder.0.weight` [out, in] to `decoder.3.bias`, with `mu` and `sigma`.
    """

    def __init__(self, dim: int, latent: int, random: np.random.Generator) -> None:
        """First weights as Keras makes them: Glorot's uniform, biases zero."""
        shapes = layer_shapes(dim, latent)
        self.dim, self.latent = dim, latent
        self.flat: Array = np.zeros(sum(out * (inp + 1) for out, inp in shapes.values()), np.float32)
        self.weights = views(self.flat, shapes)
        for name, (out, inp) in shapes.items():
            bound = math.sqrt(6.0 / (out + inp))
            self.weights[f"{name}.weight"][...] = random.uniform(-bound, bound, (out, inp))

    def tensors(self) -> dict[str, Array]:
        """The parameters by name, for a persona."""
        return {name: value.copy() for name, value in self.weights.items()}


def views(flat: Array, shapes: Mapping[str, tuple[int, int]]) -> dict[str, Array]:
    """A vector's parts as weights `[out, in]` and biases `[out]`, by name."""
    parts: dict[str, Array] = {}
    at = 0
    for name, (out, inp) in shapes.items():
        parts[f"{name}.weight"] = flat[at : at + out * inp].reshape(out, inp)
        at += out * inp
        parts[f"{name}.bias"] = flat[at : at + out]
        at += out
    return parts


def train(
    mu: Array, options: Options, *, sigma: Array | None = None, progress: Progress | None = None
) -> tuple[MidiMe, Losses]:
    """Train a persona's network on the z's of a performer's windows.

    Args:
        mu: `[N, dim]`, MusicVAE's posterior means of the windows; of more than `MOST_ROWS` an even share is taken.
        options: how.
        sigma: `[N, dim]`, its deviations; only needed for jitter.
        progress: called after each epoch; raise in it to stop.

    Returns:
        The network, and what the last epoch cost.

    Raises:
        ModelError: no windows, values that are not finite, or a training that ran away.
    """
    if mu.ndim != 2 or not len(mu):
        raise ModelError("there is no window to train a persona on")
    if options.jitter and sigma is None:
        raise ModelError("jitter needs the deviations of MusicVAE's posterior")
    chosen = np.linspace(0, len(mu) - 1, min(len(mu), MOST_ROWS)).round().astype(int)
    x = np.ascontiguousarray(mu[chosen], np.float32)
    if not np.isfinite(x).all():
        raise ModelError("the model's z of these windows is not finite: is its checkpoint whole?")
    spread = np.float32(options.jitter) * sigma[chosen] if options.jitter and sigma is not None else None
    random = np.random.Generator(np.random.PCG64(options.seed))
    net = MidiMe(x.shape[1], options.latent, random)
    gradient, adam = Gradient(net), Adam(net.flat, options.learning_rate)
    losses = Losses(math.nan, math.nan, math.nan)
    with threadpool_limits(1, user_api="blas"):
        for epoch in range(1, options.epochs + 1):
            rows = x if spread is None else x + spread * random.standard_normal(x.shape, np.float32)
            noise = random.standard_normal((len(x), options.latent), np.float32)
            losses = gradient(rows, noise, options.beta)
            if not math.isfinite(losses.total):
                raise ModelError(f"the training ran away in epoch {epoch}: try a smaller learning rate")
            adam(gradient.flat)
            if progress is not None:
                progress(epoch, losses)
    return net, losses


class Gradient:
    """The gradient of the loss, and the loss; both means over rows.

    Attributes:
        flat: the gradient of `MidiMe.flat`, of the last batch.
    """

    def __init__(self, net: MidiMe) -> None:
        self._weights = net.weights
        self.flat: Array = np.zeros_like(net.flat)
        self._views = views(self.flat, layer_shapes(net.dim, net.latent))

    def __call__(self, x: Array, noise: Array, beta: float) -> Losses:
        """Fill `flat`.

        Args:
            x: `[N, dim]`.
            noise: `[N, latent]`, standard normal.
            beta: weight of the KL.
        """
        w, rows = self._weights, np.float32(len(x))
        weight = np.float32(beta / len(x))
        inputs = [x]
        for i in range(len(HIDDEN)):
            inputs.append(_relu(self._dense(f"encoder.{i}", inputs[-1])))
        mu, raw = self._dense("mu", inputs[-1]), self._dense("sigma", inputs[-1])
        sigma: Array = np.logaddexp(np.float32(0), raw)
        said: list[Array] = [np.asarray(mu + sigma * noise, np.float32)]
        for i in range(len(HIDDEN)):
            said.append(_relu(self._dense(f"decoder.{i}", said[-1])))
        off = self._dense(f"decoder.{len(HIDDEN)}", said[-1])
        off -= x
        reconstruction = float(np.square(off).sum()) / (2 * len(x))
        kl = float((0.5 * (mu**2 + sigma**2 - 1) - np.log(sigma)).sum()) / len(x)
        off /= rows
        d_u = self._back([f"decoder.{i}" for i in range(len(HIDDEN) + 1)], said, off) @ w["decoder.0.weight"]
        d_mu: Array = np.asarray(d_u + weight * mu, np.float32)
        # the derivative of softplus is the logistic function: 1 - exp(-sigma)
        d_sigma = d_u * noise + weight * (sigma - 1 / sigma)
        d_raw: Array = np.asarray(d_sigma * -np.expm1(-sigma), np.float32)
        self._write("mu", inputs[-1], d_mu)
        self._write("sigma", inputs[-1], d_raw)
        d_top: Array = np.asarray(d_mu @ w["mu.weight"] + d_raw @ w["sigma.weight"], np.float32)
        d_top *= inputs[-1] > 0
        self._back([f"encoder.{i}" for i in range(len(HIDDEN))], inputs, d_top)
        return Losses(reconstruction, kl, reconstruction + beta * kl)

    def _back(self, names: list[str], inputs: list[Array], d_out: Array) -> Array:
        """Through layers, last to first; the gradient at the first one's output."""
        for i, name in reversed(list(enumerate(names))):
            self._write(name, inputs[i], d_out)
            if i:
                d_out = d_out @ self._weights[f"{name}.weight"]
                d_out *= inputs[i] > 0
        return d_out

    def _dense(self, name: str, x: Array) -> Array:
        out: Array = x @ self._weights[f"{name}.weight"].T
        out += self._weights[f"{name}.bias"]
        return out

    def _write(self, name: str, inputs: Array, d_out: Array) -> None:
        np.matmul(d_out.T, inputs, out=self._views[f"{name}.weight"])
        np.sum(d_out, 0, out=self._views[f"{name}.bias"])


class Adam:
    """Kingma and Ba 2015, in place, in pieces that stay in the cache."""

    def __init__(self, flat: Array, rate: float) -> None:
        self._flat, self._rate, self._count = flat, rate, 0
        self._first: Array = np.zeros_like(flat)
        self._second: Array = np.zeros_like(flat)

    def __call__(self, gradient: Array) -> None:
        """One step; `gradient` is used up."""
        self._count += 1
        # first and second are kept as plain sums of decaying terms; what they lack is in two numbers
        low = math.sqrt((1 - BETA_2) / (1 - BETA_2**self._count))
        rate = np.float32(self._rate * (1 - BETA_1) / (1 - BETA_1**self._count) / low)
        epsilon = np.float32(EPSILON / low)
        keep_1, keep_2 = np.float32(BETA_1), np.float32(BETA_2)
        spare = np.empty(PIECE, np.float32)
        for at in range(0, len(self._flat), PIECE):
            span = slice(at, at + PIECE)
            g, m, v, w = gradient[span], self._first[span], self._second[span], self._flat[span]
            t = spare[: len(g)]
            m *= keep_1
            m += g
            g *= g
            v *= keep_2
            v += g
            np.sqrt(v, out=t)
            t += epsilon
            np.divide(m, t, out=t)
            t *= rate
            w -= t


PIECE = 1 << 16
"""Parameters that Adam goes over at once: four arrays of 256 KB."""


def _relu(x: Array) -> Array:
    return np.maximum(x, 0, out=x)
