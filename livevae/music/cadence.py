"""Cadences: how a line leads into the next chord, and where it comes to rest. Pure.

Laws:

nothing is struck where nothing was, and nothing moves by more than half an octave
drums, and bars in which several notes sound at once at the end, are left as they are
a note that leads is a step from the one that follows, or, in a bass, a fifth above or a fourth below it
a note that rests ends with its section
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from livevae.music import keys
from livevae.music.harmony import Chord
from livevae.music.meter import EARLY, Meter
from livevae.music.notes import TICKS_PER_STEP, Note, Riff
from livevae.music.pace import middle
from livevae.music.shape import DRUMS, OCTAVE

LEADS, RESTS = 0.5, 1.0
"""From which amount on lines lead, and rest."""

STEP = 2
"""Semitones, at most."""

FIFTHS = (7, -5)
"""How a bass comes to a root, besides by a step."""

FURTHEST = OCTAVE // 2


@dataclass(frozen=True, slots=True)
class Harmony:
    """What a line goes by.

    Attributes:
        chord_of: the chord of a bar, counted from the session's first.
        key: whose scale the notes are of; None for any.
        meter: how long bars and beats are.
        start: the riff's first tick in the session.
        low: the lowest pitch.
        high: the highest.
        bass: whether it plays roots.
    """

    chord_of: Callable[[int], Chord | None]
    key: keys.Key | None
    meter: Meter
    start: int = 0
    low: int = 0
    high: int = 127
    bass: bool = False

    def line(self, bar: int) -> int:
        """The tick of the riff on which a bar of the session ends."""
        return (bar + 1) * self.meter.bar - self.start

    def bars(self, riff: Riff) -> range:
        """The bars of the session that end in a riff."""
        return range(self.start // self.meter.bar, (self.start + riff.length) // self.meter.bar)

    def nearest(self, pitch: int, classes: Collection[int]) -> int | None:
        """The nearest pitch of these classes within the register, the lower of two; None where it has none."""
        register = range(self.low, self.high + 1)
        found = (one for one in register if one % OCTAVE in classes)
        return min(found, key=lambda one: (abs(one - pitch), one), default=None)


def led(riff: Riff, harmony: Harmony) -> Riff:
    """The last note before another chord leads to the first one on it, if it begins in the bar's last beat.

    Where the riff ends there, it leads to the nearest tone of the next chord: in a bass, to the root.
    """
    notes = list(riff.notes)
    for bar in harmony.bars(riff):
        here, there = harmony.chord_of(bar), harmony.chord_of(bar + 1)
        line, beat = harmony.line(bar), harmony.meter.beat
        last = _last(notes, line - beat, line)
        if here is None or there is None or here == there or last is None or notes[last].end > line + EARLY:
            continue
        pitch = notes[last].pitch
        after = [
            note.pitch for note in notes if note.part != DRUMS and line - EARLY <= note.start < line + beat
        ]
        target = after[0] if after else None
        if target is None and line == riff.length:
            target = harmony.nearest(pitch, {there.root} if harmony.bass else there.tones)
        if target is not None and (leading := _leading(pitch, target, here, harmony)) is not None:
            notes[last] = replace(notes[last], pitch=leading)
    return replace(riff, notes=tuple(notes))


def resolved(riff: Riff, harmony: Harmony, before: int | None) -> Riff:
    """The first note, if the chord changes with the riff, resolves what led into it: to a chord's tone a step away.

    A bass comes to the root that is nearest.

    Args:
        riff: that begins on a bar line of the session.
        harmony: what it goes by.
        before: the pitch of the note before it, see `last_pitch`; None where none led.
    """
    bar, rest = divmod(harmony.start, harmony.meter.bar)
    here, there = harmony.chord_of(bar - 1), harmony.chord_of(bar)
    tune = [i for i, note in enumerate(riff.notes) if note.part != DRUMS]
    if before is None or here is None or there is None or here == there or rest or not tune:
        return riff
    first = riff.notes[tune[0]]
    alone = len(tune) == 1 or riff.notes[tune[1]].start - first.start >= EARLY
    pitch = harmony.nearest(before, {there.root} if harmony.bass else there.tones)
    if pitch is None or not alone or first.start >= harmony.meter.beat:
        return riff
    if not harmony.bass and (abs(pitch - before) > STEP or abs(pitch - first.pitch) > FURTHEST):
        return riff
    notes = [replace(note, pitch=pitch) if note == first else note for note in riff.notes]
    return replace(riff, notes=tuple(notes))


def last_pitch(notes: Sequence[Note], length: int, meter: Meter) -> int | None:
    """The pitch that leads out of a riff, of one that begins in its last beat; None where none or several do."""
    last = _last(sorted(notes), length - meter.beat, length)
    return None if last is None else sorted(notes)[last].pitch


def rested(riff: Riff, harmony: Harmony, ends: Callable[[int], bool]) -> Riff:
    """In the last bar of a section, the note on or before the bar's middle is held to its end, on the chord's root.

    Notes after it are left out. In a bar without a chord it is the tonic, if there is a key.

    Args:
        riff: of one voice.
        harmony: what it goes by.
        ends: whether a section ends with a bar of the session.
    """
    notes = list(riff.notes)
    for bar in harmony.bars(riff):
        if not ends(bar):
            continue
        line = harmony.line(bar)
        first = line - harmony.meter.bar
        after = first + middle(harmony.meter) + TICKS_PER_STEP
        last, root = _last(notes, first, after), _root(harmony.chord_of(bar), harmony.key)
        pitch = None if last is None or root is None else harmony.nearest(notes[last].pitch, {root})
        if last is None or pitch is None:
            continue
        notes[last] = replace(notes[last], pitch=pitch, length=line - notes[last].start)
        notes = [left for note in notes if (left := _without(note, after, line)) is not None]
    return replace(riff, notes=tuple(notes))


def _root(chord: Chord | None, key: keys.Key | None) -> int | None:
    if chord is not None:
        return chord.root
    return None if key is None else key.tonic


def _without(note: Note, begin: int, end: int) -> Note | None:
    """A note, if it does not begin between two ticks; one that reaches beyond them begins on the second."""
    if note.part == DRUMS or not begin - EARLY <= note.start < end - EARLY:
        return note
    return replace(note, start=end, length=note.end - end) if note.end > end + EARLY else None


def _leading(pitch: int, target: int, chord: Chord, harmony: Harmony) -> int | None:
    """The nearest pitch to one, from which it goes well to the target beneath a chord; None where all are far."""
    scale = range(OCTAVE) if harmony.key is None else chord.scale(harmony.key)
    ways = [target + step for step in (-STEP, 1 - STEP, STEP - 1, STEP)]
    if harmony.bass:
        ways += [target + fifth for fifth in FIFTHS]
    near = [
        way
        for way in ways
        if way % OCTAVE in scale and harmony.low <= way <= harmony.high and abs(way - pitch) <= FURTHEST
    ]
    return min(near, key=lambda way: (abs(way - pitch), way), default=None)


def _last(notes: list[Note], begin: int, end: int) -> int | None:
    """Which note is the last to begin from one tick to another; None if there is none, or another with it."""
    inside = [
        i for i, note in enumerate(notes) if note.part != DRUMS and begin - EARLY <= note.start < end - EARLY
    ]
    if not inside or (len(inside) > 1 and notes[inside[-1]].start - notes[inside[-2]].start < EARLY):
        return None
    return inside[-1]
