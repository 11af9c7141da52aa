"""LSTM layers as `packed` wants them: weights in blocks, gates before rows, nothing allocated while decoding.

* Layout per layer: [c, g, f, i, o], each gate as `[blocks, rows, width]`. So what is computed of several gates and of
  all rows of a batch is one contiguous array. Sigmoid gates are pre-scaled by 1/2, since sigmoid(x) =
  (tanh(x / 2) + 1) / 2: one tanh serves all four, one product makes f c and i g. h is kept doubled and its weights
  halved. Powers of two change no bit of a float32.
* Products are of blocks, each applied to all rows before the next (see `models.products`).
"""

from collections.abc import Sequence

import numpy as np

from livevae.models.products import LINE, Floats, block_width, blocks

__all__ = ["HALF", "Floats", "Layer", "LayerState", "by_gates", "gates", "in_one_block", "unit_width"]

HALF = np.float32(0.5)
LARGE_PAGE = 2 << 20
"""Bytes."""


class Layer:
    """One LSTM layer with all that hears it.

    Attributes:
        units: of the layer.
        width: of a block of its gates, see `unit_width`.
        above: weights of what else hears it, `[blocks, units + 1, width]`, the biases a last row.
        recurrence: its own recurrence's, likewise.
        both: the two as one array, where their blocks are equally wide.
    """

    def __init__(self, units: int, recurrent: Floats, above: Floats, bias: Floats, width: int = 0) -> None:
        """Stack and halve.

        Args:
            units: of the layer.
            recurrent: its recurrence `[4 units, units]`, gates in torch's order.
            above: what else hears it, `[rows, units]`: the next layer's gates (already `gates`) or the outputs.
            bias: of `above`, `[rows]`.
            width: of a block of `above`; 0: one block, filled up with zeros to whole cache lines.
        """
        self.units = units
        self.width = unit_width(units)
        self.rows = len(above)
        self.nbytes = 4 * (recurrent.size + above.size + bias.size)
        if not width:
            width = -(-self.rows // LINE) * LINE
            missing = width - self.rows
            above, bias = np.pad(above, ((0, missing), (0, 0))), np.pad(bias, (0, missing))
        self.above = _blocks(above * HALF, bias, width)
        self.recurrence = _blocks(gates(recurrent) * HALF, np.zeros(4 * units, np.float32), self.width)
        self.both: Floats | None = None
        if width == self.width:
            self.both = np.concatenate([self.above, self.recurrence])


def unit_width(units: int) -> int:
    """How many of a gate's units share a block."""
    return block_width(units, units + 1)


def _blocks(weights: Floats, bias: Floats, width: int) -> Floats:
    """`[rows, inputs]` and `[rows]` as `[blocks, inputs + 1, width]`."""
    return blocks(np.concatenate([weights, bias[:, None]], 1).T, width)


def in_one_block(layers: Sequence[Layer]) -> None:
    """Move the layers' weights beside each other, from a page boundary on.

    numpy asks for large pages for arrays of 4 MB and more only (`NUMPY_MADVISE_HUGEPAGE`), and these are smaller.
    """
    room = sum(layer.above.size + layer.recurrence.size + 2 * LINE for layer in layers)
    raw = np.empty(4 * room + 2 * LARGE_PAGE, np.uint8)
    start = -raw.ctypes.data % LARGE_PAGE
    memory = raw[start : start + 4 * room].view(np.float32)
    at = 0

    def moved(weights: Floats) -> Floats:
        nonlocal at
        place: Floats = memory[at : at + weights.size].reshape(weights.shape)
        place[...] = weights
        at += -(-weights.size // LINE) * LINE
        return place

    for layer in layers:
        if layer.both is not None:
            layer.both = moved(layer.both)
            count = len(layer.above)
            layer.above, layer.recurrence = layer.both[:count], layer.both[count:]
        else:
            layer.above, layer.recurrence = moved(layer.above), moved(layer.recurrence)


class LayerState:
    """What changes of one layer while decoding so many rows, and views into it.

    Attributes:
        h: `[rows, units + 1]`, doubled, the last column 1 for the biases.
        above: what is heard above, before its nonlinearity: flat, in the order of the next layer's gates.
        outputs: the same of a top layer, `[rows, outputs]`.
        recurrence: flat, in the order of the own gates.
        products: (input, weights, output) of each product of a step.
    """

    def __init__(self, layer: Layer, rows: int) -> None:
        units, width = layer.units, layer.width
        self.units, self.width = units, width
        size = rows * units
        self.h = np.ones((rows, units + 1), np.float32)
        # as the gates lie: [blocks, rows, width]
        hidden = self.h[:, :units].reshape(rows, -1, width).swapaxes(0, 1)
        self.hidden = hidden[:, 0].reshape(-1) if rows == 1 else hidden
        count, wide = len(layer.above), layer.above.shape[2]
        out = np.zeros(count * rows * wide + 4 * size, np.float32)
        self.above, self.recurrence = out[: count * rows * wide], out[count * rows * wide :]
        self.outputs = self.above.reshape(count, rows, wide)[0, :, : layer.rows] if count == 1 else self.above
        given = self.h[None, :, None]
        pairs = [(layer.above, self.above), (layer.recurrence, self.recurrence)]
        if layer.both is not None:
            pairs = [(layer.both, out)]
        self.products = [
            (given, weights[:, None], into.reshape(len(weights), rows, 1, -1))
            for weights, into in pairs
            if len(weights)
        ]
        # c, then the gates g, f, i, o: so that [c, g] and [f, i] are multiplied at once
        self.cell = np.zeros(5 * size, np.float32)
        self.c, self.gates = self.cell[:size], self.cell[size:]
        self.c_g, self.f_i = self.cell[: 2 * size], self.cell[2 * size : 4 * size]
        self.sigmoids, self.o = self.cell[2 * size :], self.cell[4 * size :].reshape(self.hidden.shape)
        self.pairs = np.empty(2 * size, np.float32)
        self.kept, self.new = self.pairs[:size], self.pairs[size:]
        self.spare = np.empty(size, np.float32)
        self.spread = self.spare.reshape(self.hidden.shape)
        # numpy adds an array to an array sooner than a number to one
        self.ones = np.ones(3 * size, np.float32)
        self.halves = np.full(size, HALF)

    def begin(self, c: Floats, h: Floats) -> None:
        """Take c and h, `[rows, units]` each."""
        self.c[...] = by_gates(c, self.width)
        np.add(h, h, out=self.h[:, : self.units])

    def advance(self) -> None:
        """From `gates` before their nonlinearity to the new c and doubled h."""
        np.tanh(self.gates, self.gates)
        np.add(self.sigmoids, self.ones, self.sigmoids)
        np.multiply(self.c_g, self.f_i, self.pairs)
        np.add(self.kept, self.new, self.c)
        np.multiply(self.c, self.halves, self.c)
        np.tanh(self.c, self.spare)
        np.multiply(self.o, self.spread, self.hidden)

    def hear(self) -> None:
        """The layer's products: from h to the input above and its own next recurrence."""
        for given, weights, into in self.products:
            np.matmul(given, weights, into)


def by_gates(rows: Floats, width: int) -> Floats:
    """`[rows, units]`, or `[rows, 4 units]`, laid out as a layer's gates are, flat."""
    return np.ascontiguousarray(rows.reshape(len(rows), -1, width).swapaxes(0, 1)).reshape(-1)


def gates(rows: Floats) -> Floats:
    """Rows of gates from i, f, g, o to g, f, i, o, the sigmoids' halved."""
    i, f, g, o = np.split(np.asarray(rows, np.float32), 4)
    return np.concatenate([g, f * HALF, i * HALF, o * HALF])
