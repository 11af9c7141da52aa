"""The network in numpy, for playing: a step of some rows at a time, each as if it were alone.

LSTM layers, an attention over the wrapped part's last outputs (Bahdanau et al. 2015, as TensorFlow's
AttentionCellWrapper has it) around the first layer or around all of them, and one linear layer.

What makes a step cheap: products share the weights among rows (`models.products`), the few numbers of a wide input that
are not zero gather rows of weights (summed in float64), and the attention's linear layer before the first LSTM layer is
multiplied into that layer's kernel beforehand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from livevae.models.melody_rnn.config import Config
from livevae.models.products import block_width, blocks, product

Floats = NDArray[np.float32]
HALF = np.float32(0.5)
WIDE = 256
"""Inputs from which on gathering costs less than a product."""


@dataclass(slots=True)
class State:
    """What the network remembers of some rows; replaced, never changed, by a step, so a copy may be kept.

    Attributes:
        c: of each layer, [N, units].
        h: likewise.
        attended: what the attention gave last, [N, S].
        window: the wrapped part's last outputs, oldest first, [N, L, S]; zeros at the beginning take part.
        keys: `window` times the attention's matrix, [N, L, S].
        output: of the last layer, or of the attention around all, [N, units].
    """

    c: list[Floats]
    h: list[Floats]
    attended: Floats = field(default_factory=lambda: np.zeros((1, 0), np.float32))
    window: Floats = field(default_factory=lambda: np.zeros((1, 0, 0), np.float32))
    keys: Floats = field(default_factory=lambda: np.zeros((1, 0, 0), np.float32))
    output: Floats = field(default_factory=lambda: np.zeros((1, 0), np.float32))

    def row(self, i: int) -> "State":
        """One row."""
        one = slice(i, i + 1)
        c, h = ([part[one] for part in parts] for parts in (self.c, self.h))
        return State(c, h, self.attended[one], self.window[one], self.keys[one], self.output[one])

    @staticmethod
    def joined(states: Sequence["State"]) -> "State":
        """Several states' rows, one after the other."""
        if len(states) == 1:
            return states[0]
        c, h = (
            [np.concatenate(layer) for layer in zip(*parts, strict=True)]
            for parts in ([state.c for state in states], [state.h for state in states])
        )
        attended, window, keys, output = (
            np.concatenate([getattr(state, name) for state in states])
            for name in ("attended", "window", "keys", "output")
        )
        return State(c, h, attended, window, keys, output)


class Dense:
    """A linear layer of rows."""

    def __init__(self, kernel: Floats, bias: Floats | None = None) -> None:
        """Take a kernel `[inputs, outputs]` and a bias `[outputs]`."""
        self._weights = blocks(kernel, block_width(kernel.shape[1], len(kernel)))
        self._bias = bias

    def __call__(self, *parts: Floats) -> Floats:
        """`[N, ...]` each, side by side, to `[N, outputs]`."""
        x = parts[0] if len(parts) == 1 else np.concatenate(parts, 1)
        found = product(x, self._weights)
        whole = found[0] if len(found) == 1 else found.swapaxes(0, 1).reshape(len(x), -1)
        return whole if self._bias is None else np.add(whole, self._bias, whole)


class Gates:
    """An LSTM layer's gates of rows, before their nonlinearity: those of sigmoids halved, see `Network`."""

    def __init__(self, kernel: Floats, bias: Floats) -> None:
        """Take a kernel `[inputs, 4 units]` and a bias `[4 units]`, gates j, i, f, o."""
        units = len(bias) // 4
        self._weights = blocks(kernel, block_width(units, len(kernel)))
        self._bias = bias.reshape(4, 1, units)

    def __call__(self, *parts: Floats) -> Floats:
        """`[N, ...]` each, side by side, to `[4, N, units]`."""
        found = product(np.concatenate(parts, 1), self._weights)
        count, rows, width = found.shape
        if count > 4:
            found = np.ascontiguousarray(found.reshape(4, -1, rows, width).swapaxes(1, 2))
        gates = found.reshape(4, rows, -1)
        gates += self._bias
        return gates


class Network:
    """A step-wise RNN's forward pass.

    Attributes:
        config: of the model.
    """

    def __init__(self, config: Config, tensors: Mapping[str, Floats]) -> None:
        """From a checkpoint's tensors, float32, see `layout`."""
        self.config = config
        count = len(config.layers)
        self._wrapped = {"": 0, "first": 1, "stack": count}[config.attention]
        kernels = [reordered(tensors[f"layers.{i}.kernel"]) for i in range(count)]
        biases = [reordered(forgetful(tensors[f"layers.{i}.bias"])) for i in range(count)]
        first, recurrent = np.split(kernels[0].astype(np.float64), [len(kernels[0]) - config.layers[0]])
        if self._wrapped:
            names = ("query", "output")
            self._query, self._combined = (
                Dense(tensors[f"attention.{name}.kernel"], tensors[f"attention.{name}.bias"])
                for name in names
            )
            self._rows, self._vector = Dense(tensors["attention.rows"]), tensors["attention.vector"]
            # [x, attended] A K = x (A_x K) + attended (A_attended K)
            biases[0] = (biases[0] + tensors["attention.input.bias"] @ first).astype(np.float32)
            first = tensors["attention.input.kernel"] @ first
        recurrent = np.concatenate([first, recurrent])
        self._first: NDArray[np.float64] | None = None
        if config.inputs >= WIDE:
            self._first, recurrent = np.split(recurrent, [config.inputs])
        kernels[0] = recurrent.astype(np.float32)
        self._layers = [Gates(kernel, bias) for kernel, bias in zip(kernels, biases, strict=True)]
        self._output = Dense(tensors["output.kernel"], tensors["output.bias"])

    def start(self) -> State:
        """One row's state before the first step."""
        state = State(
            [np.zeros((1, n), np.float32) for n in self.config.layers],
            [np.zeros((1, n), np.float32) for n in self.config.layers],
        )
        if size := self.config.attended:
            state.attended = np.zeros((1, size), np.float32)
            state.window = state.keys = np.zeros((1, self.config.attention_length, size), np.float32)
        return state

    def step(self, x: Sequence[Floats], state: State) -> State:
        """The state after an input `[inputs]` of each row."""
        new = State(list(state.c), list(state.h), state.attended, state.window, state.keys)
        wrapped = self._wrapped
        known = [state.attended, state.h[0]] if wrapped else [state.h[0]]
        if self._first is None:
            gates = self._layers[0](np.stack(x), *known)
        else:
            gates = self._layers[0](*known)
            for i, row in enumerate(x):
                there = row.nonzero()[0]
                gates[:, i] += (row[there] @ self._first[there]).reshape(4, -1)
        self._cell(0, gates, new)
        output = new.h[0]
        for i in range(1, len(self._layers)):
            if i == wrapped:
                output = self._attend(output, new)
            self._cell(i, self._layers[i](output, state.h[i]), new)
            output = new.h[i]
        if wrapped == len(self._layers):
            output = self._attend(output, new)
        new.output = output
        return new

    def logits(self, state: State) -> Floats:
        """Of what comes next, `[N, classes]`."""
        return self._output(state.output)

    @staticmethod
    def _cell(i: int, gates: Floats, state: State) -> None:
        """A layer's c and h from its `Gates`, which are changed."""
        np.tanh(gates, gates)
        # the logistic function by tanh: 1/2 + tanh(x / 2) / 2
        sigmoids = gates[1:]
        sigmoids *= HALF
        sigmoids += HALF
        c = gates[2] * state.c[i]
        c += gates[1] * gates[0]
        state.c[i] = c
        state.h[i] = np.tanh(c) * gates[3]

    def _attend(self, output: Floats, state: State) -> Floats:
        query = self._query(*(part for i in range(self._wrapped) for part in (state.c[i], state.h[i])))
        scores = np.matmul(np.tanh(state.keys + query[:, None]), self._vector[:, None])[:, :, 0]
        weights = np.exp(scores - scores.max(1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        state.attended = np.matmul(weights[:, None], state.window)[:, 0]
        output = self._combined(output, state.attended)
        state.window = np.concatenate([state.window[:, 1:], output[:, None]], 1)
        state.keys = np.concatenate([state.keys[:, 1:], self._rows(output)[:, None]], 1)
        return output


def reordered(columns: Floats) -> Floats:
    """Gates from i, j, f, o to j, i, f, o, those of sigmoids halved: powers of two change no bit."""
    i, j, f, o = np.split(columns, 4, -1)
    return np.concatenate([j, i * HALF, f * HALF, o * HALF], -1)


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
