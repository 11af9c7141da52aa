"""A standard MIDI file that grows: format 1, 960 ticks a beat, one track a voice, the first one for tempo.

Source: The Complete MIDI 1.0 Detailed Specification, Standard MIDI Files 1.0. The bytes of each track are
kept encoded, so that writing the file again after an hour costs what copying it costs. For every history of
messages: delta times are never negative, each on has an off, and the file can be closed at any moment.
"""

import struct
from collections.abc import Iterable

from livevae.tempo.timeline import TICKS_PER_BEAT

END_OF_TRACK = b"\xff\x2f\x00"
LARGEST_DELTA = 0x0FFFFFFF
"""Four bytes of seven bits: 80 hours at 120 beats a minute, after which a pause is cut."""

_Key = tuple[str, int, int]
"""Port, channel (from 0) and pitch."""


def variable_length(number: int) -> bytes:
    """A delta time: seven bits a byte, the highest first, all but the last with bit 7 set."""
    out = [number & 0x7F]
    while number := number >> 7:
        out.append(number & 0x7F | 0x80)
    return bytes(reversed(out))


class _Track:
    """The encoded events of one track, and which keys (port, channel, pitch) of it sound."""

    __slots__ = ("data", "sounding", "tick")

    def __init__(self, name: str) -> None:
        text = name.encode()
        self.data = bytearray(b"\x00\xff\x03" + variable_length(len(text)) + text)
        self.tick = 0
        self.sounding: dict[_Key, None] = {}

    def add(self, tick: int, event: bytes) -> None:
        """An event at `tick`; earlier than the one before is at the same tick: it was sent after it."""
        delta = min(max(0, tick - self.tick), LARGEST_DELTA)
        self.tick += delta
        self.data += variable_length(delta) + event

    def begin(self, tick: int, key: _Key, data: bytes) -> None:
        """The key sounds."""
        self.sounding[key] = None
        self.add(tick, data)

    def end(self, tick: int, key: _Key) -> None:
        """The key, which sounds, is released."""
        del self.sounding[key]
        self.add(tick, _off(key))

    def chunk(self, end: int) -> bytes:
        """The track as a chunk, with offs for what still sounds, ended at `end` or its own last event."""
        delta = variable_length(min(max(0, end - self.tick), LARGEST_DELTA))
        tail = b""
        for key in self.sounding:
            tail += delta + _off(key)
            delta = b"\x00"
        tail += delta + END_OF_TRACK
        return b"MTrk" + struct.pack(">I", len(self.data) + len(tail)) + bytes(self.data) + tail


class MidiFile:
    """A growing standard MIDI file. Ticks are livevae's, counted from `origin`.

    A voice's messages are in its track, what is nobody's in the port's; a note ends in the track where it began.
    """

    def __init__(self, voices: Iterable[str] = (), origin: int = 0) -> None:
        self._origin = origin
        self._tempo = _Track("livevae")
        self._signatures: list[tuple[int, bytes]] = []
        self._tracks = {voice: _Track(voice) for voice in voices}
        self._owners: dict[_Key, _Track] = {}

    @property
    def last_tick(self) -> int:
        """The tick of the latest event, from `origin`."""
        return max([self._tempo.tick, *(track.tick for track in self._tracks.values())])

    def tempo(self, tick: float, bpm: float) -> None:
        """From `tick` on, `bpm` beats a minute."""
        micros = min(round(60e6 / bpm), 0xFFFFFF)
        self._sign(round(tick) - self._origin)
        self._tempo.add(round(tick) - self._origin, b"\xff\x51\x03" + micros.to_bytes(3, "big"))

    def signature(self, tick: int, beats: int, unit: int) -> None:
        """From the bar line `tick` on, a time signature; it may be told ahead, and is in the file when it is due."""
        event = bytes((0xFF, 0x58, 4, beats, unit.bit_length() - 1, 24 * 4 // unit, 8))
        self._signatures = [one for one in self._signatures if one[0] < tick - self._origin]
        self._signatures.append((tick - self._origin, event))

    def _sign(self, tick: int) -> None:
        """Put down the time signatures that are due."""
        while self._signatures and self._signatures[0][0] <= tick:
            self._tempo.add(*self._signatures.pop(0))

    def message(self, tick: int, port: str, data: bytes, voice: str = "") -> None:
        """A MIDI message that was sent to a port. System realtime and common have no place in a file."""
        tick -= self._origin
        kind = data[0] & 0xF0
        if kind in (0x80, 0x90):
            key = (port, data[0] & 0x0F, data[1])
            if (owner := self._owners.pop(key, None)) is not None:
                owner.end(tick, key)
            if kind == 0x90 and data[2] > 0:
                self._owners[key] = track = self._track(voice or port)
                track.begin(tick, key, data)
        elif data[0] == 0xF0:
            track = self._track(voice or port)
            track.add(tick, b"\xf0" + variable_length(len(data) - 1) + data[1:])
        elif data[0] < 0xF0:
            self._track(voice or port).add(tick, data)

    def _track(self, name: str) -> _Track:
        if name not in self._tracks:
            self._tracks[name] = _Track(name)
        return self._tracks[name]

    def encode(self) -> bytes:
        """The whole file as it would be if the music ended now; more can be added afterwards."""
        self._sign(self.last_tick)
        end = self.last_tick
        tracks = [self._tempo, *self._tracks.values()]
        header = b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), TICKS_PER_BEAT)
        return header + b"".join(track.chunk(end) for track in tracks)


def _off(key: _Key) -> bytes:
    return bytes((0x80 | key[1], key[2], 0))
