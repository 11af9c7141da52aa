"""Chord symbols as the improv RNNs hear them: a triad's class, or root, tones and bass.

A symbol is a root, a kind, alterations and a bass: `F#m7`, `C7(b9)`, `Bb6/9/D`. What each kind contains is common
practice; which spellings are known, and that a triad with an altered third or fifth has no class, is note-seq's.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livevae.errors import MusicError

NO_CHORD = "N.C."
LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
DEGREES = {1: 0, 2: 2, 3: 4, 4: 5, 5: 7, 6: 9, 7: 11}

_MINORS = ("m", "min", "-")
_AUGMENTED = ("+", "aug")
_MAJORS = ("maj", "M")


def _kinds() -> dict[str, dict[int, int]]:
    """Scale degrees (and by how much each is altered) of every kind of chord, by its spellings."""
    major, minor = {1: 0, 3: 0, 5: 0}, {1: 0, 3: -1, 5: 0}
    augmented, diminished = {1: 0, 3: 0, 5: 1}, {1: 0, 3: -1, 5: -1}
    above = {"7": {}, "9": {9: 0}, "11": {9: 0, 11: 0}, "13": {9: 0, 11: 0, 13: 0}}  # type: dict[str, dict[int, int]]
    found = {"": major, "6": {**major, 6: 0}, "6/9": {**major, 6: 0, 9: 0}, "ped": {1: 0}, "5": {1: 0, 5: 0}}
    found |= {"sus2": {1: 0, 2: 0, 5: 0}, "o": diminished, "dim": diminished}
    fourth = {1: 0, 4: 0, 5: 0}
    found |= {"sus": fourth, "sus4": fourth}
    found |= {name: {**fourth, 7: -1} for name in ("sus7", "7sus")}
    found |= {name: {**diminished, 7: -2} for name in ("o7", "dim7")}
    found |= {name: {**diminished, 7: -1} for name in ("m7b5", "-7b5", "/o", "/o7")}
    found |= dict.fromkeys(_MAJORS, major) | dict.fromkeys(_MINORS, minor)
    found |= dict.fromkeys(_AUGMENTED, augmented)
    for number, more in above.items():
        found[number] = {**major, 7: -1, **more}
        found |= {name + number: {**major, 7: 0, **more} for name in _MAJORS}
        found |= {name + number: {**minor, 7: -1, **more} for name in _MINORS}
        if number in ("7", "9"):
            found |= {name + number: {**augmented, 7: -1, **more} for name in _AUGMENTED}
    for name in _MINORS:
        found[name + "6"] = {**minor, 6: 0}
        for seventh in ("maj7", "M7"):
            found[name + seventh] = found[f"{name}({seventh})"] = {**minor, 7: 0}
    return found


KINDS = _kinds()
_ROOT = r"[A-G](?:#*|b*)(?![#b])"
_CHANGE = r"add#|addb|add|no|#|b"
_SYMBOL = re.compile(
    f"({_ROOT})({'|'.join(map(re.escape, KINDS))})((?:\\(?(?:{_CHANGE})[0-9]+\\)?)*)(|/{_ROOT})$"
)
_CHANGES = re.compile(f"({_CHANGE})([0-9]+)")
TRIADS = {(0, 0, 0): 0, (0, -1, 0): 1, (0, 0, 1): 2, (0, -1, -1): 3}
"""Alterations of root, third and fifth: major, minor, augmented, diminished."""


@dataclass(frozen=True, slots=True)
class Chord:
    """What a symbol says.

    Attributes:
        root: pitch class.
        degrees: scale degree to alteration in semitones.
        bass: pitch class.
    """

    root: int
    degrees: dict[int, int]
    bass: int

    @property
    def pitches(self) -> list[int]:
        """Its pitch classes."""
        return sorted(
            {
                (self.root + DEGREES[(degree - 1) % 7 + 1] + alter) % 12
                for degree, alter in self.degrees.items()
            }
        )


def parse(symbol: str) -> Chord:
    """A chord from its symbol.

    Raises:
        MusicError: it is none.
    """
    found = _SYMBOL.match(symbol)
    if found is None:
        raise MusicError(f"{symbol[:40]!r} is no chord: expected such as C, F#m7, Bb7(b9) or Am/C")
    root, kind, changes, bass = found.groups()
    degrees = dict(KINDS[kind])
    for change, number in _CHANGES.findall(changes):
        _change(symbol, degrees, change, int(number))
    return Chord(_pitch_class(root), degrees, _pitch_class(bass[1:] or root))


def _change(symbol: str, degrees: dict[int, int], change: str, degree: int) -> None:
    if degree < 1:
        raise MusicError(f"{symbol[:40]!r} is no chord: there is no degree {degree}")
    if change == "no":
        if degree not in degrees:
            raise MusicError(f"{symbol[:40]!r} is no chord: it leaves out degree {degree}, which it has not")
        del degrees[degree]
    elif change.startswith("add"):
        if degree in degrees:
            raise MusicError(f"{symbol[:40]!r} is no chord: it adds degree {degree}, which it has")
        degrees[degree] = {"add": 0, "add#": 1, "addb": -1}[change] - (degree == 7)
    else:
        degrees[degree] = degrees.get(degree, 0) + (1 if change == "#" else -1)


def _pitch_class(name: str) -> int:
    return (LETTERS[name[0]] + name.count("#") - name[1:].count("b")) % 12


def triad(symbol: str) -> int:
    """The class of a chord among 49: 0 none, then twelve roots each of major, minor, augmented, diminished.

    Raises:
        MusicError: it is no chord, or of none of these kinds.
    """
    if symbol == NO_CHORD:
        return 0
    chord = parse(symbol)
    quality = TRIADS.get(tuple(chord.degrees.get(degree, 99) for degree in (1, 3, 5)))  # type: ignore[arg-type]
    if quality is None:
        raise MusicError(f"{symbol[:40]!r} has no triad that is major, minor, augmented or diminished")
    return 1 + 12 * quality + chord.root


def triad_row(symbol: str) -> NDArray[np.float32]:
    """`[49]`: one-hot of `triad`; errors as there."""
    row = np.zeros(49, np.float32)
    row[triad(symbol)] = 1
    return row


def pitches_row(symbol: str) -> NDArray[np.float32]:
    """`[37]`: none; the root, the tones and the bass, twelve each.

    Raises:
        MusicError: it is no chord.
    """
    row = np.zeros(37, np.float32)
    if symbol == NO_CHORD:
        row[0] = 1
        return row
    chord = parse(symbol)
    row[1 + chord.root] = 1
    row[[13 + pitch for pitch in chord.pitches]] = 1
    row[25 + chord.bass] = 1
    return row
