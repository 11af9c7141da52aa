"""The crib: riffs that a performer liked, each with its notes and all that it came from. Text in, text out; no files.

Law: `parse(text(kept)) == kept`, for every riff that can be kept.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from livevae.errors import LivevaeError, RequestError
from livevae.latent.recipe import Recipe
from livevae.music.meter import COMMON, Meter, parse as parse_meter
from livevae.music.notes import Note, Riff
from livevae.perform import recipes
from livevae.perform.events import Scalar

FORMAT = "livevae riff 1"
NAME = re.compile(r"[\w][\w.-]{0,63}")
LONGEST = 2_000_000
"""Characters of a riff's text."""

MOST_NOTES = 20_000


@dataclass(frozen=True, slots=True)
class KeptRiff:
    """A riff in the crib.

    Attributes:
        name: what it is called there.
        voice: who played it.
        riff: its notes as they were played, feel included.
        recipe: what it was decoded from.
        settings: those of its voice, by name.
        bpm: the tempo then.
        meter: the meter then.
    """

    name: str
    voice: str
    riff: Riff
    recipe: Recipe
    settings: tuple[tuple[str, Scalar], ...] = ()
    bpm: float = 120.0
    meter: Meter = COMMON


class Crib(Protocol):
    """Where kept riffs are. Calls return at once; what is written, is written beside the music."""

    def keep(self, kept: KeptRiff) -> KeptRiff:
        """Keep a riff; gives it with the name that it got, another one where its own is taken."""

    def names(self) -> tuple[str, ...]:
        """Of all riffs, the oldest first."""

    def find(self, name: str) -> KeptRiff:
        """A riff by name. Raises LivevaeError where there is none, or it cannot be read."""


class MemoryCrib:
    """A crib that is forgotten with its session: for tests, and for nights that are played again.

    Args:
        behind: another crib that is looked into and never written to.
    """

    def __init__(self, behind: Crib | None = None) -> None:
        self._riffs: dict[str, KeptRiff] = {}
        self._behind = behind

    def keep(self, kept: KeptRiff) -> KeptRiff:
        """Keep a riff, under another name where another riff has its own."""
        for name in names_for(kept.name):
            named = replace(kept, name=name)
            try:
                there = self.find(name)
            except LivevaeError:
                self._riffs[name] = named
                return named
            if same(there, named):
                return there
        raise AssertionError("names do not end")

    def names(self) -> tuple[str, ...]:
        """Of all riffs."""
        behind = self._behind.names() if self._behind is not None else ()
        return tuple(dict.fromkeys((*behind, *self._riffs)))

    def find(self, name: str) -> KeptRiff:
        """A riff by name.

        Raises:
            LivevaeError: there is none.
        """
        if name in self._riffs:
            return self._riffs[name]
        if self._behind is not None:
            return self._behind.find(name)
        raise no_such_riff(name, self.names())


def names_for(name: str) -> Iterable[str]:
    """The name, then others like it."""
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def same(a: KeptRiff, b: KeptRiff) -> bool:
    """Whether two kept riffs are the same music from the same recipe."""
    return (a.riff, a.recipe, a.voice) == (b.riff, b.recipe, b.voice)


def no_such_riff(name: str, there: tuple[str, ...]) -> RequestError:
    """The sentence for a name that no riff has."""
    shown = ", ".join(there[-20:]) or "none yet: /livevae/keep puts one there"
    return RequestError(f"there is no riff {name[:40]!r} in the crib; there are: {shown}")


def checked_name(name: str) -> str:
    """A name that a file can have.

    Raises:
        RequestError: no riff can have it.
    """
    if not NAME.fullmatch(name):
        raise RequestError(
            f"a riff's name is 1 to 64 letters, digits, dots, dashes or underscores, not {name[:40]!r}"
        )
    return name


def text(kept: KeptRiff) -> str:
    """A kept riff as JSON."""
    table = {
        "format": FORMAT,
        "name": kept.name,
        "voice": kept.voice,
        "bpm": kept.bpm,
        "meter": str(kept.meter),
        "recipe": json.loads(recipes.text(kept.recipe)),
        "settings": dict(kept.settings),
        "length": kept.riff.length,
        "notes": [[note.start, note.length, note.pitch, note.velocity] for note in kept.riff.notes],
    }
    return json.dumps(table, ensure_ascii=False, indent=1) + "\n"


def parse(given: str) -> KeptRiff:
    """A kept riff from its text.

    Raises:
        RequestError: it is none; says why.
    """
    if len(given) > LONGEST:
        raise RequestError(f"a kept riff has at most {LONGEST} characters, not {len(given)}")
    try:
        table = json.loads(given)
        _check(table)
        notes = tuple(Note(*map(_whole, note)) for note in table["notes"])
        settings = tuple((str(name), _scalar(value)) for name, value in table["settings"].items())
        return KeptRiff(
            checked_name(str(table["name"])),
            str(table["voice"]),
            Riff(notes, _whole(table["length"])),
            recipes.parse(json.dumps(table["recipe"])),
            settings,
            float(table["bpm"]),
            parse_meter(str(table["meter"])),
        )
    except LivevaeError as error:
        raise RequestError(f"this is no kept riff: {error}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise RequestError(f"this is no kept riff: {type(error).__name__}: {str(error)[:100]}") from None


def _check(table: Any) -> None:
    if table["format"] != FORMAT:
        raise ValueError(f"its format is {str(table['format'])[:40]!r}, not {FORMAT!r}")
    if len(table["notes"]) > MOST_NOTES:
        raise ValueError(f"it has more than {MOST_NOTES} notes")


def _whole(value: Any) -> int:
    if type(value) is not int or abs(value) > 2**31:
        raise ValueError(f"a whole number was expected, not {str(value)[:20]!r}")
    return value


def _scalar(value: Any) -> Scalar:
    if type(value) not in (int, float, str):
        raise ValueError(f"a number or a text was expected, not {str(value)[:20]!r}")
    scalar: Scalar = value
    return scalar
