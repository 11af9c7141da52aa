"""Products of rows with weights that are the same bit for bit in every batch, and read the weights once for all rows.

`numpy.matmul` of `[rows, 1, inputs]` with `[blocks, inputs, width]` is one matrix-vector product a row and block,
blocks outside. A block stays in the processor's second cache while all rows read it, and what a row gets does not
depend on the others, for it is the result of the same calls.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
LINE = 16
"""Floats of a cache line."""
BLOCK = 540_000
"""Bytes of a block at most: about what a core's second cache holds (0.5 MB on Zen 3, 2 MB on Sapphire Rapids)."""


def block_width(columns: int, inputs: int) -> int:
    """How many of so many columns share a block: the largest divisor that keeps blocks small."""
    most = max(1, BLOCK // (4 * inputs))
    widths = [width for width in range(LINE, min(columns, most) + 1) if columns % width == 0]
    return max(widths, default=columns)


def blocks(weights: Floats, width: int) -> Floats:
    """`[inputs, columns]` as `[blocks, inputs, width]`; `width` divides the columns."""
    inputs, columns = weights.shape
    count = columns // width if width else 0
    return np.ascontiguousarray(weights.reshape(inputs, count, width).swapaxes(0, 1), np.float32)


def product(rows: Floats, weights: Floats) -> Floats:
    """`[N, inputs]` times `blocks` `[blocks, inputs, width]`: `[blocks, N, width]`."""
    return np.asarray(np.matmul(rows[None, :, None], weights[:, None])[:, :, 0])
