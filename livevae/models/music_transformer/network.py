"""The network in numpy, for playing: keys and values of what was read are kept, distances are gathered.

A stretch of tokens is read at once (a bar of context) or one by one (while making a riff). Rows are computed one by
one, so that no row feels its neighbours.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livevae.models.music_transformer.config import Config

Floats = NDArray[np.float32]

EPSILON = np.float32(1e-5)
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


class Network:
    """A transformer's forward pass.

    Attributes:
        config: of the model.
    """

    def __init__(self, config: Config, tensors: Mapping[str, Floats]) -> None:
        """From a checkpoint's tensors, float32."""
        self.config = config
        held = {name: np.ascontiguousarray(value, np.float32) for name, value in tensors.items()}
        self._tensors = held
        d = config.width // config.heads
        for i in range(config.layers):
            # queries divided by the root of their size beforehand
            kernel = held[f"layers.{i}.attention.input.kernel"].copy()
            kernel[:, : config.width] /= np.float32(math.sqrt(d))
            held[f"layers.{i}.attention.input.kernel"] = kernel
            if config.relative:
                name = f"layers.{i}.attention.distances"
                # [heads, d, span], the farthest first: the last columns fit the keys in their order
                held[name] = np.ascontiguousarray(held[name][:, ::-1].transpose(0, 2, 1))
        held["embedding.kernel"] = held["embedding.kernel"] * np.float32(math.sqrt(config.width))
        self._firsts = np.cumsum([0, *config.features])[:-1]
        half = config.width // 2
        self._rates = np.exp(np.arange(half) * (-math.log(10_000) / half)).astype(np.float32)

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

    def _read(self, features: NDArray[np.int64], state: State) -> Floats:
        config, held = self.config, self._tensors
        new = len(features)
        x: Floats = held["embedding.kernel"][features + self._firsts].sum(1)
        if not config.relative:
            at = np.arange(state.count, state.count + new, dtype=np.float32)[:, None] * self._rates
            x = x + np.concatenate([np.sin(at), np.cos(at)], -1)
        if state.held + new > state.keys.shape[2]:
            kept = config.span - 1
            for store in (state.keys, state.values):
                store[:, :, :kept] = store[:, :, state.held - kept : state.held].copy()
            state.held = kept
        before, state.held = state.held, state.held + new
        state.count += new
        gathered = _gathered(before, new, config.span)
        for i in range(config.layers):
            x = x + self._attention(i, x, state, before, gathered)
            name = f"layers.{i}.forward"
            y = self._norm(f"{name}.norm", x) @ held[f"{name}.input.kernel"] + held[f"{name}.input.bias"]
            x = x + (np.maximum(y, 0, out=y) @ held[f"{name}.output.kernel"] + held[f"{name}.output.bias"])
        return self._norm("norm", x) @ held["output.kernel"] + held["output.bias"]

    def _attention(
        self,
        i: int,
        x: Floats,
        state: State,
        before: int,
        gathered: "tuple[NDArray[np.int64], Floats] | None",
    ) -> Floats:
        config, held = self.config, self._tensors
        new, heads, d = len(x), config.heads, config.width // config.heads
        name = f"layers.{i}.attention"
        given = self._norm(f"{name}.norm", x) @ held[f"{name}.input.kernel"]
        q, k, v = given.reshape(new, 3, heads, d).transpose(1, 2, 0, 3)
        now = before + new
        state.keys[i, :, before:now], state.values[i, :, before:now] = k, v
        # one token sees no more than the span; a stretch is masked
        first = max(0, now - config.span - (new - 1))
        scores: Floats = np.asarray(q @ state.keys[i, :, first:now].transpose(0, 2, 1), np.float32)
        if gathered is None:
            if config.relative:
                scores += q @ held[f"{name}.distances"][:, :, config.span - (now - first) :]
        else:
            places, hidden = gathered
            if config.relative:
                far = q @ held[f"{name}.distances"]
                scores += np.take_along_axis(far, np.broadcast_to(places, scores.shape), 2)
            scores += hidden
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(-1, keepdims=True)
        out = scores @ state.values[i, :, first:now]
        return np.asarray(out.transpose(1, 0, 2).reshape(new, config.width) @ held[f"{name}.output.kernel"])

    def _norm(self, name: str, x: Floats) -> Floats:
        x = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON)
        return np.asarray(x / deviation * self._tensors[f"{name}.scale"] + self._tensors[f"{name}.bias"])


def _gathered(before: int, new: int, span: int) -> tuple[NDArray[np.int64], Floats] | None:
    """Of each new token and each key that any of them sees, the distance's place in the table and what hides it."""
    if new == 1:
        return None
    now = before + new
    first = max(0, now - span - (new - 1))
    distances = np.arange(before, now)[:, None] - np.arange(first, now)
    seen = (distances >= 0) & (distances < span)
    places = np.where(seen, span - 1 - distances, 0)
    return places, np.where(seen, np.float32(0), np.float32(-np.inf))
