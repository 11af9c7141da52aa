"""Scores to drum windows: what channel 10 plays, on sixteenths, in bars of 4/4.

Unlike melodies, windows begin on bar lines only: the downbeat matters more to a beat than to a tune, and a performer
expects it at the window's beginning.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.corpus.lines import FITTING_METERS
from livevae.corpus.score import Score, band
from livevae.errors import MusicError
from livevae.music import drums
from livevae.music.notes import STEPS_PER_BAR, STEPS_PER_BEAT

MIN_STRUCK = 4
"""Steps of a window on which something is struck."""

Stretch = NDArray[Any]
"""Tokens of a stretch of one meter, from its first bar line: uint16, of all 61 instruments uint64."""


def stretches(score: Score, refused: Counter[str], kit: drums.Kit = drums.REDUCED) -> list[Stretch]:
    """A score's stretches of drums in meters that fit; those in others are counted.

    Args:
        score: of the song.
        refused: the count.
        kit: the instruments; each is one bit of a token.

    Raises:
        MusicError: it has no drums.
    """
    found: list[Stretch] = []
    for stretch in struck(score, kit, refused):
        tokens = np.zeros(stretch.steps + 1, np.uint16 if len(kit) <= 16 else np.uint64)
        for hit in stretch.hits:
            # half a step late is the next step; a hit just after the last bar line belongs to no bar here
            tokens[min(int(hit.at + 0.5), stretch.steps)] |= 1 << hit.drum
        found.append(tokens[:-1])
    return found


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """A stroke.

    Attributes:
        at: in steps from the stretch's first bar line, off the grid as it was played; a stroke half a step before the
            bar line still belongs to the bar.
        drum: which of the kit.
        velocity: 1 to 127.
    """

    at: float
    drum: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Struck:
    """All strokes of a stretch in one meter.

    Attributes:
        steps: its whole bars, in sixteenths.
        hits: sorted.
    """

    steps: int
    hits: tuple[Hit, ...]


def struck(score: Score, kit: drums.Kit, refused: Counter[str]) -> list[Struck]:
    """The strokes of a score's drums, stretch by stretch; stretches in meters that do not fit are counted.

    Raises:
        MusicError: it has no drums.
    """
    drum_of = drums.instruments(kit)
    hits = sorted(
        (note.start, drum_of[note.pitch], note.velocity)
        for part in band(score.parts).drums
        for note in part.notes
        if note.pitch in drum_of
    )
    if not hits:
        raise MusicError("nothing is played on the drum channel")
    per_step = score.ticks_per_quarter / STEPS_PER_BEAT
    found: list[Struck] = []
    # the last stroke may be early for its step: the last stretch ends half a step after it
    for begin, end, meter in score.stretches(hits[-1][0] + 1 + int(per_step / 2)):
        first, last = (bisect_left(hits, (tick - per_step / 2,)) for tick in (begin, end))
        if meter not in FITTING_METERS:
            refused[f"stretches in {meter[0]}/{meter[1]}, which does not fit the 4/4 grid"] += last > first
            continue
        bars = int(np.ceil(round((end - begin) / per_step) / STEPS_PER_BAR))
        strokes = (
            Hit((tick - begin) / per_step, drum, velocity) for tick, drum, velocity in hits[first:last]
        )
        found.append(Struck(bars * STEPS_PER_BAR, tuple(strokes)))
    return found


def windows(
    stretch: NDArray[Any], steps: int, refused: Counter[str], hits: int | None = None
) -> Iterator[NDArray[Any]]:
    """Every window of `steps` from every bar line that is worth learning; the others are counted.

    Args:
        stretch: tokens [steps], or rows [steps, width].
        steps: of a window.
        refused: the count.
        hits: how many of a row's first numbers say that something is struck; None for tokens.
    """
    anything = np.asarray(stretch > 0 if hits is None else (stretch[:, :hits] > 0).any(1))
    for first in range(0, len(stretch) - steps + 1, STEPS_PER_BAR):
        window, on = stretch[first : first + steps], anything[first : first + steps]
        if int(on.sum()) < MIN_STRUCK:
            refused[f"windows with fewer than {MIN_STRUCK} steps struck"] += 1
        elif not all(on[bar : bar + STEPS_PER_BAR].any() for bar in range(0, steps, STEPS_PER_BAR)):
            refused["windows with a silent bar"] += 1
        else:
            yield window
