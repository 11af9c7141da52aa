"""Training steps of `benchmarks train`: ours, and torch's own LSTM of the same sizes (on CUDA: cuDNN's)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from livevae.errors import LivevaeError
from livevae.models.musicvae.config import Config, configuration
from livevae.models.training.crew import Crew
from livevae.models.training.options import Options
from livevae.models.training.trainer import Trainer

Step = Callable[[], object]
"""One update of one batch: forward, backward, clipped, Adam."""

OURS, TORCH = "livevae train", "torch nn.LSTM"
FEWEST = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate.

    Attributes:
        name: what it is.
        windows: a second, at the median step.
        best: a second, at the fastest.
        ratio: its windows a second over those of torch's own.
    """

    name: str
    windows: float
    best: float
    ratio: float


def measure(
    name: str, *, batch: int, units: int, seconds: float, device: str, precision: str, folder: Path
) -> list[Row]:
    """Time a training step beside torch's own, in turns, on one thread.

    Args:
        name: of a flat configuration of one softmax.
        batch: windows a step.
        units: of the encoder; 0 for the configuration's own.
        seconds: how long to measure.
        device: cpu or cuda.
        precision: float32 or bf16, of both (autocast).
        folder: for the run; nothing is written there.

    Raises:
        LivevaeError: another kind of configuration, or no such device.
    """
    config = configuration(name)
    flat = config.head == "categorical" and len(config.output_depths) == 1 and not config.segments
    if not flat or config.controls or config.roll_input or len(set(config.decoder)) > 1:
        raise LivevaeError(f"bench train times models such as cat-mel_2bar_small, not {name}")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise LivevaeError("torch finds no GPU here; measure with `--device cpu`")
    torch.set_num_threads(1)
    chance = np.random.default_rng(0)
    windows = chance.integers(0, config.output_depth, (16 * batch, config.steps)).astype(np.uint8)
    options = Options(
        name, str(folder), steps=1 << 30, batch=batch, narrow=units, widen_at=2.0, transpose=(0, 0),
        device=device, precision=precision, warmup=1,
    )  # fmt: skip
    trainer = Trainer(options, windows, windows, Crew())
    sized = config.replace(encoder=(units,)) if units else config
    tokens = torch.from_numpy(windows[:batch].astype(np.int64)).to(device)
    candidates: dict[str, Step] = {OURS: trainer.step, TORCH: _plain(sized, tokens, precision)}
    times = _take_turns(candidates, seconds, device)
    usual = {who: float(np.median(took)) for who, took in times.items()}
    return [
        Row(who, batch / usual[who], batch / min(took), usual[TORCH] / usual[who])
        for who, took in times.items()
    ]


def _take_turns(candidates: dict[str, Step], seconds: float, device: str) -> dict[str, list[float]]:
    def timed(step: Step) -> float:
        begun = time.perf_counter()
        step()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        return time.perf_counter() - begun

    for step in candidates.values():
        timed(step)
    times: dict[str, list[float]] = {who: [] for who in candidates}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[OURS]) < FEWEST:
        for who, step in candidates.items():
            times[who].append(timed(step))
    return times


class _Plain(nn.Module):
    """The same MusicVAE of `nn.LSTM`s as one would write it first."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        depth, units = config.output_depth, config.decoder[0]
        self.depth, self.shape = depth, (len(config.decoder), units)
        self.encoder = nn.LSTM(
            depth, config.encoder[0], len(config.encoder), batch_first=True, bidirectional=True
        )
        self.heads = nn.Linear(2 * config.encoder[0], 2 * config.latent)
        self.initial = nn.Linear(config.latent, 2 * len(config.decoder) * units)
        self.decoder = nn.LSTM(depth + config.latent, units, len(config.decoder), batch_first=True)
        self.output = nn.Linear(units, depth)

    def forward(self, tokens: Tensor) -> Tensor:
        """The loss of a batch `[N, steps]`."""
        x = F.one_hot(tokens, self.depth).float()
        last = self.encoder(x)[1][0][-2:]
        mu, raw = self.heads(torch.cat([last[0], last[1]], 1)).chunk(2, 1)
        sigma = F.softplus(raw)
        z = mu + sigma * torch.randn_like(sigma)
        layers, units = self.shape
        h, c = torch.tanh(self.initial(z)).view(len(z), 2, layers, units).permute(1, 2, 0, 3).contiguous()
        heard = F.pad(x[:, :-1], (0, 0, 1, 0))
        told = torch.cat([heard, z.unsqueeze(1).expand(-1, x.shape[1], -1)], 2)
        logits = self.output(self.decoder(told, (h, c))[0])
        nll = F.cross_entropy(logits.float().flatten(0, 1), tokens.flatten()) * tokens.shape[1]
        divergence = (mu.square() + sigma.square() - 1).sum(1) / 2 - torch.log(sigma).sum(1)
        loss: Tensor = nll + 0.1 * divergence.mean()
        return loss


def _plain(config: Config, tokens: Tensor, precision: str) -> Step:
    model = _Plain(config).to(tokens.device)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=precision == "bf16"):
            loss = model(tokens)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip)
        optimizer.step()

    return step
