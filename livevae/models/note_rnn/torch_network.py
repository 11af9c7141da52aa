"""The network in torch, for training: whole sequences of notes."""

import math

import torch
from torch import Tensor
from torch.nn.functional import dropout

from livevae.models.melody_rnn.torch_network import NamedTensors, lstm
from livevae.models.note_rnn.config import Config, shapes


class NoteRNN(NamedTensors):
    """A note RNN.

    Attributes:
        config: of the model.
        drop: share of each layer's outputs that is dropped while training.
    """

    def __init__(self, config: Config, drop: float | None = None) -> None:
        values = {}
        for name, shape in shapes(config).items():
            value = torch.zeros(shape)
            if name.endswith("kernel"):
                bound = math.sqrt(6 / sum(shape))
                value.uniform_(-bound, bound)
            values[name] = value
        super().__init__(values)
        self.config, self.drop = config, 0.1 if drop is None else drop

    def forward(self, x: Tensor, step: Tensor, pitch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of step, pitch and duration after each input.

        Args:
            x: `[N, T, INPUTS]`.
            step: `[N, T]`, the bin that comes next, which pitch and duration are given.
            pitch: likewise.
        """
        for i in range(len(self.config.layers)):
            x = lstm(x, self._of(f"layers.{i}.kernel"), self._of(f"layers.{i}.bias"), training=self.training)
            x = dropout(x, self.drop, self.training)
        first, second, third = (
            x @ self._of(f"{name}.kernel") + self._of(f"{name}.bias")
            for name in ("step", "pitch", "duration")
        )
        second = second + self._of("pitch.after_step")[step]
        third = third + self._of("duration.after_step")[step] + self._of("duration.after_pitch")[pitch]
        return first, second, third
