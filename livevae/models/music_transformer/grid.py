"""Tokens of many voices on the beat: bars, places in the bar, velocities, durations, keys. For voices that play live.

    bar  place 1  velocity 6  duration 1/4  C4 E4 G4  place 1+1/8  duration 1/8  C5  ...  bar  ...

A place, a velocity and a duration hold until the next of their kind, so that a chord costs a token a key; each bar
begins without any. So every bar can be read by itself, and riffs can be made bar by bar. Places are sixteenths and
triplets (`livevae.music.piano_roll`); there is no microtiming: scores have none.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_BEAT
from livevae.music.piano_roll import (
    KEYS,
    LONGEST,
    LOWEST,
    PLACES,
    TWELFTHS,
    VELOCITIES,
    nearest_place,
    velocity_bin,
    velocity_of,
)

TICKS = TICKS_PER_BEAT // TWELFTHS
"""Of a twelfth of a beat."""

BAR_TWELFTHS = TICKS_PER_BAR // TICKS

PLACES_A_BAR = tuple(beat + place for beat in range(0, BAR_TWELFTHS, TWELFTHS) for place in PLACES)
"""Twelfths of a beat from the bar line."""

DURATIONS = (1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 30, 36, 42, 48, 60, 72, 96, 144, 192)
"""Twelfths of a beat that a note may last."""

BAR = 0
PLACE = 1
VELOCITY = PLACE + len(PLACES_A_BAR)
DURATION = VELOCITY + VELOCITIES
KEY = DURATION + len(DURATIONS)
CLASSES = KEY + KEYS
"""149: a bar line, 32 places, 8 velocities, 20 durations, 88 keys."""

FEATURES = (CLASSES, len(PLACES_A_BAR) + 1, len(DURATIONS) + 1)
"""What the network is given at a token: the token, the place and the duration that hold after it (0 for none)."""

BUDGET = 96
"""Tokens of a bar while playing; more are read of a context."""

MOST = 144
"""Tokens of a bar that are read; later notes of a fuller bar are left out."""

_TIMES = np.array(PLACES_A_BAR)
_PLACE_OF = {place: i for i, place in enumerate(PLACES_A_BAR)}
_SWING = 0.4
"""Twelfths a note by which triplets must be nearer than sixteenths for a beat to be heard as triplets."""


class GridNote(NamedTuple):
    """A note: start and length in twelfths of a beat, key from 0 (A0) to 87, bin of the velocity."""

    start: int
    length: int
    key: int
    velocity: int


def duration_bin(length: int) -> int:
    """The index of the nearest duration; of two the shorter."""
    return min(range(len(DURATIONS)), key=lambda i: (abs(DURATIONS[i] - length), i))


_BINS = tuple(duration_bin(length) for length in range(LONGEST + 1))


def encode(notes: Iterable[GridNote], bars: int, most: int = MOST) -> list[int]:
    """Notes of so many bars as tokens; durations go to the nearest one.

    Notes must begin at a place, inside of the bars. Of a key that is struck twice at once the longer counts.
    """
    found: list[list[GridNote]] = [[] for _ in range(bars)]
    for note in notes:
        found[note.start // BAR_TWELFTHS].append(note)
    return [token for bar in found for token in _cut(_bar(bar), most)]


def _cut(tokens: list[int], most: int) -> list[int]:
    """The first tokens of a bar, at most so many, without those at the end that no key follows."""
    tokens = tokens[:most]
    while BAR < tokens[-1] < KEY:
        tokens.pop()
    return tokens


def _bar(notes: Iterable[GridNote]) -> list[int]:
    tokens, place, velocity, duration = [BAR], -1, -1, -1
    longest: dict[tuple[int, int], tuple[int, int]] = {}
    for note in notes:
        where = (_PLACE_OF[note.start % BAR_TWELFTHS], note.key)
        longest[where] = max(longest.get(where, (0, 0)), (_BINS[min(note.length, LONGEST)], note.velocity))
    rows = ((at, loud, -lasts, key) for (at, key), (lasts, loud) in longest.items())
    for at, loud, lasts, key in sorted(rows):
        if at != place:
            tokens.append(PLACE + at)
        if loud != velocity:
            tokens.append(VELOCITY + loud)
        if -lasts != duration:
            tokens.append(DURATION - lasts)
        tokens.append(KEY + key)
        place, velocity, duration = at, loud, -lasts
    return tokens


class Cursor:
    """Where a sequence of tokens is: what holds, and what may come next.

    Attributes:
        bar: number of the bar, -1 before the first bar line.
        place: index in `PLACES_A_BAR`, -1 for none yet; likewise `velocity` and `duration`, indexes of theirs.
        tokens: of this bar, its bar line included.
        struck: keys at this place.
    """

    def __init__(self) -> None:
        self.bar = self.place = self.velocity = self.duration = -1
        self.tokens = 0
        self.struck: set[int] = set()
        self._last = BAR

    def push(self, token: int) -> GridNote | None:
        """Go on by a token; the note, if it makes one."""
        self.tokens += 1
        self._last = token
        if token == BAR:
            self.bar += 1
            self.place = self.velocity = self.duration = -1
            self.tokens = 1
            self.struck = set()
        elif token < VELOCITY:
            self.place = token - PLACE
            self.struck = set()
        elif token < DURATION:
            self.velocity = token - VELOCITY
        elif token < KEY:
            self.duration = token - DURATION
        elif self.place >= 0 and self.duration >= 0 and token - KEY not in self.struck:
            self.struck.add(token - KEY)
            start = max(self.bar, 0) * BAR_TWELFTHS + PLACES_A_BAR[self.place]
            loud = self.velocity if self.velocity >= 0 else VELOCITIES - 2
            return GridNote(start, DURATIONS[self.duration], token - KEY, loud)
        return None

    def features(self, token: int) -> tuple[int, int, int]:
        """What the network is given at a token that was just pushed, see `FEATURES`."""
        return token, self.place + 1, self.duration + 1

    def allowed(self, least: int = 0) -> NDArray[np.bool_]:
        """Which tokens may come next, `[CLASSES]`: later places, what changes, keys that are not yet struck here.

        Args:
            least: twelfths from the bar line before which nothing begins.
        """
        may = np.zeros(CLASSES, np.bool_)
        last = self._last
        if last == BAR or last >= KEY:
            may[BAR] = True
            may[PLACE + self.place + 1 : VELOCITY] = True
            may[PLACE:VELOCITY] &= least <= _TIMES
        if self.place < 0 or PLACES_A_BAR[self.place] < least:
            return may
        # at a place: first how loud, then how long, then which key
        if last < VELOCITY or last >= KEY:
            may[VELOCITY:DURATION] = True
            may[VELOCITY + self.velocity] &= self.velocity < 0
        if self.velocity >= 0 and (last < DURATION or last >= KEY):
            may[DURATION:KEY] = True
            may[DURATION + self.duration] &= self.duration < 0
        if self.velocity >= 0 and self.duration >= 0:
            may[KEY:] = True
            may[[KEY + key for key in self.struck]] = False
        return may


def decode(tokens: Sequence[int]) -> list[GridNote]:
    """Tokens as notes, in order. Keys without a place or a duration are passed over."""
    cursor = Cursor()
    return [note for token in tokens if (note := cursor.push(token)) is not None]


def features(tokens: Sequence[int]) -> NDArray[np.int64]:
    """What the network is given at each token, `[T, 3]`."""
    cursor = Cursor()
    rows = []
    for token in tokens:
        cursor.push(token)
        rows.append(cursor.features(token))
    return np.array(rows, np.int64).reshape(-1, 3)


def blocks(tokens: Sequence[int]) -> Iterator[list[int]]:
    """Tokens bar by bar."""
    block: list[int] = []
    for token in tokens:
        if token == BAR and block:
            yield block
            block = []
        block.append(token)
    if block:
        yield block


def on_grid(played: Iterable[tuple[int, int, int, int]], begin: int) -> list[GridNote]:
    """What was played, (start, length, pitch, velocity) in ticks, as notes from tick `begin` on, which is a bar line.

    Beat by beat, triplets are heard where they are clearly nearer than sixteenths. What no piano has is left out.
    """
    beats: dict[int, list[tuple[float, float, int, int]]] = defaultdict(list)
    for start, length, pitch, velocity in played:
        if LOWEST <= pitch < LOWEST + KEYS:
            at = (start - begin) / TICKS
            beats[round(at * 2) // (2 * TWELFTHS)].append((at, length / TICKS, pitch, velocity))
    found = []
    for beat, notes in sorted(beats.items()):
        inside = [at - beat * TWELFTHS for at, _, _, _ in notes]
        straight, triplets = _off(inside, 3), _off(inside, 2)
        grid = 2 if triplets + _SWING < straight else 3
        for (_, lasts, pitch, velocity), at in zip(notes, inside, strict=True):
            place = beat * TWELFTHS + max(0, round(at / grid) * grid)
            length = min(max(1, round(lasts)), LONGEST)
            found.append(GridNote(place, length, pitch - LOWEST, velocity_bin(velocity)))
    return sorted(found)


def _off(times: Sequence[float], grid: int) -> float:
    return sum(abs(time - round(time / grid) * grid) for time in times) / len(times)


def ticks(note: GridNote) -> tuple[int, int, int, int]:
    """A note as (start, length, pitch, velocity) in ticks."""
    return note.start * TICKS, note.length * TICKS, note.key + LOWEST, velocity_of(note.velocity)


assert all(nearest_place(place) == place for place in PLACES_A_BAR)  # noqa: S101  (for the reader)
