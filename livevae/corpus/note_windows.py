"""Scores to windows of many voices: every note on the sixteenth grid, drums left out.

A window is `[steps, 88]` uint8: 0 where nothing is struck, else how many steps the key that is struck there lasts.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.corpus.lines import FITTING_METERS
from livevae.corpus.melody_windows import MAX_OFF_GRID, OFF_GRID, round_half_up
from livevae.corpus.score import PlayedNote, Score
from livevae.music.melody import MAX_PITCH, MIN_PITCH
from livevae.music.notes import STEPS_PER_BAR, STEPS_PER_BEAT

KEYS = MAX_PITCH - MIN_PITCH + 1
LONGEST = 64
"""Steps: longer notes end here."""

NOTES_A_BAR = 2


Roll = tuple[NDArray[Any], NDArray[np.int64]]
"""Notes as a roll `[steps, 88]`, 0 where nothing is struck, and how many notes of each step are off its grid."""

Draw = Callable[[Sequence[PlayedNote], int, int, int], Roll]
"""Notes, the tick where they begin, ticks a quarter and a number of steps, to a roll."""


def windows(score: Score, steps: int, refused: Counter[str]) -> Iterator[NDArray[np.uint8]]:
    """Windows of `steps` from every fourth bar line of a score's stretches in meters that fit.

    Those that are not worth learning are counted in `refused`.
    """
    return cut(score, steps, refused, _drawn, "triplets or other rhythms off the sixteenth grid")


def cut(score: Score, steps: int, refused: Counter[str], draw: Draw, off_grid: str) -> Iterator[NDArray[Any]]:
    """Windows of rolls of a score, see `windows`; `off_grid` says what a window is refused for that has much of it."""
    parts = [part for part in score.parts if not part.is_drums]
    for begin, end, meter in score.stretches():
        if meter not in FITTING_METERS:
            refused[f"stretches in {meter[0]}/{meter[1]}, which does not fit the 4/4 grid"] += 1
            continue
        notes = [note for part in parts for note in part.between(begin, end)]
        length = (end - begin) * STEPS_PER_BEAT // score.ticks_per_quarter
        roll, crooked = draw(notes, begin, score.ticks_per_quarter, max(length, steps))
        for first in range(0, length - steps + 1, 4 * STEPS_PER_BAR):
            window = roll[first : first + steps]
            count = int((window > 0).sum())
            bars: NDArray[np.bool_] = np.asarray((window > 0).reshape(-1, STEPS_PER_BAR * KEYS).any(1))
            if count < NOTES_A_BAR * len(bars):
                refused["windows with too few notes"] += 1
            elif not bars.all():
                refused["windows with a bar in which nothing is struck"] += 1
            elif int(crooked[first : first + steps].sum()) > MAX_OFF_GRID * count:
                refused[f"windows with {off_grid}"] += 1
            else:
                yield window


def _drawn(notes: Sequence[PlayedNote], begin: int, per_quarter: int, steps: int) -> Roll:
    per_step = Fraction(per_quarter, STEPS_PER_BEAT)
    roll = np.zeros((steps, KEYS), np.uint8)
    crooked: NDArray[Any] = np.zeros(steps, np.int64)
    for note in notes:
        at = (note.start - begin) / per_step
        first, last = round_half_up(at), round_half_up((note.end - begin) / per_step)
        if first < steps and MIN_PITCH <= note.pitch <= MAX_PITCH:
            roll[first, note.pitch - MIN_PITCH] = min(max(1, last - first), LONGEST)
            crooked[first] += abs(at - first) > OFF_GRID
    return roll, crooked
