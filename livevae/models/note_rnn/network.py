"""The network in numpy, for playing: one note at a time, one row at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from livevae.models.melody_rnn.network import Floats, cell, forgetful
from livevae.models.note_rnn.config import INPUTS, WIDTHS, Config
from livevae.music.notes import STEPS_PER_BAR


@dataclass(slots=True)
class State:
    """What the network remembers; a step makes a new one."""

    c: list[Floats]
    h: list[Floats]


class Network:
    """A note RNN's forward pass."""

    def __init__(self, config: Config, tensors: Mapping[str, Floats]) -> None:
        """From a checkpoint's tensors, float32."""
        self.config, self._tensors = config, dict(tensors)
        self._layers = [
            (tensors[f"layers.{i}.kernel"], forgetful(tensors[f"layers.{i}.bias"]))
            for i in range(len(config.layers))
        ]

    def start(self) -> State:
        """The state before the first note."""
        return State(
            [np.zeros(n, np.float32) for n in self.config.layers],
            [np.zeros(n, np.float32) for n in self.config.layers],
        )

    def read(self, note: Sequence[int], state: State) -> State:
        """The state after a note: bins of step, pitch and duration, and its place in the bar."""
        x = encoded(note)
        new = State(list(state.c), list(state.h))
        for i, (kernel, bias) in enumerate(self._layers):
            new.c[i], new.h[i] = cell(kernel, bias, x, state.c[i], state.h[i])
            x = new.h[i]
        return new

    def step(self, state: State) -> Floats:
        """Logits of the next note's step."""
        return self._head("step", state)

    def pitch(self, state: State, step: int) -> Floats:
        """Logits of the next note's pitch, given its step."""
        return np.asarray(self._head("pitch", state) + self._tensors["pitch.after_step"][step])

    def duration(self, state: State, step: int, pitch: int) -> Floats:
        """Logits of the next note's duration, given its step and pitch."""
        held = self._tensors
        given = held["duration.after_step"][step] + held["duration.after_pitch"][pitch]
        return np.asarray(self._head("duration", state) + given)

    def _head(self, name: str, state: State) -> Floats:
        return state.h[-1] @ self._tensors[f"{name}.kernel"] + self._tensors[f"{name}.bias"]


def encoded(note: Sequence[int]) -> Floats:
    """A note as the network's input, `[INPUTS]`."""
    row = np.zeros(INPUTS, np.float32)
    first = 0
    for index, width in zip(note, (*WIDTHS, STEPS_PER_BAR), strict=True):
        row[first + index] = 1
        first += width
    return row
