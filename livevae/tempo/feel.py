"""Feel: swing, scatter and shift, laid over notes whose ticks are already known. Pure; nothing is random but by seed.

Laws, for notes on steps and every feel and seed:

    a plain feel changes nothing
    swing: ticks keep their order, pairs of steps begin where they began, and what touched still touches
    scatter: the same seed and place give the same result, whatever other notes there are
    altogether: steps keep their order, no note begins before tick 0 or lasts less than a tick
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from livevae.tempo.events import PlayNote

STRAIGHT = 0.5
HARDEST = 0.75
"""The first step's part of a pair, as the MPC counts swing: 50 to 75 %; two thirds is the triplet."""

SIXTEENTH = 240
"""Ticks of the finest step that notes stand on."""

FARTHEST = SIXTEENTH // 4 - 1
"""Ticks that scatter moves a note at most: the hardest swing leaves half a sixteenth between two steps."""


@dataclass(frozen=True, slots=True)
class Feel:
    """How notes are played that are written straight.

    Attributes:
        swing: the first step's part of a pair of steps, 0.5 (straight) to 0.75.
        step: ticks of the steps that swing: 480 for eighths, 240 for sixteenths.
        scatter: ticks that a note may come early or late.
        touch: how much harder or softer a note may be, in velocity.
        shift: ticks that everything comes later; negative is earlier.
        origin: a tick where a pair of steps begins, and from which places are counted for scatter.
        bar: ticks after which pairs begin anew, a step that is left over being played straight; 0 is never.
    """

    swing: float = STRAIGHT
    step: int = SIXTEENTH
    scatter: float = 0.0
    touch: int = 0
    shift: int = 0
    origin: int = 0
    bar: int = 0

    def __post_init__(self) -> None:
        if not STRAIGHT <= self.swing <= HARDEST:
            raise ValueError(f"swing is {STRAIGHT} to {HARDEST}, not {self.swing}")
        if self.step < 1:
            raise ValueError(f"a step is at least one tick, not {self.step}")

    @property
    def plain(self) -> bool:
        """Whether it changes nothing."""
        return self.swing == STRAIGHT and not self.scatter and not self.touch and not self.shift


def felt(notes: Iterable[PlayNote], feel: Feel, seed: int, turn: int = 0) -> tuple[PlayNote, ...]:
    """The notes as `feel` plays them; with the same seed and turn, the same again."""
    return tuple(notes) if feel.plain else tuple(_felt(note, feel, seed, turn) for note in notes)


def swung(tick: int, swing: float, step: int, origin: int = 0, bar: int = 0) -> int:
    """Where `tick` falls when the second of each pair of steps comes late.

    Each half of a pair is stretched or pressed as a whole, so that triplets and microtiming bend with it.
    """
    place = tick - origin
    if bar:
        place %= bar
        if place >= bar - bar % (2 * step):
            return tick
    place %= 2 * step
    pair = tick - place
    if place < step:
        return pair + round(place * 2 * swing)
    return pair + round(2 * step * swing + (place - step) * 2 * (1 - swing))


def chance(seed: int, *place: int) -> tuple[float, float]:
    """Two numbers from -1 to 1, most of them near 0, that depend on seed and place alone.

    Each is the mean of four even ones (Irwin and Hall's bell): standard deviation 0.29, and never beyond 1.
    """
    digest = hashlib.blake2b(repr((seed, *place)).encode(), digest_size=16).digest()
    words = [int.from_bytes(digest[i : i + 2], "big") for i in range(0, 16, 2)]
    return sum(words[:4]) / (2 * 0xFFFF) - 1, sum(words[4:]) / (2 * 0xFFFF) - 1


def _felt(note: PlayNote, feel: Feel, seed: int, turn: int) -> PlayNote:
    start = swung(note.tick, feel.swing, feel.step, feel.origin, feel.bar)
    length = max(1, swung(note.end, feel.swing, feel.step, feel.origin, feel.bar) - start)
    late, hard = chance(seed, turn, note.tick - feel.origin, note.pitch)
    moved = round(late * min(feel.scatter, FARTHEST)) + feel.shift
    return replace(
        note,
        tick=max(0, start + moved),
        length=length,
        velocity=min(127, max(1, note.velocity + round(hard * feel.touch))),
    )
