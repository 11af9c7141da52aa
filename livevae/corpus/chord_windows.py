"""Melodies over chords: of a line with chords above it, two tokens a step, the melody's and the chord's.

A chord lasts until the next one; before the first, and where a stretch begins anew, there is none. A chord's token is
its class in `livevae.music.chords`.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.corpus.lines import Run
from livevae.corpus.melody_windows import places, round_half_up, shape_key
from livevae.music import chords

MELODY, CHORD = 0, 1
"""The columns of a window."""

Window = NDArray[np.uint8]


def windows(run: Run, steps: int, refused: Counter[str]) -> Iterator[Window]:
    """Every window `[steps, 2]` of a run that is worth learning and has chords; the others are counted."""
    if not run.chords:
        refused["stretches without chords"] += 1
        return
    row = np.zeros(int(run.steps), np.uint8)
    for start, chord in sorted(run.chords):
        row[round_half_up(start) :] = chord
    for first, tokens in places(run, steps, refused):
        over = row[first : first + steps]
        if over.any():
            yield np.stack([tokens, over], 1)
        else:
            refused["windows without chords"] += 1


def moved(tokens: NDArray[np.int64], by: NDArray[np.int64]) -> NDArray[np.int64]:
    """Chords so many semitones higher; no chord stays none. The shapes broadcast."""
    kind, root = np.divmod(tokens - 1, 12)
    return np.where(tokens > 0, 1 + 12 * kind + (root + by) % 12, tokens)


def in_chord(pitches: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each pitch is of the triad of each chord; nothing is of none."""
    found: NDArray[np.bool_] = TONES[tokens, pitches % 12]
    return found


def melody_shape(window: NDArray[Any]) -> bytes:
    """A window's melody up to transposition: over other chords it is the same music."""
    return shape_key(window[:, MELODY])


def _tones() -> NDArray[np.bool_]:
    table = np.zeros((chords.CLASSES, 12), np.bool_)
    for quality, steps in enumerate(chords.TRIADS):
        for root in range(12):
            table[chords.triad(root, quality), [(root + step) % 12 for step in steps]] = True
    return table


TONES = _tones()
"""[49, 12]: which pitch classes each chord has."""
