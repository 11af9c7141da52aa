"""MIDI files to a model's riffs, and riffs to MIDI files."""

from pathlib import Path

from livevae.corpus import midi
from livevae.corpus.lines import grid_of
from livevae.corpus.score import DRUM_CHANNEL, band, fullest, notes_of
from livevae.errors import MusicError
from livevae.models.musicvae.config import Config
from livevae.music import midi_file
from livevae.music.meter import COMMON
from livevae.music.notes import TICKS_PER_BEAT, TICKS_PER_STEP, Riff
from livevae.music.trio import BASS, DRUMS, MELODY

FINGERED_BASS = 33
"""General MIDI's program, from 0."""


def read(path: Path, config: Config) -> Riff:
    """What a model can take of a MIDI file: its fullest line, its drums, or a trio; in whole windows.

    Raises:
        MusicError: no MIDI file, a meter that is not on the 4/4 grid, or nothing for this model.
    """
    score = midi.read(path)
    grid = grid_of(config.bar)
    odd = sorted({f"{a}/{b}" for _, (a, b) in score.meters if (a, b) not in grid.meters})
    if odd:
        raise MusicError(f"{path.name}: meters that do not fit the {grid.name} grid: {', '.join(odd)}")
    players = band(score.parts)
    others = [part for part in score.parts if not part.is_drums]
    lines = [*players.lines, *players.chords]
    if config.music == "melody":
        roles = [(part, 0) for part in fullest(lines or others)]
    elif config.music == "trio":
        roles = [(part, MELODY) for part in fullest(lines)]
        roles += [(part, BASS) for part in fullest(players.basses)]
        roles += [(part, DRUMS) for part in fullest(players.drums)]
    else:
        roles = [(part, 0) for part in players.drums or (others if len(others) == 1 else [])]
    if not roles:
        wanted = {"melody": "a track that is no drums", "trio": "tracks"}.get(
            config.music, "drums on channel 10"
        )
        raise MusicError(f"{path.name} has nothing for {config.name}, which takes {wanted}")
    notes = notes_of(roles)
    window = config.steps * TICKS_PER_STEP
    end = max(note.end for note in notes) if config.music in ("melody", "trio") else notes[-1].start + 1
    return Riff(tuple(notes), -(-end // window) * window, config.bar * TICKS_PER_STEP)


def windows(riff: Riff, config: Config) -> list[Riff]:
    """A riff cut into the model's windows, one after the other; a note belongs where it starts."""
    length = config.steps * TICKS_PER_STEP
    early = TICKS_PER_BEAT // 8
    cut = []
    for first in range(0, riff.length, length):
        inside = (note for note in riff.moved(-first).notes if -early <= note.start < length - early)
        cut.append(Riff(tuple(inside), length, config.bar * TICKS_PER_STEP))
    return cut


def to_bytes(riff: Riff, config: Config, bpm: float = 120.0) -> bytes:
    """A riff as a MIDI file's bytes: drums on channel 10, a trio's melody and bass on channels 1 and 2."""
    channels = {MELODY: 1, BASS: 2, DRUMS: DRUM_CHANNEL}
    if config.music in ("drums", "groove"):
        channels[MELODY] = DRUM_CHANNEL
    messages: list[tuple[int, bytes]] = []
    if config.music == "trio":
        messages.append((0, bytes((0xBF + channels[BASS], FINGERED_BASS))))
    for note in riff.notes:
        channel = channels[note.part]
        start = max(0, note.start)
        messages.append((start, bytes((0x8F + channel, note.pitch, note.velocity))))
        messages.append((max(note.end, start + 1), bytes((0x7F + channel, note.pitch, 0))))
    meters = [(0, config.meter.beats, config.meter.unit)] if config.meter != COMMON else []
    return midi_file.encode(messages, [(0, bpm)], riff.length, meters)
