"""MIDI files to parts: what each track and channel plays, so that a performer can choose among them. No torch."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import mido

from livevae.errors import MusicError
from livevae.music.notes import TICKS_PER_BEAT, Note

DRUM_CHANNEL = 10
"""General MIDI's, as performers count: from 1."""

BASSES = range(32, 40)
"""General MIDI programs that are basses, from 0."""

EFFECTS = range(112, 128)
"""General MIDI programs that carry no melody: percussion and sound effects, from 0."""

MAX_TOGETHER = 0.1
"""A part in which more of the notes start while another sounds is chords, not a line."""

MOST_BYTES = 16 * 2**20
"""No performance is larger as a MIDI file."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A note of a part, in quarters from the file's beginning."""

    start: Fraction
    end: Fraction
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Part:
    """What one channel of one track plays.

    Attributes:
        track: from 1, as performers count.
        name: the track's, as the file has it.
        channel: 1 to 16.
        program: General MIDI's, from 0.
        hits: sorted.
    """

    track: int
    name: str
    channel: int
    program: int
    hits: tuple[Hit, ...]

    @property
    def title(self) -> str:
        """What a performer calls it."""
        named = f" {self.name[:24]!r}" if self.name else ""
        return f"track {self.track}{named}, channel {self.channel}"

    @property
    def drums(self) -> bool:
        """Whether it is on General MIDI's drum channel."""
        return self.channel == DRUM_CHANNEL

    @property
    def chords(self) -> bool:
        """Whether notes start together more often than by accident."""
        near = Fraction(1, 16)
        together = sum(b.start - a.start <= near for a, b in pairwise(self.hits))
        return together > MAX_TOGETHER * len(self.hits)


@dataclass(frozen=True, slots=True)
class Score:
    """A MIDI file, read.

    Attributes:
        parts: those that have notes.
        metres: (quarters from the beginning, metre) of each change; the first is at 0.
        length: quarters.
    """

    parts: tuple[Part, ...]
    metres: tuple[tuple[Fraction, tuple[int, int]], ...]
    length: Fraction


def read(path: Path) -> Score:
    """Every part of a MIDI file.

    Raises:
        MusicError: it is no MIDI file, has no beats (SMPTE time), or no notes.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise MusicError(f"{path.name} is larger than {MOST_BYTES >> 20} MB: no performance is")
        file = mido.MidiFile(path, clip=True)
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise MusicError(f"{path.name} is not a MIDI file that can be read ({error})") from None
    if file.ticks_per_beat <= 0 or file.type == 2:
        raise MusicError(f"{path.name} has no beats to cut at")
    parts = tuple(part for number, track in enumerate(file.tracks, 1) for part in _parts(number, track, file))
    if not parts:
        raise MusicError(f"{path.name} holds no notes")
    length = max(hit.end for part in parts for hit in part.hits)
    # where a track ends on a bar line its end was meant: a riff of two bars may rest in the second
    ends = [Fraction(sum(message.time for message in track), file.ticks_per_beat) for track in file.tracks]
    length = max([length, *(end for end in ends if end % 4 == 0)])
    return Score(parts, tuple(_metres(file)), length)


def fullest(parts: Iterable[Part]) -> list[Part]:
    """The part with the most notes, lines before chords, in a list; none of none."""
    return sorted(parts, key=lambda part: (part.chords, -len(part.hits)))[:1]


def _metres(file: mido.MidiFile) -> Iterator[tuple[Fraction, tuple[int, int]]]:
    changes = {0: (4, 4)}
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "time_signature" and message.numerator > 0:
                changes[tick] = (message.numerator, message.denominator)
    for tick, metre in sorted(changes.items()):
        yield Fraction(tick, file.ticks_per_beat), metre


def notes_of(roles: Iterable[tuple[Part, int]]) -> list[Note]:
    """The hits of parts as notes, part after part, each in its role, off the grid as played."""
    return [
        Note(
            round(hit.start * TICKS_PER_BEAT),
            max(1, round((hit.end - hit.start) * TICKS_PER_BEAT)),
            hit.pitch,
            hit.velocity,
            role,
        )
        for part, role in roles
        for hit in part.hits
    ]


def _parts(number: int, track: mido.MidiTrack, file: mido.MidiFile) -> Iterator[Part]:
    tick = 0
    programs: dict[int, int] = {}
    begun: dict[tuple[int, int], tuple[int, int]] = {}
    hits: dict[int, list[Hit]] = defaultdict(list)
    for message in track:
        tick += message.time
        if message.type == "program_change":
            programs.setdefault(message.channel, message.program)
        elif message.type in {"note_on", "note_off"}:
            key = (message.channel, message.note)
            if (since := begun.pop(key, None)) is not None and tick > since[0]:
                start, end = Fraction(since[0], file.ticks_per_beat), Fraction(tick, file.ticks_per_beat)
                hits[message.channel].append(Hit(start, end, message.note, since[1]))
            if message.type == "note_on" and message.velocity:
                begun[key] = (tick, message.velocity)
    for channel, played in sorted(hits.items()):
        ordered = tuple(sorted(played, key=lambda hit: (hit.start, -hit.pitch)))
        yield Part(number, track.name.strip(), channel + 1, programs.get(channel, 0), ordered)
