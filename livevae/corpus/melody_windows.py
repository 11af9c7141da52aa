"""Runs to windows: quantise to sixteenths, cut from every beat, and say what is left out and why."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from livevae.corpus.lines import STEPS_PER_QUARTER, Run
from livevae.music import melody

Tokens = NDArray[np.uint8]

OFF_GRID = Fraction(1, 5)
"""A start this far from its step (in steps) is off the grid; triplet eighths are a third off."""

MAX_OFF_GRID = 0.25
"""Share of off-grid notes above which a window is refused: its rhythm would be our rounding."""

MIN_NOTES = 3
MIN_PITCHES = 2
BAR = 16
"""Steps of a bar of 4/4. A window that is silent for a bar or longer is refused."""


def quantise(run: Run) -> tuple[Tokens, NDArray[np.bool_]]:
    """A run on the grid.

    Returns:
        tokens [steps] uint8 and, [steps] bool, whether the note struck there was off the grid.
    """
    steps = int(run.steps)
    spans: list[tuple[int, int, int]] = []
    crooked = np.zeros(steps, np.bool_)
    for start, end, pitch in run.notes:
        if not melody.MIN_PITCH <= pitch <= melody.MAX_PITCH:
            continue
        first = round_half_up(start)
        spans.append((first, round_half_up(end), pitch))
        if abs(start - first) > OFF_GRID and first < steps:
            crooked[first] = True
    return np.array(melody.write(spans, steps), np.uint8), crooked


def round_half_up(value: Fraction) -> int:
    """The nearest whole step, the later one of two that are equally near (as `melody.nearest_step`)."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def windows(
    run: Run, steps: int, refused: Counter[str], hop: int = STEPS_PER_QUARTER, bar: int = BAR
) -> Iterator[Tokens]:
    """Every window of `steps` tokens from every beat of a run that is worth learning; the others are counted."""
    return (window for _, window in places(run, steps, refused, hop, bar))


def places(
    run: Run, steps: int, refused: Counter[str], hop: int = STEPS_PER_QUARTER, bar: int = BAR
) -> Iterator[tuple[int, Tokens]]:
    """(first step in the run, window) of each of `windows`, a window every `hop` steps; a bar has `bar`.

    A note that began before the window is not heard in it: its holds stay holds, its off becomes one, as in
    Magenta's slicing of melodies.
    """
    tokens, crooked = quantise(run)
    struck = tokens > melody.OFF
    for first in range(0, len(tokens) - steps + 1, hop):
        window = tokens[first : first + steps].copy()
        reason = _fault(window, int((struck & crooked)[first : first + steps].sum()), bar)
        if reason:
            refused[reason] += 1
            continue
        beginning = int(np.argmax(window > melody.OFF))
        window[:beginning] = melody.HOLD
        yield first, window


def _fault(window: Tokens, crooked: int, bar: int) -> str | None:
    pitches = window[window > melody.OFF]
    if len(pitches) < MIN_NOTES:
        return f"windows with fewer than {MIN_NOTES} notes"
    if len(np.unique(pitches)) < MIN_PITCHES:
        return "windows of one pitch"
    if crooked > MAX_OFF_GRID * len(pitches):
        return "windows with triplets or other rhythms off the sixteenth grid"
    if longest_silence(window) >= bar:
        return "windows with a silent bar"
    return None


def longest_silence(window: Tokens) -> int:
    """The longest stretch of steps in which nothing sounds; a note from before the window is not heard."""
    longest = length = 0
    sounding = False
    for token in window.tolist():
        if token != melody.HOLD:
            sounding = melody.is_note(token)
        length = 0 if sounding else length + 1
        longest = max(longest, length)
    return longest


def shape_key(window: Tokens) -> bytes:
    """The window up to transposition, as bytes: its rhythm and its intervals from the first note."""
    key = window.astype(np.int16)
    notes = key > melody.OFF
    key[notes] -= key[np.argmax(notes)] - 128
    return key.tobytes()
