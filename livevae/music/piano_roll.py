"""A roll of a keyboard with velocities, on sixteenths that may lean to a triplet: how data sets store many voices.

A cell of `[steps, 88]` uint16 is 0 where nothing is struck, else the length in twelfths of a beat (8 bits), how the
start leans from its sixteenth (2 bits: a twelfth early, on it, a twelfth late) and the velocity's bin (3 bits).
"""

from typing import NamedTuple

TWELFTHS = 12
"""Of a beat: sixteenths are three of them, triplet eighths four, triplet sixteenths two."""

PLACES = (0, 2, 3, 4, 6, 8, 9, 10)
"""Where in a beat, in twelfths, notes may begin: sixteenths and the triplets of eighths and sixteenths."""

LOWEST = 21
KEYS = 88
LONGEST = 192
"""Twelfths: four bars. Longer notes end there."""

VELOCITIES = 8
_WIDTH = 128 // VELOCITIES


class Cell(NamedTuple):
    """What one cell says: length in twelfths (1 to 192), lean in twelfths (-1, 0, 1), bin of the velocity (0 to 7)."""

    length: int
    lean: int
    velocity: int


def pack(cell: Cell) -> int:
    """A cell as its number, never 0."""
    return cell.length | (cell.lean + 1) << 8 | cell.velocity << 10


def unpack(number: int) -> Cell:
    """The cell of a number that is not 0."""
    return Cell(number & 255, (number >> 8 & 3) - 1, number >> 10)


def velocity_bin(velocity: int) -> int:
    """The bin of a MIDI velocity."""
    return min(max(velocity, 1), 127) // _WIDTH


def velocity_of(number: int) -> int:
    """The MIDI velocity in the middle of a bin."""
    return number * _WIDTH + _WIDTH // 2


def nearest_place(twelfths: float) -> int:
    """The place nearest to a time, both in twelfths from a beat; of two the later."""
    beat = int(twelfths // TWELFTHS)
    inside = twelfths - beat * TWELFTHS
    best = min((*PLACES, TWELFTHS), key=lambda place: (abs(place - inside), -place))
    return beat * TWELFTHS + best


def on_step(twelfths: int) -> tuple[int, int]:
    """A place as its sixteenth and how it leans from it."""
    step, rest = divmod(twelfths, 3)
    return (step + 1, -1) if rest == 2 else (step, rest)
