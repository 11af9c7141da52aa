"""Melody and drum events: what a step of the sixteenth grid can be, moving them, and to and from notes.

A melody's step is -2 (nothing new), -1 (the note ends) or a MIDI pitch, as in note-seq. A drum step is a class of
`livevae.music.drums`: a set of nine instruments as bits.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from livevae.errors import ModelError

NO_EVENT = -2
NOTE_OFF = -1
OCTAVE = 12

MAJOR = (0, 2, 4, 5, 7, 9, 11)
KEYS_OF: NDArray[np.int64] = np.array(
    [[(pitch - key) % OCTAVE in MAJOR for key in range(OCTAVE)] for pitch in range(OCTAVE)], np.int64
)
"""`[12, 12]`: 1 where the major key (column) contains the pitch class (row)."""


def checked(events: Iterable[int]) -> list[int]:
    """The events as plain numbers.

    Raises:
        ModelError: one is neither -2, -1 nor a MIDI pitch.
    """
    found = [int(event) for event in events]
    if odd := [event for event in found if not NO_EVENT <= event <= 127]:
        raise ModelError(f"a melody's events are -2 (nothing), -1 (off) and pitches to 127, not {odd[0]}")
    return found


def key_votes(events: Sequence[int]) -> NDArray[np.int64]:
    """How many notes each of the 12 major keys contains."""
    notes = [event % OCTAVE for event in events if event >= 0]
    return np.asarray(np.bincount(notes, minlength=OCTAVE) @ KEYS_OF if notes else np.zeros(OCTAVE, np.int64))


def key_of(events: Sequence[int]) -> int:
    """The major key (0 is C) that contains most notes; the lowest of several."""
    return int(np.argmax(key_votes(events)))


def transposed(events: Sequence[int], amount: int, low: int = 0, high: int = 128) -> list[int]:
    """Every pitch moved, and folded by octaves into low .. high - 1."""

    def move(event: int) -> int:
        if event < 0:
            return event
        event += amount
        if event < low:
            return low + (event - low) % OCTAVE
        if event >= high:
            return high - OCTAVE + (event - high) % OCTAVE
        return event

    return [move(event) for event in events]


def squashed(events: Sequence[int], low: int, high: int, key: int | None) -> tuple[list[int], int]:
    """A melody moved to a key and to the middle of a range, its stragglers folded into it.

    Args:
        events: of the melody.
        low: lowest pitch of the range.
        high: one above its highest.
        key: a pitch class; None moves nothing and only folds.

    Returns:
        The melody, and by how many semitones it was moved.
    """
    amount = 0
    if key is not None:
        notes = [event for event in events if event >= 0]
        if not notes:
            return list(events), 0
        to_key = key - key_of(events)
        apart = (low + high - 1) / 2 - ((min(notes) + max(notes)) / 2 + to_key)
        amount = to_key + OCTAVE * round(apart / OCTAVE)
    return transposed(events, amount, low, high), amount
