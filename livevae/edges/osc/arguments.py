"""What messages are made of: the arguments that addresses take, and what a row of the address table has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias

from livevae.perform.blend import FURTHEST
from livevae.perform.controls import MOST_CONTROLLER
from livevae.perform.requests import (
    LEASE,
    LONGEST_LEASE,
    Request,
)
from livevae.perform.settings import Setting
from livevae.tempo.timeline import MAX_BPM, MIN_BPM

SUBJECTS: Mapping[str, str] = MappingProxyType(
    {
        "beat": "each beat, a moment before it sounds",
        "bar": "each bar line, a moment before it sounds",
        "riff": "each riff when its notes are settled, which is before they sound",
        "snapshot": "how everything stands, five times a second",
        "training": "how trainings of personas go",
        "log": "what livevae says to its performer",
    }
)
"""What can be subscribed to: the hub's topics."""

Scalar: TypeAlias = int | float | str
Values: TypeAlias = Mapping[str, Scalar]
"""Arguments by name, each read by its `Setting`."""

ID = "id"
"""Any address takes it; the answer brings it back, so that a host knows which question was answered."""

QUIET = "quiet"
"""Any address takes it; where it is 1, only an error is answered (Tidal posts every answer to its console)."""

SECRET = "secret"  # noqa: S105  (a name, not a secret)
"""Any address takes it; it lets a message in from beyond this machine where livevae asks for one (`--secret-file`)."""

ANYWHERE = frozenset({ID, QUIET, SECRET})
"""Names that every address takes."""

HOST_NAMES = frozenset(
    {"_id_", "cps", "cycle", "delta", "duration", "livevae", "orbit", "oschost", "oscport"}
)
"""Names that hosts and our own patches add to every event; they are ignored without a word."""


@dataclass(frozen=True, slots=True)
class Address:
    """One row of the table.

    Attributes:
        address: the OSC address.
        help: what it does, one sentence.
        answers: the names in its reply, besides address, beat and what every reply may hold.
        make: the request, from the arguments given and the session time at which it should sound.
        word: its own word, that may stand first without a name.
        needs_word: whether it can do without.
        settings: the named arguments that it takes besides.
        others: reads every name that is not among these, where it takes any (a blend's personas).
        numbers: names for the numbers that may stand after its word without one (a position's coordinates).
        example: arguments of a whole message.
        changes: whether it can change anything; what only asks is in no log.
        words: of its settings, those whose name alone stands for 1 at the head of a message (`subscribe beat riff`).
    """

    address: str
    help: str
    answers: tuple[str, ...]
    make: Callable[[Values, float | None], Request]
    word: Setting | None = None
    needs_word: bool = False
    settings: tuple[Setting, ...] = ()
    example: tuple[Scalar, ...] = ()
    others: Setting | None = None
    numbers: tuple[Setting, ...] = ()
    changes: bool = True
    words: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that it knows, in the order of help."""
        word = (self.word.name,) if self.word else ()
        numbers = (setting.name for setting in self.numbers)
        return (*word, *numbers, *(setting.name for setting in self.settings), ID, QUIET)


class NameOrNumber(Setting):
    """A name that may come as a number."""

    def read(self, value: object) -> int | float | str:
        """The name; a whole number as its digits."""
        if isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer():
            return str(int(value))
        return Setting.read(self, value)


VOICE = Setting("voice", str, "", None, None, "", "a voice, by its name")
BPM = Setting("bpm", float, 120.0, MIN_BPM, MAX_BPM, "beats a minute", "the tempo, in Ableton Link's range")
OVER = Setting(
    "over", float, 0.0, 0.0, 1024.0, "beats", "how long the change takes, in a straight line; 0 is at once"
)
BEATS = Setting("beats", float, 0.0, -2.0, 2.0, "beats", "how far the music moves; negative is back")
MS = Setting("ms", float, 0.0, -2000.0, 2000.0, "ms", "the same in milliseconds; two beats at most")
NUDGE_OVER = replace(
    OVER, default=1.0, help="how long it takes, longer if the tempo would bend by over a half; 0 is at once"
)
PERSONA = Setting("persona", str, "", None, None, "", "a persona, by its name")
TAKE = Setting("bars", int, 0, 0, 1024, "bars", "how long a take is; 0 is until it is stopped")
COORDINATES = tuple(
    Setting(
        f"u{i}", float, 0.0, -FURTHEST, FURTHEST, "", "a coordinate, in deviations from the persona's middle"
    )
    for i in range(1, 9)
)
SOURCE = Setting("source", str, "", None, None, "", "whose clock it is: internal, midi, link or mqtt")
DEVICE = Setting(
    "from",
    str,
    "",
    None,
    None,
    "",
    "the device that sends a MIDI clock, by part of its name; else a port of our own",
)
CONDUCT = Setting(
    "conduct",
    int,
    0,
    0,
    1,
    "",
    "with mqtt: 1 takes the conductor's place in the ensemble at the next bar line",
)
CC = Setting("cc", int, 0, 0, MOST_CONTROLLER, "", "a MIDI controller, by its number")
SETTING = Setting("setting", str, "", None, None, "", "a setting of the voice, or tempo without one")
LEAST = Setting(
    "least", float, 0.0, None, None, "", "the setting's value at 0; its usual least where it is left out"
)
MOST = Setting(
    "most", float, 0.0, None, None, "", "the setting's value at 127; less than least turns the knob around"
)
TOPIC_FLAGS = tuple(Setting(topic, int, 0, 0, 1, "", f"{about}") for topic, about in SUBJECTS.items())
LISTEN_ON = Setting(
    "port", int, 0, 0, 65535, "", "where to send it, on the same machine; 0 is where it was asked from"
)
SECONDS = Setting(
    "for",
    float,
    LEASE,
    1.0,
    LONGEST_LEASE,
    "s",
    "how long it lasts after the last packet that came from there",
)
TOKEN = Setting(
    "token", int, 0, 0, 2**31 - 1, "", "from another machine: the number that the first answer brought"
)
ON = Setting("on", int, 0, 0, 1, "", "1 or 0; without it, the other of what it is now")
RIFF = Setting("name", str, "", None, None, "", "a riff in the crib, by its name")
RECIPE = Setting("recipe", str, "", None, None, "", "what to decode, as the text that a riff comes with")
NEW = Setting("new", int, 0, 0, 1, "", "1 makes the voice where there is none of that name")
SCENE = Setting("name", str, "", None, None, "", "a scene that comes with livevae, or a scene file")
