"""What a step-wise RNN learns from a window: to predict each event from all before it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from livevae.models.melody_rnn import encodings
from livevae.models.melody_rnn.config import Config
from livevae.models.melody_rnn.events import NO_EVENT, NOTE_OFF, squashed
from livevae.models.melody_rnn.torch_network import StepRNN
from livevae.music import drums, melody
from livevae.music.notes import STEPS_PER_BAR, Riff

LEARNING_RATE = 1e-3


class Task:
    """The task of a configuration; see `training.stepwise.StepTask`."""

    family = "melody_rnn"
    learning_rate = LEARNING_RATE

    def __init__(self, config: Config) -> None:
        self.config = config
        self.learns = "drums" if config.family == "drums" else "songs"
        self.grad_clip = 3.0 if config.attention else 5.0

    def module(self, dropout: float | None) -> StepRNN:
        """A fresh network."""
        return StepRNN(self.config, dropout)

    def prepared(self, window: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """A stored window as (inputs [T - 1, inputs], labels [T - 1], whether each is a note [T - 1])."""
        events = self.events(window)
        inputs = encodings.inputs(self.config, events[:-1]).astype(np.int8)
        labels = encodings.labels(self.config, events).astype(np.int16)
        notes = [event > 0 if self.config.family == "drums" else event >= 0 for event in events[1:]]
        return inputs, labels, np.array(notes)

    def events(self, window: NDArray[Any]) -> list[int]:
        """A stored window as events, moved to where the model plays."""
        if self.config.family == "drums":
            return [int(token) for token in window]
        special = {melody.HOLD: NO_EVENT, melody.OFF: NOTE_OFF}
        events = [special.get(int(t), int(t) - melody.PITCH_TO_TOKEN) for t in window]
        return squashed(events, self.config.min_note, self.config.max_note, self.config.key)[0]

    def losses(self, module: StepRNN, batch: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Nats of every event [N, T - 1], whether it is right, and whether it is a note."""
        inputs, labels, notes = batch
        logits = module(inputs.float())
        nats = cross_entropy(logits.float().transpose(1, 2), labels.long(), reduction="none")
        return nats, logits.argmax(-1) == labels, notes

    def bars(self, batch: Sequence[Tensor]) -> float:
        """How many bars a batch predicts."""
        return batch[1].numel() / STEPS_PER_BAR

    def notes(self, batch: Sequence[Tensor]) -> float:
        """How many notes a batch predicts."""
        return float(batch[2].sum())

    def tokens(self, window: NDArray[Any]) -> tuple[list[int], int, int]:
        """A stored window as tokens for an n-gram, how many there are, and how many of them make a prediction."""
        events = self.events(window)
        if self.config.family == "drums":
            return events, self.config.classes, 1
        return [event - NO_EVENT for event in events], 130, 1

    def riff(self, window: NDArray[Any]) -> Riff:
        """A stored window as a riff."""
        if self.config.family == "drums":
            return drums.decode(window.tolist())
        return melody.decode(window.tolist())


@torch.no_grad()
def tensors_of(module: StepRNN) -> dict[str, NDArray[np.float32]]:
    """A network's parameters by their names in `layout`."""
    return {name: value.detach().cpu().numpy() for name, value in module.tensors().items()}
