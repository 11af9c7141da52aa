"""Standard MIDI files (SMF 1.0, 960 ticks a quarter): what was sent, or a riff, as a file.

mido writes the bytes. A file is replaced whole: there is always the old one or the new one, never half of one.
"""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import mido

from livevae import whole_files
from livevae.music.notes import TICKS_PER_BEAT, Riff

OFFS, OTHER, ONS = range(3)


def rank(data: bytes) -> int:
    """The order of messages at one tick: offs, then others, then ons."""
    kind = data[0] & 0xF0
    if kind == 0x80 or (kind == 0x90 and data[2] == 0):
        return OFFS
    return ONS if kind == 0x90 else OTHER


def encode(
    messages: Iterable[tuple[int, bytes]],
    tempos: Sequence[tuple[float, float]],
    end: int | None = None,
    meters: Sequence[tuple[int, int, int]] = (),
) -> bytes:
    """A MIDI file's bytes, format 0: one track.

    Args:
        messages: (tick, MIDI message) in any order; at one tick offs come first. System messages are left out.
        tempos: (tick, beats a minute); the first holds from the file's start.
        end: tick of the end of the track; the last message's when None or earlier.
        meters: (tick, beats, unit) of time signatures; 4/4 before the first.
    """
    events = [*_conductor(tempos, meters), *_sorted(messages)]
    events.sort(key=lambda event: event[:2])
    return _bytes(0, [_track("", events, end)])


def encode_tracks(
    tracks: Sequence[tuple[str, Iterable[tuple[int, bytes]]]],
    tempos: Sequence[tuple[float, float]],
    end: int | None = None,
    meters: Sequence[tuple[int, int, int]] = (),
    title: str = "",
) -> bytes:
    """A MIDI file of format 1: a track of tempo and meter, then one for each name.

    Args:
        tracks: (name, messages as `encode` takes them).
        tempos: see `encode`.
        end: see `encode`; all tracks end there.
        meters: see `encode`; where none begins the file, it begins in 4/4.
        title: the first track's name.
    """
    if not meters or meters[0][0] > 0:
        meters = [(0, 4, 4), *meters]
    conductor = sorted(_conductor(tempos, meters), key=lambda event: event[:2])
    return _bytes(
        1, [_track(title, conductor, end), *(_track(name, _sorted(own), end) for name, own in tracks)]
    )


_Event = tuple[int, int, mido.Message | mido.MetaMessage]
"""Tick, rank, message."""


def _conductor(tempos: Iterable[tuple[float, float]], meters: Iterable[tuple[int, int, int]]) -> list[_Event]:
    """Tempo changes and time signatures."""
    found: list[_Event] = [
        (max(0, round(tick)), -1, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm)))
        for tick, bpm in tempos
    ]
    for tick, beats, unit in meters:
        signature = mido.MetaMessage(
            "time_signature", numerator=beats, denominator=unit, clocks_per_click=96 // unit
        )
        found.append((max(0, tick), -1, signature))
    return found


def _sorted(messages: Iterable[tuple[int, bytes]]) -> list[_Event]:
    """Messages in the order of their ticks and ranks; system messages are left out."""
    found: list[_Event] = [
        (max(0, tick), rank(data), mido.Message.from_bytes(data)) for tick, data in messages if data[0] < 0xF0
    ]
    return sorted(found, key=lambda event: event[:2])


def _track(name: str, events: Iterable[_Event], end: int | None) -> mido.MidiTrack:
    track = mido.MidiTrack()
    if name:
        track.append(mido.MetaMessage("track_name", name=name))
    now = 0
    for tick, _, message in events:
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, (end or 0) - now)))
    return track


def _bytes(kind: int, tracks: list[mido.MidiTrack]) -> bytes:
    out = io.BytesIO()
    mido.MidiFile(type=kind, ticks_per_beat=TICKS_PER_BEAT, tracks=tracks, charset="utf-8").save(file=out)
    return out.getvalue()


def riff_bytes(riff: Riff, bpm: float = 120.0, channel: int = 1) -> bytes:
    """A riff as a MIDI file's bytes, on one channel (1 to 16)."""
    messages: list[tuple[int, bytes]] = []
    for note in riff.notes:
        messages.append((note.start, bytes((0x8F + channel, note.pitch, note.velocity))))
        messages.append((note.end, bytes((0x7F + channel, note.pitch, 0))))
    return encode(messages, [(0, bpm)], riff.length)


def write(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, whole.

    Raises:
        OSError: the folder is not there or cannot be written; an old file stays as it was.
    """
    whole_files.write_whole(path, data)
