"""Scores to groove windows: what channel 10 plays, how hard and how far from the sixteenths, in bars of 4/4.

A window is stored as small whole numbers [steps, 27] int8, exact on livevae's grid of ticks: nine hits (0 or 1),
nine MIDI velocities, nine offsets in ticks, of which half a step has 120 (positive is early). `rows` makes the
networks' floats of them.
"""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.corpus.drum_windows import struck
from livevae.corpus.score import Score
from livevae.music import drums, groove
from livevae.music.notes import TICKS_PER_STEP

Stretch = NDArray[np.int8]
"""Stored rows of a stretch of one meter, from its first bar line."""

TICKS = TICKS_PER_STEP // 2
"""Of half a step: an offset of 1."""

SCALE = np.repeat([1.0, 1 / 127, 1 / TICKS], groove.DRUMS).astype(np.float32)


def rows(windows: NDArray[Any]) -> NDArray[np.float32]:
    """Stored windows `[..., 27]` as the networks take them: hits, velocities 0 to 1, offsets -1 to 1."""
    found: NDArray[np.float32] = windows.astype(np.float32) * SCALE
    return found


def stretches(score: Score, refused: Counter[str]) -> list[Stretch]:
    """A score's stretches of drums in meters that fit; those in others are counted.

    Pitches are read as the Roland kit of the Groove MIDI Dataset has them (`drums.ROLAND`). Of several strokes of
    one drum on one step the hardest is kept.

    Raises:
        MusicError: it has no drums.
    """
    found: list[Stretch] = []
    for stretch in struck(score, drums.ROLAND, refused):
        stored = np.zeros((stretch.steps + 1, groove.WIDTH), np.int8)
        for hit in stretch.hits:
            # half a step late is the next step; a hit just after the last bar line belongs to no bar here
            step = int(hit.at + 0.5)
            row = stored[min(step, stretch.steps)]
            if hit.velocity > row[groove.DRUMS + hit.drum]:
                row[hit.drum] = 1
                row[groove.DRUMS + hit.drum] = hit.velocity
                row[2 * groove.DRUMS + hit.drum] = round(2 * TICKS * (step - hit.at))
        found.append(stored[:-1])
    return found
