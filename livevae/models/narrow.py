"""Decoding with weights of fewer bits, for models whose weights do not fit the cache: opt-in, on a CPU.

Only what is read every step is narrowed: recurrences, inputs from the layer below, outputs. States, nonlinearities
and sums stay float32. How far this is from float32 is measured by `livevae bench precision`.

* float16: weights rounded to 11 bits, h and the sums in float32 (fbgemm).
* bf16: weights, h and outputs of the products rounded to 8 bits (torch).
* int8: weights of a row rounded to 255 levels. h goes in as two rows of 7 bits, the second what the first leaves
  over: products of 8-bit numbers are summed exactly, and the weights are read once for both (fbgemm).
"""

import warnings
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from livevae.errors import ModelError
from livevae.models.packed_layers import Floats, Narrowing, Product

BYTES = MappingProxyType({"float32": 4, "float16": 2, "bf16": 2, "int8": 1})
"""The precisions, and the bytes of a weight that is read every step."""

INTEGER = "linear_with_input_q_dq_qweight_dq_output_fp32"
"""torch's product of float32 rows, rounded by a given scale, with int8 weights; no part of its public interface."""

LEVELS = 63
"""Steps from 0 to the largest h. Pairs of products of unsigned 7-bit and signed 8-bit numbers fit 16 bits, as
AVX2's vpmaddubsw sums them."""

LARGEST = 2.0
"""Bound of a doubled h: sigmoid times tanh, twice."""

STEP = LARGEST / LEVELS
FINER = 2 * LEVELS
"""How many times finer the second row of h is: what rounding leaves is at most half a step."""


def narrowing(precision: str) -> Narrowing | None:
    """How products are made in a precision; None for float32.

    Raises:
        ModelError: not a precision, or this build of torch has no kernels for it.
    """
    if precision not in BYTES:
        raise ModelError(f"a precision is {', '.join(BYTES)}, not {precision!r}")
    if precision == "float32":
        return None
    torch.set_num_threads(1)  # the other cores are for the player
    kernels = {"float16": "linear_dynamic_fp16", "int8": INTEGER}
    there = "fbgemm" in torch.backends.quantized.supported_engines
    if precision in kernels and not (there and hasattr(torch.ops.quantized, kernels[precision])):
        raise ModelError(f"torch has no kernels for {precision} on this processor; play in float32 or bf16")
    return {"float16": _float16, "bf16": _bf16, "int8": _int8}[precision]


def _float16(weights: Floats, bias: Floats) -> Product:
    with _fbgemm():
        packed = torch.ops.quantized.linear_prepack_fp16(_tensor(weights), _tensor(bias))

    def product(h: Floats) -> Floats:
        return _numpy(torch.ops.quantized.linear_dynamic_fp16(_rows(h), packed), h)

    return product


def _bf16(weights: Floats, bias: Floats) -> Product:
    # column by column, row after row: without AVX-512 torch multiplies bf16 matrices tens of times slower
    columns = _tensor(weights).to(torch.bfloat16).t().contiguous().t()

    def product(h: Floats) -> Floats:
        made = torch.stack([torch.mv(columns, row) for row in _rows(h).to(torch.bfloat16)])
        return _numpy(made.float(), h) + bias

    return product


def _int8(weights: Floats, bias: Floats) -> Product:
    whole = _tensor(weights)
    scales = (whole.abs().amax(1) / 127).clamp(min=torch.finfo(torch.float32).tiny).double()
    zeros = torch.zeros(len(whole), dtype=torch.long)
    with _fbgemm(), warnings.catch_warnings():
        # torch means to move its quantised tensors elsewhere one day
        warnings.filterwarnings("ignore", "torch.quantize_per", UserWarning)
        narrow = torch.quantize_per_channel(whole, scales, zeros, 0, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(narrow, None)
    multiply = getattr(torch.ops.quantized, INTEGER)

    def product(h: Floats) -> Floats:
        rows = _rows(h)
        rest = (rows - torch.round(rows / STEP) * STEP) * FINER
        # one scale for every h, so that a row does not depend on its company
        made = multiply(torch.cat([rows, rest]), STEP, LEVELS + 1, packed)
        n = len(rows)
        return _numpy(torch.add(made[:n], made[n:], alpha=1 / FINER), h) + bias

    return product


class _fbgemm:  # noqa: N801  (a context, used as a function)
    """Weights are packed for the engine that is chosen at that moment; the choice is torch's global one."""

    def __enter__(self) -> None:
        self.before = torch.backends.quantized.engine
        torch.backends.quantized.engine = "fbgemm"

    def __exit__(self, *_: object) -> None:
        torch.backends.quantized.engine = self.before


def _tensor(values: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def _rows(h: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(h.reshape(-1, h.shape[-1])))


def _numpy(made: Tensor, h: Floats) -> Floats:
    return made.numpy().reshape(*h.shape[:-1], -1)
