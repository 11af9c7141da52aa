"""The encoder without torch: a performer's windows to z, in plain numpy, ready as soon as the weights are read.

The reference that this is tested against is `networks.MusicVAE.posterior`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.errors import ModelError
from livevae.latent.vectors import Gaussian
from livevae.models.checkpoints.layout import lstm_names
from livevae.models.musicvae.config import Config
from livevae.models.musicvae.packed import Weights
from livevae.models.musicvae.packed_layers import HALF, Floats

TOGETHER = 128
"""Windows that are encoded at once: enough for matrix products, few enough to show progress."""


class PackedEncoder:
    """Music to q(z given x): stacked bidirectional LSTM, the last h of both ways, two dense heads."""

    def __init__(self, config: Config, weights: Weights) -> None:
        """Take the encoder's part of a checkpoint.

        Args:
            config: of the model.
            weights: float32 by `MusicVAE`'s own names.

        Raises:
            ModelError: the configuration needs controls.
        """
        if config.controls:
            raise ModelError(f"{config.name} needs controls (chords or hits), which riffs alone do not have")
        self.config = config
        self._segments = _Stack(weights, "encoder.segments", config) if config.encode_segments else None
        self._layers = _Stack(weights, "encoder.layers", config)
        self._heads = [
            (weights[f"encoder.{head}.weight"], weights[f"encoder.{head}.bias"]) for head in ("mu", "sigma")
        ]

    def __call__(self, windows: NDArray[Any]) -> Gaussian:
        """The posterior of windows, `[N, latent]` each.

        Args:
            windows: tokens `[N, steps]` or `[N, steps, parts]`, or rows `[N, steps, depth]`.
        """
        x = self._input(windows)
        if self._segments is not None:
            n, steps, depth = x.shape
            segments = self.config.segments
            x = self._segments.last(x.reshape(n * segments, steps // segments, depth)).reshape(
                n, segments, -1
            )
        last = self._layers.last(x)
        mu, raw = (last @ weight.T + bias for weight, bias in self._heads)
        return Gaussian(mu, np.logaddexp(np.float32(0), raw))

    def _input(self, windows: NDArray[Any]) -> NDArray[Any]:
        config = self.config
        if config.roll_input:
            rows = windows
            if rows.ndim == 2:
                rows = windows[..., None] >> np.arange(config.input_depth - 1) & 1
            rows = rows.astype(np.float32)
            if rows.shape[-1] == config.input_depth - 1:
                rows = np.concatenate([rows, (rows.sum(-1, keepdims=True) == 0).astype(np.float32)], -1)
            return rows
        if config.head != "categorical":
            return windows.astype(np.float32)
        if windows.ndim == 2 and self._segments is None:
            return windows  # one class a step, which `_lstm` looks up
        parts = windows[..., None] if windows.ndim == 2 else windows
        x = np.zeros((*windows.shape[:2], config.output_depth), np.float32)
        first = np.cumsum([0, *config.output_depths[:-1]])
        np.put_along_axis(x, parts.astype(np.int64) + first, 1.0, -1)
        return x


class _Stack:
    """Bidirectional LSTM layers."""

    def __init__(self, weights: Weights, prefix: str, config: Config) -> None:
        self._ways = [
            (weights[w_ih], weights[w_hh], weights[b_ih] + weights[b_hh])
            for w_ih, w_hh, b_ih, b_hh in lstm_names(prefix, config.encoder, both_ways=True)
        ]

    def last(self, x: NDArray[Any]) -> Floats:
        """The last h of both ways of the top layer: `[N, steps, depth]`, or classes `[N, steps]`, to `[N, 2 units]`."""
        pairs = list(zip(self._ways[::2], self._ways[1::2], strict=True))
        for i, (forward, backward) in enumerate(pairs):
            ahead = _lstm(x, *forward)
            back = _lstm(x[:, ::-1], *backward)
            if i == len(pairs) - 1:
                return np.concatenate([ahead[:, -1], back[:, -1]], -1)
            x = np.concatenate([ahead, back[:, ::-1]], -1)
        raise AssertionError


def _lstm(x: NDArray[Any], w_ih: Floats, w_hh: Floats, bias: Floats) -> Floats:
    """One layer, one way: `[N, steps, depth]` to `[N, steps, units]`; gates are i, f, g, o as torch has them.

    Of classes `[N, steps]` each step's product is a row of the weights, so no product is made of it.
    """
    n, steps = x.shape[:2]
    units = w_hh.shape[1]
    looked_up = x.ndim == 2
    given = w_ih.T + bias if looked_up else x.reshape(n * steps, -1) @ w_ih.T + bias
    given = given if looked_up else given.reshape(n, steps, 4 * units)
    h, c = np.zeros((2, n, units), np.float32)
    out = np.empty((n, steps, units), np.float32)
    for t in range(steps):
        gates = (given[x[:, t]] if looked_up else given[:, t]) + h @ w_hh.T
        i, f, g, o = np.split(gates, 4, -1)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        out[:, t] = h
    return out


def _sigmoid(x: Floats) -> Floats:
    out: Floats = np.tanh(HALF * x)
    out *= HALF
    out += HALF
    return out
