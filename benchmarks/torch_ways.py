"""Decodes in torch as one would write them first: the references of `benchmarks decode`."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from livevae.models.checkpoints.layout import lstm_names
from livevae.models.musicvae.config import Config

Decode = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[Any]]


def references(config: Config, weights: Mapping[str, NDArray[np.float32]]) -> dict[str, Decode]:
    """Eager LSTM cells, and a loop of addmv by hand; both on one thread, without gradients."""
    torch.set_num_threads(1)
    return {"torch, eager": _eager(config, weights), "torch, addmv": _by_hand(config, weights)}


def _start(
    config: Config, weights: Mapping[str, NDArray[np.float32]], z: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """(h, c) of each layer."""
    dense = torch.from_numpy(weights["cores.0.initial.dense.weight"])
    bias = torch.from_numpy(weights["cores.0.initial.dense.bias"])
    parts = torch.split(torch.tanh(F.linear(z, dense, bias)), [u for u in config.decoder for _ in "ch"], -1)
    return list(zip(parts[1::2], parts[0::2], strict=True))


def _eager(config: Config, weights: Mapping[str, NDArray[np.float32]]) -> Decode:
    """`nn.LSTMCell` for each layer, [one-hot, z] concatenated every step."""
    cells: list[nn.LSTMCell] = []
    for names in lstm_names("cores.0.layers", config.decoder):
        w_ih, w_hh, b_ih, b_hh = (torch.from_numpy(weights[name]) for name in names)
        cell = nn.LSTMCell(w_ih.shape[1], w_hh.shape[1])
        cell.load_state_dict({"weight_ih": w_ih, "weight_hh": w_hh, "bias_ih": b_ih, "bias_hh": b_hh})
        cells.append(cell)
    output = torch.from_numpy(weights["cores.0.output.weight"])
    bias = torch.from_numpy(weights["cores.0.output.bias"])

    @torch.no_grad()
    def decode(z_: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[Any]:
        z = torch.from_numpy(z_)[None]
        states = _start(config, weights, z)
        last = z.new_zeros(1, config.output_depth)
        tokens = []
        for chance in torch.from_numpy(noise):
            x = torch.cat([last, z], -1)
            for i, cell in enumerate(cells):
                states[i] = cell(x, states[i])
                x = states[i][0]
            token = (F.linear(x, output, bias) + chance).argmax(-1)
            last = F.one_hot(token, config.output_depth).float()
            tokens.append(int(token))
        return np.array(tokens)

    return decode


def _by_hand(config: Config, weights: Mapping[str, NDArray[np.float32]]) -> Decode:
    """`addmv` for each product, z projected once, the one-hot's column gathered."""
    layers = [
        [torch.from_numpy(weights[name]) for name in names]
        for names in lstm_names("cores.0.layers", config.decoder)
    ]
    depth = config.output_depth
    music = layers[0][0][:, :depth].t().contiguous()
    latent = layers[0][0][:, depth:].contiguous()
    output = torch.from_numpy(weights["cores.0.output.weight"])
    bias = torch.from_numpy(weights["cores.0.output.bias"])
    biases = [b_ih + b_hh for _, _, b_ih, b_hh in layers]

    @torch.inference_mode()
    def decode(z_: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[Any]:
        z = torch.from_numpy(z_)
        states = [(h[0], c[0]) for h, c in _start(config, weights, z[None])]
        base = torch.addmv(biases[0], latent, z)
        tokens: list[int] = []
        for chance in torch.from_numpy(noise):
            below = base + music[tokens[-1]] if tokens else base
            x = z
            for i, (w_ih, w_hh, _, _) in enumerate(layers):
                h, c = states[i]
                given = below if i == 0 else torch.addmv(biases[i], w_ih, x)
                gate_i, gate_f, gate_g, gate_o = torch.addmv(given, w_hh, h).chunk(4)
                c = torch.sigmoid(gate_f) * c + torch.sigmoid(gate_i) * torch.tanh(gate_g)
                x = torch.sigmoid(gate_o) * torch.tanh(c)
                states[i] = (x, c)
            tokens.append(int(torch.addmv(bias, output, x).add_(chance).argmax()))
        return np.array(tokens)

    return decode
