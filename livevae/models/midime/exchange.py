"""New riffs out of a performer's own: the rhythm of one with the pitches of another, as colour and talea of isorhythm.

So each stays whole: notes begin and end where they do in one riff, key, register and intervals are those of another.
Points between two riffs in u keep neither as they were.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from livevae.music import melody

MOST = 512
"""Riffs of two bars that are made, at most, and fewer longer ones: encoding them is most of a training's time."""

ENOUGH = 256
"""From fewer than so many, bars take pitches from riffs of their own too: of fewer, samples would repeat."""

CHANGED = 8
"""One differs from every riff of the performer in one of so many steps at least: else it would be a copy."""

PARTNERS = 16
"""Riffs that a rhythm is given the pitches of, at most: the likest of those that have as many notes."""

TRIED = 48
"""Riffs looked at for those."""

MOST_RHYTHMS = 1024
"""Riffs whose rhythms are tried, at most, of very many."""

MOST_OTHERS = 256
"""Riffs whose bars are looked at, the likest first."""

SHORT = 32
"""Steps of two bars."""

Windows = NDArray[np.integer]


def exchanged(windows: Windows, u: NDArray[np.float64], bar: int = 16, seed: int = 1) -> Windows:
    """Riffs' rhythms with the pitches of riffs like them that have as many notes.

    Where those are few, also with each bar's pitches from a bar of another riff.

    Args:
        windows: melodies, tokens `[N, steps]`.
        u: where they lie, `[N, dim]`: riffs are the more alike the nearer.
        bar: steps of a bar.
        seed: of what is kept, where there is more than enough.

    Returns:
        `[M, steps]`, no two the same. Every riff's rhythm has its turn before one has another.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    most = max(1, min(MOST, MOST * SHORT // windows.shape[1]))
    least = -(-windows.shape[1] // CHANGED)
    struck = windows > melody.OFF
    notes = struck.sum(1)
    columns = np.ascontiguousarray(windows.T)
    kinds = np.minimum(columns, melody.OFF + 1)
    made: dict[bytes, tuple[int, int, float, Windows]] = {}
    for way, whole in enumerate((True, False)):
        if way and len(made) >= min(ENOUGH, most):
            break
        first = 0
        for i in random.permutation(len(windows))[:MOST_RHYTHMS]:
            if notes[i] < least:
                continue  # too few notes to be another riff by their pitches
            nearest = np.argsort(((u - u[i]) ** 2).sum(1), kind="stable")
            nearest = nearest[nearest != i]
            if whole:
                tried = _whole(windows, struck, i, nearest[notes[nearest] == notes[i]][:TRIED])
            else:
                tried = _barwise(windows, i, nearest, bar, random)
            # all others are far enough by their rhythm alone
            alike = np.ascontiguousarray(columns[:, _apart(kinds, kinds[:, i]) < least])
            found = _no_copies(alike, tried, least)
            for turn, k in enumerate(random.permutation(len(found))):
                made.setdefault(found[k].tobytes(), (way, turn, random.random(), found[k]))
            first += len(found) > 0
            if first >= most:
                break
    chosen = sorted(made.values(), key=lambda one: one[:3])[:most]
    return np.array([new for *_, new in chosen], windows.dtype).reshape(-1, windows.shape[1])


def _no_copies(alike: Windows, tried: Iterator[Windows], least: int) -> list[Windows]:
    """The first `PARTNERS` of those that differ from every riff `[steps, N]` in so many steps at least."""
    found: list[Windows] = []
    for new in tried:
        if _apart(alike, new).min() >= least:
            found.append(new)
            if len(found) == PARTNERS:
                break
    return found


def _apart(columns: Windows, one: Windows) -> NDArray[np.uint16]:
    """In how many steps riffs differ from one, `[steps, N]` and `[steps]` to `[N]`: this way round it is quick."""
    return np.asarray((columns != one[:, None]).sum(0, dtype=np.uint16))


def _whole(
    windows: Windows, struck: NDArray[np.bool_], i: int, others: NDArray[np.integer]
) -> Iterator[Windows]:
    """The rhythm of riff i with all the pitches of one other, which has as many notes."""
    for j in others:
        new = windows[i].copy()
        new[struck[i]] = windows[j, struck[j]]
        yield new


def _barwise(
    windows: Windows, i: int, nearest: NDArray[np.integer], bar: int, random: np.random.Generator
) -> Iterator[Windows]:
    """The rhythm of riff i, each bar with the pitches of a bar of the likest others, drawn at random."""
    bars = windows[nearest[:MOST_OTHERS]].reshape(-1, bar)
    counts = (bars > melody.OFF).sum(1)
    own = windows[i].reshape(-1, bar)
    like = [bars[counts == (one > melody.OFF).sum()][:PARTNERS] for one in own]
    if not all(len(choice) for choice in like):
        return
    for _ in range(TRIED):
        new = own.copy()
        for one, choice in zip(new, like, strict=True):
            other = choice[random.integers(len(choice))]
            one[one > melody.OFF] = other[other > melody.OFF]
        yield new.ravel()
