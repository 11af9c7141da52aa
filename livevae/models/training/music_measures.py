"""Measures that music is compared by: overlapped area, scale consistency, groove consistency. Pure numpy.

Overlapped area (Yang and Lerch 2020, `mgeval`): of a feature, the distances among pieces of music are a distribution,
and so are those from music to what a model made. How much of the two lies over each other, from 0 to 1, says how far
the model's pieces are as alike and as different as the music's. Scale consistency (Mogren 2016): share of notes in the
best of all scales. Groove consistency (Wu and Yang 2020, by neighbouring bars as in MusPy): how much a bar's rhythm is
the one before's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from livevae.music.keys import MAJOR_SCALE
from livevae.music.notes import STEPS_PER_BAR, TICKS_PER_BAR, TICKS_PER_STEP

Played = Sequence[tuple[int, int, int, int]]
"""Notes as (start, length, pitch, velocity), in ticks from the piece's first bar line on."""

Numbers = NDArray[np.float64]

SCALES: NDArray[np.int64] = np.array(
    [[(pitch - root) % 12 in MAJOR_SCALE for root in range(12)] for pitch in range(12)], np.int64
)
"""`[12, 12]`: 1 where the major scale (column), and the minor one of the same notes, has the pitch class (row)."""

LONGEST = 16
"""Sixteenths: a longer note counts as one of a bar."""

POINTS = 512
"""At which the densities are compared."""

TAILS = 5.0
"""Bandwidths beyond the outermost values up to which they are."""


def scale_consistency(notes: Played) -> float:
    """Share of the notes that the best major or natural minor scale has, 0 to 1; 1 of no notes."""
    if not notes:
        return 1.0
    classes = np.bincount([pitch % 12 for _, _, pitch, _ in notes], minlength=12)
    return float((classes @ SCALES).max() / len(notes))


def groove_consistency(notes: Played, bars: int) -> float:
    """1 less the share of sixteenths at which neighbouring bars differ in whether something begins; 1 of one bar."""
    struck = np.zeros((bars, STEPS_PER_BAR), np.bool_)
    for start, *_ in notes:
        bar, inside = divmod(start, TICKS_PER_BAR)
        if 0 <= bar < bars:
            struck[bar, inside // TICKS_PER_STEP] = True
    return float(1 - (struck[1:] != struck[:-1]).mean()) if bars > 1 else 1.0


def _classes(notes: Played, *, drums: bool) -> NDArray[np.int64]:
    """A pitch class for each note, in order; of drums the pitch itself."""
    return np.array([pitch if drums else pitch % 12 for _, _, pitch, _ in notes], np.int64)


def _histogram(values: Iterable[int], bins: int) -> Numbers:
    counts = np.bincount(np.fromiter(values, np.int64), minlength=bins)[:bins].astype(np.float64)
    return counts / max(1.0, float(counts.sum()))


def _transitions(values: NDArray[np.int64], bins: int) -> Numbers:
    return _histogram(values[:-1] * bins + values[1:], bins * bins)


def _lengths(notes: Played) -> NDArray[np.int64]:
    steps = np.array([length for _, length, _, _ in notes], np.int64) // TICKS_PER_STEP
    return np.clip(steps, 1, LONGEST) - 1


def _mean(values: NDArray[np.int64]) -> Numbers:
    return np.array([np.abs(values).mean() if len(values) else 0.0])


def _starts(notes: Played) -> NDArray[np.int64]:
    return np.array([start for start, *_ in notes], np.int64)


def _pitches(notes: Played) -> NDArray[np.int64]:
    return np.array([pitch for _, _, pitch, _ in notes], np.int64)


Feature = Callable[[Played], Numbers]

RHYTHM: Mapping[str, Feature] = MappingProxyType(
    {
        "note count": lambda notes: np.array([float(len(notes))]),
        "mean time between onsets": lambda notes: _mean(np.diff(_starts(notes))) / TICKS_PER_STEP,
    }
)
"""Features of all music: how a piece, its notes sorted, becomes a vector."""

PITCH: Mapping[str, Feature] = MappingProxyType(
    {
        "note lengths": lambda notes: _histogram(_lengths(notes), LONGEST),
        "note length transitions": lambda notes: _transitions(_lengths(notes), LONGEST),
        "pitch count": lambda notes: np.array([float(len(set(_pitches(notes).tolist())))]),
        "pitch range": lambda notes: np.array([float(np.ptp(_pitches(notes))) if notes else 0.0]),
        "mean interval": lambda notes: _mean(np.diff(_pitches(notes))),
        "pitch classes": lambda notes: _histogram(_classes(notes, drums=False), 12),
        "pitch class transitions": lambda notes: _transitions(_classes(notes, drums=False), 12),
    }
)
"""Features of music with pitches; the length of a stroke says nothing."""

DRUMS: Mapping[str, Feature] = MappingProxyType(
    {
        "drum count": lambda notes: np.array([float(len(set(_pitches(notes).tolist())))]),
        "drums struck": lambda notes: _histogram(_classes(notes, drums=True), 128),
    }
)
"""Features of drums."""


def features(*, drums: bool) -> Mapping[str, Feature]:
    """The features by which drums, or music with pitches, is compared."""
    return {**RHYTHM, **(DRUMS if drums else PITCH)}


def among(rows: Numbers) -> Numbers:
    """Distances of every two rows of `[N, width]`, `[N (N - 1) / 2]`."""
    first, second = np.triu_indices(len(rows), 1)
    return np.asarray(between(rows, rows).reshape(len(rows), -1)[first, second])


def between(rows: Numbers, others: Numbers) -> Numbers:
    """Euclidean distances of every row of `[N, width]` from every one of `[M, width]`, `[N M]`."""
    apart = np.stack([np.linalg.norm(others - row, axis=1) for row in rows])
    return np.asarray(apart.reshape(-1))


def overlap(a: Numbers, b: Numbers) -> float:
    """Area that lies under the densities of both samples, 0 to 1; 1 where they are the same.

    The densities are Gaussian kernels of Scott's bandwidth. Values that are all one value are a step, and of two steps
    the area is 1 or 0.
    """
    widths = [float(sample.std() * len(sample) ** -0.2) for sample in (a, b)]
    if not any(widths):
        return float(a[0] == b[0])
    low, high = min(a.min(), b.min()), max(a.max(), b.max())
    # no kernel falls between the points
    least = max(max(widths) / 20, float(high - low) / 100)
    widths = [max(width, least) for width in widths]
    at = np.linspace(low - TAILS * max(widths), high + TAILS * max(widths), POINTS)
    heights = [_density(sample, width, at) for sample, width in zip((a, b), widths, strict=True)]
    areas = [height / height.sum() for height in heights]
    return float(np.minimum(*areas).sum())


def overlapped_areas(music: Sequence[Played], made: Sequence[Played], *, drums: bool) -> dict[str, float]:
    """Overlapped area of each feature, and their mean.

    Args:
        music: pieces of the real thing, 3 at least.
        made: pieces to compare with them.
        drums: whether all of it is drums.
    """
    found: dict[str, float] = {}
    for name, feature in features(drums=drums).items():
        rows = np.stack([feature(sorted(piece)) for piece in music])
        others = np.stack([feature(sorted(piece)) for piece in made])
        found[name] = overlap(among(rows), between(rows, others))
    return {**found, "mean": float(np.mean(list(found.values())))}


def _density(sample: Numbers, width: float, at: Numbers) -> Numbers:
    """Of a sample at some points, up to a factor; counted first, since distances of histograms repeat."""
    values, counts = np.unique(sample, return_counts=True)
    total = np.zeros(len(at))
    for first in range(0, len(values), 1024):
        part = slice(first, first + 1024)
        total += np.exp(-0.5 * ((at[:, None] - values[part]) / width) ** 2) @ counts[part]
    return total
