"""Configurations of MusicVAE: one frozen value, one table of all that were published.

Sources: Roberts et al. 2018 (arXiv 1803.05428), Gillick et al. 2019 (arXiv 1905.06118), and the table of
configurations of Magenta 2.1.4 (Apache-2.0), whose names are kept so that its checkpoints find theirs.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from livevae.budget import json_value
from livevae.errors import LimitError, ModelError
from livevae.music.meter import Meter
from livevae.music.notes import STEPS_PER_BAR, STEPS_PER_BEAT

Music = Literal["melody", "drums", "groove", "trio"]
"""Which token vocabulary the model speaks: the file of that name in `livevae.music`."""

Head = Literal["categorical", "nade", "groove"]
"""What the outputs parametrise: a softmax (or one each part), a NADE, or hits, velocities and offsets."""

Schedule = Literal["constant", "exponential", "inverse_sigmoid"]
"""How the probability of scheduled sampling grows with the training step (Bengio et al. 2015)."""

WALTZ_BAR = 12
"""Sixteenths of a bar of 3/4, and of 6/8."""

MAX_LAYERS = 16
"""More LSTM layers than anyone has trained; a configuration from a file that asks for more is broken."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that decides a MusicVAE's shape, and the facts of its published training.

    Attributes:
        name: Magenta's name of the configuration.
        music: the token vocabulary.
        steps: sixteenths of a window; 32 is two bars.
        input_depth: width of one step of the encoder's input, controls not counted.
        output_depths: width of one step of the decoder's output; one entry for each part (a trio has three).
        encoder: units of the encoder's bidirectional LSTM layers, each direction.
        decoder: units of the decoder's LSTM layers (and of the conductor's, where there is one).
        latent: size of z.
        head: what the outputs parametrise.
        controls: width of one step of the controls that encoder and decoder are given, 0 for none.
        segments: how many segments a conductor makes of the window; 0 is a flat decoder.
        split: each part has a core decoder of its own (the hierarchical trio).
        encode_segments: the encoder hears each segment by itself first, then the segments (magenta.js' trio).
        roll_input: the encoder sees drums as hits and a "nothing" flag, not as one-hot classes.
        nade_hidden: hidden units of the NADE head.
        free_bits: bits of KL that cost nothing.
        max_beta: weight of the KL in the end.
        beta_rate: beta = (1 - beta_rate ** step) * max_beta.
        sampling_schedule: of scheduled sampling.
        sampling_rate: its constant; 0 with a constant schedule is plain teacher forcing.
        dropout: of every LSTM layer's input while training (Magenta's 1 - dropout_keep_prob).
        transpose: by how many semitones training examples are moved, lowest and highest.
        learning_rate: Adam's at the start.
        min_learning_rate: that it decays to.
        decay_rate: by which it decays a step: rate = (lr - min) * decay ** step + min.
        grad_clip: largest norm of the gradient.
        bar: sixteenths of a bar: 16 in 4/4, 12 in 3/4 and 6/8.
    """

    name: str
    music: Music
    steps: int
    input_depth: int
    output_depths: tuple[int, ...]
    encoder: tuple[int, ...]
    decoder: tuple[int, ...]
    latent: int
    head: Head = "categorical"
    controls: int = 0
    segments: int = 0
    split: bool = False
    encode_segments: bool = False
    roll_input: bool = False
    nade_hidden: int = 0
    free_bits: float = 0.0
    max_beta: float = 1.0
    beta_rate: float = 0.0
    sampling_schedule: Schedule = "constant"
    sampling_rate: float = 0.0
    dropout: float = 0.0
    transpose: tuple[int, int] = (0, 0)
    learning_rate: float = 1e-3
    min_learning_rate: float = 1e-5
    decay_rate: float = 0.9999
    grad_clip: float = 1.0
    bar: int = STEPS_PER_BAR

    def __post_init__(self) -> None:
        for field in ("input_depth", "steps", "latent"):
            if getattr(self, field) < 1:
                raise ModelError(f"{self.name}: {field} must be at least 1, not {getattr(self, field)}")
        for field in ("encoder", "decoder", "output_depths"):
            sizes = getattr(self, field)
            if not 1 <= len(sizes) <= MAX_LAYERS or min(sizes) < 1:
                raise ModelError(f"{self.name}: {field} must be 1 to {MAX_LAYERS} sizes, not {list(sizes)}")
        if self.bar != STEPS_PER_BAR and (self.bar != WALTZ_BAR or self.steps % self.bar):
            raise ModelError(
                f"{self.name}: bars have {STEPS_PER_BAR} or {WALTZ_BAR} steps, which {self.bar} is not or which"
                f" {self.steps} do not divide into"
            )
        if self.segments and self.steps % self.segments:
            raise ModelError(f"{self.name}: {self.steps} steps do not divide into {self.segments} segments")
        if self.encode_segments and not self.segments:
            raise ModelError(f"{self.name}: an encoder of segments needs segments")
        if self.head == "nade" and self.nade_hidden < 1:
            raise ModelError(f"{self.name}: a NADE needs nade_hidden of at least 1")
        if self.head != "categorical" and len(self.output_depths) != 1:
            raise ModelError(f"{self.name}: a {self.head} head has one part, not {len(self.output_depths)}")
        if not 0 <= self.dropout < 1:
            raise ModelError(f"{self.name}: dropout is 0 to below 1, not {self.dropout}")

    @property
    def output_depth(self) -> int:
        """Width of one step of music as the decoder hears it: the sum of the parts'."""
        return sum(self.output_depths)

    @property
    def learns(self) -> str:
        """The kind of data set that it is trained on (`livevae.corpus.kinds.KINDS`): mostly its music."""
        if self.music == "melody" and self.controls == CHORD_DEPTH:
            return "chords"
        return "all-drums" if self.output_depths == (ALL_DRUM_CLASSES,) else self.music

    @property
    def bars(self) -> int:
        """The window's length in its bars."""
        return self.steps // self.bar

    @property
    def meter(self) -> Meter:
        """Of its bars, in quarters: 3/4 stands for 6/8 too."""
        return Meter(self.bar // STEPS_PER_BEAT, 4)

    @property
    def core_depths(self) -> list[int]:
        """Output width of each core decoder: one for all parts, or one each."""
        return list(self.output_depths) if self.split else [self.output_depth]

    def replace(self, **changes: Any) -> "Config":
        """The same configuration with other sizes or training facts."""
        return dataclasses.replace(self, **changes)

    def beta(self, step: int) -> float:
        """Weight of the KL at a training step."""
        return float((1.0 - self.beta_rate**step) * self.max_beta)

    def to_json(self) -> str:
        """One JSON object; `from_json` is the inverse."""
        values = dataclasses.asdict(self)
        if self.bar == STEPS_PER_BAR:  # as it was written before there were others
            del values["bar"]
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Config":
        """The configuration that `to_json` wrote.

        Raises:
            ModelError: text that is not such an object, unknown or missing fields, values of other kinds.
        """
        try:
            values = json_value(text)
        except (ValueError, LimitError) as error:
            raise ModelError(f"the model's configuration is not JSON: {error}") from None
        if not isinstance(values, dict):
            raise ModelError("the model's configuration is not a JSON object")
        return cls.from_mapping(values)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Config":
        """The configuration of a mapping of fields to plain values.

        Raises:
            ModelError: unknown or missing fields, values of other kinds.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - set(fields)):
            raise ModelError(f"the model's configuration has unknown fields: {', '.join(unknown)}")
        try:
            return cls(**{name: _plain(name, fields[name].type, value) for name, value in values.items()})
        except TypeError as error:
            raise ModelError(f"the model's configuration is not whole: {error}") from None


def _plain(name: str, kind: Any, value: Any) -> Any:
    """A JSON value as the field's own type, or ModelError."""
    wrong = ModelError(f"the model's configuration: {name} cannot be {value!r}")
    if choices := get_args(kind) if kind in (Music, Head, Schedule) else ():
        if value not in choices:
            raise wrong
        return value
    if kind is bool or kind is str:
        if type(value) is not kind:
            raise wrong
        return value
    if kind is int or kind is float:
        if type(value) not in ((int, float) if kind is float else (int,)):
            raise wrong
        return kind(value)
    if not isinstance(value, list | tuple) or any(type(item) is not int for item in value):
        raise wrong
    return tuple(value)


MELODY_CLASSES = 90
"""0 hold, 1 note off, 2..89 the MIDI pitches 21..108."""
DRUM_CLASSES = 9
ALL_DRUM_CLASSES = 61
CHORD_DEPTH = 49
"""note-seq's one-hot triads: no chord, then major, minor, augmented and diminished of twelve roots."""

_SCHEDULED: dict[str, Any] = {"sampling_schedule": "inverse_sigmoid", "sampling_rate": 1000.0}
_MELODY = Config(
    "cat-mel_2bar_small", "melody", 32, MELODY_CLASSES, (MELODY_CLASSES,), (512,), (256, 256), 256,
    max_beta=0.2, beta_rate=0.99999, transpose=(-5, 5), **_SCHEDULED,
)  # fmt: skip
_CHORDS = Config(
    "cat-mel_2bar_med_chords", "melody", 32, MELODY_CLASSES, (MELODY_CLASSES,), (1024,), (512, 512, 512), 256,
    controls=CHORD_DEPTH, transpose=(-3, 3),
)  # fmt: skip
_DRUMS = Config(
    "cat-drums_2bar_small", "drums", 32, DRUM_CLASSES + 1, (2**DRUM_CLASSES,), (512,), (256, 256), 256,
    roll_input=True, free_bits=48, max_beta=0.2, **_SCHEDULED,
)  # fmt: skip
_NADE = Config(
    "nade-drums_2bar_reduced", "drums", 32, DRUM_CLASSES + 1, (DRUM_CLASSES,), (1024,), (512, 512), 256,
    head="nade", nade_hidden=128, roll_input=True, free_bits=48, max_beta=0.2, **_SCHEDULED,
)  # fmt: skip
_GROOVE = Config(
    "groovae_2bar_humanize", "groove", 32, 3 * DRUM_CLASSES, (3 * DRUM_CLASSES,), (512,), (256, 256), 256,
    head="groove", free_bits=48, max_beta=0.2, dropout=0.7,
)  # fmt: skip
_MELODY_16 = Config(
    "flat-mel_16bar", "melody", 256, MELODY_CLASSES, (MELODY_CLASSES,), (2048, 2048), (2048, 2048, 2048), 512,
    free_bits=256, max_beta=0.2,
)  # fmt: skip
_TRIO_PARTS = (MELODY_CLASSES, MELODY_CLASSES, 2**DRUM_CLASSES)
_TRIO_16 = Config(
    "flat-trio_16bar", "trio", 256, sum(_TRIO_PARTS), _TRIO_PARTS, (2048, 2048), (2048, 2048, 2048), 512,
)  # fmt: skip
_HIERARCHICAL: dict[str, Any] = {"decoder": (1024, 1024), "segments": 16, "free_bits": 256, "max_beta": 0.2}
_SEGMENTED: dict[str, Any] = {"encoder": (1024,)}
_HIERDEC_TRIO = _TRIO_16.replace(name="hierdec-trio_16bar", split=True, **_HIERARCHICAL)

CONFIGS: Mapping[str, Config] = MappingProxyType(
    {
        config.name: config
        for config in (
            _MELODY,
            _MELODY.replace(
                name="cat-mel_2bar_big", encoder=(2048,), decoder=(2048, 2048, 2048), latent=512, max_beta=0.5
            ),
            _MELODY.replace(name="cat-mel_2bar_12", steps=24, bar=12),
            _CHORDS,
            _DRUMS,
            _DRUMS.replace(
                name="cat-drums_2bar_big", encoder=(2048,), decoder=(2048, 2048, 2048), latent=512
            ),
            _NADE,
            _NADE.replace(
                name="nade-drums_2bar_full",
                input_depth=ALL_DRUM_CLASSES + 1,
                output_depths=(ALL_DRUM_CLASSES,),
            ),
            _GROOVE.replace(name="groovae_4bar", steps=64),
            _GROOVE,
            _GROOVE.replace(name="groovae_2bar_tap_fixed_velocity"),
            _GROOVE.replace(name="groovae_2bar_tap_fixed_velocity_note_dropout"),
            _GROOVE.replace(name="groovae_2bar_add_closed_hh"),
            _GROOVE.replace(name="groovae_2bar_hits_control_tfds", controls=DRUM_CLASSES),
            _MELODY_16,
            _MELODY_16.replace(name="hierdec-mel_16bar", **_HIERARCHICAL),
            _TRIO_16,
            _HIERDEC_TRIO,
            _MELODY_16.replace(name="hier-mel_16bar", encode_segments=True, **_HIERARCHICAL | _SEGMENTED),
            _HIERDEC_TRIO.replace(name="hier-trio_16bar", encode_segments=True, **_SEGMENTED),
            # magenta.js' trio_4bar; Magenta has no name for it
            _HIERDEC_TRIO.replace(
                name="hier-trio_4bar", steps=64, segments=4, encode_segments=True, **_SEGMENTED
            ),
        )
    }
)
"""Every configuration that livevae plays, by Magenta's name; `cat-mel_2bar_12` is livevae's own."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "groovae_2bar_hits_control": "groovae_2bar_hits_control_tfds",
        "groovae_2bar_tap": "groovae_2bar_tap_fixed_velocity",
        "trio_4bar": "hier-trio_4bar",
    }
)
"""Other names that people use."""


def configuration(name: str) -> Config:
    """The published configuration of a name.

    Raises:
        ModelError: no configuration has this name; the message lists those there are.
    """
    found = CONFIGS.get(ALIASES.get(name, name))
    if found is None:
        raise ModelError(f"no configuration is named {name!r}; there are {', '.join(CONFIGS)}")
    return found
