"""GrooVAE's vocabulary: for each sixteenth and drum a hit, how hard and how early; and back to riffs.

A row is 27 numbers: nine hits (0 or 1), nine velocities (0 to 1), nine offsets (-1 to 1, in half steps; positive
is *early*, as Magenta's `GrooveConverter` has it). Gillick et al. 2019, arXiv 1905.06118.
"""

from collections.abc import Sequence

from livevae.errors import MusicError
from livevae.music.drums import REDUCED, Kit, instruments
from livevae.music.melody import nearest_step
from livevae.music.notes import TICKS_PER_STEP, Note, Riff

DRUMS = len(REDUCED)
WIDTH = 3 * DRUMS
CLOSED_HAT = 2
TAP = 3
"""The drum that a tapped rhythm is written on."""

Row = Sequence[float]


def decode(rows: Sequence[Row], kit: Kit = REDUCED) -> Riff:
    """Rows to a riff with velocities and microtiming; every hit lasts a step.

    Raises:
        MusicError: there are no rows, or one is not 27 wide.
    """
    if not rows:
        raise MusicError("a groove has at least one step; there is none")
    notes = []
    for step, row in enumerate(rows):
        if len(row) != WIDTH:
            raise MusicError(f"a groove's rows are {WIDTH} wide, not {len(row)} (step {step})")
        for drum in range(DRUMS):
            if row[drum] > 0.5:
                velocity = min(127, max(1, round(row[DRUMS + drum] * 127)))
                early = min(1.0, max(-1.0, row[2 * DRUMS + drum])) / 2
                start = round((step - early) * TICKS_PER_STEP)
                notes.append(Note(start, TICKS_PER_STEP, kit[drum][0], velocity))
    return Riff(tuple(notes), len(rows) * TICKS_PER_STEP)


def encode(riff: Riff, steps: int | None = None, kit: Kit = REDUCED) -> list[list[float]]:
    """A riff to rows, hits at their nearest step; of several of one drum there the hardest is kept."""
    count = steps if steps is not None else -(-riff.length // TICKS_PER_STEP)
    rows = [[0.0] * WIDTH for _ in range(count)]
    drum_of = instruments(kit)
    for note in riff.notes:
        step = nearest_step(note.start)
        drum = drum_of.get(note.pitch)
        if drum is None or not 0 <= step < count:
            continue
        row, velocity = rows[step], note.velocity / 127
        if velocity > row[DRUMS + drum]:
            row[drum] = 1.0
            row[DRUMS + drum] = velocity
            row[2 * DRUMS + drum] = 2 * (step * TICKS_PER_STEP - note.start) / TICKS_PER_STEP
    return rows


def straightened(rows: Sequence[Row]) -> list[list[float]]:
    """Hits alone, without velocities and offsets: what the humanize model hears."""
    return [[*row[:DRUMS], *[0.0] * (2 * DRUMS)] for row in rows]


def tapped(rows: Sequence[Row], *, fixed_velocity: bool = True) -> list[list[float]]:
    """The hardest hit of every step alone, all on one drum: what the tap models hear."""
    out = []
    for row in rows:
        velocities = row[DRUMS : 2 * DRUMS]
        hardest = max(range(DRUMS), key=lambda drum: velocities[drum])
        tap = [0.0] * WIDTH
        tap[TAP] = row[hardest]
        tap[DRUMS + TAP] = 0.0 if fixed_velocity else row[DRUMS + hardest]
        tap[2 * DRUMS + TAP] = row[2 * DRUMS + hardest]
        out.append(tap)
    return out


def without(rows: Sequence[Row], drum: int) -> list[list[float]]:
    """Everything but one drum: what a model that adds it hears."""
    silent = {drum, DRUMS + drum, 2 * DRUMS + drum}
    return [[0.0 if i in silent else value for i, value in enumerate(row)] for row in rows]
