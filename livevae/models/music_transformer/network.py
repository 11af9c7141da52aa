"""The network in numpy, for playing: keys and values of what was read are kept, distances are gathered.

A stretch of tokens is read at once (a bar of context) or one by one (while making a riff). Rows are computed one by
one, so that no row feels its neighbours.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.models.music_transformer.config import Config

Floats = NDArray[np.float32]

EPSILON = 1e-5
"""Of the normalisation; torch's own."""


@dataclass(slots=True)
class State:
    """Keys and values of the last tokens; reading writes into it, `copy` gives one of its own.

    Attributes:
        keys: `[layers, heads, room, d]`, of which the first `held` count.
        values: likewise.
        held: tokens that are there.
        count: tokens that were read.
    """

    keys: Floats
    values: Floats
    held: int = 0
    count: int = 0

    def copy(self) -> "State":
        """An independent copy."""
        return State(self.keys.copy(), self.values.copy(), self.held, self.count)


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's weights, ready to play: scale and bias of a norm are part of the map that follows it.

    Attributes:
        given: from values to queries (divided by the root of their size), keys and values, `[width, 3 width]`.
        given_bias: `[3 width]`.
        distances: what each distance adds, the farthest first, `[heads, span, d]`; nothing where they are not known.
        mixed: from what was attended to back to values, `[width, width]`.
        inner: `[width, hidden]`, and so on.
    """

    given: Floats
    given_bias: Floats
    distances: Floats
    mixed: Floats
    inner: Floats
    inner_bias: Floats
    outer: Floats
    outer_bias: Floats


class Network:
    """A transformer's forward pass.

    Attributes:
        config: of the model.
    """

    def __init__(self, config: Config, tensors: Mapping[str, Floats]) -> None:
        """From a checkpoint's tensors, float32."""
        self.config = config
        self._layers = [_layer(config, tensors, f"layers.{i}") for i in range(config.layers)]
        self._output, self._output_bias = _after_norm(
            tensors, "norm", tensors["output.kernel"], tensors["output.bias"]
        )
        self._embedding = tensors["embedding.kernel"] * np.float32(math.sqrt(config.width))
        self._firsts = np.cumsum([0, *config.features])[:-1]
        half = config.width // 2
        self._rates = np.exp(np.arange(half) * (-math.log(10_000) / half)).astype(np.float32)
        self._mean = np.full(config.width, 1 / config.width, np.float32)

    def start(self) -> State:
        """The state before the first token."""
        config = self.config
        shape = (config.layers, config.heads, 2 * config.span, config.width // config.heads)
        return State(np.zeros(shape, np.float32), np.zeros(shape, np.float32))

    def read(self, features: NDArray[np.int64], state: State) -> Floats:
        """Logits `[T, classes]` after each of some tokens `[T, F]`, which go into the state.

        More tokens than the span are read in parts.
        """
        span = self.config.span
        parts = [self._read(features[i : i + span], state) for i in range(0, len(features), span)]
        return np.concatenate(parts) if parts else np.zeros((0, self.config.classes), np.float32)

    def step(self, features: Sequence[int], state: State) -> Floats:
        """Logits `[classes]` after one token `[F]`, which goes into the state; as `read`, in less time."""
        config = self.config
        x: NDArray[Any] = self._embedding[np.asarray(features) + self._firsts].sum(0)
        if not config.relative:
            at = np.float32(state.count) * self._rates
            x = x + np.concatenate([np.sin(at), np.cos(at)])
        before = self._room(state, 1)
        now, width, heads = before + 1, config.width, config.heads
        first = max(0, now - config.span)
        far = config.span - (now - first)
        for i, layer in enumerate(self._layers):
            given = (self._normal(x) @ layer.given + layer.given_bias).reshape(3, heads, -1)
            keys, values = state.keys[i], state.values[i]
            keys[:, before], values[:, before] = given[1], given[2]
            query = given[0][:, :, None]
            scores: Floats = np.asarray(keys[:, first:now] @ query, np.float32)
            if config.relative:
                scores += layer.distances[:, far:] @ query
            scores -= scores.max(1, keepdims=True)
            np.exp(scores, out=scores)
            out = scores.transpose(0, 2, 1) @ values[:, first:now]
            out /= scores.sum(1, keepdims=True)
            x = x + out.reshape(width) @ layer.mixed
            inner = self._normal(x) @ layer.inner + layer.inner_bias
            np.maximum(inner, 0, out=inner)
            x = x + (inner @ layer.outer + layer.outer_bias)
        return np.asarray(self._normal(x) @ self._output + self._output_bias)

    def _normal(self, x: Floats) -> Floats:
        """Values `[width]` less their mean, over their deviation."""
        x = x - x @ self._mean
        return np.asarray(x * np.float32(1 / math.sqrt(float((x * x) @ self._mean) + EPSILON)))

    def _room(self, state: State, new: int) -> int:
        """How many tokens are there before some new ones, for which there is room from now on."""
        if state.held + new > state.keys.shape[2]:
            kept = self.config.span - 1
            for store in (state.keys, state.values):
                store[:, :, :kept] = store[:, :, state.held - kept : state.held].copy()
            state.held = kept
        before, state.held = state.held, state.held + new
        state.count += new
        return before

    def _read(self, features: NDArray[np.int64], state: State) -> Floats:
        config = self.config
        new = len(features)
        x: NDArray[Any] = self._embedding[features + self._firsts].sum(1)
        if not config.relative:
            at = np.arange(state.count, state.count + new, dtype=np.float32)[:, None] * self._rates
            x = x + np.concatenate([np.sin(at), np.cos(at)], -1)
        before = self._room(state, new)
        places, hidden = _gathered(before, new, config.span)
        now = before + new
        first = max(0, now - config.span - (new - 1))
        for i, layer in enumerate(self._layers):
            given = _normalised(x) @ layer.given + layer.given_bias
            q, k, v = given.reshape(new, 3, config.heads, -1).transpose(1, 2, 0, 3)
            state.keys[i, :, before:now], state.values[i, :, before:now] = k, v
            scores: Floats = np.asarray(q @ state.keys[i, :, first:now].transpose(0, 2, 1), np.float32)
            if config.relative:
                far = q @ layer.distances.transpose(0, 2, 1)
                scores += np.take_along_axis(far, np.broadcast_to(places, scores.shape), 2)
            scores += hidden
            scores -= scores.max(-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(-1, keepdims=True)
            out = scores @ state.values[i, :, first:now]
            x = x + out.transpose(1, 0, 2).reshape(new, config.width) @ layer.mixed
            inner = _normalised(x) @ layer.inner + layer.inner_bias
            np.maximum(inner, 0, out=inner)
            x = x + (inner @ layer.outer + layer.outer_bias)
        return np.asarray(_normalised(x) @ self._output + self._output_bias)


def _layer(config: Config, tensors: Mapping[str, Floats], name: str) -> Layer:
    kernel = tensors[f"{name}.attention.input.kernel"].copy()
    kernel[:, : config.width] /= np.float32(math.sqrt(config.width // config.heads))
    given, given_bias = _after_norm(tensors, f"{name}.attention.norm", kernel)
    inner, inner_bias = _after_norm(
        tensors,
        f"{name}.forward.norm",
        tensors[f"{name}.forward.input.kernel"],
        tensors[f"{name}.forward.input.bias"],
    )
    distances = np.zeros((config.heads, 0, 0), np.float32)
    if config.relative:
        distances = np.ascontiguousarray(tensors[f"{name}.attention.distances"][:, ::-1])
    return Layer(
        given,
        given_bias,
        distances,
        np.ascontiguousarray(tensors[f"{name}.attention.output.kernel"]),
        inner,
        inner_bias,
        np.ascontiguousarray(tensors[f"{name}.forward.output.kernel"]),
        tensors[f"{name}.forward.output.bias"],
    )


def _after_norm(
    tensors: Mapping[str, Floats], norm: str, kernel: Floats, bias: Floats | None = None
) -> tuple[Floats, Floats]:
    """A linear map and a norm's scale and bias before it as one map."""
    scaled = np.ascontiguousarray(tensors[f"{norm}.scale"][:, None] * kernel)
    moved = tensors[f"{norm}.bias"] @ kernel
    return scaled, moved if bias is None else moved + bias


def _normalised(x: Floats) -> Floats:
    x = x - x.mean(-1, keepdims=True)
    return np.asarray(x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(EPSILON)))


def _gathered(before: int, new: int, span: int) -> tuple[NDArray[np.int64], Floats]:
    """Of each new token and each key that any of them sees, the distance's place in the table and what hides it."""
    now = before + new
    first = max(0, now - span - (new - 1))
    distances = np.arange(before, now)[:, None] - np.arange(first, now)
    seen = (distances >= 0) & (distances < span)
    places = np.where(seen, span - 1 - distances, 0)
    return places, np.where(seen, np.float32(0), np.float32(-np.inf))
