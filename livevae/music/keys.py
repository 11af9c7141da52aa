"""Keys: which one a riff is in, and how to move it into another. Pure.

The key of some notes is the one whose profile their durations correlate with best (Krumhansl and Kessler 1982, as
used by Krumhansl and Schmuckler). Moving goes the short way round, at most six semitones; what is then still
outside of the scale goes to its nearest neighbour inside.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from livevae.music.notes import Riff
from livevae.music.shape import DRUMS, OCTAVE, fold

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
NAME = re.compile(r"([A-Ga-g])([#sb♯♭]?)\s*(m|min|minor|major|maj|)")

MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""How well each semitone above the tonic fits: listeners' ratings, Krumhansl and Kessler 1982, table 1."""

MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
MINOR_SCALE = (0, 2, 3, 5, 7, 8, 10)


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic (pitch class, 0 is C) and a mode."""

    tonic: int
    minor: bool = False

    @property
    def scale(self) -> frozenset[int]:
        """Its pitch classes: the major scale, or the natural minor one."""
        return frozenset(
            (self.tonic + step) % OCTAVE for step in (MINOR_SCALE if self.minor else MAJOR_SCALE)
        )

    def moved(self, semitones: int) -> "Key":
        """The same mode, so much higher."""
        return Key((self.tonic + semitones) % OCTAVE, self.minor)

    @property
    def signature(self) -> int:
        """The tonic of the major key with the same scale."""
        return (self.tonic + 3) % OCTAVE if self.minor else self.tonic


def parse(name: str) -> Key:
    """`C`, `f#`, `Bb major`, `Am`, `c minor`; sharps also as `s`, which hosts without `#` in names can send.

    Raises:
        ValueError: it is no key.
    """
    found = NAME.fullmatch(name.strip())
    if found is None:
        shown = name if len(name) <= 20 else name[:20] + "..."
        raise ValueError(
            f"a key is a letter from A to G, # or b, and m for minor, such as C, F# or Bbm; not {shown!r}"
        )
    letter, accidental, mode = found.groups()
    shift = {"#": 1, "s": 1, "♯": 1, "b": -1, "♭": -1, "": 0}[accidental]
    return Key(
        (LETTERS[letter.upper()] + shift) % OCTAVE, mode.startswith("m") and not mode.startswith("maj")
    )


def find(riff: Riff) -> Key:
    """The key that fits the riff best; C major for one without pitches."""
    weights = [0.0] * OCTAVE
    for note in riff.notes:
        if note.part != DRUMS:
            weights[note.pitch % OCTAVE] += note.length
    keys = [Key(tonic, minor) for minor in (False, True) for tonic in range(OCTAVE)]
    return max(keys, key=lambda key: _fit(weights, key))


def moved(riff: Riff, key: Key) -> Riff:
    """The riff in `key`: transposed the short way, and what is outside of the scale set right; drums stay.

    A riff in minor goes to the relative minor of a major `key`, and the other way round: the scale is what is
    shared by voices that play together.
    """
    shift = (key.signature - find(riff).signature + 5) % OCTAVE - 5
    scale = key.scale
    nearest = [
        min(range(-3, 4), key=lambda d: (((c + d) % OCTAVE) not in scale, abs(d), d)) for c in range(OCTAVE)
    ]

    def move(pitch: int) -> int:
        pitch += shift
        return fold(pitch + nearest[pitch % OCTAVE], 0, 127)

    return riff.map(lambda note: note if note.part == DRUMS else replace(note, pitch=move(note.pitch)))


def _fit(weights: Sequence[float], key: Key) -> float:
    """Pearson's correlation of durations by pitch class with the key's profile."""
    profile = MINOR if key.minor else MAJOR
    turned = [profile[(pitch_class - key.tonic) % OCTAVE] for pitch_class in range(OCTAVE)]
    mean_w, mean_p = sum(weights) / OCTAVE, sum(turned) / OCTAVE
    across = sum((w - mean_w) * (p - mean_p) for w, p in zip(weights, turned, strict=True))
    spread = math.sqrt(sum((w - mean_w) ** 2 for w in weights) * sum((p - mean_p) ** 2 for p in turned))
    return across / spread if spread else 0.0
