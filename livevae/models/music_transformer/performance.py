"""Magenta's performance encoding: keys that go down and up, time in 10 ms, velocities; 388 events (Oore et al. 2018).

Events are numbered as note-seq's `PerformanceOneHotEncoding` with 32 velocities numbers them: 128 ons, 128 offs, 100
time shifts (10 ms to 1 s), 32 velocities.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from livevae.errors import ModelError

ON = 0
OFF = 128
SHIFT = 256
SHIFTS = 100
"""Steps of the longest time shift."""

VELOCITY = SHIFT + SHIFTS
VELOCITIES = 32
CLASSES = VELOCITY + VELOCITIES
STEPS_PER_SECOND = 100

BIN = 4
"""MIDI velocities of a bin."""


class Performed(NamedTuple):
    """A note: start and end in steps of 10 ms, MIDI pitch, MIDI velocity (1 to 127)."""

    start: int
    end: int
    pitch: int
    velocity: int


def encode(notes: Iterable[Performed]) -> list[int]:
    """Notes as events from step 0 on; velocities lose their two lowest bits.

    Raises:
        ModelError: a note that starts before step 0 or does not last.
    """
    ordered = sorted(notes, key=lambda note: (note.start, note.pitch))
    for note in ordered:
        if not 0 <= note.start < note.end or not 0 <= note.pitch < 128 or not 1 <= note.velocity < 128:
            raise ModelError(
                f"a performance has notes from step 0 on that last, not {note.start} to {note.end}, "
                f"pitch {note.pitch}, velocity {note.velocity}"
            )
    ons = [(note.start, i, False) for i, note in enumerate(ordered)]
    offs = [(note.end, i, True) for i, note in enumerate(ordered)]
    events, now, loud = [], 0, 0
    for step, i, is_off in sorted(ons + offs):
        while step > now:
            shift = min(step - now, SHIFTS)
            events.append(SHIFT + shift - 1)
            now += shift
        if is_off:
            events.append(OFF + ordered[i].pitch)
            continue
        velocity = velocity_bin(ordered[i].velocity)
        if velocity != loud:
            events.append(VELOCITY + velocity - 1)
            loud = velocity
        events.append(ON + ordered[i].pitch)
    return events


def decode(events: Sequence[int], velocity: int = 100) -> list[Performed]:
    """Events as notes, sorted.

    An off ends the key's earliest note; without one it is passed over. Notes that last no step are left out, and what
    is held at the end ends there.

    Args:
        events: numbers from 0 to 387.
        velocity: of notes before the first velocity.

    Raises:
        ModelError: a number outside of the vocabulary.
    """
    sounding: dict[int, list[tuple[int, int]]] = defaultdict(list)
    notes: list[Performed] = []
    now = 0
    for event in events:
        if not 0 <= event < CLASSES:
            raise ModelError(f"performance events are 0 to {CLASSES - 1}, not {event}")
        if event < OFF:
            sounding[event].append((now, velocity))
        elif event < SHIFT:
            pitch = event - OFF
            if sounding[pitch]:
                start, loud = sounding[pitch].pop(0)
                notes.append(Performed(start, now, pitch, loud))
        elif event < VELOCITY:
            now += event - SHIFT + 1
        else:
            velocity = velocity_of(event - VELOCITY + 1)
    notes += [Performed(start, now, pitch, loud) for pitch, held in sounding.items() for start, loud in held]
    return sorted(note for note in notes if note.end > note.start)


def steps(events: Iterable[int]) -> int:
    """Steps of 10 ms that go by."""
    return sum(event - SHIFT + 1 for event in events if SHIFT <= event < VELOCITY)


def velocity_bin(velocity: int) -> int:
    """The bin of a MIDI velocity, 1 to 32."""
    return (velocity - 1) // BIN + 1


def velocity_of(number: int) -> int:
    """The lowest MIDI velocity of a bin."""
    return (number - 1) * BIN + 1
