"""MIDI files to lines: the tracks that carry one voice at a time and are no bass and no percussion."""

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import mido

from livevae.corpus.lines import Bar, Line, Sung
from livevae.corpus.names import song_name
from livevae.errors import MusicError

DRUM_CHANNEL = 9
NO_MELODY = (*range(32, 40), *range(112, 128))
"""General MIDI programs that carry no melody: basses, percussion, effects."""

MAX_TOGETHER = 0.1
"""A track in which more of the notes start together with another is chords, not a line."""

MIN_NOTES = 8


def read(path: Path) -> list[Line]:
    """The melodic lines of a MIDI file, one for each track and channel that has one voice.

    Raises:
        MusicError: the file is no MIDI file, has no beats (SMPTE time), or holds no such line.
    """
    file = open_midi(path)
    metres = metres_of(file)
    song = song_name(path.stem)
    lines = [
        Line(song, tuple(_bars(notes, metres, file.ticks_per_beat)))
        for notes in _tracks(file)
        if len(notes) >= MIN_NOTES and _one_voice(notes, file.ticks_per_beat)
    ]
    if not lines:
        raise MusicError("no track has one voice at a time and is neither bass nor percussion")
    return lines


def open_midi(path: Path) -> mido.MidiFile:
    """A MIDI file that has beats.

    Raises:
        MusicError: it cannot be read, or has no beats (SMPTE time, or songs one after the other).
    """
    try:
        file = mido.MidiFile(path, clip=True)
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise MusicError(f"{path.name} is not a MIDI file that can be read ({error})") from error
    if file.ticks_per_beat <= 0 or file.type == 2:
        raise MusicError(f"{path.name} has no beats to cut at")
    return file


Span = tuple[int, int, int]
"""Start and end in the file's ticks, pitch."""


def metres_of(file: mido.MidiFile) -> list[tuple[int, tuple[int, int]]]:
    """Every time signature with the tick from which it holds; 4/4 where none is written."""
    changes = {0: (4, 4)}
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "time_signature":
                changes[tick] = (message.numerator, message.denominator)
    return sorted(changes.items())


def _tracks(file: mido.MidiFile) -> Iterator[list[Span]]:
    for track in file.tracks:
        tick = 0
        program: dict[int, int] = defaultdict(int)
        begun: dict[tuple[int, int], int] = {}
        spans: dict[int, list[Span]] = defaultdict(list)
        for message in track:
            tick += message.time
            if message.type == "program_change":
                program[message.channel] = message.program
            elif message.type in {"note_on", "note_off"}:
                key = (message.channel, message.note)
                start = begun.pop(key, None)
                if start is not None and tick > start:
                    spans[message.channel].append((start, tick, message.note))
                melodic = message.channel != DRUM_CHANNEL and program[message.channel] not in NO_MELODY
                if message.type == "note_on" and message.velocity and melodic:
                    begun[key] = tick
        yield from (sorted(notes) for notes in spans.values())


def _one_voice(notes: list[Span], ticks_per_beat: int) -> bool:
    near = ticks_per_beat // 16
    together = sum(b[0] - a[0] <= near for a, b in pairwise(notes))
    return together <= MAX_TOGETHER * len(notes)


def _bars(notes: list[Span], metres: list[tuple[int, tuple[int, int]]], ticks_per_beat: int) -> Iterator[Bar]:
    """Each stretch of one metre as one long bar: in a MIDI file the grid never slips within it."""
    last = max(end for _, end, _ in notes)
    ends = [tick for tick, _ in metres[1:]] + [max(last, metres[-1][0] + 1)]
    for (begin, metre), end in zip(metres, ends, strict=True):
        inside = [note for note in notes if begin <= note[0] < end]
        whole = Fraction(4 * metre[0], metre[1])
        count = -(-Fraction(end - begin, ticks_per_beat) // whole)
        sung = tuple(
            Sung(Fraction(a - begin, ticks_per_beat), Fraction(b - a, ticks_per_beat), pitch)
            for a, b, pitch in inside
        )
        yield Bar(metre, count * whole, sung, jump=True)
