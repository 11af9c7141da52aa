"""Standard MIDI files (960 ticks a quarter), written: what was sent, or a riff, as a file.

Source: The Complete MIDI 1.0 Detailed Specification, Standard MIDI Files 1.0. Only the standard library is needed,
so that a small process can record. A file is replaced whole: there is always the old one or the new one, never half
of one.
"""

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from livevae import whole_files
from livevae.music.notes import TICKS_PER_BEAT, Riff

OFFS, OTHER, ONS = range(3)

END_OF_TRACK = b"\xff\x2f\x00"
NAME_EVENT = 0x03
LARGEST_DELTA = 0x0FFFFFFF
"""Four bytes of seven bits: 38 hours at 120 beats a minute, after which a pause is cut."""


def variable_length(number: int) -> bytes:
    """A delta time: seven bits a byte, the highest first, all but the last with bit 7 set."""
    out = [number & 0x7F]
    while number := number >> 7:
        out.append(number & 0x7F | 0x80)
    return bytes(reversed(out))


def tempo_event(bpm: float) -> bytes:
    """A change of tempo, in beats a minute; the slowest that a file can hold is 3.6."""
    return b"\xff\x51\x03" + min(round(60e6 / bpm), 0xFFFFFF).to_bytes(3, "big")


def signature_event(beats: int, unit: int) -> bytes:
    """A time signature of `beats` notes of 1/`unit`, a power of two; a metronome clicks once a `unit`."""
    return bytes((0xFF, 0x58, 4, beats, unit.bit_length() - 1, 96 // unit, 8))


class Track:
    """A track that grows. Its events are kept encoded, so that a chunk costs what copying it costs.

    Args:
        name: its first event; none where it is empty.
    """

    __slots__ = ("_data", "_status", "tick")

    def __init__(self, name: str = "") -> None:
        self._data = bytearray()
        self._status = 0
        self.tick = 0
        if name:
            text = name.encode()
            self.add(0, bytes((0xFF, NAME_EVENT)) + variable_length(len(text)) + text)

    @classmethod
    def read(cls, chunk: bytes) -> "tuple[Self, str]":
        """A track that goes on where a chunk of one ended, and its name.

        Raises:
            ValueError: it is no track, or not whole.
        """
        track, name, at, status = cls(), "", 0, 0
        try:
            while True:
                begun = at
                delta, at = _number(chunk, at)
                if chunk[at] & 0x80:
                    status, at = chunk[at], at + 1
                if status < 0xF0:
                    at += 1 if status & 0xE0 == 0xC0 else 2
                    track.tick += delta
                    continue
                kind = chunk[at] if status == 0xFF else -1
                size, at = _number(chunk, at + (status == 0xFF))
                if kind == END_OF_TRACK[1]:
                    track._data += chunk[:begun]
                    return track, name
                if kind == NAME_EVENT and not name:
                    name = chunk[at : at + size].decode()
                at += size
                track.tick += delta
        except IndexError:
            raise ValueError("a track without an end") from None

    def add(self, tick: int, event: bytes) -> None:
        """An event of the file (a channel message, meta or sysex event) at `tick`.

        An event for an earlier tick than the last event's stands at the last one's.
        """
        delta = min(max(0, tick - self.tick), LARGEST_DELTA)
        self.tick += delta
        self._data += _encoded(delta, event, self._status)
        self._status = _running(event)

    def chunk(self, end: int = 0, last: Iterable[bytes] = ()) -> bytes:
        """The track as a chunk, ended at `end` or at its last event; it can grow afterwards.

        Args:
            end: tick.
            last: events at the end that are in this chunk only.
        """
        delta, status, tail = min(max(0, end - self.tick), LARGEST_DELTA), self._status, b""
        for event in (*last, END_OF_TRACK):
            tail += _encoded(delta, event, status)
            delta, status = 0, _running(event)
        return b"MTrk" + struct.pack(">I", len(self._data) + len(tail)) + bytes(self._data) + tail


def _encoded(delta: int, event: bytes, status: int) -> bytes:
    """An event of a track; a channel message without its status byte where that is the running status."""
    return variable_length(delta) + (event[1:] if event[0] == status else event)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """The variable length number there, and where it ends. Raises IndexError where the data end before."""
    number = 0
    while True:
        number = number << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80:
            return number, at


def _running(event: bytes) -> int:
    """The running status after an event; meta and sysex events end it (0)."""
    return event[0] if event[0] < 0xF0 else 0


def whole_file(kind: int, chunks: Sequence[bytes]) -> bytes:
    """A file's bytes: the header, then the tracks' chunks. Format 0 has one track; in format 1 they sound together."""
    return b"MThd" + struct.pack(">IHHH", 6, kind, len(chunks), TICKS_PER_BEAT) + b"".join(chunks)


def chunks(data: bytes) -> list[bytes]:
    """The tracks of a whole file of ours, as they went into it.

    Raises:
        ValueError: it is none.
    """
    if data[:8] != b"MThd\0\0\0\6" or data[12:14] != struct.pack(">H", TICKS_PER_BEAT):
        raise ValueError("it is no MIDI file of ours")
    found, at = [], 14
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8])
        if data[at : at + 4] != b"MTrk" or at + 8 + size > len(data):
            raise ValueError("a MIDI file that is not whole")
        found.append(data[at + 8 : at + 8 + size])
        at += 8 + size
    if len(found) != int.from_bytes(data[10:12]):
        raise ValueError("a MIDI file that lacks a track")
    return found


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
    return whole_file(0, [_chunk("", events, end)])


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
    named = [_chunk(name, _sorted(own), end) for name, own in tracks]
    return whole_file(1, [_chunk(title, conductor, end), *named])


_Event = tuple[int, int, bytes]
"""Tick, rank, event of the file."""


def _conductor(tempos: Iterable[tuple[float, float]], meters: Iterable[tuple[int, int, int]]) -> list[_Event]:
    """Tempo changes and time signatures."""
    changes = [(max(0, round(tick)), -1, tempo_event(bpm)) for tick, bpm in tempos]
    return changes + [(max(0, tick), -1, signature_event(beats, unit)) for tick, beats, unit in meters]


def _sorted(messages: Iterable[tuple[int, bytes]]) -> list[_Event]:
    """Messages in the order of their ticks and ranks; system messages are left out."""
    found = [(max(0, tick), rank(data), data) for tick, data in messages if data[0] < 0xF0]
    return sorted(found, key=lambda event: event[:2])


def _chunk(name: str, events: Iterable[_Event], end: int | None) -> bytes:
    track = Track(name)
    for tick, _, event in events:
        track.add(tick, event)
    return track.chunk(end or 0)


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
