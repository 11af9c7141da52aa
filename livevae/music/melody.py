"""The melody vocabulary: 90 classes on a grid of sixteenths, and back to riffs.

MusicVAE's melody models (Roberts et al. 2018; Magenta's `OneHotMelodyConverter` for pitches 21 to 108)
write one class a step: 0 holds what sounds (or keeps the silence), 1 ends the note, 2 to 89 strike MIDI
pitch 21 to 108.
"""

from collections.abc import Iterable, Sequence

from livevae.errors import MusicError
from livevae.music.notes import TICKS_PER_STEP, Note, Riff

HOLD = 0
"""Nothing happens: what sounds goes on, silence stays silence."""

OFF = 1
"""The sounding note ends here."""

MIN_PITCH = 21
MAX_PITCH = 108
PITCH_TO_TOKEN = 2 - MIN_PITCH
"""Added to a MIDI pitch it gives the class that strikes it."""

CLASSES = MAX_PITCH + PITCH_TO_TOKEN + 1
"""90."""


def token_of(pitch: int) -> int:
    """The class that strikes a MIDI pitch.

    Raises:
        MusicError: the pitch is outside 21 to 108.
    """
    if not MIN_PITCH <= pitch <= MAX_PITCH:
        raise MusicError(f"a melody's pitches are {MIN_PITCH} to {MAX_PITCH} (a piano's keys), not {pitch}")
    return pitch + PITCH_TO_TOKEN


def pitch_of(token: int) -> int | None:
    """The MIDI pitch that a class strikes; None for a hold and an off."""
    return token - PITCH_TO_TOKEN if token > OFF else None


def is_note(token: int) -> bool:
    """Whether a class strikes a note."""
    return token > OFF


def decode(tokens: Iterable[int], velocity: int = 96) -> Riff:
    """Tokens to a riff: one step a token, a note lasts until the next note, its off or the end.

    An off in silence and a hold at the beginning say nothing, so several token sequences can give one riff;
    `encode` gives the one that `canonical` describes.

    Raises:
        MusicError: there are no tokens, or one is not 0 to 89.
    """
    steps = [int(token) for token in tokens]
    if not steps:
        raise MusicError("a melody has at least one step; these tokens are empty")
    notes: list[Note] = []
    start, pitch = 0, None
    for step, token in enumerate([*steps, OFF]):
        if not 0 <= token < CLASSES:
            raise MusicError(f"a melody's tokens are 0 to {CLASSES - 1}, not {token} (step {step})")
        if token == HOLD:
            continue
        if pitch is not None:
            notes.append(Note(start * TICKS_PER_STEP, (step - start) * TICKS_PER_STEP, pitch, velocity))
        start, pitch = step, pitch_of(token)
    return Riff(tuple(notes), len(steps) * TICKS_PER_STEP)


def encode(riff: Riff, steps: int | None = None) -> tuple[int, ...]:
    """A riff to tokens: starts and ends at the nearest step, one voice.

    Where notes start at the same step the highest is kept; a note ends where the next one starts. Notes that
    start before the first step or after the last are left out.

    Args:
        riff: its notes may be anywhere on the grid of ticks.
        steps: how many tokens; the riff's own length by default.

    Raises:
        MusicError: a pitch is outside 21 to 108.
    """
    count = steps if steps is not None else -(-riff.length // TICKS_PER_STEP)
    spans = ((nearest_step(note.start), nearest_step(note.end), note.pitch) for note in riff.notes)
    return write(spans, count)


def nearest_step(tick: int) -> int:
    """The step that is nearest to a tick; the later one of two that are equally near."""
    return (2 * tick + TICKS_PER_STEP) // (2 * TICKS_PER_STEP)


def write(spans: Iterable[tuple[int, int, int]], steps: int) -> tuple[int, ...]:
    """Notes as (first step, step of its end, pitch) to `steps` tokens, one voice; the laws are `encode`'s."""
    highest: dict[int, tuple[int, int]] = {}
    for start, end, pitch in spans:
        if 0 <= start < steps and (start not in highest or pitch > highest[start][0]):
            highest[start] = (pitch, max(end, start + 1))
    tokens = [HOLD] * steps
    starts = sorted(highest)
    for start, following in zip(starts, [*starts, steps][1:], strict=True):
        pitch, end = highest[start]
        tokens[start] = token_of(pitch)
        if end < following:
            tokens[end] = OFF
    return tuple(tokens)


def canonical(tokens: Sequence[int]) -> tuple[int, ...]:
    """The same music with every off that ends nothing turned into a hold: `encode(decode(x))`."""
    sounding = False
    out: list[int] = []
    for token in tokens:
        out.append(HOLD if token == OFF and not sounding else int(token))
        if token != HOLD:
            sounding = is_note(token)
    return tuple(out)


def transpose(tokens: Sequence[int], semitones: int) -> tuple[int, ...]:
    """The melody, every pitch moved by some semitones.

    Raises:
        MusicError: a pitch would leave 21 to 108.
    """
    moved = (token - PITCH_TO_TOKEN + semitones if is_note(token) else None for token in tokens)
    pairs = zip(tokens, moved, strict=True)
    return tuple(int(token) if pitch is None else token_of(pitch) for token, pitch in pairs)
