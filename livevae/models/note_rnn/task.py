"""What a note RNN learns from a window of many voices: when the next note comes, which it is, and how long it lasts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from livevae.models.note_rnn.config import DURATIONS, LOWEST, PITCHES, STEPS, WIDTHS, Config, binned
from livevae.models.note_rnn.torch_network import NoteRNN
from livevae.music.notes import STEPS_PER_BAR, TICKS_PER_STEP, Note, Riff

MOST = 97
"""Notes of a window that are learnt from."""

TRANSPOSE = 5
"""Semitones up and down by which windows are moved at random while training."""


class Task:
    """The task of a configuration; see `training.stepwise.StepTask`."""

    family = "note_rnn"
    learns = "notes"
    learning_rate = 2e-3
    grad_clip = 3.0

    def __init__(self, config: Config) -> None:
        self.config = config

    def module(self, dropout: float | None) -> NoteRNN:
        """A fresh network."""
        return NoteRNN(self.config, dropout)

    def prepared(self, window: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """A stored window as notes `[MOST, 4]` (bins of step, pitch, duration; place in the bar), and their number."""
        rows = np.zeros((MOST, 4), np.int16)
        starts, keys = np.nonzero(window)
        last = 0
        for i, (start, key) in enumerate(zip(starts[:MOST].tolist(), keys[:MOST].tolist(), strict=True)):
            length = int(window[start, key])
            rows[i] = binned(start - last, STEPS), key, binned(length, DURATIONS), start % STEPS_PER_BAR
            last = start
        return rows, np.array(min(len(starts), MOST), np.int16)

    def losses(self, module: NoteRNN, batch: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Nats of every note but the first [N, MOST - 1], whether its pitch is right, and whether there is one."""
        notes, count = batch[0].long(), batch[1].long()
        if module.training:
            notes = notes.clone()
            notes[..., 1] += torch.randint(-TRANSPOSE, TRANSPOSE + 1, (len(notes), 1))
            notes[..., 1] = notes[..., 1].clamp(0, PITCHES - 1)
        x = torch.cat(
            [one_hot(notes[:, :-1, i], n) for i, n in enumerate((*WIDTHS, STEPS_PER_BAR))], -1
        ).float()
        after = notes[:, 1:]
        heads = module(x, after[..., 0], after[..., 1])
        there = torch.arange(1, notes.shape[1], device=notes.device) < count[:, None]
        weights = self.config.weights if module.training else (1.0, 1.0, 1.0)
        nats = sum(
            weight * cross_entropy(head.transpose(1, 2), after[..., i], reduction="none")
            for i, (head, weight) in enumerate(zip(heads, weights, strict=True))
        )
        assert isinstance(nats, Tensor)  # noqa: S101  (for the type checker)
        return nats * there, (heads[1].argmax(-1) == after[..., 1]) & there, there

    def bars(self, batch: Sequence[Tensor]) -> float:
        """How many bars a batch predicts: its notes' steps, added up."""
        steps = torch.tensor(STEPS)[batch[0][:, 1:, 0].long()]
        there = torch.arange(1, batch[0].shape[1]) < batch[1].long()[:, None]
        return float((steps * there).sum()) / STEPS_PER_BAR

    def notes(self, batch: Sequence[Tensor]) -> float:
        """How many notes a batch predicts: all but the first of each window."""
        return float((batch[1].long() - 1).clamp(min=0).sum())

    def tokens(self, window: NDArray[Any]) -> tuple[list[int], int, int]:
        """A stored window as tokens for an n-gram, how many there are, and how many of them make a prediction.

        A note is three of them: its step, its duration and its pitch.
        """
        rows, count = self.prepared(window)
        widths = (len(STEPS), len(DURATIONS), PITCHES)
        first = (0, widths[0] + widths[1], widths[0])
        flat = [int(rows[i, k]) + first[k] for i in range(int(count)) for k in (0, 1, 2)]
        return flat, sum(widths), 3

    def riff(self, window: NDArray[Any]) -> Riff:
        """A stored window as a riff."""
        steps, keys = np.nonzero(window)
        notes = [
            Note(step * TICKS_PER_STEP, int(window[step, key]) * TICKS_PER_STEP, key + LOWEST)
            for step, key in zip(steps.tolist(), keys.tolist(), strict=True)
        ]
        return Riff(tuple(notes), len(window) * TICKS_PER_STEP)
