"""The settings of a voice: one table, the fields of `VoiceSettings`. Scenes, OSC, help and docs are read off it."""

import math
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, TypeVar, cast

from livevae.errors import MusicError, RequestError
from livevae.latent.names import ATTRIBUTES
from livevae.latent.recipe import PRIORS
from livevae.music import form, general_midi, harmony, keys
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


ROW, NAME = "row", "name"
"""What the metadata of a field say of a setting: the rest of its row, and its name where that is not the field's."""

Kind = TypeVar("Kind", int, float, str)


def _setting(
    default: Kind,
    meaning: str = "",
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    *,
    name: str = "",
    choices: tuple[int, ...] = (),
    names: Callable[[str], int] | None = None,
) -> Kind:
    """A field of `VoiceSettings` that is a setting, with the rest of its row; typed as what the field holds.

    Args:
        default: what it is where nobody says.
        meaning: a line for help.
        low: the least that a number may be.
        high: the most.
        unit: of a number.
        name: what performers call it, where that is no name in Python; else the field's own.
        choices: the numbers that it may be, where they are few.
        names: reads names of numbers.
    """
    row = {"help": meaning, "low": low, "high": high, "unit": unit, "choices": choices, "names": names}
    return field(default=default, metadata={ROW: row, NAME: name})


def _attribute(attribute: str) -> float:
    """A field that is an amount of an attribute, from -1 to 1."""
    more, less = ATTRIBUTES[attribute]
    return _setting(0.0, f"{more}; negative: {less}", -1.0, 1.0)


SOURCE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}/[\w.-]{1,32}")
"""A room of an ensemble, and a voice of it."""


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """What one voice plays and how; frozen, replaced whole.

    Its fields are the table of settings, in the order in which help shows them: each with its default, what it
    means, its range and its unit. A new setting is a line here.
    """

    # fmt: off
    model: str = _setting("", "the model that decodes; empty is the one the server was started with")
    port: str = _setting("", "the MIDI port; empty is the server's first")
    channel: int = _setting(1, "the MIDI channel", 1, 16)
    source: str = _setting("", "plays the riffs of another room's voice, such as rack/lead (--mqtt)", name="from")
    bars: int = _setting(2, "how long a riff is; it is cut from, or joined of, the model's own bars", 1, 32, "bars")
    quantum: float = _setting(
        4.0, "starts on a multiple of this, else a bar; 0 is off the grid", 0.0, 256.0, "beats"
    )
    temp: float = _setting(0.8, "temperature: 0 is the model's first choice, 1 its own spread", 0.0, 4.0)
    follow: str = _setting("self", "whom a model that continues hears: self, midi, or another voice")
    top: int = _setting(0, "so many of the likeliest choices are sampled from; 0 is all of them", 0, 512)
    drift: float = _setting(0.5, "how far from riff to riff: 0 repeats it note for note, 1 forgets it", 0.0, 1.0)
    prior: str = _setting("", "what riffs are drawn from: learned or normal; empty: the server's")
    seed: int = _setting(0, "the same seed plays the same music; 0 leaves the choice to the server", 0, 2**31 - 1)
    form: str = _setting("", "which riffs come back: a letter for each in turn, such as AABA; empty: none does")
    notes_least: int = _setting(0, "with fewer notes a bar, the last one is struck again", 0, 16, "a bar")
    notes_most: int = _setting(0, "with more notes a bar, the weakest are left out; 0: no bound", 0, 64, "a bar")
    key: str = _setting("", "riffs are moved into this key, such as C, F# or Bbm; empty leaves them")
    chords: str = _setting(
        "", "a chord a bar in turn, from the session's first, such as Dm Bb F C; or stands between alternatives"
    )
    pull: float = _setting(
        0.5, "what goes to the chord: 0.25 downbeats, 0.5 beats, 0.75 eighths; 1 all, a bar's first to its root",
        0.0, 1.0,
    )
    cadence: float = _setting(
        0.0, "0.5: a bar's last note leads into another chord; 1: and rests on the root before the arc's next leg",
        0.0, 1.0,
    )
    transpose: int = _setting(0, "moves every note but drums, after the key", -48, 48, "semitones")
    low: int = _setting(
        21, "the register's lowest note; notes below are folded up by octaves", 0, 127, "MIDI pitch"
    )
    high: int = _setting(108, "the register's highest note; notes above are folded down", 0, 127, "MIDI pitch")
    velocity: int = _setting(96, "how hard notes are played where the model does not say; 0 mutes", 0, 127)
    accent: int = _setting(
        0, "how much harder strong places are played; negative: those off the beat", -40, 40, "velocity"
    )
    program: int = _setting(
        -1, "the sound, by its General MIDI name or number from 0; -1 leaves it as it is", -1, 127,
        names=general_midi.program,
    )
    bank: int = _setting(-1, "the bank that the program is of; -1 leaves it as it is", -1, 16383)
    level: int = _setting(-1, "the channel's volume (controller 7); -1 leaves it as it is", -1, 127)
    gate: float = _setting(1.0, "the part of its length that a note sounds", 0.05, 1.0)
    swing: float = _setting(
        STRAIGHT, "how late every second step comes: 0.5 is straight, 0.6667 triplets, 0.75 dotted",
        STRAIGHT, HARDEST,
    )
    swing_at: int = _setting(
        16, "which steps swing: 8 for eighths, 16 for sixteenths", 8, 16, choices=(8, 16)
    )
    humanise: float = _setting(0.0, "how early or late a note may come, most of them much less", 0.0, 30.0, "ms")
    touch: int = _setting(0, "how much harder or softer a note may be played, in velocity", 0, 40)
    shift: float = _setting(0.0, "plays behind the beat; negative is ahead of it", -50.0, 50.0, "ms")
    fill: float = _setting(0.0, "drums: a fill so long before the arc's next leg, and a crash on it", 0.0, 1.0, "bars")
    density: float = _attribute("density")
    height: float = _attribute("height")
    syncopation: float = _attribute("syncopation")
    range: float = _attribute("range")
    # fmt: on
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

    def once(self, tick: float) -> "VoiceSettings":
        """These settings at a tick, for a riff that somebody asked for: the arc lets it rest nowhere."""
        there = self.at(tick)
        return there if there.velocity else replace(there, velocity=self.velocity)

    def chord_of(self, bar: int, meter: Meter, seed: int) -> harmony.Chord | None:
        """The chord of a bar of the session; None for one without.

        Args:
            bar: from the session's first on.
            meter: how long bars are.
            seed: the session's, which chooses among alternatives.
        """
        tick = bar * meter.bar
        place, turn = self.arc.turn("chords", tick) or (0, None)
        return harmony.chord_of(self.at(tick).chords, bar, turn, f"{seed}/{place}")

    def changed(self, values: Mapping[str, object]) -> "VoiceSettings":
        """These settings with `values` laid over them, for good; names that are no setting are ignored.

        Raises:
            RequestError: a value is of the wrong kind or range, or the register is empty. Nothing is changed.
        """
        known: dict[str, Any] = {FIELDS[k]: BY_NAME[k].read(v) for k, v in values.items() if k in BY_NAME}
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
        if new.chords:
            try:
                harmony.parse(new.chords)
            except MusicError as error:
                raise RequestError(f"chords: {error}") from None
        try:
            form.parse(new.form)
        except MusicError as error:
            raise RequestError(f"form: {error}") from None
        return new

    def pairs(self) -> tuple[tuple[str, int | float | str], ...]:
        """Names and values, in the table's order."""
        return tuple((name, getattr(self, called)) for name, called in FIELDS.items())


_SETTING_FIELDS = tuple(one for one in fields(VoiceSettings) if ROW in one.metadata)

FIELDS: Mapping[str, str] = MappingProxyType(
    {one.metadata[NAME] or one.name: one.name for one in _SETTING_FIELDS}
)
"""What a setting is called in `VoiceSettings`, by the name that performers use: the same but for words of Python."""

SETTINGS: tuple[Setting, ...] = tuple(
    Setting(name, cast("Any", one.type), cast("Any", one.default), **one.metadata[ROW])
    for name, one in zip(FIELDS, _SETTING_FIELDS, strict=True)
)
"""One row a setting, read off the fields of `VoiceSettings`, in their order."""

BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in SETTINGS}


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
