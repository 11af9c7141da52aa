"""Notes and riffs: what a decode gives, on the grid of ticks, with no absolute time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

TICKS_PER_BEAT = 960
"""One beat is a quarter: a sixteenth is 240 ticks, a triplet eighth 320, a MIDI clock 40."""

STEPS_PER_BEAT = 4
TICKS_PER_STEP = TICKS_PER_BEAT // STEPS_PER_BEAT
STEPS_PER_BAR = 16
TICKS_PER_BAR = STEPS_PER_BAR * TICKS_PER_STEP
"""A 4/4 bar, which is MusicVAE's: 3840 ticks."""


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """One note of a riff.

    Attributes:
        start: ticks from the riff's first downbeat; may be slightly negative or off the grid (microtiming).
        length: ticks, at least 1.
        pitch: MIDI pitch, 0 to 127.
        velocity: 1 to 127.
        part: which of a trio's parts it belongs to (0 melody, 1 bass, 2 drums); drum models' are 2, all others' 0.
    """

    start: int
    length: int
    pitch: int
    velocity: int = 96
    part: int = 0

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"a note lasts at least one tick, not {self.length}")
        if not 0 <= self.pitch <= 127:
            raise ValueError(f"a MIDI pitch is 0 to 127, not {self.pitch}")
        if not 1 <= self.velocity <= 127:
            raise ValueError(f"a note's velocity is 1 to 127, not {self.velocity}")

    @property
    def end(self) -> int:
        """The tick of its off."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Riff:
    """Decoded notes of some bars, sorted by start, with no absolute time.

    Attributes:
        notes: sorted; the constructor sorts them.
        length: ticks, whole bars as a rule.
        bar: ticks of its bars, as the model that made it counts them.
    """

    notes: tuple[Note, ...]
    length: int
    bar: int = TICKS_PER_BAR

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", tuple(sorted(self.notes)))
        if self.length < 1:
            raise ValueError(f"a riff lasts at least one tick, not {self.length}")
        if self.bar < 1:
            raise ValueError(f"a bar lasts at least one tick, not {self.bar}")

    @property
    def bars(self) -> float:
        """Its length in its bars."""
        return self.length / self.bar

    def map(self, change: Callable[[Note], Note | None]) -> "Riff":
        """The riff with every note changed; notes for which `change` gives None are left out."""
        changed = tuple(new for note in self.notes if (new := change(note)) is not None)
        return Riff(changed, self.length, self.bar)

    def moved(self, ticks: int) -> "Riff":
        """The same notes, `ticks` later; the length stays."""
        return self.map(lambda note: replace(note, start=note.start + ticks))


def join(riffs: Iterable[Riff]) -> Riff:
    """Riffs one after the other, as one; at least one riff."""
    notes: list[Note] = []
    length, bar = 0, TICKS_PER_BAR
    for riff in riffs:
        notes.extend(riff.moved(length).notes)
        length, bar = length + riff.length, riff.bar
    return Riff(tuple(notes), length, bar)
