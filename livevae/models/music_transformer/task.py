"""What a transformer learns from a window: each token from all before it, moved to any key and any loudness."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from livevae.models.music_transformer import grid, performance
from livevae.models.music_transformer.config import Config
from livevae.models.music_transformer.model import cut
from livevae.models.music_transformer.torch_network import Transformer
from livevae.music.notes import STEPS_PER_BAR, TICKS_PER_STEP, Riff
from livevae.music.piano_roll import KEYS, LOWEST, VELOCITIES, unpack, velocity_of

TRANSPOSE = 5
"""Semitones up and down by which windows are moved at random while training."""

LOUDER = 2
"""Bins of velocity, likewise."""

TWELFTH_STEPS = 25 / 6
"""Steps of 10 ms in a twelfth of a beat at 120 beats a minute: how performances are made of scores."""


class Task:
    """The task of a configuration; see `training.stepwise.StepTask`."""

    family = "music_transformer"
    learns = "piano"
    learning_rate = 1.5e-3
    grad_clip = 1.0

    def __init__(self, config: Config) -> None:
        self.config = config

    def module(self, dropout: float | None) -> Transformer:
        """A fresh network."""
        return Transformer(self.config, dropout)

    def riff(self, window: NDArray[Any]) -> Riff:
        """A stored window as a riff."""
        return cut([grid.ticks(note) for note in notes_of(window)], len(window) * TICKS_PER_STEP)

    def tokens(self, window: NDArray[Any]) -> tuple[list[int], int, int]:
        """A stored window as tokens for an n-gram, how many there are, and how many of them make a prediction."""
        return self.sequence(window), self.config.classes, 1

    def sequence(self, window: NDArray[Any]) -> list[int]:
        """A stored window as tokens, as many as are learnt from; on the grid a bar line ends it."""
        return self._sequence(window)[: self.config.span + 1]

    def _sequence(self, window: NDArray[Any]) -> list[int]:
        notes = notes_of(window)
        if self.config.vocabulary == "grid":
            return [*grid.encode(notes, len(window) // STEPS_PER_BAR), grid.BAR]
        return performance.encode(
            performance.Performed(
                round(note.start * TWELFTH_STEPS),
                max(round((note.start + note.length) * TWELFTH_STEPS), round(note.start * TWELFTH_STEPS) + 1),
                note.key + LOWEST,
                velocity_of(note.velocity),
            )
            for note in notes
        )

    def prepared(self, window: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """A stored window as what the network is given `[span + 1, F]`, and how many tokens there are."""
        tokens = self.sequence(window)
        rows = np.zeros((self.config.span + 1, len(self.config.features)), np.int16)
        rows[: len(tokens), 0] = tokens
        if self.config.vocabulary == "grid":
            rows[: len(tokens)] = grid.features(tokens)
        return rows, np.array(len(tokens), np.int16)

    def losses(self, module: Transformer, batch: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Nats of every token but the first, whether it is right, and whether it begins a note; all [N, T - 1]."""
        count = batch[1].long()
        rows = batch[0][:, : int(count.max())].long()
        if module.training:
            rows = self._moved(rows)
        logits = module(rows[:, :-1])
        labels = rows[:, 1:, 0]
        there = torch.arange(1, rows.shape[1], device=rows.device) < count[:, None]
        nats = cross_entropy(logits.float().transpose(1, 2), labels, reduction="none")
        return nats * there, (logits.argmax(-1) == labels) & there, self._begins(labels) & there

    def notes(self, batch: Sequence[Tensor]) -> float:
        """How many notes a batch predicts."""
        tokens = batch[0][:, 1:, 0].long()
        there = torch.arange(1, tokens.shape[1] + 1) < batch[1].long()[:, None]
        return float((self._begins(tokens) & there).sum())

    def _begins(self, tokens: Tensor) -> Tensor:
        return tokens >= grid.KEY if self.config.vocabulary == "grid" else tokens < performance.OFF

    def _moved(self, rows: Tensor) -> Tensor:
        """Each row moved by as many semitones and as much louder or softer as chance has it."""
        rows = rows.clone()
        tokens = rows[..., 0]
        moved = torch.randint(-TRANSPOSE, TRANSPOSE + 1, (len(rows), 1), device=rows.device)
        louder = torch.randint(-LOUDER, LOUDER + 1, (len(rows), 1), device=rows.device)
        if self.config.vocabulary == "grid":
            keys = (tokens - grid.KEY + moved).clamp(0, KEYS - 1) + grid.KEY
            loud = (tokens - grid.VELOCITY + louder).clamp(0, VELOCITIES - 1) + grid.VELOCITY
            is_velocity = (tokens >= grid.VELOCITY) & (tokens < grid.DURATION)
            rows[..., 0] = torch.where(tokens >= grid.KEY, keys, torch.where(is_velocity, loud, tokens))
            return rows
        low, high, first = LOWEST, LOWEST + KEYS - 1, tokens // performance.OFF * performance.OFF
        keys = (tokens - first + moved).clamp(low, high) + first
        loud = (tokens - performance.VELOCITY + 4 * louder).clamp(0, performance.VELOCITIES - 1)
        rows[..., 0] = torch.where(
            tokens < performance.SHIFT,
            keys,
            torch.where(tokens >= performance.VELOCITY, loud + performance.VELOCITY, tokens),
        )
        return rows

    def bars(self, batch: Sequence[Tensor]) -> float:
        """How many bars a batch predicts."""
        tokens = batch[0][..., 0].long()
        there = torch.arange(tokens.shape[1], device=tokens.device) < batch[1].long()[:, None]
        if self.config.vocabulary == "grid":
            # of a window that is cut off the last bar counts by the place that it reached
            whole = ((tokens == grid.BAR) & there).sum() - len(tokens)
            last = batch[0][..., 1].long().gather(1, (batch[1].long() - 1)[:, None]).float()
            return float(whole + (last / len(grid.PLACES_A_BAR)).sum())
        shift = (tokens >= performance.SHIFT) & (tokens < performance.VELOCITY) & there
        return float(((tokens - performance.SHIFT + 1) * shift).sum()) / (TWELFTH_STEPS * grid.BAR_TWELFTHS)


def notes_of(window: NDArray[Any]) -> list[grid.GridNote]:
    """A stored window as notes."""
    found = []
    for step, key in zip(*(part.tolist() for part in np.nonzero(window)), strict=True):
        cell = unpack(int(window[step, key]))
        found.append(grid.GridNote(max(0, 3 * step + cell.lean), cell.length, key, cell.velocity))
    return found
