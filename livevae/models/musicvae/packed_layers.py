"""LSTM layers as `packed` wants them: one block of weights a layer, one product a step, nothing allocated.

Gates lie as g, f, i, o behind c, the sigmoids' halved, since sigmoid(x) = (tanh(x / 2) + 1) / 2: one tanh serves all
four, one product makes f c and i g. h is kept doubled and its weights halved. Powers of two change no bit of a float32.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
HALF = np.float32(0.5)
LINE = 16
"""Floats of a cache line."""
ASTRIDE = 1024
"""Floats of a page: columns that lie a whole number of pages apart fight for the same places of the first cache."""
LARGE_PAGE = 2 << 20
"""Bytes."""


class Layer:
    """One LSTM layer with all that hears it stacked above its recurrence, the biases a last column."""

    def __init__(self, units: int, recurrent: Floats, above: Floats, bias: Floats) -> None:
        """Stack and halve.

        Args:
            units: of the layer.
            recurrent: its recurrence `[4 units, units]`, gates in torch's order.
            above: what else hears it, `[rows, units]`: the next layer's gates (already `gates`) or the outputs.
            bias: of `above`, `[rows]`.
        """
        self.units = units
        self.split = len(above)
        heard = np.concatenate([above, gates(recurrent)]) * HALF
        column = np.concatenate([bias, np.zeros(4 * units, np.float32)])
        self.rows = len(heard)
        self.nbytes = heard.nbytes + column.nbytes
        # rows of zeros, so that every column begins on a cache line
        room = -(-self.rows // LINE) * LINE
        self.rows = room + LINE * (room % ASTRIDE == 0)
        nothing = np.zeros((self.rows - len(heard), units + 1), np.float32)
        whole = np.concatenate([np.concatenate([heard, column[:, None]], 1), nothing])
        # a column-major matrix is what gemv reads fastest
        self.weights: Floats = np.asfortranarray(whole, np.float32)


def in_one_block(layers: Sequence[Layer]) -> None:
    """Move the layers' weights beside each other, from a page boundary on.

    numpy asks for large pages for arrays of 4 MB and more only (`NUMPY_MADVISE_HUGEPAGE`), and these are smaller.
    """
    room = sum(layer.weights.size + LINE for layer in layers)
    raw = np.empty(4 * room + 2 * LARGE_PAGE, np.uint8)
    start = -raw.ctypes.data % LARGE_PAGE
    block = raw[start : start + 4 * room].view(np.float32)
    at = 0
    for layer in layers:
        rows, columns = layer.weights.shape
        place = block[at : at + rows * columns].reshape(columns, rows).T
        place[...] = layer.weights
        layer.weights = place
        at += -(-rows * columns // LINE) * LINE


class LayerState:
    """What changes of one layer while decoding, for one row or many, and views into it."""

    def __init__(self, layer: Layer, rows: tuple[int, ...]) -> None:
        units = layer.units
        self.weights = layer.weights
        self.h = np.ones((*rows, units + 1), np.float32)
        self.hidden = self.h[..., :units]
        self.out = np.empty((*rows, layer.rows), np.float32)
        self.above = self.out[..., : layer.split]
        self.recurrence = self.out[..., layer.split : layer.split + 4 * units]
        # c, then the gates g, f, i, o: so that [c, g] and [f, i] are multiplied at once
        self.cell = np.zeros((*rows, 5 * units), np.float32)
        self.c = self.cell[..., :units]
        self.gates = self.cell[..., units:]
        self.c_g, self.f_i = self.cell[..., : 2 * units], self.cell[..., 2 * units : 4 * units]
        self.sigmoids, self.o = self.cell[..., 2 * units :], self.cell[..., 4 * units :]
        self.products = np.empty((*rows, 2 * units), np.float32)
        self.kept, self.new = self.products[..., :units], self.products[..., units:]
        self.spare = np.empty((*rows, units), np.float32)
        # numpy adds an array to an array sooner than a number to one
        self.ones = np.ones(3 * units, np.float32)
        self.halves = np.full(units, HALF)

    def advance(self) -> None:
        """From `gates` before their nonlinearity to the new c and doubled h."""
        np.tanh(self.gates, self.gates)
        np.add(self.sigmoids, self.ones, self.sigmoids)
        np.multiply(self.c_g, self.f_i, self.products)
        np.add(self.kept, self.new, self.c)
        np.multiply(self.c, self.halves, self.c)
        np.tanh(self.c, self.spare)
        np.multiply(self.o, self.spare, self.hidden)

    def hear(self) -> None:
        """The layer's one product: from h to the input above and its own next recurrence."""
        if self.h.ndim == 1:
            np.dot(self.weights, self.h, self.out)
        else:
            np.dot(self.h, self.weights.T, self.out)


def gates(rows: Floats) -> Floats:
    """Rows of gates from i, f, g, o to g, f, i, o, the sigmoids' halved."""
    i, f, g, o = np.split(np.asarray(rows, np.float32), 4)
    return np.concatenate([g, f * HALF, i * HALF, o * HALF])
