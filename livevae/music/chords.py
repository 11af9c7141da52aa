"""The chord vocabulary: note-seq's triads, 49 classes, from symbols such as "F#m7" or "Bb".

Class 0 is no chord; then come twelve roots (C first) each of major, minor, augmented and diminished
(`TriadChordOneHotEncoding`). Sevenths and suspensions are heard as the triad below them.
"""

import re
from collections.abc import Sequence

from livevae.errors import MusicError
from livevae.music.notes import STEPS_PER_BAR

QUALITIES = ("major", "minor", "augmented", "diminished")
TRIADS = ((0, 4, 7), (0, 3, 7), (0, 4, 8), (0, 3, 6))
"""Semitones above the root, of each quality."""

CLASSES = 1 + 12 * len(QUALITIES)
"""49."""

NO_CHORD = ("N.C.", "NC", "-", "")

_ROOTS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_SUFFIXES = ("", "m", "+", "o")
_SYMBOL = re.compile(r"([A-G])([#b♯♭]?)([^/]*)(?:/[A-G][#b♯♭]?)?")
_KINDS = (
    (re.compile(r"(?:o|dim|°|ø|m7?b5|m7\(b5\)|-7?b5)"), 3),
    (re.compile(r"(?:\+|aug|maj7#5|7#5)"), 2),
    (re.compile(r"(?:m(?!aj)|min|-)"), 1),
    (re.compile(r"(?:maj|M|\^|Δ|[2-9]|1[13]|sus|add|\(|$)"), 0),
)


def encode(symbol: str) -> int:
    """The class of a chord symbol.

    Raises:
        MusicError: it is no chord symbol that has a triad.
    """
    if symbol.strip() in NO_CHORD:
        return 0
    found = _SYMBOL.fullmatch(symbol.strip())
    if found is None:
        raise MusicError(
            f"{symbol[:40]!r} is no chord: expected a root such as F# or Bb, and a kind such as m or 7"
        )
    letter, accidental, kind = found.groups()
    root = (_ROOTS[letter] + {"#": 1, "♯": 1, "b": -1, "♭": -1}.get(accidental, 0)) % 12
    for pattern, quality in _KINDS:
        if pattern.match(kind):
            return triad(root, quality)
    raise MusicError(
        f"{symbol[:40]!r} is of no kind that livevae knows: {', '.join(QUALITIES)}, and their sevenths"
    )


def triad(root: int, quality: int) -> int:
    """The class of a triad on a root (semitones above C, of any octave); `quality` is an index into `QUALITIES`."""
    return 1 + 12 * quality + root % 12


def decode(token: int) -> str:
    """The plainest symbol of a class; `encode` gives it back.

    Raises:
        MusicError: it is not 0 to 48.
    """
    if not 0 <= token < CLASSES:
        raise MusicError(f"a chord's class is 0 to {CLASSES - 1}, not {token}")
    if token == 0:
        return NO_CHORD[0]
    quality, root = divmod(token - 1, 12)
    return _NAMES[root] + _SUFFIXES[quality]


def controls(symbols: Sequence[str], steps: int) -> list[list[int]]:
    """Chords as a model's controls: one-hot rows `[steps][49]`, the chords lasting equally long.

    Args:
        symbols: one for each stretch; as many as divide the steps.
        steps: sixteenths of the window.

    Raises:
        MusicError: a symbol that is no chord, or a number of them that does not divide the window.
    """
    if not symbols or steps % len(symbols):
        raise MusicError(f"{len(symbols)} chords do not divide {steps // STEPS_PER_BAR} bars evenly")
    classes = [encode(symbol) for symbol in symbols for _ in range(steps // len(symbols))]
    return [[int(i == one) for i in range(CLASSES)] for one in classes]
