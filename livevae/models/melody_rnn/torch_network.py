"""The network in torch, for training: whole sequences, the parameters of `layout`, dropout after every layer."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from livevae.models.melody_rnn.config import Config
from livevae.models.melody_rnn.layout import shapes


class NamedTensors(nn.Module):
    """A network whose parameters have the names of a checkpoint's tensors; a module's own may hold no dots."""

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        """With these values to begin with."""
        super().__init__()
        self._names = tuple(values)
        self.values = nn.ParameterDict(
            {name.replace(".", "_"): nn.Parameter(value) for name, value in values.items()}
        )

    def tensors(self) -> dict[str, Tensor]:
        """The parameters by their names in the checkpoint."""
        return {name: self._of(name) for name in self._names}

    def _of(self, name: str) -> Tensor:
        value: Tensor = self.values[name.replace(".", "_")]
        return value


class StepRNN(NamedTensors):
    """A step-wise RNN.

    Attributes:
        config: of the model.
        drop: share of each layer's outputs that is dropped while training.
    """

    def __init__(self, config: Config, drop: float | None = None) -> None:
        values = {}
        for name, shape in shapes(config).items():
            value = torch.zeros(shape)
            if name.endswith("kernel") or name == "attention.rows":
                bound = math.sqrt(6 / sum(shape))
                value.uniform_(-bound, bound)
            elif name == "attention.vector":
                value.uniform_(-0.1, 0.1)
            values[name] = value
        super().__init__(values)
        self.config = config
        self.drop = 1 - config.keep if drop is None else drop

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[N, T, classes]` after inputs `[N, T, inputs]`, from the zero state."""
        count = len(self.config.layers)
        wrapped = {"": 0, "first": 1, "stack": count}[self.config.attention]
        if wrapped:
            x = dropout(self._attention(x, wrapped), self.drop, self.training)
        for i in range(wrapped, count):
            x = dropout(self._lstm(i, x), self.drop, self.training)
        return x @ self._of("output.kernel") + self._of("output.bias")

    def _lstm(self, i: int, x: Tensor) -> Tensor:
        return lstm(x, self._of(f"layers.{i}.kernel"), self._of(f"layers.{i}.bias"), training=self.training)

    def _attention(self, xs: Tensor, wrapped: int) -> Tensor:
        n, units = xs.shape[0], self.config.layers[:wrapped]
        size, length = self.config.attended, self.config.attention_length
        c = [xs.new_zeros(n, u) for u in units]
        h = [xs.new_zeros(n, u) for u in units]
        attended = xs.new_zeros(n, size)
        window = [xs.new_zeros(n, size)] * length
        keys = [xs.new_zeros(n, size)] * length
        into, back = torch.split(self._of("attention.input.kernel"), [xs.shape[2], size])
        given = xs @ into + self._of("attention.input.bias")
        query, bias = self._of("attention.query.kernel"), self._of("attention.query.bias")
        rows, vector = self._of("attention.rows"), self._of("attention.vector")
        outs = []
        for t in range(xs.shape[1]):
            x = given[:, t] + attended @ back
            for i, u in enumerate(units):
                gates = torch.addmm(
                    self._of(f"layers.{i}.bias"), torch.cat([x, h[i]], 1), self._of(f"layers.{i}.kernel")
                )
                a, j, f, o = torch.split(gates, u, 1)
                c[i] = torch.sigmoid(f + 1) * c[i] + torch.sigmoid(a) * torch.tanh(j)
                h[i] = torch.tanh(c[i]) * torch.sigmoid(o)
                x = h[i]
            asked = torch.addmm(
                bias, torch.cat([part for pair in zip(c, h, strict=True) for part in pair], 1), query
            )
            scores = torch.tanh(torch.stack(keys[-length:], 1) + asked[:, None]) @ vector
            attended = (torch.softmax(scores, 1)[:, None] @ torch.stack(window[-length:], 1))[:, 0]
            x = torch.cat([x, attended], 1) @ self._of("attention.output.kernel") + self._of(
                "attention.output.bias"
            )
            window.append(x)
            keys.append(x @ rows)
            outs.append(x)
        return torch.stack(outs, 1)


def lstm(x: Tensor, kernel: Tensor, bias: Tensor, *, training: bool) -> Tensor:
    """A whole layer `[N, T, units]` by torch's own LSTM, whose gates are in another order."""
    units = bias.shape[0] // 4
    a, j, f, o = torch.split(kernel, units, 1)
    ours = torch.cat([a, f, j, o], 1).t()
    a, j, f, o = torch.split(bias, units)
    bias = torch.cat([a, f + 1, j, o])
    zero = x.new_zeros(1, x.shape[0], units)
    width = x.shape[2]
    weights = [ours[:, :width].contiguous(), ours[:, width:].contiguous(), bias, torch.zeros_like(bias)]
    out, _, _ = torch.lstm(x, (zero, zero), weights, True, 1, 0.0, training, False, True)
    return out
