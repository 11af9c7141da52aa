"""The note RNN's configuration and vocabulary.

After TensorFlow's tutorial on music generation (pitch, step since the last note, duration; three heads over an LSTM),
with one change: there, step and duration are regressed, and a regression answers with a mean that nobody played. Here
they are counted in sixteenths and put in bins, so that the network can say "either 1 or 4".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from livevae.budget import shown
from livevae.errors import ModelError
from livevae.models.melody_rnn.config import MAX_LAYERS, MAX_UNITS
from livevae.models.step_model import StoredConfig
from livevae.music.notes import STEPS_PER_BAR

FORMAT = "livevae note-rnn 1"

STEPS = (*range(17), 20, 24, 28, 32, 48, 64)
"""Sixteenths from one note's beginning to the next one's."""

DURATIONS = (*range(1, 17), 20, 24, 28, 32, 48, 64)
"""Sixteenths that a note lasts."""

LOWEST = 21
PITCHES = 88

WIDTHS = (len(STEPS), PITCHES, len(DURATIONS))
"""Of the heads, in the order in which they are asked: when, what, how long."""

INPUTS = sum(WIDTHS) + STEPS_PER_BAR
"""A note's step, pitch and duration, and where in the bar it begins."""


@dataclass(frozen=True, slots=True)
class Config(StoredConfig):
    """Everything that decides a note RNN's shape.

    Attributes:
        name: of the configuration.
        layers: units of the LSTM layers.
        window: notes that are read before it goes on.
        weights: of the losses of step, pitch and duration while training; the tutorial's are (1, 0.05, 1).
    """

    WHOSE: ClassVar[str] = "a note RNN's"

    name: str = "note_rnn"
    layers: tuple[int, ...] = (192,)
    window: int = 25
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if not 0 < len(self.layers) <= MAX_LAYERS or not all(0 < n <= MAX_UNITS for n in self.layers):
            raise ModelError(
                f"a note RNN has 1 to {MAX_LAYERS} layers of 1 to {MAX_UNITS} units, not {shown(str(self.layers))}"
            )
        if not 1 <= self.window <= 1024:
            raise ModelError(f"a note RNN reads 1 to 1024 notes, not {self.window}")

    @classmethod
    def from_table(cls, held: Mapping[str, Any]) -> "Config":
        """A configuration from a checkpoint's values."""
        layers = tuple(int(units) for units in held["layers"])
        step, pitch, duration = (float(weight) for weight in held["weights"])
        return cls(str(held["name"]), layers, int(held["window"]), (step, pitch, duration))


CONFIGS: Mapping[str, Config] = MappingProxyType(
    {config.name: config for config in (Config(), Config("note_rnn_tutorial", (128,), 25, (1.0, 0.05, 1.0)))}
)


def shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a configuration's tensors; LSTM kernels are as in `melody_rnn.layout`."""
    found: dict[str, tuple[int, ...]] = {}
    width = INPUTS
    for i, units in enumerate(config.layers):
        found[f"layers.{i}.kernel"], found[f"layers.{i}.bias"] = (width + units, 4 * units), (4 * units,)
        width = units
    for name, size in zip(("step", "pitch", "duration"), WIDTHS, strict=True):
        found[f"{name}.kernel"], found[f"{name}.bias"] = (width, size), (size,)
    found["pitch.after_step"] = (WIDTHS[0], WIDTHS[1])
    found["duration.after_step"], found["duration.after_pitch"] = (
        (WIDTHS[0], WIDTHS[2]),
        (WIDTHS[1], WIDTHS[2]),
    )
    return found


def binned(value: int, bins: tuple[int, ...]) -> int:
    """The index of the nearest bin; of two, the lower."""
    place = int(np.searchsorted(bins, value))
    if place == len(bins):
        return place - 1
    return place - (place > 0 and value - bins[place - 1] <= bins[place] - value)


assert all(a < b for bins in (STEPS, DURATIONS) for a, b in pairwise(bins))  # noqa: S101  (for the reader)
