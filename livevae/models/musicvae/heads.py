"""What the decoder's outputs mean: losses and samples of softmaxes, a NADE, and GrooVAE's hits.

A head turns outputs `[..., raw]` into a loss a step, or into the next step's music. Chance comes in as
`noise [..., depth]` that was made beforehand, one number for each class: Gumbel noise for softmaxes (the
largest of logits + T * gumbel is a sample at temperature T), logistic noise for Bernoulli variables
(logit + T * noise >= 0 likewise). Temperature 0 is greedy. So nothing here draws random numbers, and a row
never depends on its batch.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from livevae.models.musicvae.config import Config


class Head(nn.Module, ABC):
    """Loss and samples of one step's outputs."""

    raw: int
    """Width of the outputs that the head reads."""
    depth: int
    """Width of one step of music."""

    @abstractmethod
    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Negative log-likelihood (or GrooVAE's loss) of each step, `[..., raw], [..., depth] -> [...]`."""

    @abstractmethod
    def sample(self, outputs: Tensor, temperature: Tensor, noise: Tensor) -> Tensor:
        """One step of music, `[N, raw], [N, 1], [N, depth] -> [N, depth]`."""


class Categorical(Head):
    """One softmax for each part, side by side."""

    def __init__(self, depths: tuple[int, ...]) -> None:
        super().__init__()
        self.depths = list(depths)
        self.raw = self.depth = sum(depths)

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy in nats, summed over parts."""
        parts = zip(torch.split(outputs, self.depths, -1), torch.split(target, self.depths, -1), strict=True)
        return torch.stack([-(y * F.log_softmax(logits, -1)).sum(-1) for logits, y in parts]).sum(0)

    def sample(self, outputs: Tensor, temperature: Tensor, noise: Tensor) -> Tensor:
        """One-hot for each part, by the Gumbel-max trick."""
        parts = torch.split(outputs + temperature * noise, self.depths, -1)
        return torch.cat([F.one_hot(part.argmax(-1), part.shape[-1]) for part in parts], -1).to(outputs)


class Nade(Head):
    """A neural autoregressive distribution estimator over binary classes (Larochelle and Murray 2011).

    The LSTM's outputs are its two biases. Parameters are the encoder's and the (transposed) decoder's
    weights, both `[depth, hidden]`.
    """

    def __init__(self, depth: int, hidden: int) -> None:
        super().__init__()
        self.depth, self.hidden, self.raw = depth, hidden, hidden + depth
        self.encoder = nn.Parameter(torch.empty(depth, hidden))
        self.decoder = nn.Parameter(torch.empty(depth, hidden))
        for weight in (self.encoder, self.decoder):
            nn.init.trunc_normal_(weight, std=depth**-0.5)

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Negative log-likelihood with Magenta's floor of 1e-6 under each logarithm."""
        hidden_bias, class_bias = torch.split(outputs, [self.hidden, self.depth], -1)
        # class i is conditioned on those before it: hidden = bias + sum over j < i of target_j encoder_j
        seen = torch.cumsum(target.unsqueeze(-1) * self.encoder, -2).roll(1, -2)
        seen[..., 0, :] = 0
        hidden = torch.sigmoid(hidden_bias.unsqueeze(-2) + seen)
        p = torch.sigmoid(class_bias + (hidden * self.decoder).sum(-1))
        return -(target * torch.log(1e-6 + p) + (1 - target) * torch.log(1e-6 + (1 - p))).sum(-1)

    def sample(self, outputs: Tensor, temperature: Tensor, noise: Tensor) -> Tensor:
        """Classes one after the other, each given those before."""
        hidden, class_bias = torch.split(outputs, [self.hidden, self.depth], -1)
        scaled = temperature * noise
        chosen = []
        for i in range(self.depth):
            logit = class_bias[:, i] + torch.sigmoid(hidden) @ self.decoder[i]
            on = (logit + scaled[:, i] >= 0).to(outputs)
            hidden = hidden + on.unsqueeze(-1) * self.encoder[i]
            chosen.append(on)
        return torch.stack(chosen, -1)


class Groove(Head):
    """GrooVAE's hits, velocities and offsets, a third of the outputs each (Gillick et al. 2019)."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.raw = self.depth = depth

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of hits and squared errors of velocities and offsets, summed over drums."""
        hits, velocities, offsets = outputs.chunk(3, -1)
        y_hits, y_velocities, y_offsets = target.chunk(3, -1)
        p = torch.sigmoid(hits)
        # TensorFlow's log_loss keeps both logarithms finite with 1e-7
        crossed = -(y_hits * torch.log(p + 1e-7) + (1 - y_hits) * torch.log(1 - p + 1e-7))
        squared = (torch.sigmoid(velocities) - y_velocities) ** 2 + (torch.tanh(offsets) - y_offsets) ** 2
        return (crossed + squared).sum(-1)

    def sample(self, outputs: Tensor, temperature: Tensor, noise: Tensor) -> Tensor:
        """Hits by chance, velocities in 0..1 and offsets in -1..1 (of half a step) as they are."""
        hits, velocities, offsets = outputs.chunk(3, -1)
        on = (hits + temperature * noise[..., : hits.shape[-1]] >= 0).to(outputs)
        return torch.cat([on, torch.sigmoid(velocities), torch.tanh(offsets)], -1)


def make_heads(config: Config) -> list[Head]:
    """The heads of a configuration, one for each core decoder."""
    if config.head == "nade":
        return [Nade(config.output_depth, config.nade_hidden)]
    if config.head == "groove":
        return [Groove(config.output_depth)]
    if config.split:
        return [Categorical((depth,)) for depth in config.output_depths]
    return [Categorical(config.output_depths)]
