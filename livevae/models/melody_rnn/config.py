"""Configurations of the step-wise RNNs: one frozen value each, and the table of those that were published.

Sources: Waite 2016 (lookback and attention RNN), and the configurations of Magenta 2.1.4 (Apache-2.0), whose
names are kept so that its checkpoints find theirs.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, get_args

from livevae.budget import shown
from livevae.errors import ModelError
from livevae.models.step_model import StoredConfig

FORMAT = "livevae melody-rnn 1"
"""What the metadata of a checkpoint says first."""

Family = Literal["melody", "improv", "drums"]
Encoding = Literal["one-hot", "lookback", "key", "drums"]
Control = Literal["", "triad", "pitches"]
Attention = Literal["", "first", "stack"]

MAX_UNITS = 4096
MAX_LAYERS = 16
MAX_ATTENTION = 512


@dataclass(frozen=True, slots=True)
class Config(StoredConfig):
    """Everything that decides a step-wise RNN's shape.

    Attributes:
        name: Magenta's name of the configuration.
        family: melody, improv (a melody over chords) or drums.
        encoding: how events become inputs and labels, see `encodings`.
        layers: units of the LSTM layers.
        control: how chords become inputs: "triad" (49) or "pitches" (37); "" where none are heard.
        attention: which part of the stack attends to its last outputs: the first layer, all of it, or nothing.
        attention_length: how many outputs.
        min_note: lowest pitch.
        max_note: one above the highest.
        key: pitch class of the major key that melodies are transposed to; None leaves them.
        keep: share of each layer's outputs that survives dropout while training, as published.
    """

    WHOSE: ClassVar[str] = "a step-wise RNN's"

    name: str
    family: Family = "melody"
    encoding: Encoding = "one-hot"
    layers: tuple[int, ...] = (128, 128)
    control: Control = ""
    attention: Attention = ""
    attention_length: int = 0
    min_note: int = 48
    max_note: int = 84
    key: int | None = 0
    keep: float = 0.5

    def __post_init__(self) -> None:
        if (
            not self.layers
            or len(self.layers) > MAX_LAYERS
            or not all(0 < n <= MAX_UNITS for n in self.layers)
        ):
            raise ModelError(
                f"an RNN has 1 to {MAX_LAYERS} layers of 1 to {MAX_UNITS} units, not {shown(str(self.layers))}"
            )
        if bool(self.attention) != bool(self.attention_length) or self.attention_length > MAX_ATTENTION:
            raise ModelError(f"attention to {self.attention_length} steps of {self.attention or 'nothing'}")
        if not 0 <= self.min_note < self.max_note <= 128:
            raise ModelError(f"pitches from {self.min_note} up to {self.max_note} are not MIDI's")

    @property
    def pitches(self) -> int:
        """How many pitches it can strike."""
        return self.max_note - self.min_note

    @property
    def event_inputs(self) -> int:
        """Width of an encoded event, the chord not counted."""
        one_hot = self.pitches + 2
        return {"one-hot": one_hot, "lookback": 3 * one_hot + 7, "key": self.pitches + 38, "drums": 518}[
            self.encoding
        ]

    @property
    def control_inputs(self) -> int:
        """Width of an encoded chord."""
        return {"": 0, "triad": 49, "pitches": 37}[self.control]

    @property
    def inputs(self) -> int:
        """Width of the network's input."""
        return self.control_inputs + self.event_inputs

    @property
    def classes(self) -> int:
        """Width of the network's output."""
        one_hot = self.pitches + 2
        return {"one-hot": one_hot, "lookback": one_hot + 2, "key": one_hot + 2, "drums": 512}[self.encoding]

    @property
    def attended(self) -> int:
        """Width of what attention keeps: the outputs of the part that it wraps."""
        return {"": 0, "first": self.layers[0], "stack": self.layers[-1]}[self.attention]

    def replace(self, **changes: object) -> "Config":
        """The same with some values changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    @classmethod
    def from_table(cls, held: Mapping[str, Any]) -> "Config":
        """A configuration from a checkpoint's values."""
        if set(held) - {field.name for field in dataclasses.fields(cls)}:
            raise ModelError(f"its configuration is not {cls.WHOSE}")
        found = cls(**{**held, "layers": tuple(int(units) for units in held["layers"])})
        kinds = {"family": Family, "encoding": Encoding, "control": Control, "attention": Attention}
        for name, allowed in kinds.items():
            if getattr(found, name) not in get_args(allowed):
                raise ModelError(f"its configuration has the {name} {shown(repr(getattr(found, name)))}")
        return found


CONFIGS: Mapping[str, Config] = MappingProxyType(
    {
        config.name: config
        for config in (
            Config("basic_rnn"),
            Config("mono_rnn", min_note=0, max_note=128, key=None),
            Config("lookback_rnn", encoding="lookback"),
            Config("attention_rnn", encoding="key", attention="first", attention_length=40),
            Config("basic_improv", "improv", layers=(64, 64), control="triad", key=None),
            Config("attention_improv", "improv", "key", (128, 128, 128), "triad", "first", 40, key=None),
            Config("chord_pitches_improv", "improv", layers=(256, 256, 256), control="pitches", key=None),
            Config("drum_kit", "drums", "drums", (256, 256, 256), "", "first", 32, key=None),
            Config("drum_rnn", "drums", "drums", (128, 128), key=None),
        )
    }
)
"""Magenta's configurations of these families by name, and `drum_rnn`: drum_kit without attention, small enough to train
on a laptop."""


def by_shape(inputs: int, classes: int) -> Sequence[Config]:
    """The configurations whose network has such inputs and outputs, whatever its layers are."""
    return [config for config in CONFIGS.values() if (config.inputs, config.classes) == (inputs, classes)]
