"""Scores to windows of many voices with velocities, triplets too (`livevae.music.piano_roll`); drums left out."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.corpus.lines import FITTING_METERS
from livevae.corpus.melody_windows import MAX_OFF_GRID, round_half_up
from livevae.corpus.note_windows import NOTES_A_BAR
from livevae.corpus.score import PlayedNote, Score
from livevae.music.notes import STEPS_PER_BAR
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

HOP = 4 * STEPS_PER_BAR


def windows(score: Score, steps: int, refused: Counter[str]) -> Iterator[NDArray[np.uint16]]:
    """Windows of `steps` sixteenths from every fourth bar line of a score's stretches in meters that fit.

    Those that are not worth learning are counted in `refused`.
    """
    parts = [part for part in score.parts if not part.is_drums]
    for begin, end, meter in score.stretches():
        if meter not in FITTING_METERS:
            refused[f"stretches in {meter[0]}/{meter[1]}, which does not fit the 4/4 grid"] += 1
            continue
        notes = [note for part in parts for note in part.between(begin, end)]
        yield from _cut(notes, begin, end, score.ticks_per_quarter, steps, refused)


def _cut(
    notes: list[PlayedNote], begin: int, end: int, per_quarter: int, steps: int, refused: Counter[str]
) -> Iterator[NDArray[np.uint16]]:
    each = Fraction(per_quarter, TWELFTHS)
    length = int((end - begin) / each / 3)
    roll = np.zeros((max(length, steps), KEYS), np.uint16)
    crooked: NDArray[Any] = np.zeros(len(roll), np.int64)
    for note in notes:
        at = float((note.start - begin) / each)
        place = nearest_place(at)
        step, lean = on_step(place)
        if step < len(roll) and LOWEST <= note.pitch < LOWEST + KEYS:
            lasts = round_half_up((note.end - note.start) / each)
            cell = Cell(min(max(1, lasts), LONGEST), lean, velocity_bin(note.velocity))
            roll[step, note.pitch - LOWEST] = pack(cell)
            crooked[step] += abs(at - place) > OFF_GRID
    for first in range(0, length - steps + 1, HOP):
        window = roll[first : first + steps]
        struck = window > 0
        count = int(struck.sum())
        bars: NDArray[np.bool_] = np.asarray(struck.reshape(-1, STEPS_PER_BAR * KEYS).any(1))
        if count < NOTES_A_BAR * len(bars):
            refused["windows with too few notes"] += 1
        elif not bars.all():
            refused["windows with a bar in which nothing is struck"] += 1
        elif int(crooked[first : first + steps].sum()) > MAX_OFF_GRID * count:
            refused["windows with rhythms off the grid of sixteenths and triplets"] += 1
        else:
            yield window
