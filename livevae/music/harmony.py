"""Progressions: chords that voices share, one a bar in turn, and how a riff goes with them. Pure.

Chords are counted from the session's first bar, so voices that have the same progression are on the same chord,
whatever riffs they are in. Of alternatives, one is played each time round, which the session's seed chooses.
How much of a riff goes to the chord is its `pull`. Laws:

    at pull 0, and in bars without a chord, nothing is changed; drums never are
    at pull 1 every pitch class is one of its bar's chord
    no note moves by more than half an octave (but at the ends of MIDI's range)
    a note that is held into a chord that it is not of, moves on the bar line
    notes in a row that differ go on to do so, where the chord has another tone within half an octave
    the same sounds: nothing is struck or ends where nothing did, but on bar lines
"""

import functools
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from livevae.errors import MusicError
from livevae.music import chords, keys, turns
from livevae.music.meter import EARLY, Meter
from livevae.music.notes import TICKS_PER_STEP, Note, Riff
from livevae.music.shape import DRUMS, OCTAVE

MOST_CHORDS = 64
"""Of a progression, all alternatives together."""

OR = "or"
"""Between alternatives."""

DOWNBEATS, BEATS, EIGHTHS, ALL = 0.25, 0.5, 0.75, 1.0
"""From which pull on notes go to the chord: those on downbeats, on beats or held for one, on eighths, all of them."""

THIRDS_AND_FIFTH = (3, 4, 7)
"""Semitones above a root; those that a triad has not are out of place beneath it."""


@dataclass(frozen=True, slots=True)
class Chord:
    """A triad.

    Attributes:
        root: a pitch class.
        tones: its pitch classes.
    """

    root: int
    tones: frozenset[int]

    def moved(self, semitones: int) -> "Chord":
        """The same chord, so much higher."""
        return Chord(
            (self.root + semitones) % OCTAVE, frozenset((tone + semitones) % OCTAVE for tone in self.tones)
        )

    def scale(self, key: keys.Key) -> frozenset[int]:
        """The key's scale while this chord sounds: where a chord in D minor has C#, there is no C."""
        return (key.scale - {(self.root + step) % OCTAVE for step in THIRDS_AND_FIFTH}) | self.tones


EVERY = range(OCTAVE)

Progression = tuple[Chord | None, ...]
"""A chord for each bar in turn; None where every note may sound."""


@functools.lru_cache(256)
def parse(text: str) -> tuple[Progression, ...]:
    """`Dm Bb F C`, also with commas or bar lines (hosts without spaces in names); `-` is a bar without a chord.

    `Dm Bb F C or Dm F Gm A` are two alternatives.

    Raises:
        MusicError: one of them is no chord, there are too many, or `or` has none on one of its sides.
    """
    symbols = re.split(r"[\s,|]+", text.strip(" \t\r\n,|"))
    if symbols == [""]:
        return ()
    if len(symbols) - symbols.count(OR) > MOST_CHORDS:
        raise MusicError(f"{MOST_CHORDS} chords are the most, not {len(symbols) - symbols.count(OR)}")
    found: list[list[Chord | None]] = [[]]
    for symbol in symbols:
        if symbol == OR:
            found.append([])
        else:
            found[-1].append(_chord(chords.encode(symbol)))
    if [] in found:
        raise MusicError(f"{OR!r} stands between two progressions, such as Dm Bb F C {OR} Dm F Gm A")
    return tuple(map(tuple, found))


def chord_of(text: str, bar: int, turn: int | None = None, seed: str = "") -> Chord | None:
    """The chord of a bar of the session under a progression's text; None for a bar without one.

    Args:
        text: of the progression.
        bar: from the session's first on.
        turn: how often the text has had its turn before, where there are alternatives; None: as often as the
            longest of them has been gone through.
        seed: what chooses among alternatives.
    """
    alternatives = parse(text)
    if not alternatives:
        return None
    if turn is None:
        turn = bar // max(map(len, alternatives))
    progression = alternatives[turns.pick(len(alternatives), turn, seed)]
    return progression[bar % len(progression)]


def _chord(token: int) -> Chord | None:
    if token == 0:
        return None
    quality, root = divmod(token - 1, OCTAVE)
    return Chord(root, frozenset((root + step) % OCTAVE for step in chords.TRIADS[quality]))


def fitted(
    riff: Riff,
    chord_of: Callable[[int], Chord | None],
    pull: float,
    *,
    start: int,
    meter: Meter,
    key: keys.Key | None = None,
) -> Riff:
    """A riff that begins at tick `start` of the session, with the chords of its bars.

    Args:
        riff: shaped in bars of the meter.
        chord_of: the chord of a bar, counted from the session's first.
        pull: 0 to 1, see `DOWNBEATS`; at 1 the first note of each bar goes to the chord's root.
        start: ticks.
        meter: how long bars and beats are.
        key: notes that are not pulled stay in its scale, as it is beneath the chord; None leaves them.
    """
    if pull <= 0:
        return riff
    notes: list[Note] = []
    begun: set[int] = set()
    before, became = -1, -1  # the last note's pitch, as it was and as it is
    for note in riff.notes:
        if note.part == DRUMS:
            notes.append(note)
            continue
        pitch = None
        taken = became if note.pitch != before else -1
        for piece, bar in _pieces(note, start, meter.bar):
            allowed = _allowed(piece, chord_of(bar), bar not in begun, pull, start, meter, key)
            held = pitch is not None and pitch % OCTAVE in allowed
            fit = pitch if held and pitch is not None else _nearest(piece.pitch, allowed, taken)
            taken = -1
            begun.add(bar)
            if fit == pitch:
                notes[-1] = replace(notes[-1], length=notes[-1].length + piece.length)
            else:
                notes.append(replace(piece, pitch=fit))
            before, became, pitch = note.pitch, fit, fit
    return replace(riff, notes=tuple(notes))


def _pieces(note: Note, start: int, bar: int) -> Iterator[tuple[Note, int]]:
    """The note in parts that each lie in one bar, and the bars' numbers; one that begins just early is of the next."""
    first, last = (start + note.start + EARLY) // bar, (start + note.end - 1) // bar
    for number in range(first, max(first, last) + 1):
        begin = note.start if number == first else number * bar - start
        end = note.end if number >= last else (number + 1) * bar - start
        yield replace(note, start=begin, length=end - begin), number


def _allowed(
    note: Note, chord: Chord | None, first: bool, pull: float, start: int, meter: Meter, key: keys.Key | None
) -> Collection[int]:
    """The pitch classes that a note may have, by its place in the bar and its length."""
    if chord is None:
        return EVERY
    if first and pull >= ALL:
        return (chord.root,)
    place = (start + note.start + EARLY) % meter.bar
    if place < TICKS_PER_STEP:
        needed = DOWNBEATS
    elif place % meter.beat < TICKS_PER_STEP or note.length >= meter.beat:
        needed = BEATS
    else:
        needed = EIGHTHS if place % (2 * TICKS_PER_STEP) < TICKS_PER_STEP else ALL
    if pull >= needed:
        return chord.tones
    return EVERY if key is None else chord.scale(key)


def _nearest(pitch: int, classes: Collection[int], taken: int) -> int:
    """The nearest pitch of these classes, the lower of two; not the one that is taken, where there is another."""
    near = range(max(0, pitch - OCTAVE + 1), min(127, pitch + OCTAVE - 1) + 1)

    def strangeness(one: int) -> tuple[bool, bool, bool, int, int]:
        away = abs(one - pitch)
        return one % OCTAVE not in classes, away > OCTAVE // 2, one == taken, away, one

    return min(near, key=strangeness)
