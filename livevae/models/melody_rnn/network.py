"""The network in numpy, for playing: a step at a time, every row by itself, so that no row feels its neighbours.

LSTM layers, an attention over the wrapped part's last outputs (Bahdanau et al. 2015, as TensorFlow's
AttentionCellWrapper has it) around the first layer or around all of them, and one linear layer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from livevae.models.melody_rnn.config import Config

Floats = NDArray[np.float32]


@dataclass(slots=True)
class State:
    """What one row's network remembers; replaced, never changed, by a step, so a copy may be kept.

    Attributes:
        c: of each layer, [units].
        h: likewise.
        attended: what the attention gave last, [S].
        window: the wrapped part's last outputs, oldest first, [L, S]; zeros at the beginning take part.
        keys: `window` times the attention's matrix, [L, S].
    """

    c: list[Floats]
    h: list[Floats]
    attended: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    window: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    keys: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))


class Network:
    """A step-wise RNN's forward pass.

    Attributes:
        config: of the model.
    """

    def __init__(self, config: Config, tensors: Mapping[str, Floats]) -> None:
        """From a checkpoint's tensors, float32, see `layout`."""
        self.config = config
        self._layers = [
            (tensors[f"layers.{i}.kernel"], forgetful(tensors[f"layers.{i}.bias"]))
            for i in range(len(config.layers))
        ]
        self._tensors = dict(tensors)

    def start(self) -> State:
        """The state before the first step."""
        state = State(
            [np.zeros(n, np.float32) for n in self.config.layers],
            [np.zeros(n, np.float32) for n in self.config.layers],
        )
        if size := self.config.attended:
            state.attended = np.zeros(size, np.float32)
            state.window = state.keys = np.zeros((self.config.attention_length, size), np.float32)
        return state

    def step(self, x: Floats, state: State) -> tuple[Floats, State]:
        """Logits `[classes]` after an input `[inputs]`, and the state after it."""
        new = State(list(state.c), list(state.h), state.attended, state.window, state.keys)
        count = len(self._layers)
        wrapped = {"": 0, "first": 1, "stack": count}[self.config.attention]
        if wrapped:
            x = np.concatenate([x, state.attended])
            x = self._dense("attention.input", x)
        for i in range(wrapped):
            x = self._lstm(i, x, new)
        if wrapped:
            x = self._attend(x, new, wrapped)
        for i in range(wrapped, count):
            x = self._lstm(i, x, new)
        return self._dense("output", x), new

    def _dense(self, name: str, x: Floats) -> Floats:
        return x @ self._tensors[f"{name}.kernel"] + self._tensors[f"{name}.bias"]

    def _lstm(self, i: int, x: Floats, state: State) -> Floats:
        kernel, bias = self._layers[i]
        state.c[i], state.h[i] = cell(kernel, bias, x, state.c[i], state.h[i])
        return state.h[i]

    def _attend(self, output: Floats, state: State, wrapped: int) -> Floats:
        query = np.concatenate([part for i in range(wrapped) for part in (state.c[i], state.h[i])])
        scores = (
            np.tanh(state.keys + self._dense("attention.query", query)) @ self._tensors["attention.vector"]
        )
        weights = np.exp(scores - scores.max())
        state.attended = (weights / weights.sum()) @ state.window
        output = self._dense("attention.output", np.concatenate([output, state.attended]))
        state.window = np.concatenate([state.window[1:], output[None]])
        state.keys = np.concatenate([state.keys[1:], (output @ self._tensors["attention.rows"])[None]])
        return output


def cell(kernel: Floats, bias: Floats, x: Floats, c: Floats, h: Floats) -> tuple[Floats, Floats]:
    """An LSTM layer's c and h after an input `[inputs]`; `bias` is `forgetful`."""
    gates = np.concatenate([x, h]) @ kernel + bias
    units = len(c)
    candidate = np.tanh(gates[units : 2 * units])
    # the logistic function by tanh: 1/2 + tanh(x / 2) / 2
    sigmoid = 0.5 + 0.5 * np.tanh(0.5 * gates)
    c = sigmoid[2 * units : 3 * units] * c + sigmoid[:units] * candidate
    return c, np.tanh(c) * sigmoid[3 * units :]


def forgetful(bias: Floats) -> Floats:
    """An LSTM's bias with 1 added to its forget gates."""
    i, j, f, o = np.split(bias, 4)
    return np.concatenate([i, j, f + np.float32(1), o])
