"""Scores of a melody, drum or trio model on windows it has not seen, and of its samples beside the music."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livevae.corpus.chord_windows import CHORD, MELODY
from livevae.corpus.melody_windows import shape_key
from livevae.errors import ModelError
from livevae.latent.vectors import slerp
from livevae.models.musicvae.networks import MusicVAE, free_running, kl
from livevae.models.training import sample_statistics
from livevae.models.training.batches import transposed
from livevae.models.training.sample_statistics import Histogram
from livevae.models.training.token_music import (
    FIRST_NOTES,
    greedy,
    known,
    nats,
    noise_for,
    outputs_of,
    predicted,
    separate,
    tokens_of,
)
from livevae.music import drums

PARTS = ("melody", "bass", "drums")
"""A trio's, by name."""

ACTIVE = 0.01
"""A dimension of z is active if the variance of its mu over the data is above this (Burda et al. 2016)."""


@torch.no_grad()
def reconstruction_scores(model: MusicVAE, windows: Tensor, *, batch: int = 256) -> dict[str, float]:
    """How well windows come back from their mu.

    Args:
        model: of melodies, drums or trios; see `known`.
        windows: [N, steps] int64; trios [N, steps, 3]; melodies over chords [N, steps, 2].
        batch: windows at a time.

    Returns:
        teacher_forced, free_running: share of all tokens that are right; note_teacher_forced,
        note_free_running: of those where a note starts; exact: share of windows that come back whole,
        free-running; nll: nats a window, from mu; sampled_nll: from a z drawn from the posterior, always the same
        draw; kl: nats a window; active: dimensions of z that are, see `ACTIVE`. Of drums, whose tokens are right only
        when all nine instruments are, also hits_teacher_forced and hits_free_running: F1 of single hits. Of trios
        also each part's notes, `melody_free_running` and so on.
    """
    config = model.config
    first = torch.tensor(FIRST_NOTES[config.music], device=windows.device)
    sums = dict.fromkeys(("exact", "nll", "sampled_nll", "kl"), 0.0)
    tallies = {way: _Tally(len(first)) for way in ("teacher_forced", "free_running")}
    mus: list[Tensor] = []
    chance = torch.Generator().manual_seed(0)
    for stored in torch.split(windows, batch):
        part, told = separate(config, stored)
        mu, sigma = model.posterior(part, told)
        noise = torch.randn(mu.shape, generator=chance).to(mu)
        outputs = outputs_of(model, mu, part, told)
        free = greedy(model, mu, told)
        sums["nll"] += nats(model, outputs, part)
        sums["sampled_nll"] += nats(model, outputs_of(model, mu + sigma * noise, part, told), part)
        sums["kl"] += float(kl(mu, sigma).sum())
        sums["exact"] += float((free == part).flatten(1).all(1).sum())
        tallies["teacher_forced"].add(predicted(model, outputs), part, first)
        tallies["free_running"].add(free, part, first)
        mus.append(mu)
    spread = torch.cat(mus).var(0) if len(windows) > 1 else torch.zeros(1)
    scores = {name: value / len(windows) for name, value in sums.items()}
    for way, tally in tallies.items():
        scores |= tally.scores(config.music, way)
    return {**scores, "active": float((spread > ACTIVE).sum())}


class _Tally:
    """Counts, part by part, of tokens that are right: all, those where a note starts, and single hits."""

    def __init__(self, parts: int) -> None:
        self.right, self.notes, self.all_notes = (np.zeros(parts) for _ in range(3))
        self.tokens = self.both = self.either = 0

    def add(self, predicted: Tensor, music: Tensor, first: Tensor) -> None:
        predicted, music = (t.reshape(*t.shape[:2], -1) for t in (predicted, music))
        right, notes = predicted == music, music >= first
        self.right += right.sum((0, 1)).cpu().numpy()
        self.notes += (right & notes).sum((0, 1)).cpu().numpy()
        self.all_notes += notes.sum((0, 1)).cpu().numpy()
        self.tokens += right[..., 0].numel()
        self.both += 2 * _struck(predicted[..., -1] & music[..., -1])
        self.either += _struck(predicted[..., -1]) + _struck(music[..., -1])

    def scores(self, music: str, way: str) -> dict[str, float]:
        found = {
            way: float(self.right.mean()) / self.tokens,
            f"note_{way}": float(self.notes.sum()) / max(1.0, float(self.all_notes.sum())),
        }
        if music == "trio":
            shares = self.notes / np.maximum(1, self.all_notes)
            found |= {f"{part}_{way}": float(share) for part, share in zip(PARTS, shares, strict=True)}
        if music != "melody":
            found[f"hits_{way}"] = self.both / max(1, self.either)
        return found


def _struck(tokens: Tensor) -> int:
    """How many instruments drum tokens strike."""
    bits = torch.arange(len(drums.FULL), device=tokens.device)
    return int((tokens.unsqueeze(-1) >> bits & 1).sum())


@torch.no_grad()
def prior_samples(
    model: MusicVAE,
    count: int,
    *,
    over: NDArray[Any] | None = None,
    temperature: float = 1.0,
    seed: int = 0,
    batch: int = 256,
    latents: NDArray[Any] | None = None,
) -> NDArray[np.int64]:
    """Tokens of z drawn from N(0, 1), each step sampled at `temperature`.

    Args:
        model: see `known`.
        count: how many windows.
        over: stored windows whose chords a model plays over that needs some, again and again.
        temperature: of sampling.
        seed: of z's and noise.
        batch: windows at a time.
        latents: z's `[count, latent]` in place of those.

    Returns:
        [count, steps]; trios [count, steps, 3]; melodies and the chords that they are over [count, steps, 2].
    """
    config = model.config
    controls = chords = None
    if config.learns == "chords" and over is not None:
        chords = torch.from_numpy(over[np.arange(count) % len(over)].astype(np.int64))
        controls = separate(config, chords)[1]
    music = decoded_prior(
        model,
        count,
        lambda even: noise_for(config, even),
        controls=controls,
        temperature=temperature,
        seed=seed,
        batch=batch,
        latents=latents,
    )
    found = torch.cat([tokens_of(config, part) for part in music])
    return (found if chords is None else torch.stack([found, chords[..., CHORD]], -1)).numpy()


def decoded_prior(
    model: MusicVAE,
    count: int,
    noise: Callable[[Tensor], Tensor],
    *,
    controls: Tensor | None = None,
    temperature: float,
    seed: int,
    batch: int,
    latents: NDArray[Any] | None = None,
) -> Iterator[Tensor]:
    """Music `[up to batch, steps, depth]` of z's drawn from N(0, 1), until there are `count`.

    Args:
        model: any.
        count: how many windows.
        noise: what its head wants (see `heads`) from noise that is even between 0 and 1.
        controls: [count, steps, controls] where the model has them.
        temperature: of sampling.
        seed: of z's and noise.
        batch: windows at a time.
        latents: z's `[count, latent]` in place of those drawn.
    """
    config = model.config
    chance = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    for first in range(0, count, batch):
        n = min(batch, count - first)
        z = torch.randn(n, config.latent, generator=chance)
        if latents is not None:
            z = torch.from_numpy(np.asarray(latents[first : first + n], np.float32))
        even = torch.rand(n, config.steps, config.output_depth, generator=chance)
        heat = torch.full((n, 1), temperature, device=device)
        told = None if controls is None else controls[first : first + n].to(device)
        yield free_running(model, z.to(device), heat, noise(even).to(device), told).cpu()


@torch.no_grad()
def interpolation(model: MusicVAE, a: NDArray[Any], b: NDArray[Any], count: int = 9) -> NDArray[np.int64]:
    """Tokens [count, steps] from window a to window b, greedily decoded along the arc between their mus.

    Over chords, all of them are a's.
    """
    ends, told = separate(model.config, torch.from_numpy(np.stack([a, b]).astype(np.int64)))
    first, last = model.posterior(ends, told)[0].cpu().numpy()
    arc = np.stack([slerp(first, last, t) for t in np.linspace(0, 1, count)])
    under = None if told is None else told[:1].expand(count, -1, -1)
    return greedy(model, torch.from_numpy(arc).float(), under).numpy()


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
        copies: share of windows that training has too, melodies in any key, by source; {} where nobody looked.
        others: all music that was laid beside the held-out one, by source.
    """

    scores: Mapping[str, float]
    samples: NDArray[Any]
    statistics: Mapping[str, Mapping[str, Histogram]]
    distances: Mapping[str, Mapping[str, float]]
    distinct: Mapping[str, float]
    copies: Mapping[str, float] = field(default_factory=dict)
    others: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values, rounded."""
        return {
            "scores": {name: round(value, 5) for name, value in self.scores.items()},
            "distances": {
                source: {name: round(value, 4) for name, value in found.items()}
                for source, found in self.distances.items()
            },
            "distinct": {name: round(value, 4) for name, value in self.distinct.items()},
            "copies": {name: round(value, 4) for name, value in self.copies.items()},
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
    latents: Mapping[str, NDArray[Any]] | None = None,
) -> Evaluation:
    """Score a model on held-out windows and its samples from the prior beside the music.

    Args:
        model: of melodies, drums or trios; see `known`.
        train: training windows; as many as `samples` are described, the nearest that a model could hope to come.
        test: held-out windows.
        windows: how many of these are scored, evenly spread; 0 for all.
        samples: from the prior.
        temperature: of sampling.
        beside: other models, only sampled from.
        latents: z's `[samples, latent]` of other priors by name, see `training.encodings.compared`.

    Raises:
        ModelError: the model or one beside it is of another kind, or not of the data's length.
    """
    config = model.config
    if not known(config) or config.steps != test.shape[1]:
        raise ModelError(
            f"{config.name} plays {config.music} of {config.steps} steps; evaluation knows melodies (also over "
            f"chords), drums and trios, and the data has {test.shape[1]} steps"
        )
    device = next(model.parameters()).device
    chosen = torch.from_numpy(spread(test, windows or len(test)).astype(np.int64)).to(device)
    sources: dict[str, NDArray[Any]] = {
        "held out": test,
        "training": spread(train, samples),
        "samples": prior_samples(model, samples, over=test, temperature=temperature),
    }
    if config.music != "drums":  # what the model really saw: every key alike
        moved = transposed(sources["training"].astype(np.int64), (-7, 7), np.random.default_rng(0))
        sources["training, transposed"] = moved
    for name, z in (latents or {}).items():
        sources[name] = prior_samples(model, len(z), over=test, temperature=temperature, latents=z)
    for name, other in (beside or {}).items():
        if other.config.learns != config.learns:
            raise ModelError(f"{name} learns {other.config.learns} and {config.name} {config.learns}")
        sources[name] = prior_samples(other, samples, over=test, temperature=temperature)
    return evaluation(
        reconstruction_scores(model, chosen),
        sources,
        lambda tokens: sample_statistics.statistics(tokens, config.learns, config.bar),
        lambda tokens: tokens[..., MELODY] if config.learns == "chords" else tokens,
        copies=_copies(sources, train) if config.learns == "melody" else {},
    )


def _copies(sources: Mapping[str, NDArray[Any]], train: NDArray[Any]) -> dict[str, float]:
    """The share of each source's melodies that are training windows, in any key."""
    known = {shape_key(window) for window in np.asarray(train)}
    return {
        name: float(np.mean([shape_key(window.astype(train.dtype)) in known for window in music]))
        for name, music in sources.items()
    }


def evaluation(
    scores: Mapping[str, float],
    sources: Mapping[str, NDArray[Any]],
    statistics: Callable[[NDArray[Any]], Mapping[str, Histogram]],
    symbols: Callable[[NDArray[Any]], NDArray[Any]] = lambda music: music,
    copies: Mapping[str, float] | None = None,
) -> Evaluation:
    """Scores, and every source of music beside the held-out one.

    Args:
        scores: of reconstruction.
        sources: music by name, "held out" and "samples" among it.
        statistics: what music is like.
        symbols: what of it must differ in windows that are distinct.
        copies: see `Evaluation`.
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
        copies=copies or {},
        others=sources,
    )


def spread(windows: NDArray[Any], count: int) -> NDArray[Any]:
    """`count` of the windows (all, if there are fewer), evenly spread."""
    places = np.linspace(0, len(windows) - 1, min(len(windows), count)).astype(int)
    chosen: NDArray[Any] = windows[places]
    return chosen
