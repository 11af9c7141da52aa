"""A critic of a prior's drums: learns to tell what the flow's samples would play from what music plays. Torch.

Likelihood alone blurs what is sharp in music: a hi-hat on every sixteenth, a snare on two and four. A critic
(Goodfellow et al. 2014) beside the likelihood (Flow-GAN, Grover et al. 2018) sharpens it. It does not judge directions
of z alone: it hears them through an ear, a small network that says how likely each drum is struck on each step. The ear
is trained first, on music, and stays as it is.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from livevae.music import drums

EAR_STEPS, EAR_BATCH, EAR_RATE = 4000, 128, 2e-3
"""How an ear is trained: steps, windows in each, and the learning rate at first, which falls along a cosine."""

RATE = 5e-4
"""The critic's learning rate."""

SMOOTH = 0.1
"""Weight of the penalty on its slope at music (R1, Mescheder et al. 2018)."""


def ear(dim: int, steps: int) -> nn.Sequential:
    """Principal directions `[N, dim]` to logits of every drum on every step, `[N, steps * drums]`."""
    return nn.Sequential(
        *(nn.Linear(dim, 384), nn.ReLU(), nn.Dropout(0.1)),
        *(nn.Linear(384, 384), nn.ReLU(), nn.Dropout(0.1)),
        nn.Linear(384, steps * len(drums.NAMES)),
    )


def learn_to_hear(
    network: nn.Sequential,
    draw: Callable[[Tensor], Tensor],
    windows: Tensor,
    chance: torch.Generator,
    show: Callable[[float], object],
) -> None:
    """Train an ear.

    Args:
        network: see `ear`.
        draw: directions `[N, dim]` of draws of the posterior of those windows.
        windows: tokens `[N, steps]`.
        chance: which windows come when.
        show: told the share that is done.
    """
    loss = torch.optim.AdamW(network.parameters(), EAR_RATE)
    line = torch.optim.lr_scheduler.CosineAnnealingLR(loss, EAR_STEPS)
    bits = torch.arange(len(drums.NAMES))
    for step in range(EAR_STEPS):
        these = torch.randint(len(windows), (EAR_BATCH,), generator=chance)
        struck = (windows[these].long().unsqueeze(-1) >> bits & 1).flatten(1).float()
        value = F.binary_cross_entropy_with_logits(network(draw(these)), struck)
        loss.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        loss.step()
        line.step()
        if step % 100 == 0:
            show(step / EAR_STEPS)


class Critic(nn.Module):
    """Directions `[N, dim]`, and what they play, to a number: above 0 is music, below are samples."""

    def __init__(self, hears: nn.Sequential, dim: int, steps: int) -> None:
        super().__init__()
        self.hears = hears.eval().requires_grad_(requires_grad=False)
        width = steps * (len(drums.NAMES) + 1) + dim
        self.judge = nn.Sequential(
            *(nn.Linear(width, 256), nn.LeakyReLU(0.2)),
            *(nn.Linear(256, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1)),
        )
        self.loss = torch.optim.Adam(self.judge.parameters(), RATE, betas=(0.0, 0.99))

    def heard(self, x: Tensor) -> Tensor:
        """What it judges: each drum on each step, whether anything is struck on it, the directions.

        Directions `[N, dim]` to `[N, steps * drums + steps + dim]`.
        """
        hits = torch.sigmoid(self.hears(x))
        silent = (1 - hits.view(len(x), -1, len(drums.NAMES))).prod(2)
        return torch.cat([2 * hits - 0.25, 0.5 - 2 * silent, x], 1)

    def learn(self, music: Tensor, samples: Tensor) -> None:
        """One step of its own, on what it `heard` of music and of samples, `[N, ...]` each."""
        music = music.detach().requires_grad_()
        found = self.judge(music)
        (slope,) = torch.autograd.grad(found.sum(), music, create_graph=True)
        value = F.softplus(-found).mean() + F.softplus(self.judge(samples.detach())).mean()
        value = value + SMOOTH / 2 * (slope * slope).sum(1).mean()
        self.loss.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        self.loss.step()

    def told_apart(self, samples: Tensor) -> Tensor:
        """How sure it is that what it `heard` is samples, a mean; the flow is to make this small."""
        return F.softplus(-self.judge(samples)).mean()
