"""The trio's vocabulary: a melody, a bass and drums side by side, three tokens a step; and back to riffs.

Melody and bass speak the melody's 90 classes, drums the 512 of the drum vocabulary. In a riff a note's `part` says
whose it is.
"""

from collections.abc import Sequence

from livevae.errors import MusicError
from livevae.music import drums, melody
from livevae.music.notes import Note, Riff

MELODY, BASS, DRUMS = range(3)


def decode(tokens: Sequence[Sequence[int]], velocity: int = 96) -> Riff:
    """Tokens `[steps][3]` to a riff of three parts.

    Raises:
        MusicError: there are no steps, one has not three tokens, or a token is out of its range.
    """
    if not tokens or any(len(step) != 3 for step in tokens):
        raise MusicError("a trio has at least one step, and three tokens a step")
    voices = [
        melody.decode([step[MELODY] for step in tokens], velocity),
        melody.decode([step[BASS] for step in tokens], velocity),
        drums.decode([step[DRUMS] for step in tokens], velocity),
    ]
    notes = [_in_part(note, part) for part, voice in enumerate(voices) for note in voice.notes]
    return Riff(tuple(notes), voices[0].length)


def encode(riff: Riff, steps: int | None = None) -> list[tuple[int, int, int]]:
    """A riff of three parts to tokens `[steps][3]`; the laws are those of the parts' own vocabularies.

    Raises:
        MusicError: a pitch of melody or bass is outside 21 to 108.
    """
    parts = [Riff(tuple(n for n in riff.notes if n.part == part), riff.length) for part in range(3)]
    lines = zip(
        melody.encode(parts[MELODY], steps),
        melody.encode(parts[BASS], steps),
        drums.encode(parts[DRUMS], steps),
        strict=True,
    )
    return list(lines)


def _in_part(note: Note, part: int) -> Note:
    return Note(note.start, note.length, note.pitch, note.velocity, part)
