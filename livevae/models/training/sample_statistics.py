"""What melodies and drums are like in numbers: to lay a model's samples beside the music that it learnt from.

Each statistic is a histogram over notes (or windows) that sums to 1. The distance of two is their total variation: the
share of notes that would have to change. Pure numpy.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.corpus import chord_windows
from livevae.music import drums, melody
from livevae.music.notes import STEPS_PER_BAR

Tokens = NDArray[Any]
Histogram = NDArray[np.float64]

WIDEST = 12
"""Semitones: an interval of an octave or more counts as an octave."""

LONGEST = 16
"""Steps: a note of a bar or more counts as a bar."""


def notes(windows: Tokens) -> NDArray[np.int64]:
    """Every note of windows [N, steps] as a row (window, step, pitch, length in steps), in order."""
    rows: list[tuple[int, int, int, int]] = []
    steps = windows.shape[1]
    for index, window in enumerate(np.asarray(windows)):
        events = np.flatnonzero(window != melody.HOLD)
        ends = np.append(events, steps)[1:]
        rows += [
            (index, int(step), int(window[step]) - melody.PITCH_TO_TOKEN, int(end - step))
            for step, end in zip(events, ends, strict=True)
            if window[step] > melody.OFF
        ]
    return np.array(rows, np.int64).reshape(-1, 4)


def histogram(values: NDArray[np.int64], bins: int) -> Histogram:
    """Shares of the values 0 to bins - 1."""
    counts = np.bincount(values, minlength=bins)[:bins].astype(np.float64)
    shares: Histogram = counts / max(1.0, float(counts.sum()))
    return shares


def pitch_classes(found: NDArray[np.int64], _windows: Tokens) -> Histogram:
    """Pitch classes, C to B."""
    return histogram(found[:, 2] % 12, 12)


def scale_degrees(found: NDArray[np.int64], _windows: Tokens) -> Histogram:
    """Pitch classes above the one that sounds longest in the window: the same in every key."""
    degrees: list[NDArray[np.int64]] = []
    for index in np.unique(found[:, 0]):
        here = found[found[:, 0] == index]
        home = np.bincount(here[:, 2] % 12, weights=here[:, 3], minlength=12).argmax()
        degrees.append((here[:, 2] - home) % 12)
    return histogram(np.concatenate([np.zeros(0, np.int64), *degrees]), 12)


def intervals(found: NDArray[np.int64], _windows: Tokens) -> Histogram:
    """Semitones from a note to the next in its window, an octave down to an octave up."""
    steps = np.diff(found[:, 2])[np.diff(found[:, 0]) == 0]
    return histogram(np.clip(steps, -WIDEST, WIDEST) + WIDEST, 2 * WIDEST + 1)


def durations(found: NDArray[np.int64], _windows: Tokens) -> Histogram:
    """Lengths of notes, 1 step to a bar."""
    return histogram(np.minimum(found[:, 3], LONGEST) - 1, LONGEST)


def onsets(found: NDArray[np.int64], _windows: Tokens, bar: int = STEPS_PER_BAR) -> Histogram:
    """Where in the bar notes start, of so many steps."""
    return histogram(found[:, 1] % bar, bar)


def density(found: NDArray[np.int64], windows: Tokens) -> Histogram:
    """Notes in a window, 0 to its steps."""
    return histogram(np.bincount(found[:, 0], minlength=len(windows)), windows.shape[1] + 1)


def ranges(found: NDArray[np.int64], windows: Tokens) -> Histogram:
    """Semitones from a window's lowest to its highest note, 0 to 36 or more."""
    lowest = np.full(len(windows), 999)
    highest = np.full(len(windows), -999)
    np.minimum.at(lowest, found[:, 0], found[:, 2])
    np.maximum.at(highest, found[:, 0], found[:, 2])
    spans = (highest - lowest)[highest >= lowest]
    return histogram(np.minimum(spans, 36), 37)


STATISTICS: Mapping[str, Callable[[NDArray[np.int64], Tokens], Histogram]] = MappingProxyType(
    {
        "pitch classes": pitch_classes,
        "scale degrees": scale_degrees,
        "intervals": intervals,
        "durations": durations,
        "onset positions": onsets,
        "notes a window": density,
        "range": ranges,
    }
)
"""Every statistic by name."""


def statistics(windows: Tokens, music: str = "melody", bar: int = STEPS_PER_BAR) -> dict[str, Histogram]:
    """Every statistic of windows [N, steps] of melodies or drums, or [N, steps, 3] of trios, part by part.

    Of melodies over chords [N, steps, 2] also which notes are of the chord that they are struck over. Bars of
    melodies have `bar` steps.
    """
    if music == "chords":
        line = windows[..., chord_windows.MELODY]
        found = notes(line)
        over = np.asarray(windows)[found[:, 0], found[:, 1], chord_windows.CHORD].astype(np.int64)
        inside = chord_windows.in_chord(found[:, 2], over)[over > 0]
        return {**statistics(line), "notes of the chord": histogram(inside.astype(np.int64), 2)}
    if music == "trio":
        parts = (("melody", "melody"), ("bass", "melody"), ("drums", "drums"))
        return {
            f"{part}: {name}": found
            for index, (part, kind) in enumerate(parts)
            for name, found in statistics(windows[..., index], kind).items()
        }
    if music == "all-drums":
        return drum_statistics(reduced(np.asarray(windows).astype(np.int64)))
    if music == "drums":
        return drum_statistics(np.asarray(windows).astype(np.int64))
    found = notes(windows)
    return {name: of(found, windows) for name, of in STATISTICS.items()} | {
        "onset positions": onsets(found, windows, bar)
    }


def reduced(windows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Drum tokens of all 61 instruments as tokens of the nine that they belong to."""
    nine = drums.instruments(drums.REDUCED)
    found = np.zeros_like(windows)
    for bit, (pitch,) in enumerate(drums.FULL):
        found |= (windows >> bit & 1) << nine[pitch]
    return found


def drum_statistics(windows: NDArray[np.int64]) -> dict[str, Histogram]:
    """Instruments, where in the bar they are struck, how many at once, how many steps of a window."""
    steps = windows.shape[1]
    hits = windows[..., None] >> np.arange(len(drums.NAMES)) & 1  # [N, steps, drums]
    places = np.broadcast_to(np.arange(steps) % STEPS_PER_BAR, windows.shape)
    return {
        "instruments": histogram(np.nonzero(hits)[2], len(drums.NAMES)),
        "onset positions": histogram(places[windows > 0], STEPS_PER_BAR),
        "kick positions": histogram(places[hits[..., 0] > 0], STEPS_PER_BAR),
        "snare positions": histogram(places[hits[..., 1] > 0], STEPS_PER_BAR),
        "struck together": histogram(hits.sum(-1)[windows > 0], len(drums.NAMES) + 1),
        "steps struck a window": histogram((windows > 0).sum(1), steps + 1),
    }


def distance(a: Histogram, b: Histogram) -> float:
    """Total variation of two histograms, 0 (alike) to 1 (nothing in common)."""
    return float(np.abs(a - b).sum() / 2)


def distances(a: Mapping[str, Histogram], b: Mapping[str, Histogram]) -> dict[str, float]:
    """Total variation of each statistic, and their mean."""
    found = {name: distance(a[name], b[name]) for name in a}
    return {**found, "mean": float(np.mean(list(found.values())))}


def distinct(windows: Tokens) -> float:
    """Share of the windows that are unlike all others."""
    return len(np.unique(np.asarray(windows), axis=0)) / len(windows)
