"""A score: what each track and channel of a file plays, with meters and tempi. Readers make one, everything cuts it.

Times are whole ticks of the file. One choice of a song's line, bass and drums serves training, personas,
reconstruction and grooves.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from livevae.music.notes import TICKS_PER_BEAT, Note

DRUM_CHANNEL = 10
"""General MIDI's, as performers count: from 1."""

BASSES = range(32, 40)
"""General MIDI programs that are basses, from 0."""

EFFECTS = range(112, 128)
"""General MIDI programs that carry no melody: percussion and sound effects, from 0."""

MAX_TOGETHER = 0.1
"""A part in which more of the notes start together with another is chords, not a line."""


class PlayedNote(NamedTuple):
    """A note of a part; start and end in ticks from the file's beginning, MIDI pitch and velocity."""

    start: int
    end: int
    pitch: int
    velocity: int


class Stretch(NamedTuple):
    """What lies between two time signatures: begin and end in ticks, and the meter as (beats, unit)."""

    begin: int
    end: int
    meter: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """What one channel of one track plays with programs of one kind (basses, effects, all others).

    Attributes:
        track: from 1, as performers count.
        name: the track's, as the file has it.
        channel: 1 to 16.
        program: General MIDI's, from 0: the one that its first note is played with.
        notes: sorted by start; of notes that start together the highest first.
        ticks_per_quarter: of its times.
    """

    track: int
    name: str
    channel: int
    program: int
    notes: tuple[PlayedNote, ...]
    ticks_per_quarter: int

    def between(self, begin: int, end: int) -> tuple[PlayedNote, ...]:
        """The notes that start at `begin` or later and before `end`."""
        start = itemgetter(0)
        return self.notes[bisect_left(self.notes, begin, key=start) : bisect_left(self.notes, end, key=start)]

    @property
    def title(self) -> str:
        """What a performer calls it."""
        named = f" {self.name[:24]!r}" if self.name else ""
        return f"track {self.track}{named}, channel {self.channel}"

    @property
    def is_drums(self) -> bool:
        """Whether it is on General MIDI's drum channel."""
        return self.channel == DRUM_CHANNEL

    @property
    def is_bass(self) -> bool:
        """Whether its program is a bass."""
        return not self.is_drums and self.program in BASSES

    @property
    def is_effect(self) -> bool:
        """Whether its program carries no melody."""
        return not self.is_drums and self.program in EFFECTS

    @property
    def is_chords(self) -> bool:
        """Whether notes start together more often than by accident."""
        near = self.ticks_per_quarter / 16
        together = sum(b.start - a.start <= near for a, b in pairwise(self.notes))
        return together > MAX_TOGETHER * len(self.notes)


@dataclass(frozen=True, slots=True)
class Score:
    """A file of parts, read.

    Attributes:
        song: the song's canonical name, see `livevae.corpus.names`.
        ticks_per_quarter: of all times.
        parts: those that have notes.
        meters: (tick, (beats, unit)) of each time signature in order; the first is at 0.
        tempi: (tick, quarters a minute) of each tempo in order; the first is at 0.
        length: ticks.
        remarks: what of the file was not taken as it is written, in words.
    """

    song: str
    ticks_per_quarter: int
    parts: tuple[Part, ...]
    meters: tuple[tuple[int, tuple[int, int]], ...]
    tempi: tuple[tuple[int, float], ...]
    length: int
    remarks: tuple[str, ...] = ()

    def stretches(self, end: int | None = None) -> Iterator[Stretch]:
        """The stretches of one meter, one after the other; the last reaches `end`, or the score's."""
        last = max(self.length if end is None else end, self.meters[-1][0] + 1)
        ends = [tick for tick, _ in self.meters[1:]] + [last]
        for (begin, meter), stop in zip(self.meters, ends, strict=True):
            yield Stretch(begin, stop, meter)


@dataclass(frozen=True, slots=True)
class Band:
    """A song's parts by what they do.

    Attributes:
        lines: of one voice at a time, no drums, basses or effects.
        chords: those with chords, likewise.
        basses: on any channel but the drums'.
        drums: on the drum channel.
    """

    lines: tuple[Part, ...]
    chords: tuple[Part, ...]
    basses: tuple[Part, ...]
    drums: tuple[Part, ...]


def band(parts: Iterable[Part], least: int = 0) -> Band:
    """Parts by what they do; effects are left out, and pitched parts of fewer than `least` notes."""
    parts = tuple(parts)
    pitched = [p for p in parts if not p.is_drums and len(p.notes) >= least]
    carrying = [p for p in pitched if not p.is_bass and not p.is_effect]
    return Band(
        lines=tuple(p for p in carrying if not p.is_chords),
        chords=tuple(p for p in carrying if p.is_chords),
        basses=tuple(p for p in pitched if p.is_bass),
        drums=tuple(p for p in parts if p.is_drums),
    )


def fullest(parts: Iterable[Part]) -> list[Part]:
    """The part with the most notes, lines before chords, in a list; none of none."""
    return sorted(parts, key=lambda part: (part.is_chords, -len(part.notes)))[:1]


def notes_of(roles: Iterable[tuple[Part, int]]) -> list[Note]:
    """The notes of parts in livevae's ticks, part after part, each in its role, off the grid as played."""
    return [
        Note(
            round(note.start * TICKS_PER_BEAT / part.ticks_per_quarter),
            max(1, round((note.end - note.start) * TICKS_PER_BEAT / part.ticks_per_quarter)),
            note.pitch,
            note.velocity,
            role,
        )
        for part, role in roles
        for note in part.notes
    ]
