"""What can be heard of a window, as numbers for a simple classifier, and as symbols to be counted and compared."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.models.musicvae.config import Config
from livevae.music import drums, melody
from livevae.music.notes import STEPS_PER_BAR

Features = NDArray[np.float64]
Windows = NDArray[Any]

INTERVALS = 12
LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16)
DRUMS = len(drums.NAMES)


def features(window: Windows, config: Config) -> Features:
    """Numbers of one window, as many for each window of the model."""
    if config.music == "melody":
        return of_melody(window)
    if config.music == "trio":
        return np.concatenate(
            [of_melody(window[:, 0]), of_melody(window[:, 1]), of_drums(_bits(window[:, 2]))]
        )
    if config.music == "groove":
        hits, velocities, offsets = np.split(window, 3, 1)
        return np.concatenate([of_drums(hits), _means(velocities, hits), _means(offsets, hits) * 4])
    return of_drums(_struck(window, config))


def symbols(window: Windows, config: Config) -> NDArray[np.int64]:
    """One number a step: windows are copies, or so many edits apart, by these. Of a groove, the hits."""
    if config.music == "trio":
        return np.asarray(window.astype(np.int64) @ (1, 1 << 8, 1 << 16))
    if config.music in ("groove", "drums"):
        struck = _struck(window, config)
        return np.asarray(struck.astype(np.int64) @ (1 << np.arange(struck.shape[1])))
    return np.asarray(window, np.int64)


def of_melody(window: Windows) -> Features:
    """When notes begin, how long they are, how they move, where they lie."""
    struck = np.flatnonzero(window > melody.OFF)
    pitches = window[struck].astype(int) + melody.MIN_PITCH - 2
    onsets = np.bincount(struck % STEPS_PER_BAR, minlength=STEPS_PER_BAR) / 2
    lengths = np.diff([*struck, len(window)])
    length_bins = np.bincount(
        np.searchsorted(LENGTHS, lengths).clip(0, len(LENGTHS) - 1), minlength=len(LENGTHS)
    )
    steps = np.diff(pitches).clip(-INTERVALS, INTERVALS)
    moves = np.bincount(steps + INTERVALS, minlength=2 * INTERVALS + 1)
    classes = np.bincount(pitches % 12, minlength=12)
    count = max(1, len(struck))
    span = pitches.max() - pitches.min() if len(pitches) else 0
    middle = pitches.mean() if len(pitches) else 0
    offs = float((window == melody.OFF).sum())
    whole = [
        len(struck) / 8,
        middle / 12,
        span / 12,
        offs / 4,
        float(np.abs(steps).mean()) if len(steps) else 0.0,
    ]
    return np.concatenate([onsets, length_bins / count, moves / count, classes / count, whole])


def intervals(windows: Windows) -> Features:
    """Shares of the intervals of melodies `[N, steps]`, an octave down to an octave up; they sum to 1."""
    counts = np.zeros(2 * INTERVALS + 1)
    for window in windows:
        steps = np.diff(window[window > melody.OFF].astype(int)).clip(-INTERVALS, INTERVALS)
        counts += np.bincount(steps + INTERVALS, minlength=len(counts))
    return np.asarray(counts / max(1.0, counts.sum()))


def jensen_shannon(a: Features, b: Features) -> float:
    """The Jensen-Shannon divergence of two shares, in bits: 0 alike, 1 nothing in common (Lin 1991)."""
    middle = (a + b) / 2

    def bits(p: Features) -> float:
        there = p > 0
        return float((p[there] * np.log2(p[there] / middle[there])).sum())

    return (bits(a) + bits(b)) / 2


def of_drums(hits: Windows) -> Features:
    """How often each drum is struck on each sixteenth of the bar, how often at all, and how many at once.

    Args:
        hits: `[steps, drums]`, 0 or 1.
    """
    bars = hits.reshape(-1, STEPS_PER_BAR, hits.shape[1]).mean(0)
    together = np.bincount(hits.sum(1).astype(int).clip(0, 4), minlength=5) / len(hits)
    return np.concatenate([bars.ravel(), 4 * hits.mean(0), together])


def _struck(window: Windows, config: Config) -> Windows:
    """Which drums each step strikes, `[steps, drums]`."""
    if config.music == "groove":
        return np.asarray(window[:, : window.shape[1] // 3])
    return _bits(window) if window.ndim == 1 else window


def _bits(tokens: Windows) -> Windows:
    return np.asarray(tokens.astype(np.int64)[:, None] >> np.arange(DRUMS) & 1)


def _means(values: Windows, hits: Windows) -> Features:
    """The mean of each drum's values where it is struck."""
    return np.asarray((values * hits).sum(0) / hits.sum(0).clip(1))
