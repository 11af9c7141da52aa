"""Scores of a melody or drum model on windows it has not seen, and of its samples beside the music."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from livevae.errors import ModelError
from livevae.latent.vectors import slerp
from livevae.models import recurrence, sample_statistics
from livevae.models.batches import transposed
from livevae.models.networks import MusicVAE, free_running, kl
from livevae.models.sample_statistics import Histogram
from livevae.music import drums, melody

FIRST_NOTE: Mapping[str, int] = MappingProxyType({"melody": melody.OFF + 1, "drums": 1})
"""The first token of each vocabulary that strikes something."""

ACTIVE = 0.01
"""A dimension of z is active if the variance of its mu over the data is above this (Burda et al. 2016)."""


def greedy(model: MusicVAE, z: Tensor) -> Tensor:
    """The most likely tokens, step by step, [N, steps]."""
    zeros = z.new_zeros(len(z), model.config.steps, model.config.output_depth)
    return free_running(model, z, z.new_zeros(len(z), 1), zeros).argmax(-1)


@torch.no_grad()
def reconstruction_scores(model: MusicVAE, windows: Tensor, *, batch: int = 256) -> dict[str, float]:
    """How well windows come back from their mu.

    Args:
        model: of melodies or drums, with categorical outputs.
        windows: [N, steps] int64.
        batch: windows at a time.

    Returns:
        teacher_forced, free_running: share of all tokens that are right; note_teacher_forced,
        note_free_running: of those where a note starts; exact: share of windows that come back whole,
        free-running; nll: nats a window, from mu; sampled_nll: from a z drawn from the posterior, always the same
        draw; kl: nats a window; active: dimensions of z that are, see `ACTIVE`. Of drums, whose tokens are right only
        when all nine instruments are, also hits_teacher_forced and hits_free_running: F1 of single hits.
    """
    names = ("teacher_forced", "free_running", "note_teacher_forced", "note_free_running", "exact")
    first = FIRST_NOTE[model.config.music]
    sums = dict.fromkeys((*names, "nll", "sampled_nll", "kl"), 0.0)
    hits = {"hits_teacher_forced": [0, 0], "hits_free_running": [0, 0]}
    mus: list[Tensor] = []
    chance = torch.Generator().manual_seed(0)
    for part in torch.split(windows, batch):
        mu, sigma = model.posterior(part)
        noise = torch.randn(mu.shape, generator=chance).to(mu)
        outputs = logits(model, mu, part)
        said, free = outputs.argmax(-1), greedy(model, mu)
        notes = part >= first
        sums["nll"] += nats(outputs, part)
        sums["sampled_nll"] += nats(logits(model, mu + sigma * noise, part), part)
        sums["kl"] += float(kl(mu, sigma).sum())
        sums["teacher_forced"] += float((said == part).float().mean(1).sum())
        sums["free_running"] += float((free == part).float().mean(1).sum())
        sums["note_teacher_forced"] += float(((said == part) & notes).sum())
        sums["note_free_running"] += float(((free == part) & notes).sum())
        sums["exact"] += float((free == part).all(1).sum())
        for tally, found in zip(hits.values(), (said, free), strict=True):
            tally[0] += 2 * int(_struck(found & part))
            tally[1] += int(_struck(found)) + int(_struck(part))
        mus.append(mu)
    count, notes_seen = len(windows), int((windows >= first).sum())
    spread = torch.cat(mus).var(0) if count > 1 else torch.zeros(1)
    scores = {name: value / (notes_seen if "note" in name else count) for name, value in sums.items()}
    if model.config.music == "drums":
        scores |= {name: both / max(1, either) for name, (both, either) in hits.items()}
    return {**scores, "active": float((spread > ACTIVE).sum())}


def _struck(tokens: Tensor) -> Tensor:
    """How many instruments drum tokens strike."""
    bits = torch.arange(len(drums.NAMES), device=tokens.device)
    return (tokens.unsqueeze(-1) >> bits & 1).sum()


def logits(model: MusicVAE, z: Tensor, tokens: Tensor) -> Tensor:
    """Teacher-forced outputs [N, steps, classes], the fast way where there is one."""
    fast = tokens.device.type == "cpu" and recurrence.fits(model)
    return recurrence.teacher_forced(model, z, tokens) if fast else model.teacher_forced(z, tokens)


def nats(outputs: Tensor, tokens: Tensor) -> float:
    """Cross-entropy of tokens [N, steps], summed over everything."""
    return float(F.cross_entropy(outputs.flatten(0, 1), tokens.flatten(), reduction="sum"))


@torch.no_grad()
def prior_samples(
    model: MusicVAE, count: int, *, temperature: float = 1.0, seed: int = 0, batch: int = 256
) -> NDArray[np.int64]:
    """Tokens [count, steps] of z drawn from N(0, 1), each step sampled from the softmax at `temperature`."""
    music = decoded_prior(model, count, gumbel, temperature=temperature, seed=seed, batch=batch)
    return torch.cat([part.argmax(-1) for part in music]).numpy()


def gumbel(even: Tensor) -> Tensor:
    """Gumbel noise from even noise."""
    return -torch.log(-torch.log(even.clamp(1e-20, 1 - 1e-7)))


def decoded_prior(
    model: MusicVAE,
    count: int,
    noise: Callable[[Tensor], Tensor],
    *,
    temperature: float,
    seed: int,
    batch: int,
) -> Iterator[Tensor]:
    """Music `[up to batch, steps, depth]` of z's drawn from N(0, 1), until there are `count`.

    Args:
        model: any without controls.
        count: how many windows.
        noise: what its head wants (see `heads`) from noise that is even between 0 and 1.
        temperature: of sampling.
        seed: of z's and noise.
        batch: windows at a time.
    """
    config = model.config
    chance = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    for first in range(0, count, batch):
        n = min(batch, count - first)
        z = torch.randn(n, config.latent, generator=chance)
        even = torch.rand(n, config.steps, config.output_depth, generator=chance)
        heat = torch.full((n, 1), temperature, device=device)
        yield free_running(model, z.to(device), heat, noise(even).to(device)).cpu()


@torch.no_grad()
def interpolation(model: MusicVAE, a: NDArray[Any], b: NDArray[Any], count: int = 9) -> NDArray[np.int64]:
    """Tokens [count, steps] from window a to window b, greedily decoded along the arc between their mus."""
    ends = torch.from_numpy(np.stack([a, b]).astype(np.int64))
    first, last = model.posterior(ends)[0].cpu().numpy()
    arc = np.stack([slerp(first, last, t) for t in np.linspace(0, 1, count)])
    return greedy(model, torch.from_numpy(arc).float()).numpy()


def changes(path: NDArray[Any]) -> list[float]:
    """Share of tokens that change from each window of an interpolation to the next."""
    return [float(share) for share in (path[1:] != path[:-1]).mean(1)]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that `livevae evaluate` found.

    Attributes:
        scores: see `reconstruction_scores`.
        samples: tokens of the model's samples (grooves: rows).
        statistics: histograms by source ("held out", "training", "samples", ...) and statistic.
        distances: to the held-out music, by source.
        distinct: share of distinct samples, by source.
    """

    scores: Mapping[str, float]
    samples: NDArray[Any]
    statistics: Mapping[str, Mapping[str, Histogram]]
    distances: Mapping[str, Mapping[str, float]]
    distinct: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """Plain values, rounded."""
        return {
            "scores": {name: round(value, 5) for name, value in self.scores.items()},
            "distances": {
                source: {name: round(value, 4) for name, value in found.items()}
                for source, found in self.distances.items()
            },
            "distinct": {name: round(value, 4) for name, value in self.distinct.items()},
        }


def evaluate(
    model: MusicVAE,
    train: NDArray[Any],
    test: NDArray[Any],
    *,
    windows: int = 2000,
    samples: int = 2000,
    temperature: float = 1.0,
    beside: Mapping[str, MusicVAE] | None = None,
) -> Evaluation:
    """Score a model on held-out windows and its samples from the prior beside the music.

    Args:
        model: of melodies or drums, with categorical outputs.
        train: training windows; as many as `samples` are described, the nearest that a model could hope to come.
        test: held-out windows.
        windows: how many of these are scored, evenly spread; 0 for all.
        samples: from the prior.
        temperature: of sampling.
        beside: other models, only sampled from.

    Raises:
        ModelError: the model is of another kind, or not of the data's length.
    """
    config = model.config
    if config.music not in FIRST_NOTE or config.head != "categorical" or config.steps != test.shape[1]:
        raise ModelError(
            f"{config.name} plays {config.music} of {config.steps} steps; evaluation knows melodies and drums, "
            f"and the data has {test.shape[1]} steps"
        )
    device = next(model.parameters()).device
    chosen = torch.from_numpy(spread(test, windows or len(test)).astype(np.int64)).to(device)
    sources: dict[str, NDArray[Any]] = {
        "held out": test,
        "training": spread(train, samples),
        "samples": prior_samples(model, samples, temperature=temperature),
    }
    if config.music == "melody":  # what the model really saw: every key alike
        moved = transposed(sources["training"].astype(np.int64), (-7, 7), np.random.default_rng(0))
        sources["training, transposed"] = moved
    for name, other in (beside or {}).items():
        sources[name] = prior_samples(other, samples, temperature=temperature)
    return evaluation(
        reconstruction_scores(model, chosen),
        sources,
        lambda tokens: sample_statistics.statistics(tokens, config.music),
    )


def evaluation(
    scores: Mapping[str, float],
    sources: Mapping[str, NDArray[Any]],
    statistics: Callable[[NDArray[Any]], Mapping[str, Histogram]],
    symbols: Callable[[NDArray[Any]], NDArray[Any]] = lambda music: music,
) -> Evaluation:
    """Scores, and every source of music beside the held-out one.

    Args:
        scores: of reconstruction.
        sources: music by name, "held out" and "samples" among it.
        statistics: what music is like.
        symbols: what of it must differ in windows that are distinct.
    """
    found = {name: statistics(music) for name, music in sources.items()}
    return Evaluation(
        scores=scores,
        samples=sources["samples"],
        statistics=found,
        distances={
            name: sample_statistics.distances(of, found["held out"])
            for name, of in found.items()
            if name != "held out"
        },
        distinct={name: sample_statistics.distinct(symbols(music)) for name, music in sources.items()},
    )


def spread(windows: NDArray[Any], count: int) -> NDArray[Any]:
    """`count` of the windows (all, if there are fewer), evenly spread."""
    places = np.linspace(0, len(windows) - 1, min(len(windows), count)).astype(int)
    chosen: NDArray[Any] = windows[places]
    return chosen
