"""The settings of a voice: one table. Scenes, OSC, help and docs are read off it."""

import math
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from livevae.errors import RequestError
from livevae.latent.attributes import ATTRIBUTES
from livevae.latent.recipe import PRIORS
from livevae.music import general_midi, keys
from livevae.music.meter import Meter
from livevae.perform.arc import STILL, Arc
from livevae.perform.blend import BASE_ALONE, WALKING, Blend, Place, Tour
from livevae.tempo.feel import HARDEST, STRAIGHT


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: what a setting is called, what it may be, what it means; `names` reads names of numbers."""

    name: str
    kind: type[int] | type[float] | type[str]
    default: int | float | str
    low: float | None
    high: float | None
    unit: str
    help: str
    choices: tuple[int, ...] = ()
    names: Callable[[str], int] | None = None

    @property
    def expected(self) -> str:
        """What a value must be, for error messages."""
        if self.kind is str:
            return "a name"
        if self.choices:
            return " or ".join(map(str, self.choices))
        number = "a whole number" if self.kind is int else "a number"
        if self.names is not None:
            number = f"a name or {number}"
        if self.low is None or self.high is None:
            return number
        if self.kind is int:
            return f"{number} from {self.low:.0f} to {self.high:.0f}"
        return f"{number} from {self.low:g} to {self.high:g}"

    def read(self, value: object) -> int | float | str:
        """`value` as this setting's kind; hosts send whole numbers as floats and names as symbols.

        Raises:
            RequestError: it is of another kind, not finite, or out of range.
        """
        if self.kind is str:
            if isinstance(value, str):
                return value
            raise self._error(value)
        if self.names is not None and isinstance(value, str):
            try:
                return self.names(value)
            except ValueError as error:
                raise RequestError(f"{self.name} must be {self.expected}: {error}") from None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._error(value)
        number = float(value)
        if self.kind is int and not number.is_integer():
            raise self._error(value)
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            raise self._error(value)
        if self.choices and number not in self.choices:
            raise self._error(value)
        return int(number) if self.kind is int else number

    def _error(self, value: object) -> RequestError:
        shown = (
            repr(value)
            if len(repr(value)) < 40
            else f"{type(value).__name__} of {len(repr(value))} characters"
        )
        return RequestError(f"{self.name} must be {self.expected}, not {shown}")


# fmt: off
SETTINGS: tuple[Setting, ...] = (
    Setting("model", str, "", None, None, "", "the model that decodes; empty is the one the server was started with"),
    Setting("port", str, "", None, None, "", "the MIDI port; empty is the server's first"),
    Setting("channel", int, 1, 1, 16, "", "the MIDI channel"),
    Setting("from", str, "", None, None, "", "plays the riffs of another room's voice, such as rack/lead (--mqtt)"),
    Setting("bars", int, 2, 1, 32, "bars", "how long a riff is; it is cut from, or joined of, the model's own bars"),
    Setting("quantum", float, 4.0, 0.0, 256.0, "beats", "starts on a multiple of this, else a bar; 0 is off the grid"),
    Setting("temp", float, 0.8, 0.0, 4.0, "", "temperature: 0 is the model's first choice, 1 its own spread"),
    Setting("follow", str, "self", None, None, "", "whom a model that continues hears: self, midi, or another voice"),
    Setting("top", int, 0, 0, 512, "", "so many of the likeliest choices are sampled from; 0 is all of them"),
    Setting("drift", float, 0.5, 0.0, 1.0, "", "how far from riff to riff: 0 repeats it note for note, 1 forgets it"),
    Setting("prior", str, "", None, None, "", "what riffs are drawn from: learned or normal; empty: the server's"),
    Setting("seed", int, 0, 0, 2**31 - 1, "", "the same seed plays the same music; 0 leaves the choice to the server"),
    Setting("key", str, "", None, None, "", "riffs are moved into this key, such as C, F# or Bbm; empty leaves them"),
    Setting("transpose", int, 0, -48, 48, "semitones", "moves every note but drums, after the key"),
    Setting("low", int, 21, 0, 127, "MIDI pitch", "the register's lowest note; notes below are folded up by octaves"),
    Setting("high", int, 108, 0, 127, "MIDI pitch", "the register's highest note; notes above are folded down"),
    Setting("velocity", int, 96, 0, 127, "", "how hard notes are played where the model does not say; 0 mutes"),
    Setting(
        "program", int, -1, -1, 127, "", "the sound, by its General MIDI name or number from 0; -1 leaves it as it is",
        names=general_midi.program,
    ),
    Setting("bank", int, -1, -1, 16383, "", "the bank that the program is of; -1 leaves it as it is"),
    Setting("level", int, -1, -1, 127, "", "the channel's volume (controller 7); -1 leaves it as it is"),
    Setting("gate", float, 1.0, 0.05, 1.0, "", "the part of its length that a note sounds"),
    Setting(
        "swing", float, STRAIGHT, STRAIGHT, HARDEST, "",
        "how late every second step comes: 0.5 is straight, 0.6667 triplets, 0.75 dotted",
    ),
    Setting("swing_at", int, 16, 8, 16, "", "which steps swing: 8 for eighths, 16 for sixteenths", choices=(8, 16)),
    Setting("humanise", float, 0.0, 0.0, 30.0, "ms", "how early or late a note may come, most of them much less"),
    Setting("touch", int, 0, 0, 40, "", "how much harder or softer a note may be played, in velocity"),
    Setting("shift", float, 0.0, -50.0, 50.0, "ms", "plays behind the beat; negative is ahead of it"),
    *(
        Setting(name, float, 0.0, -1.0, 1.0, "", f"{more}; negative: {less}")
        for name, (more, less) in ATTRIBUTES.items()
    ),
)
# fmt: on
"""One row a setting, in the order in which help shows them."""

FIELDS: Mapping[str, str] = MappingProxyType({"from": "source"})
"""Settings whose names are words of Python, and what they are called in `VoiceSettings`."""

SOURCE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}/[\w.-]{1,32}")
"""A room of an ensemble, and a voice of it."""

BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """What one voice plays and how; frozen, replaced whole."""

    model: str = ""
    port: str = ""
    channel: int = 1
    source: str = ""
    bars: int = 2
    quantum: float = 4.0
    temp: float = 0.8
    follow: str = "self"
    top: int = 0
    drift: float = 0.5
    prior: str = ""
    seed: int = 0
    key: str = ""
    transpose: int = 0
    low: int = 21
    high: int = 108
    velocity: int = 96
    program: int = -1
    bank: int = -1
    level: int = -1
    gate: float = 1.0
    swing: float = STRAIGHT
    swing_at: int = 16
    humanise: float = 0.0
    touch: int = 0
    shift: float = 0.0
    density: float = 0.0
    height: float = 0.0
    syncopation: float = 0.0
    range: float = 0.0
    blend: Blend | Tour = BASE_ALONE
    place: Place = WALKING
    arc: Arc = STILL

    @property
    def attributes(self) -> tuple[tuple[str, float], ...]:
        """The attributes that are asked for, and how much."""
        return tuple((name, getattr(self, name)) for name in ATTRIBUTES if getattr(self, name))

    def at(self, tick: float) -> "VoiceSettings":
        """These settings as they are at a tick, where some of them go by an arc."""
        values: dict[str, Any] = dict(self.arc.at(tick))
        return replace(self, **values) if values else self

    def changed(self, values: Mapping[str, object]) -> "VoiceSettings":
        """These settings with `values` laid over them, for good; names that are no setting are ignored.

        Raises:
            RequestError: a value is of the wrong kind or range, or the register is empty. Nothing is changed.
        """
        known: dict[str, Any] = {
            FIELDS.get(k, k): BY_NAME[k].read(v) for k, v in values.items() if k in BY_NAME
        }
        new = replace(self, **known, arc=self.arc.without(values))
        if new.high - new.low < OCTAVE - 1:
            raise RequestError(
                f"the register from low {new.low} to high {new.high} must hold an octave, so that every note fits"
            )
        if new.source and not SOURCE.fullmatch(new.source):
            raise RequestError(
                f"from names a room and a voice of it, as in rack/lead, not {new.source[:70]!r}"
            )
        if new.prior not in ("", *PRIORS):
            raise RequestError(
                f"prior must be {' or '.join(PRIORS)} (or empty: the server's), not {new.prior[:40]!r}"
            )
        if new.key:
            try:
                keys.parse(new.key)
            except ValueError as error:
                raise RequestError(f"key: {error}") from None
        return new

    def pairs(self) -> tuple[tuple[str, int | float | str], ...]:
        """Names and values, in the table's order."""
        return tuple(
            (setting.name, getattr(self, FIELDS.get(setting.name, setting.name))) for setting in SETTINGS
        )


def in_meter(meter: Meter) -> VoiceSettings:
    """The settings of a voice of which nothing was said: it starts on bar lines."""
    return VoiceSettings(quantum=meter.quarters)


OCTAVE = 12


LATENT = frozenset(
    ("seed", "temperature", "bars", "drift", "prior", "blend", "position", "attributes", "call", "distance")
)
"""What a model takes of a recipe that has a latent space."""

PARTS: Mapping[str, str] = {
    "drift": "drift",
    "blend": "personas",
    "position": "position among personas",
    "attributes": "attributes such as density",
    "context": "ear: it follows nobody",
    "top": "top",
    "prior": "prior",
}
"""The parts of a recipe that some models do not take, as errors call them."""


def check_takes(settings: VoiceSettings, takes: Container[str]) -> None:
    """See that a model takes what a voice's settings ask for.

    Args:
        settings: of the voice.
        takes: the parts of a recipe that have an effect on its model.

    Raises:
        RequestError: one that is set has none.
    """
    usual = VoiceSettings()
    asked = {
        "drift": settings.drift != usual.drift,
        "blend": bool(settings.blend.names),
        "position": settings.place != usual.place,
        "attributes": bool(settings.attributes),
        "context": settings.follow != usual.follow,
        "top": settings.top != usual.top,
        "prior": settings.prior != usual.prior,
    }
    for part, wanted in asked.items():
        if wanted and part not in takes:
            raise RequestError(
                f"{settings.model or 'the default model'} has no {PARTS[part]}; leave it as it was"
            )
