"""MIDI files to trios: a line, the bass beneath it and the drums, three tokens a step, in bars of 4/4.

Each line that has one voice makes trios of its own with the file's fullest bass and all of its drums, so a song with a
lead and a second voice is heard twice, each with another melody. Windows begin on bar lines, as drums' do.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.corpus import drum_windows, parts as midi_parts
from livevae.corpus.lines import FITTING_METRES, STEPS_PER_QUARTER, Run
from livevae.corpus.melody_windows import MIN_NOTES, longest_silence, quantise, round_half_up
from livevae.corpus.names import song_name
from livevae.corpus.parts import BASSES, EFFECTS, Part, Score, fullest
from livevae.errors import MusicError
from livevae.music import drums, melody
from livevae.music.notes import STEPS_PER_BAR
from livevae.music.trio import BASS, DRUMS, MELODY

MIN_PART = 8
"""Notes of a line or a bass in a whole file, below which it is an effect."""

Stretch = NDArray[np.uint16]
"""Tokens [steps, 3] of a stretch in one metre, from its first bar line."""


def read(path: Path, refused: Counter[str]) -> tuple[str, list[Stretch]]:
    """A file's song and its trios, stretch by stretch; stretches in metres that do not fit are counted.

    Raises:
        MusicError: it is no MIDI file, or lacks a line of one voice, a bass or drums.
    """
    score = midi_parts.read(path)
    beat = [part for part in score.parts if part.drums]
    played = [part for part in score.parts if not part.drums and len(part.hits) >= MIN_PART]
    basses = [part for part in played if part.program in BASSES]
    leads = [p for p in played if p not in basses and p.program not in EFFECTS and not p.chords]
    for parts, name in ((leads, "line of one voice"), (basses, "bass"), (beat, "drums")):
        if not parts:
            raise MusicError(f"no {name} is in it")
    (bass,) = fullest(basses)
    found: list[Stretch] = []
    for begin, end, metre in _stretches(score):
        if metre not in FITTING_METRES:
            refused[f"stretches in {metre[0]}/{metre[1]}, which does not fit the 4/4 grid"] += 1
            continue
        steps = math.ceil((end - begin) * STEPS_PER_QUARTER / STEPS_PER_BAR) * STEPS_PER_BAR
        struck, low = _strokes(beat, begin, steps), _line(bass, begin, end, steps)
        found.extend(np.stack([_line(lead, begin, end, steps), low, struck], 1) for lead in leads)
    return song_name(path.stem), found


def _stretches(score: Score) -> Iterator[tuple[Fraction, Fraction, tuple[int, int]]]:
    """Begin and end in quarters, and the metre, of everything between two time signatures."""
    ends = [quarters for quarters, _ in score.metres[1:]]
    for (begin, metre), end in zip(score.metres, [*ends, score.length], strict=True):
        if end > begin:
            yield begin, end, metre


def _line(part: Part, begin: Fraction, end: Fraction, steps: int) -> Stretch:
    notes = [
        ((hit.start - begin) * STEPS_PER_QUARTER, (hit.end - begin) * STEPS_PER_QUARTER, hit.pitch)
        for hit in part.hits
        if begin <= hit.start < end
    ]
    return quantise(Run(notes, Fraction(steps)))[0].astype(np.uint16)


def _strokes(parts: Sequence[Part], begin: Fraction, steps: int) -> Stretch:
    drum_of = drums.instruments(drums.REDUCED)
    tokens = np.zeros(steps, np.uint16)
    for hit in (hit for part in parts for hit in part.hits if hit.pitch in drum_of):
        step = round_half_up((hit.start - begin) * STEPS_PER_QUARTER)
        if 0 <= step < steps:
            tokens[step] |= 1 << drum_of[hit.pitch]
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
