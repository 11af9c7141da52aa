"""Drum fills: the end of a section's last bar on snare and toms, and a crash where the next one begins. Pure."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from livevae.music.drums import NAMES, REDUCED
from livevae.music.meter import EARLY, Meter
from livevae.music.notes import TICKS_PER_STEP, Note, Riff
from livevae.music.shape import DRUMS

PITCHES = {name: kit[0] for name, kit in zip(NAMES, REDUCED, strict=True)}
FEET = frozenset((*REDUCED[NAMES.index("kick")], 44))
"""Kick and pedal hi-hat, which go on under some fills."""

RUN = ("snare", "high tom", "mid tom", "low tom")
"""What a run is played on, from its first quarter to its last."""

SOFTEST, HARDEST = 58, 118
"""Velocities of a fill's first and last stroke; between them it swells. What is on a beat is `ACCENT` harder."""

ACCENT = 9
REST = 0.3
"""The share of a run's strokes off the beat that are left out; which ones hangs on the riff, so runs are not alike."""


def filled(riff: Riff, share: float, *, crash: bool, meter: Meter, kind: str = "run") -> Riff:
    """A riff with a fill at its end, a crash at its beginning, or both; one without drums is left as it is.

    Args:
        riff: in bars of the meter.
        share: of its last bar, rounded to whole beats, at least one; 0 for no fill.
        crash: whether a section begins with it.
        meter: how long bars and beats are.
        kind: one of `KINDS`.
    """
    if not any(note.part == DRUMS for note in riff.notes):
        return riff
    notes = list(riff.notes)
    if share > 0:
        beats = max(1, round(share * meter.bar / meter.beat))
        length = min(meter.bar, riff.length, beats * meter.beat)
        fill = _KINDS[kind]
        if fill.beats:
            length = min(length, round(fill.beats * meter.beat))
        begin = riff.length - length
        goes_on = FEET if fill.feet else frozenset()
        notes = [
            note
            for note in notes
            if note.part != DRUMS or note.start < begin - EARLY or note.pitch in goes_on
        ]
        chance = sum(note.start + note.velocity for note in riff.notes)
        notes += [
            _stroke(tick, name, velocity)
            for tick, name, velocity in fill.play(_Span(begin, riff.length, meter.beat), chance)
        ]
    if crash:
        notes = [note for note in notes if note.start >= EARLY or note.pitch not in _TIME]
        notes += [_stroke(0, name, 110) for name in ("kick", "crash") if not _struck(notes, name)]
    return replace(riff, notes=tuple(notes))


_TIME = frozenset(
    pitch for name in ("closed hi-hat", "open hi-hat", "ride") for pitch in REDUCED[NAMES.index(name)]
)
"""What a crash takes the place of."""


Stroke = tuple[int, str, int]
"""Tick, instrument and velocity."""


@dataclass(frozen=True, slots=True)
class _Span:
    """From where to where a fill is, in ticks of its riff, and how long a beat is."""

    begin: int
    end: int
    beat: int

    @property
    def steps(self) -> range:
        return range(self.begin, self.end, TICKS_PER_STEP)

    def swelling(self, tick: int) -> int:
        """How hard a stroke is."""
        place = (tick - self.begin) / (self.end - self.begin)
        on_beat = (self.end - tick) % self.beat == 0
        return SOFTEST + math.floor((HARDEST - SOFTEST - ACCENT) * place) + ACCENT * on_beat


def _run(span: _Span, seed: int) -> Iterator[Stroke]:
    """Sixteenths, some left out, from the snare down to the low tom."""
    chance = random.Random(seed)  # noqa: S311  (music, not secrets)
    for tick in span.steps:
        on_beat = (span.end - tick) % span.beat == 0
        if chance.random() < REST and not on_beat and tick != span.steps[-1]:
            continue
        quarter = (tick - span.begin) * len(RUN) // (span.end - span.begin)
        yield tick, RUN[quarter], span.swelling(tick)


def _roll(span: _Span, _: int) -> Iterator[Stroke]:
    """Sixteenths on the snare."""
    return ((tick, "snare", span.swelling(tick)) for tick in span.steps)


def _toms(span: _Span, _: int) -> Iterator[Stroke]:
    """Threes that fall: two strokes on a tom and one on the kick, the next on a lower tom."""
    for number, tick in enumerate(span.steps):
        name = RUN[1 + min(2, number // 3)] if number % 3 < 2 else "kick"
        yield tick, name, span.swelling(tick)


def _syncopation(span: _Span, _: int) -> Iterator[Stroke]:
    """The snare on three, three and two sixteenths, the kick just before it."""
    for number, tick in enumerate(span.steps):
        if number % 8 in (0, 3, 6):
            yield tick, "snare", span.swelling(tick)
        elif number % 8 in (2, 5):
            yield tick, "kick", span.swelling(tick)


def _drop(span: _Span, _: int) -> Iterator[Stroke]:
    """One stroke, and silence until the bar line."""
    yield span.begin, "kick", HARDEST
    yield span.begin, "snare", HARDEST


def _pickup(span: _Span, _: int) -> Iterator[Stroke]:
    """The groove goes on until two strokes on the snare before the bar line."""
    if len(span.steps) > 1:  # a bar of 1/16 has room for one
        yield span.begin, "snare", (SOFTEST + HARDEST) // 2
    yield span.end - TICKS_PER_STEP, "snare", HARDEST


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a fill is played.

    Attributes:
        play: its strokes.
        feet: whether kick and pedal go on under it.
        beats: the most that it lasts; 0 for as long as is asked for.
    """

    play: Callable[[_Span, int], Iterator[Stroke]]
    feet: bool
    beats: float = 0


_KINDS = {
    "run": _Kind(_run, feet=True),
    "roll": _Kind(_roll, feet=True),
    "toms": _Kind(_toms, feet=False),
    "syncopation": _Kind(_syncopation, feet=False),
    "drop": _Kind(_drop, feet=False),
    "pickup": _Kind(_pickup, feet=True, beats=0.5),
}

KINDS = tuple(_KINDS)
"""Sorts of fills."""


def _stroke(tick: int, name: str, velocity: int) -> Note:
    return Note(tick, TICKS_PER_STEP, PITCHES[name], velocity, DRUMS)


def _struck(notes: list[Note], name: str) -> bool:
    kit = REDUCED[NAMES.index(name)]
    return any(note.pitch in kit and note.start < EARLY for note in notes)
