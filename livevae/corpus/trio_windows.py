"""Scores to trios: a line, the bass beneath it and the drums, three tokens a step, in bars of 4/4.

Each line that has one voice makes trios of its own with the file's fullest bass and all of its drums, so a song with a
lead and a second voice gives two trios, each with another melody. Windows begin on bar lines, as drums' do.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.corpus import drum_windows
from livevae.corpus.lines import FITTING_METERS, STEPS_PER_QUARTER, Run
from livevae.corpus.melody_windows import MIN_NOTES, longest_silence, quantise, round_half_up
from livevae.corpus.score import Part, Score, band, fullest
from livevae.errors import MusicError
from livevae.music import drums, melody
from livevae.music.notes import STEPS_PER_BAR
from livevae.music.trio import BASS, DRUMS, MELODY

MIN_PART = 8
"""Notes of a line or a bass in a whole file, below which it is an effect."""

Stretch = NDArray[np.uint16]
"""Tokens [steps, 3] of a stretch in one meter, from its first bar line."""


def stretches(score: Score, refused: Counter[str]) -> Iterator[Stretch]:
    """A score's trios, stretch by stretch; stretches in meters that do not fit are counted.

    Raises:
        MusicError: it lacks a line of one voice, a bass or drums.
    """
    parts = band(score.parts, MIN_PART)
    for there, name in ((parts.lines, "line of one voice"), (parts.basses, "bass"), (parts.drums, "drums")):
        if not there:
            raise MusicError(f"no {name} is in it")
    (bass,) = fullest(parts.basses)
    for begin, end, meter in score.stretches():
        if meter not in FITTING_METERS:
            refused[f"stretches in {meter[0]}/{meter[1]}, which does not fit the 4/4 grid"] += 1
            continue
        quarters = Fraction(end - begin, score.ticks_per_quarter)
        steps = math.ceil(quarters * STEPS_PER_QUARTER / STEPS_PER_BAR) * STEPS_PER_BAR
        struck, low = _strokes(parts.drums, begin, steps), _line(bass, begin, end, steps)
        for lead in parts.lines:
            yield np.stack([_line(lead, begin, end, steps), low, struck], 1)


def _line(part: Part, begin: int, end: int, steps: int) -> Stretch:
    per_quarter = part.ticks_per_quarter
    notes = [
        (
            Fraction((note.start - begin) * STEPS_PER_QUARTER, per_quarter),
            Fraction((note.end - begin) * STEPS_PER_QUARTER, per_quarter),
            note.pitch,
        )
        for note in part.between(begin, end)
    ]
    return quantise(Run(notes, Fraction(steps)))[0].astype(np.uint16)


def _strokes(parts: Sequence[Part], begin: int, steps: int) -> Stretch:
    drum_of = drums.instruments(drums.REDUCED)
    tokens = np.zeros(steps, np.uint16)
    for part in parts:
        early = part.ticks_per_quarter // (2 * STEPS_PER_QUARTER) + 1
        last = begin + (steps + 1) * part.ticks_per_quarter // STEPS_PER_QUARTER
        for note in part.between(begin - early, last):
            step = round_half_up(Fraction((note.start - begin) * STEPS_PER_QUARTER, part.ticks_per_quarter))
            if 0 <= step < steps and note.pitch in drum_of:
                tokens[step] |= 1 << drum_of[note.pitch]
    return tokens


def windows(stretch: Stretch, steps: int, refused: Counter[str]) -> Iterator[Stretch]:
    """Every window of `steps` from every bar line in which all three play; the others are counted."""
    for first in range(0, len(stretch) - steps + 1, STEPS_PER_BAR):
        window = stretch[first : first + steps].copy()
        for part in (MELODY, BASS):  # a note from before the window is not heard in it
            struck = window[:, part] > melody.OFF
            window[: int(np.argmax(struck)) if struck.any() else steps, part] = melody.HOLD
        if reason := _fault(window):
            refused[reason] += 1
        else:
            yield window


def _fault(window: Stretch) -> str:
    line, low, struck = window.T
    if int((line > melody.OFF).sum()) < MIN_NOTES or longest_silence(line.astype(np.uint8)) > len(line) // 2:
        return "windows without a melody"
    if not (low > melody.OFF).any():
        return "windows without a bass"
    if int((struck > 0).sum()) < drum_windows.MIN_STRUCK:
        return "windows without drums"
    return ""


def shape_key(window: NDArray[Any]) -> bytes:
    """A window [steps, 3] up to transposition, as bytes."""
    key = window.astype(np.int16)
    pitched = key[:, :DRUMS]
    notes = pitched > melody.OFF
    pitched[notes] -= pitched[:, MELODY][notes[:, MELODY]][0] - 128
    return key.tobytes()
