"""Drum fills: the end of a section's last bar on snare and toms, and a crash where the next one begins. Pure."""

import math
import random
from dataclasses import replace

from livevae.music.drums import NAMES, REDUCED
from livevae.music.meter import EARLY, Meter
from livevae.music.notes import TICKS_PER_STEP, Note, Riff
from livevae.music.shape import DRUMS

PITCHES = {name: kit[0] for name, kit in zip(NAMES, REDUCED, strict=True)}
FEET = frozenset((*REDUCED[NAMES.index("kick")], 44))
"""Kick and pedal hi-hat go on under a fill."""

RUN = ("snare", "high tom", "mid tom", "low tom")
"""What a fill is played on, from its first quarter to its last."""

SOFTEST, HARDEST = 58, 118
"""Velocities of a fill's first and last stroke; between them it swells. What is on a beat is `ACCENT` harder."""

ACCENT = 9
REST = 0.3
"""The share of strokes off the beat that are left out; which ones hangs on the riff, so fills are not all alike."""


def filled(riff: Riff, share: float, *, crash: bool, meter: Meter) -> Riff:
    """A riff with a fill at its end, a crash at its beginning, or both; one without drums is left as it is.

    Args:
        riff: in bars of the meter.
        share: of its last bar, rounded to whole beats, at least one; 0 for no fill.
        crash: whether a section begins with it.
        meter: how long bars and beats are.
    """
    if not any(note.part == DRUMS for note in riff.notes):
        return riff
    notes = list(riff.notes)
    if share > 0:
        beats = max(1, round(share * meter.bar / meter.beat))
        begin = max(0, riff.length - min(meter.bar, beats * meter.beat))
        notes = [
            note for note in notes if note.part != DRUMS or note.start < begin - EARLY or note.pitch in FEET
        ]
        notes += _run(begin, riff.length, meter, sum(note.start + note.velocity for note in riff.notes))
    if crash:
        notes = [note for note in notes if note.start >= EARLY or note.pitch not in _TIME]
        notes += [_stroke(0, name, 110) for name in ("kick", "crash") if not _struck(notes, name)]
    return replace(riff, notes=tuple(notes))


_TIME = frozenset(
    pitch for name in ("closed hi-hat", "open hi-hat", "ride") for pitch in REDUCED[NAMES.index(name)]
)
"""What a crash takes the place of."""


def _run(begin: int, end: int, meter: Meter, seed: int) -> list[Note]:
    chance = random.Random(seed)  # noqa: S311  (music, not secrets)
    steps = range(begin, end, TICKS_PER_STEP)
    found = []
    for number, tick in enumerate(steps):
        place = number / len(steps)
        on_beat = (end - tick) % meter.beat == 0
        if chance.random() < REST and not on_beat and tick != steps[-1]:
            continue
        velocity = SOFTEST + math.floor((HARDEST - SOFTEST - ACCENT) * place) + ACCENT * on_beat
        found.append(_stroke(tick, RUN[int(place * len(RUN))], velocity))
    return found


def _stroke(tick: int, name: str, velocity: int) -> Note:
    return Note(tick, TICKS_PER_STEP, PITCHES[name], velocity, DRUMS)


def _struck(notes: list[Note], name: str) -> bool:
    kit = REDUCED[NAMES.index(name)]
    return any(note.pitch in kit and note.start < EARLY for note in notes)
