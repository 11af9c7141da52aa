"""Scores of a GrooVAE on performances it has not heard, and what its samples are like beside them.

Rows are [N, steps, 27]: nine hits, nine velocities (0 to 1), nine offsets (-1 to 1, in half steps, positive is early).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livevae.corpus.groove_windows import rows
from livevae.errors import ModelError
from livevae.models.musicvae.networks import MusicVAE, free_running, kl
from livevae.models.training.evaluate import ACTIVE, Evaluation, decoded_prior, evaluation, spread
from livevae.models.training.groove_music import HEARD, lesson_of
from livevae.models.training.sample_statistics import Histogram, histogram
from livevae.models.training.token_music import logistic, outputs_of
from livevae.music.groove import DRUMS
from livevae.music.notes import STEPS_PER_BAR

VELOCITY = 127
"""MIDI's, for a velocity of 1."""

STEP_MS = 125.0
"""A sixteenth at 120 bpm."""

VELOCITY_BINS = 16
OFFSET_BINS = 24
"""Of half a step early to half a step late: a bin is a twenty-fourth of a step."""


def loss(outputs: Tensor, music: Tensor, rests: float = 1.0) -> Tensor:
    """`heads.Groove.loss` summed over a window, [N]: nats of hits and squared errors of the rest.

    With `rests` below 1, errors of velocities and offsets weigh so much less where nothing is struck: what is said
    there is not heard, and the mean over hits and rests is softer than any stroke.
    """
    hits, velocities, offsets = outputs.chunk(3, -1)
    y_hits, y_velocities, y_offsets = music.chunk(3, -1)
    crossed = torch.nn.functional.binary_cross_entropy_with_logits(hits, y_hits, reduction="none")
    squared = (torch.sigmoid(velocities) - y_velocities) ** 2 + (torch.tanh(offsets) - y_offsets) ** 2
    return (crossed + squared * (rests + (1 - rests) * y_hits)).sum((1, 2))


def music(outputs: Tensor, noise: Tensor | float = 0.0) -> Tensor:
    """Rows that outputs say, hits by logistic noise [..., 9] (0: the likelier of the two)."""
    hits, velocities, offsets = outputs.chunk(3, -1)
    return torch.cat([(hits + noise >= 0).to(outputs), torch.sigmoid(velocities), torch.tanh(offsets)], -1)


@torch.no_grad()
def scores(model: MusicVAE, windows: NDArray[Any], *, batch: int = 256) -> dict[str, float]:
    """How near a model comes to what was played, from the mu of what it heard.

    Args:
        model: a GrooVAE.
        windows: stored performances [N, steps, 27], see `data.groove_lines`.
        batch: windows at a time.

    Returns:
        For each way, teacher_forced and free_running: the share of (step, drum) cells that are right; `hits_`: F1
        of hits (`struck_`: of steps at which anything is struck); `velocity_` and `timing_`: mean absolute errors
        on hits that are both played and said, in MIDI velocities and milliseconds at 120 bpm. velocity_flat and
        timing_flat: the same errors for each drum's mean velocity in this music and for hits on the grid. exact:
        share of windows whose hits all come back, free-running; nll, sampled_nll, kl, active: as
        `evaluate.reconstruction_scores`.
    """
    tallies = {way: _Tally() for way in ("teacher_forced", "free_running")}
    sums = dict.fromkeys(("exact", "nll", "sampled_nll", "kl"), 0.0)
    mus: list[Tensor] = []
    chance = torch.Generator().manual_seed(0)
    device = next(model.parameters()).device
    for first in range(0, len(windows), batch):
        heard, y, control = lesson_of(model.config, windows[first : first + batch], device)
        mu, sigma = model.posterior(heard, control)
        noise = torch.randn(mu.shape, generator=chance).to(mu)
        outputs = outputs_of(model, mu, y, control)
        zeros = y.new_zeros(len(y), 1), torch.zeros_like(y)
        free = free_running(model, mu, *zeros, control)
        tallies["teacher_forced"].add(music(outputs), y)
        tallies["free_running"].add(free, y)
        sums["exact"] += float((free[..., :DRUMS] == y[..., :DRUMS]).all(2).all(1).sum())
        sums["nll"] += float(loss(outputs, y).sum())
        sums["sampled_nll"] += float(loss(outputs_of(model, mu + sigma * noise, y, control), y).sum())
        sums["kl"] += float(kl(mu, sigma).sum())
        mus.append(mu)
    spread = torch.cat(mus).var(0) if len(windows) > 1 else torch.zeros(1)
    found = {name: value / len(windows) for name, value in sums.items()}
    for way, tally in tallies.items():
        found |= {
            way if name == "cells" else f"{name}_{way}": value for name, value in tally.shares().items()
        }
    return {**found, **_flat(rows(windows)), "active": float((spread > ACTIVE).sum())}


class _Tally:
    """Sums over batches of what was said beside what was played."""

    def __init__(self) -> None:
        self.sums = np.zeros(9)

    def add(self, predicted: Tensor, played: Tensor) -> None:
        hits, struck = predicted[..., :DRUMS] > 0.5, played[..., :DRUMS] > 0.5
        both = hits & struck
        apart = (predicted - played).abs()
        velocities, offsets = apart[..., DRUMS : 2 * DRUMS], apart[..., 2 * DRUMS :]
        any_said, any_played = hits.any(-1), struck.any(-1)
        found = (
            (hits == struck).sum(), torch.tensor(hits.numel()), both.sum(), hits.sum() + struck.sum(),
            (any_said & any_played).sum(), any_said.sum() + any_played.sum(),
            velocities[both].sum(), offsets[both].sum(), both.sum(),
        )  # fmt: skip
        self.sums += np.array([float(value) for value in found])

    def shares(self) -> dict[str, float]:
        right, cells, both, hits, steps, all_steps, velocity, offset, count = self.sums.tolist()
        return {
            "cells": right / cells,
            "hits": 2 * both / max(1, hits),
            "struck": 2 * steps / max(1, all_steps),
            "velocity": VELOCITY * velocity / max(1, count),
            "timing": STEP_MS / 2 * offset / max(1, count),
        }


def _flat(played: NDArray[np.float32]) -> dict[str, float]:
    """The errors of a machine: every drum at its mean velocity, every hit on the grid."""
    hits, velocities, offsets = np.split(played.reshape(-1, 3 * DRUMS), 3, 1)
    counts = hits.sum(0)
    means = (hits * velocities).sum(0) / counts.clip(1)
    total = max(1.0, float(counts.sum()))
    return {
        "velocity_flat": VELOCITY * float((hits * np.abs(velocities - means)).sum()) / total,
        "timing_flat": STEP_MS / 2 * float((hits * np.abs(offsets)).sum()) / total,
    }


@torch.no_grad()
def prior_samples(
    model: MusicVAE,
    count: int,
    *,
    temperature: float = 1.0,
    seed: int = 0,
    batch: int = 256,
    latents: NDArray[Any] | None = None,
) -> NDArray[np.float32]:
    """Rows [count, steps, 27] of z drawn from N(0, 1), or of `latents`; hits sampled at `temperature`."""
    music = decoded_prior(
        model, count, logistic, temperature=temperature, seed=seed, batch=batch, latents=latents
    )
    return torch.cat(list(music)).numpy()


def statistics(music: NDArray[np.float32]) -> Mapping[str, Histogram]:
    """What performances [N, steps, 27] are like: which drums, where, how many, how hard, how early or late."""
    hits = music[..., :DRUMS] > 0.5
    steps = music.shape[1]
    _, step, drum = np.nonzero(hits)
    place = step % STEPS_PER_BAR
    hard = (music[..., DRUMS : 2 * DRUMS][hits] * VELOCITY_BINS).astype(np.int64)
    early = (OFFSET_BINS * (music[..., 2 * DRUMS :][hits] + 1) / 2).astype(np.int64)
    return {
        "instruments": histogram(drum, DRUMS),
        "onset positions": histogram(place, STEPS_PER_BAR),
        "kick positions": histogram(place[drum == 0], STEPS_PER_BAR),
        "snare positions": histogram(place[drum == 1], STEPS_PER_BAR),
        "struck together": histogram(hits.sum(-1)[hits.any(-1)], DRUMS + 1),
        "hits a window": histogram(hits.sum((1, 2)) // 4, steps * DRUMS // 4 + 1),
        "velocities": histogram(hard.clip(0, VELOCITY_BINS - 1), VELOCITY_BINS),
        "offsets": histogram(early.clip(0, OFFSET_BINS - 1), OFFSET_BINS),
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
    """`evaluate.evaluate` for GrooVAEs; the same arguments, windows as stored.

    Raises:
        ModelError: the model is of another kind, plays only what controls say, or is not of the data's length.
    """
    config = model.config
    if config.name not in HEARD or config.controls or test.ndim != 3 or config.steps != test.shape[1]:
        raise ModelError(
            f"{config.name} plays {config.music} of {config.steps} steps; the data has {test.shape[1]} steps"
        )
    sources: dict[str, NDArray[np.float32]] = {
        "held out": rows(test),
        "training": rows(spread(train, samples)),
        "samples": prior_samples(model, samples, temperature=temperature),
    }
    for name, z in (latents or {}).items():
        sources[name] = prior_samples(model, len(z), temperature=temperature, latents=z)
    for name, other in (beside or {}).items():
        sources[name] = prior_samples(other, samples, temperature=temperature)
    chosen = scores(model, spread(test, windows or len(test)))
    return evaluation(chosen, sources, statistics, lambda music: music[..., :DRUMS])
