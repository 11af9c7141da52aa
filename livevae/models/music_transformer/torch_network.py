"""The network in torch, for training: whole sequences, attention over distances by skewing (Huang et al. 2018)."""

import math

import torch
from torch import Tensor
from torch.nn.functional import dropout, embedding, layer_norm, pad

from livevae.models.melody_rnn.torch_network import NamedTensors
from livevae.models.music_transformer.config import Config, shapes

SMALL = 0.02
"""Deviation of the first values of embeddings and distances."""


class Transformer(NamedTensors):
    """A decoder-only transformer.

    Attributes:
        config: of the model.
        drop: share of what each layer adds that is dropped while training.
    """

    def __init__(self, config: Config, drop: float | None = None) -> None:
        values = {}
        for name, shape in shapes(config).items():
            value = torch.zeros(shape)
            if name.endswith("scale"):
                value.fill_(1)
            elif name.startswith("embedding") or name.endswith("distances"):
                value.normal_(0, SMALL)
            elif name.endswith("kernel"):
                bound = math.sqrt(6 / sum(shape))
                value.uniform_(-bound, bound)
            if name.endswith(("attention.output.kernel", "forward.output.kernel")):
                value /= math.sqrt(2 * config.layers)
            values[name] = value
        super().__init__(values)
        self.config, self.drop = config, 0.1 if drop is None else drop

    def forward(self, features: Tensor) -> Tensor:
        """Logits `[N, T, classes]` of what comes after each token.

        Args:
            features: `[N, T, F]`, indexes into `Config.features`.
        """
        config = self.config
        steps = features.shape[1]
        firsts = torch.tensor((0, *config.features[:-1]), device=features.device).cumsum(0)
        x = embedding(features + firsts, self._of("embedding.kernel")).sum(-2) * math.sqrt(config.width)
        if not config.relative:
            x = x + sinusoids(steps, config.width, x.device)
        x = dropout(x, self.drop, self.training)
        hidden = masked(steps, config.span, x.device)
        for i in range(config.layers):
            x = x + dropout(self._attention(i, x, hidden), self.drop, self.training)
            x = x + dropout(self._forward(i, x), self.drop, self.training)
        return self._norm("norm", x) @ self._of("output.kernel") + self._of("output.bias")

    def _norm(self, name: str, x: Tensor) -> Tensor:
        return layer_norm(x, (self.config.width,), self._of(f"{name}.scale"), self._of(f"{name}.bias"))

    def _attention(self, i: int, x: Tensor, hidden: Tensor) -> Tensor:
        n, steps, width = x.shape
        heads = self.config.heads
        name = f"layers.{i}.attention"
        given = self._norm(f"{name}.norm", x) @ self._of(f"{name}.input.kernel")
        # each is N, heads, T, width / heads
        q, k, v = given.view(n, steps, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        q = q / math.sqrt(width // heads)
        scores = q @ k.transpose(-1, -2)
        if self.config.relative:
            scores += skewed(q, self._of(f"{name}.distances"))
        scores += hidden
        out = torch.softmax(scores, -1) @ v
        mixed: Tensor = out.transpose(1, 2).reshape(n, steps, width) @ self._of(f"{name}.output.kernel")
        return mixed

    def _forward(self, i: int, x: Tensor) -> Tensor:
        name = f"layers.{i}.forward"
        x = self._norm(f"{name}.norm", x) @ self._of(f"{name}.input.kernel") + self._of(f"{name}.input.bias")
        out: Tensor = torch.relu(x) @ self._of(f"{name}.output.kernel") + self._of(f"{name}.output.bias")
        return out


def skewed(q: Tensor, distances: Tensor) -> Tensor:
    """`S[.., i, j] = q[.., i] . distances[i - j]` for j <= i, by shifting rows; what lies above is rubbish.

    Args:
        q: queries, `[N, heads, T, d]`.
        distances: `[heads, span, d]`; beyond the span nothing is added.
    """
    steps = q.shape[-2]
    near = distances[:, :steps].flip(1)
    # one column of zeros for the shift, more where the sequence is longer than the span
    near = pad(near, (0, 0, 1 + steps - near.shape[1], 0))
    found = q @ near.transpose(-1, -2)
    return found.reshape(*q.shape[:2], steps + 1, steps)[:, :, 1:]


def masked(steps: int, span: int, device: torch.device) -> Tensor:
    """What is added to scores `[T, T]`: minus infinity for what comes later or is too far back."""
    there = torch.ones(steps, steps, dtype=torch.bool, device=device).tril().triu(1 - span)
    return torch.zeros(steps, steps, device=device).masked_fill(~there, -torch.inf)


def sinusoids(steps: int, width: int, device: torch.device) -> Tensor:
    """Positions from 0 as sines and cosines, `[T, width]` (Vaswani et al. 2017)."""
    at = torch.arange(steps, device=device)[:, None]
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000) / width))
    return torch.cat([torch.sin(at * rates), torch.cos(at * rates)], -1)
