"""Scores to lines: the parts that carry one voice at a time and are no bass, no effect and no percussion."""

from collections.abc import Iterator
from fractions import Fraction

from livevae.corpus.lines import Bar, BarNote, Line
from livevae.corpus.score import Part, Score, band
from livevae.errors import MusicError

MIN_NOTES = 8


def lines_of(score: Score) -> list[Line]:
    """The melodic lines of a score, one for each part that has one voice.

    Raises:
        MusicError: there is none.
    """
    lines = [
        Line(score.song, tuple(bars_of(part, score, max(note.end for note in part.notes))))
        for part in band(score.parts, MIN_NOTES).lines
    ]
    if not lines:
        raise MusicError("no track has one voice at a time and is neither bass nor percussion")
    return lines


def bars_of(part: Part, score: Score, end: int | None = None) -> Iterator[Bar]:
    """Each stretch of one meter as one long bar: in a MIDI file the grid never slips within it.

    Args:
        part: of the score.
        score: whose meters hold.
        end: tick of the last stretch's end, rounded up to its bar line; the score's own if None.
    """
    per_quarter = score.ticks_per_quarter
    for begin, stop, meter in score.stretches(end):
        whole = Fraction(4 * meter[0], meter[1])
        count = -(-Fraction(stop - begin, per_quarter) // whole)
        notes = tuple(
            BarNote(
                Fraction(note.start - begin, per_quarter),
                Fraction(note.end - note.start, per_quarter),
                note.pitch,
            )
            for note in part.between(begin, stop)
        )
        yield Bar(meter, count * whole, notes, jump=True)
