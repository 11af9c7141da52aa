"""Scores to windows of many voices with velocities, triplets too (`livevae.music.piano_roll`); drums left out."""

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.corpus.melody_windows import round_half_up
from livevae.corpus.note_windows import Roll, cut
from livevae.corpus.score import PlayedNote, Score
from livevae.music.piano_roll import (
    KEYS,
    LONGEST,
    LOWEST,
    TWELFTHS,
    Cell,
    nearest_place,
    on_step,
    pack,
    velocity_bin,
)

OFF_GRID = 0.4
"""Twelfths of a beat: a start this far from every place is off the grid (a quintuplet is up to 0.6)."""


def windows(score: Score, steps: int, refused: Counter[str]) -> Iterator[NDArray[np.uint16]]:
    """Windows of `steps` sixteenths, chosen as those of `note_windows`."""
    return cut(score, steps, refused, _drawn, "rhythms off the grid of sixteenths and triplets")


def _drawn(notes: Sequence[PlayedNote], begin: int, per_quarter: int, steps: int) -> Roll:
    each = Fraction(per_quarter, TWELFTHS)
    roll = np.zeros((steps, KEYS), np.uint16)
    crooked: NDArray[Any] = np.zeros(steps, np.int64)
    for note in notes:
        at = float((note.start - begin) / each)
        place = nearest_place(at)
        step, lean = on_step(place)
        if step < steps and LOWEST <= note.pitch < LOWEST + KEYS:
            lasts = round_half_up((note.end - note.start) / each)
            cell = Cell(min(max(1, lasts), LONGEST), lean, velocity_bin(note.velocity))
            roll[step, note.pitch - LOWEST] = pack(cell)
            crooked[step] += abs(at - place) > OFF_GRID
    return roll, crooked
