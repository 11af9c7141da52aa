"""LSTM layers for training on CPU: one matrix product a step, weight gradients in one product at the end.

The same arithmetic as `torch.nn.LSTM` on the same parameters (gates i, f, g, o). What is saved: tokens are
gathered from the input weights instead of multiplied as one-hot vectors, and z, the same at every step, is
projected once. A groove's rows are multiplied; z is what is long.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from livevae.models.musicvae.networks import Core, Layers, MusicVAE


class Recurrence(torch.autograd.Function):
    """The recurrent half of an LSTM layer.

    `pre [T, N, 4 H], h0 [N, H], c0 [N, H], w_hh [4 H, H] -> h [T, N, H]`
    """

    @staticmethod
    def forward(ctx: Any, pre: Tensor, h0: Tensor, c0: Tensor, w_hh: Tensor) -> Tensor:
        """`pre` is what the input says to the gates, biases included."""
        steps, n, units = len(pre), len(h0), h0.shape[1]
        gates = torch.empty_like(pre)
        hidden = pre.new_empty(steps + 1, n, units)
        cells = pre.new_empty(steps + 1, n, units)
        squashed = pre.new_empty(steps, n, units)
        hidden[0], cells[0] = h0, c0
        weights = w_hh.t()
        for t in range(steps):
            gate = torch.addmm(pre[t], hidden[t], weights, out=gates[t])
            gate[:, : 2 * units].sigmoid_()
            gate[:, 2 * units : 3 * units].tanh_()
            gate[:, 3 * units :].sigmoid_()
            i, f, g, o = gate.chunk(4, 1)
            cell = torch.mul(f, cells[t], out=cells[t + 1]).addcmul_(i, g)
            torch.mul(o, torch.tanh(cell, out=squashed[t]), out=hidden[t + 1])
        ctx.save_for_backward(gates, hidden, cells, squashed, w_hh)
        return hidden[1:]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Gradients of pre, h0, c0 and w_hh."""
        gates, hidden, cells, squashed, w_hh = ctx.saved_tensors
        grad = grads[0]
        steps = len(gates)
        units = hidden.shape[2]
        i, f, g, o = gates.chunk(4, 2)
        # everything that does not run back through time, for all steps at once
        to_cell = o * (1 - squashed * squashed)
        slope_i, slope_f = g * i * (1 - i), cells[:-1] * f * (1 - f)
        slope_g, slope_o = i * (1 - g * g), squashed * o * (1 - o)
        d_gates = torch.empty_like(gates)
        d_hidden = torch.zeros_like(hidden[0])
        d_cell = torch.zeros_like(cells[0])
        for t in range(steps - 1, -1, -1):
            d_hidden = d_hidden.add_(grad[t])
            d_cell = d_cell.addcmul_(d_hidden, to_cell[t])
            row = d_gates[t]
            torch.mul(d_cell, slope_i[t], out=row[:, :units])
            torch.mul(d_cell, slope_f[t], out=row[:, units : 2 * units])
            torch.mul(d_cell, slope_g[t], out=row[:, 2 * units : 3 * units])
            torch.mul(d_hidden, slope_o[t], out=row[:, 3 * units :])
            d_cell = d_cell.mul_(f[t])
            d_hidden = row @ w_hh
        d_weights = d_gates.flatten(0, 1).t() @ hidden[:-1].flatten(0, 1)
        return d_gates, d_hidden, d_cell, d_weights


def layer(pre: Tensor, h0: Tensor, c0: Tensor, w_hh: Tensor) -> Tensor:
    """`Recurrence`, typed."""
    return Recurrence.apply(pre, h0, c0, w_hh)  # type: ignore[no-any-return, no-untyped-call]


def fits(model: MusicVAE) -> bool:
    """Whether this file knows the model's decoder: flat, of one vocabulary of tokens or of grooves."""
    config = model.config
    one = (config.head == "categorical" and len(config.output_depths) == 1) or config.head == "groove"
    return one and not config.segments


def teacher_forced(model: MusicVAE, z: Tensor, music: Tensor, controls: Tensor | None = None) -> Tensor:
    """`MusicVAE.teacher_forced` for tokens `[N, steps]` or rows `[N, steps, depth]`: outputs `[N, steps, raw]`.

    Dropout, while the model trains, is drawn anew every step as there, but for z's part of the input: that is
    dropped once a window, so that it is still projected once.
    """
    core: Core = model.core_list()[0]
    layers: Layers = core.layers
    states = core.initial(z)
    share = layers.dropout if model.training else 0.0
    hidden = z.new_empty(0)
    for index, (_, w_ih, w_hh, b_ih, b_hh) in enumerate(layers.weights()):
        if index == 0:
            pre = _first(core, F.dropout(z, share, bool(share)), music, controls, w_ih, b_ih + b_hh)
        else:
            pre = F.linear(F.dropout(hidden, share, bool(share)), w_ih, b_ih + b_hh)
        h0, c0 = states[index]
        hidden = layer(pre, h0, c0, w_hh)
    return core.output(hidden).transpose(0, 1)  # type: ignore[no-any-return]


def _first(
    core: Core, z: Tensor, music: Tensor, controls: Tensor | None, w_ih: Tensor, bias: Tensor
) -> Tensor:
    """What [the step before, z, controls] say to the first layer's gates, `[T, N, 4 H]`."""
    depth, share = core.head.depth, core.layers.dropout if core.training else 0.0
    of_music, of_z, of_controls = torch.split(
        w_ih, [depth, z.shape[1], w_ih.shape[1] - depth - z.shape[1]], 1
    )
    always = F.linear(z, of_z, bias)
    if music.dim() == 2:
        # class `depth` stands for the zeros before the first step
        inputs = F.pad(music.t()[:-1], (0, 0, 1, 0), value=depth)
        embedded = F.embedding(inputs, F.pad(of_music.t(), (0, 0, 0, 1)))
        if share:
            embedded = embedded * F.dropout(torch.ones_like(inputs, dtype=embedded.dtype), share).unsqueeze(
                -1
            )
    else:
        before = F.pad(music.transpose(0, 1)[:-1], (0, 0, 0, 0, 1, 0))
        embedded = F.linear(F.dropout(before, share, bool(share)), of_music)
    pre = embedded + always
    if controls is not None:
        pre = pre + F.linear(F.dropout(controls.transpose(0, 1), share, bool(share)), of_controls)
    return pre
