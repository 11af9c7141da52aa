"""Runs to long melodies that begin on bar lines: what models learn that predict a melody step by step.

Such a model counts bars and looks one and two bars back, so a window begins on a bar line and is long; a rest of a
bar is part of the music.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from livevae.corpus.lines import Run
from livevae.corpus.melody_windows import MAX_OFF_GRID, Tokens, longest_silence, quantise
from livevae.music import melody
from livevae.music.notes import STEPS_PER_BAR

MIN_PITCHES = 4
NOTES_A_BAR = 1.5
"""A window with fewer is an accompaniment's, or a long note's."""

MAX_SILENCE = 2 * STEPS_PER_BAR
"""Steps: a window that is silent for so long is refused."""


def windows(run: Run, steps: int, refused: Counter[str]) -> Iterator[Tokens]:
    """Every window of `steps` tokens from every second bar line of a run; those not worth learning are counted.

    A note that began before the window is not heard in it.
    """
    tokens, crooked = quantise(run)
    struck = tokens > melody.OFF
    for first in range(0, len(tokens) - steps + 1, 2 * STEPS_PER_BAR):
        window = tokens[first : first + steps].copy()
        pitches = window[window > melody.OFF]
        if len(pitches) < NOTES_A_BAR * steps / STEPS_PER_BAR:
            refused["windows with too few notes"] += 1
        elif len(np.unique(pitches)) < MIN_PITCHES:
            refused[f"windows with fewer than {MIN_PITCHES} pitches"] += 1
        elif int((struck & crooked)[first : first + steps].sum()) > MAX_OFF_GRID * len(pitches):
            refused["windows with triplets or other rhythms off the sixteenth grid"] += 1
        elif longest_silence(window) >= MAX_SILENCE:
            refused["windows that are silent for two bars"] += 1
        else:
            window[: int(np.argmax(window > melody.OFF))] = melody.HOLD
            yield window
