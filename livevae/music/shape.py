"""What a voice's settings do to a riff: cut, transposed, folded into a register, gated. Pure."""

from dataclasses import replace

from livevae.music.notes import Note, Riff, join

DRUMS = 2
"""The part whose pitches are instruments: never transposed or folded."""

OCTAVE = 12
NOMINAL_VELOCITY = 96
"""The velocity of models that have none; a voice's `velocity` scales against it."""


def cut(riff: Riff, length: int) -> Riff:
    """The first `length` ticks; a note that reaches beyond them ends with them."""

    def trim(note: Note) -> Note | None:
        if note.start >= length:
            return None
        return replace(note, length=min(note.length, length - note.start))

    return Riff(riff.map(trim).notes, length)


def fitted(riff: Riff, length: int) -> Riff:
    """The riff in `length` ticks: cut, or played again until it is full."""
    return cut(join([riff] * -(-length // riff.length)), length)


def transposed(riff: Riff, semitones: int) -> Riff:
    """Every note but drums, `semitones` higher; what leaves MIDI's 0 to 127 comes back by octaves."""
    return riff.map(lambda note: _at(note, fold(note.pitch + semitones, 0, 127)))


def folded(riff: Riff, low: int, high: int) -> Riff:
    """Every note but drums within `low` to `high` (an octave at least), moved by octaves; its pitch class stays."""
    return riff.map(lambda note: _at(note, fold(note.pitch, low, high)))


def fold(pitch: int, low: int, high: int) -> int:
    """The nearest pitch of the same pitch class within `low` to `high`, which span an octave at least."""
    if high - low < OCTAVE - 1:
        raise ValueError(f"a register of {low} to {high} is less than an octave")
    if pitch < low:
        return low + (pitch - low) % OCTAVE
    if pitch > high:
        return high - (high - pitch) % OCTAVE
    return pitch


def dynamics(riff: Riff, velocity: int) -> Riff:
    """Velocities scaled so that `NOMINAL_VELOCITY` becomes `velocity`; 0 leaves no note."""
    if velocity == 0:
        return Riff((), riff.length)
    return riff.map(
        lambda note: replace(
            note, velocity=min(127, max(1, round(note.velocity * velocity / NOMINAL_VELOCITY)))
        )
    )


def gated(riff: Riff, gate: float) -> Riff:
    """Every note sounds for `gate` of its length, a tick at least."""
    return riff.map(lambda note: replace(note, length=max(1, round(note.length * gate))))


def _at(note: Note, pitch: int) -> Note:
    return note if note.part == DRUMS else replace(note, pitch=pitch)
