"""How events become inputs and labels, as Magenta's RNNs have it (Waite 2016; note-seq's encoders).

An `Encoder` reads a melody or a rhythm event by event: `push` gives the input after each event, in a time that does
not grow with the melody. Labels are classes: an event, or "what was 16 (32) steps ago".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from livevae.errors import ModelError
from livevae.models.melody_rnn.config import Config
from livevae.models.melody_rnn.events import KEYS_OF, NO_EVENT, NOTE_OFF, OCTAVE
from livevae.music.notes import STEPS_PER_BAR

LOOKBACKS = (STEPS_PER_BAR, 2 * STEPS_PER_BAR)


class Encoder(Protocol):
    """Reads events; knows what was read."""

    def push(self, event: int) -> NDArray[np.float32]:
        """Read an event; the network's input `[event inputs]` from which the next one is to be predicted.

        Raises:
            ModelError: an event outside of the vocabulary.
        """

    def label(self, event: int) -> int:
        """The class of an event that would come next."""

    def event(self, label: int) -> int:
        """The event that a class means if it comes next."""


class OneHot:
    """Nothing, off, and a class a pitch (basic, mono, and melodies over chords)."""

    def __init__(self, config: Config) -> None:
        self._low, self._high = config.min_note, config.max_note
        self._eye: NDArray[np.float32] = np.eye(config.pitches + 2, dtype=np.float32)

    def push(self, event: int) -> NDArray[np.float32]:  # noqa: D102
        return np.asarray(self._eye[self.label(event)])

    def label(self, event: int) -> int:  # noqa: D102
        if event < 0:
            return event - NO_EVENT
        return in_range(event, self._low, self._high) - self._low + 2

    def event(self, label: int) -> int:  # noqa: D102
        return label + NO_EVENT if label < 2 else label - 2 + self._low


class Lookback:
    """The event, what would come next if the music repeated, a counter, whether it does repeat."""

    def __init__(self, config: Config) -> None:
        self._one_hot = OneHot(config)
        self._width = config.pitches + 2
        self._read: list[int] = []

    def push(self, event: int) -> NDArray[np.float32]:  # noqa: D102
        read, width = self._read, self._width
        label = self._one_hot.label(event)
        read.append(event)
        row = np.zeros(3 * width + 7, np.float32)
        row[label] = 1
        for i, distance in enumerate(LOOKBACKS):
            coming = read[-distance] if len(read) >= distance else NO_EVENT
            row[(i + 1) * width + self._one_hot.label(coming)] = 1
            row[3 * width + 5 + i] = _repeats(read, distance)
        row[3 * width : 3 * width + 5] = counter(len(read), 5)
        return row

    def label(self, event: int) -> int:  # noqa: D102
        repeat = repeated(self._read, event)
        return self._one_hot.label(event) if repeat is None else self._width + repeat

    def event(self, label: int) -> int:  # noqa: D102
        if label >= self._width:
            return _ago(self._read, LOOKBACKS[label - self._width])
        return self._one_hot.event(label)


class Key:
    """The sounding pitch, direction, repetition, a counter, bar lines, and the keys that the melody is in."""

    def __init__(self, config: Config) -> None:
        self._low, self._high = config.min_note, config.max_note
        self._pitches = config.pitches
        self._read: list[int] = []
        self._sounding: int | None = None
        self._struck = False
        self._direction = 0
        self._last: list[int] = []
        self._votes = np.zeros(OCTAVE, np.int64)

    def push(self, event: int) -> NDArray[np.float32]:  # noqa: D102
        if event == NO_EVENT:
            self._struck = False
        elif event == NOTE_OFF:
            self._sounding = None
        else:
            self._strike(in_range(event, self._low, self._high))
        self._read.append(event)
        return self._row()

    def _strike(self, pitch: int) -> None:
        self._struck, self._sounding = True, pitch
        if self._last and pitch != self._last[-1]:
            self._direction = 1 if pitch > self._last[-1] else -1
        self._last = [*(other for other in self._last if other != pitch), pitch][-3:]
        self._votes += KEYS_OF[pitch % OCTAVE]

    def _row(self) -> NDArray[np.float32]:
        n, read = self._pitches, self._read
        row = np.zeros(n + 38, np.float32)
        if self._sounding:  # pitch 0 counts as none
            row[self._sounding - self._low] = row[n] = 1
        else:
            row[n + 1] = 1
        row[n + 2] = self._struck
        row[n + 3] = self._direction
        row[n + 4], row[n + 5] = (_repeats(read, distance) for distance in LOOKBACKS)
        row[n + 6 : n + 13] = counter(len(read), 7)
        row[n + 13] = len(read) % STEPS_PER_BAR == 0
        row[n + 14 : n + 26] = self._votes == self._votes.max()
        recent = KEYS_OF[[pitch % OCTAVE for pitch in self._last]].sum(0)
        row[n + 26 :] = recent == recent.max()
        return row

    def label(self, event: int) -> int:  # noqa: D102
        repeat = repeated(self._read, event)
        if repeat is not None:
            return self._pitches + 2 + repeat
        if event < 0:
            return self._pitches + (event == NOTE_OFF)
        return in_range(event, self._low, self._high) - self._low

    def event(self, label: int) -> int:  # noqa: D102
        if label >= self._pitches + 2:
            return _ago(self._read, LOOKBACKS[label - self._pitches - 2])
        if label >= self._pitches:
            return NO_EVENT if label == self._pitches else NOTE_OFF
        return label + self._low


class Drums:
    """512 sets of nine drums, one-hot, and a counter of six bits; an event is its class."""

    def __init__(self, _: Config) -> None:
        self._count = 0

    def push(self, event: int) -> NDArray[np.float32]:  # noqa: D102
        row = np.zeros(518, np.float32)
        row[self.label(event)] = 1
        self._count += 1
        row[512:] = counter(self._count, 6)
        return row

    def label(self, event: int) -> int:  # noqa: D102
        if not 0 <= event < 512:
            raise ModelError(f"a drum event is 0 to 511, not {event}")
        return event

    def event(self, label: int) -> int:  # noqa: D102
        return label


ENCODERS: Mapping[str, Callable[[Config], Encoder]] = MappingProxyType(
    {"one-hot": OneHot, "lookback": Lookback, "key": Key, "drums": Drums}
)


def encoder(config: Config) -> Encoder:
    """A new reader for a configuration's events."""
    return ENCODERS[config.encoding](config)


def inputs(config: Config, events: Iterable[int]) -> NDArray[np.float32]:
    """Input after each event, `[T, event inputs]`; errors as `Encoder.push`."""
    reader = encoder(config)
    rows = [reader.push(event) for event in events]
    return np.stack(rows) if rows else np.zeros((0, config.event_inputs), np.float32)


def labels(config: Config, events: Sequence[int]) -> NDArray[np.int64]:
    """Classes of all events but the first, `[T - 1]`; errors as `Encoder.push`."""
    reader = encoder(config)
    found = []
    for event, following in pairwise(events):
        reader.push(event)
        found.append(reader.label(following))
    return np.array(found, np.int64)


def counter(number: int, bits: int) -> list[float]:
    """The lowest bits of a number, least first, as 1 and -1."""
    return [1.0 if number >> bit & 1 else -1.0 for bit in range(bits)]


def repeated(read: Sequence[int], event: int) -> int | None:
    """Which of `LOOKBACKS` an event that comes next repeats, the farther first; None if neither.

    Before the farther one is reached, nothing new counts as a repetition of what was before the beginning.
    """
    position = len(read)
    if position < LOOKBACKS[-1] and event == NO_EVENT:
        return len(LOOKBACKS) - 1
    for i in reversed(range(len(LOOKBACKS))):
        if position >= LOOKBACKS[i] and read[position - LOOKBACKS[i]] == event:
            return i
    return None


def in_range(pitch: int, low: int, high: int) -> int:
    """The pitch.

    Raises:
        ModelError: it is outside of low .. high - 1.
    """
    if not low <= pitch < high:
        raise ModelError(
            f"this model plays pitches {low} to {high - 1}, not {pitch}; squash the melody first"
        )
    return pitch


def _repeats(read: Sequence[int], distance: int) -> bool:
    return len(read) > distance and read[-1] == read[-1 - distance]


def _ago(read: Sequence[int], distance: int) -> int:
    return read[-distance] if len(read) >= distance else NO_EVENT
