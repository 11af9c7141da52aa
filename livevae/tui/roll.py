"""Piano rolls of half blocks, from notes; pure.

Two bands of pitch a row (`▀`, `▄`, `█`), which every font has; one row alone shows the line of the highest notes
as eight heights. Columns are time. A note that follows another of its band at once is told apart by a gap.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

HEIGHTS = "▁▂▃▄▅▆▇█"


class RollNote(NamedTuple):
    """A note of a riff: start and length in beats from the riff's beginning."""

    start: float
    length: float
    pitch: int
    velocity: int = 96


def register(notes: Iterable[RollNote], least: int) -> tuple[int, int]:
    """The lowest and the highest pitch of a roll with room for at least `least` pitches around the notes."""
    pitches = [note.pitch for note in notes]
    if not pitches:
        return 60 - least // 2, 60 - least // 2 + max(least, 1) - 1
    low, high = min(pitches), max(pitches)
    spare = max(0, least - (high - low + 1))
    low -= spare // 2
    return low, high + spare - spare // 2


def roll(notes: Sequence[RollNote], beats: float, columns: int, lines: int) -> list[str]:
    """A roll of `lines` rows of `columns` characters, the highest pitch at the top; blank where nothing sounds."""
    if columns <= 0 or lines <= 0:
        return [""] * max(lines, 0)
    if lines == 1:
        return [_contour(notes, beats, columns)]
    bands = 2 * lines
    low, high = register(notes, bands)
    grid = [bytearray(columns) for _ in range(bands)]
    for note in sorted(notes):
        band = min(bands - 1, (high - note.pitch) * bands // (high - low + 1))
        first, last = _columns(note, beats, columns)
        row = grid[band]
        if first > 0 and row[first - 1] and first - 2 >= 0 and row[first - 2]:
            row[first - 1] = 0
        row[first:last] = b"\1" * (last - first)
    return [
        "".join(" ▄▀█"[2 * up + down] for up, down in zip(grid[2 * i], grid[2 * i + 1], strict=True))
        for i in range(lines)
    ]


def _contour(notes: Sequence[RollNote], beats: float, columns: int) -> str:
    low, high = register(notes, len(HEIGHTS))
    top = [-1] * columns
    for note in notes:
        first, last = _columns(note, beats, columns)
        for column in range(first, last):
            top[column] = max(top[column], note.pitch)
    size = high - low + 1
    return "".join(" " if pitch < 0 else HEIGHTS[(pitch - low) * len(HEIGHTS) // size] for pitch in top)


def _columns(note: RollNote, beats: float, columns: int) -> tuple[int, int]:
    """The columns that a note takes: at least one, and none beyond the roll."""
    scale = columns / beats if beats > 0 else 0.0
    first = min(columns - 1, max(0, int(note.start * scale + 1e-6)))
    last = min(columns, max(first + 1, round((note.start + note.length) * scale)))
    return first, last


def bar_columns(beats: float, bar: float, columns: int) -> list[int]:
    """The columns on which bars begin, in a roll of so many beats."""
    if beats <= 0 or bar <= 0:
        return []
    count = min(columns, max(1, int((beats - 1e-6) // bar) + 1))
    return [int(i * bar * columns / beats) for i in range(count)]


def ruler(beats: float, bar: float, columns: int, head: int) -> tuple[str, str, str]:
    """A ruler with a number on every bar, in three parts: what was played, the playhead, what is to come.

    Args:
        beats: how long the riff is.
        bar: beats of a bar.
        columns: how wide the ruler is.
        head: the playhead's column; negative or beyond the ruler is none.
    """
    starts = bar_columns(beats, bar, columns)
    played, coming = ["━"] * columns, ["─"] * columns
    for number, column in enumerate(starts, 1):
        space = (starts[number] if number < len(starts) else columns) - column
        for i, digit in enumerate(str(number)[: max(0, space - 1) or 1]):
            if column + i < columns:
                played[column + i] = coming[column + i] = digit
    if not 0 <= head < columns:
        return ("", "", "".join(coming)) if head < 0 else ("".join(played), "", "")
    return "".join(played[:head]), "▼", "".join(coming[head + 1 :])
