"""The drum vocabulary: nine instruments, any of them together, on a grid of sixteenths; and back to riffs.

A token is a set of instruments as bits: 0 is silence, 1 a kick, 5 a kick with a closed hi-hat, 511 everything
(Roberts et al. 2018; the classes are note-seq's `DEFAULT_DRUM_TYPE_PITCHES`). A roll says the same as nine zeros
and ones, and with the 61 classes of the General MIDI set for the full NADE.
"""

from collections.abc import Iterable, Sequence

from livevae.errors import MusicError
from livevae.music.melody import nearest_step
from livevae.music.notes import TICKS_PER_STEP, Note, Riff

NAMES = ("kick", "snare", "closed hi-hat", "open hi-hat", "low tom", "mid tom", "high tom", "crash", "ride")

Kit = Sequence[Sequence[int]]
"""The MIDI pitches of each instrument; the first is the one that is played."""

REDUCED: Kit = (
    (36, 35),
    (38, 27, 28, 31, 32, 33, 34, 37, 39, 40, 56, 65, 66, 75, 85),
    (42, 44, 54, 68, 69, 70, 71, 73, 78, 80, 22),
    (46, 67, 72, 74, 79, 81, 26),
    (45, 29, 41, 43, 61, 64, 84),
    (48, 47, 60, 63, 77, 86, 87),
    (50, 30, 62, 76, 83),
    (49, 52, 55, 57, 58),
    (51, 53, 59, 82),
)
"""Nine instruments."""

ROLAND: Kit = (
    (36,), (38, 37, 40), (42, 22, 44), (46, 26), (43, 58), (47, 45), (50, 48), (49, 52, 55, 57), (51, 53, 59),
)  # fmt: skip
"""Nine instruments as the Roland kit of the Groove MIDI dataset plays them (Gillick et al. 2019)."""

_FULL_ORDER = (
    36, 35, 38, 27, 28, 31, 32, 33, 34, 37, 39, 40, 56, 65, 66, 75, 85, 42, 44, 54, 68, 69, 70, 71, 73, 78, 80,
    46, 67, 72, 74, 79, 81, 45, 29, 41, 61, 64, 84, 48, 47, 60, 63, 77, 86, 87, 50, 30, 43, 62, 76, 83, 49, 55,
    57, 58, 51, 52, 53, 59, 82,
)  # fmt: skip
FULL: Kit = tuple((pitch,) for pitch in _FULL_ORDER)
"""The 61 instruments of General MIDI, in the order of Magenta's full NADE."""

CLASSES = 2 ** len(REDUCED)
"""512 tokens."""


def kit_of(width: int) -> Kit:
    """The kit whose roll is so wide.

    Raises:
        MusicError: it is neither 9 nor 61.
    """
    if width not in (len(REDUCED), len(FULL)):
        raise MusicError(f"a drum roll is {len(REDUCED)} or {len(FULL)} wide, not {width}")
    return REDUCED if width == len(REDUCED) else FULL


def decode(tokens: Iterable[int], velocity: int = 96) -> Riff:
    """Tokens to a riff; every hit lasts a step.

    Raises:
        MusicError: there are no tokens, or one is not 0 to 511.
    """
    rows: list[list[int]] = []
    for token in tokens:
        if not 0 <= token < CLASSES:
            raise MusicError(f"a drum token is 0 to {CLASSES - 1}, not {token} (step {len(rows)})")
        rows.append([int(token) >> drum & 1 for drum in range(len(REDUCED))])
    return decode_roll(rows, velocity)


def decode_roll(rows: Sequence[Sequence[float]], velocity: int = 96) -> Riff:
    """A roll `[steps][9 or 61]` of zeros and ones to a riff.

    Raises:
        MusicError: there are no rows, or they are neither 9 nor 61 wide.
    """
    if not rows:
        raise MusicError("drums have at least one step; there is none")
    kit = kit_of(len(rows[0]))
    notes = [
        Note(step * TICKS_PER_STEP, TICKS_PER_STEP, kit[drum][0], velocity)
        for step, row in enumerate(rows)
        for drum, on in enumerate(row)
        if on
    ]
    return Riff(tuple(notes), len(rows) * TICKS_PER_STEP)


def encode(riff: Riff, steps: int | None = None) -> tuple[int, ...]:
    """A riff to tokens, hits at their nearest step; pitches that no drum has are left out."""
    return tuple(sum(on << drum for drum, on in enumerate(row)) for row in encode_roll(riff, REDUCED, steps))


def encode_roll(riff: Riff, kit: Kit = REDUCED, steps: int | None = None) -> list[list[int]]:
    """A riff to a roll `[steps][drums]`, hits at their nearest step."""
    count = steps if steps is not None else -(-riff.length // TICKS_PER_STEP)
    rows = [[0] * len(kit) for _ in range(count)]
    drum_of = instruments(kit)
    for note in riff.notes:
        step = nearest_step(note.start)
        if 0 <= step < count and note.pitch in drum_of:
            rows[step][drum_of[note.pitch]] = 1
    return rows


def instruments(kit: Kit) -> dict[int, int]:
    """Which drum of a kit each MIDI pitch is."""
    return {pitch: drum for drum, pitches in enumerate(kit) for pitch in pitches}
