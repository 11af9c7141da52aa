"""A standard MIDI file that grows: format 1, 960 ticks a beat, one track a voice, the first one for tempo.

Its bytes are written by `livevae.music.midi_file`. For every history of messages: each on has an off, and the file
can be closed at any moment.
"""

from collections.abc import Iterable

from livevae.music.midi_file import Track, chunks, signature_event, tempo_event, variable_length, whole_file

_Key = tuple[str, int, int]
"""Port, channel (from 0) and pitch."""

_SIGNATURE, _TEMPO = 0, 1
"""What is first where both are at one tick, whichever was told first."""


class _Track(Track):
    """A track, and which keys (port, channel, pitch) of it sound."""

    __slots__ = ("sounding",)

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self.sounding: dict[_Key, None] = {}

    def begin(self, tick: int, key: _Key, data: bytes) -> None:
        """The key sounds."""
        self.sounding[key] = None
        self.add(tick, data)

    def end(self, tick: int, key: _Key) -> None:
        """The key, which sounds, is released."""
        del self.sounding[key]
        self.add(tick, _off(key))

    def closed(self, end: int) -> bytes:
        """The track as a chunk, with offs for what still sounds, ended at `end` or its own last event."""
        return self.chunk(end, [_off(key) for key in self.sounding])


class MidiFile:
    """A growing standard MIDI file. Ticks are livevae's, counted from `origin`.

    A voice's messages are in its track, what is nobody's in the port's; a note ends in the track where it began.
    """

    def __init__(self, voices: Iterable[str] = (), origin: int = 0) -> None:
        self._origin = origin
        self._tempo = _Track("livevae")
        self._coming: list[tuple[int, int, bytes]] = []
        self._tracks = {voice: _Track(voice) for voice in voices}
        self._owners: dict[_Key, _Track] = {}

    @classmethod
    def read(cls, data: bytes) -> "MidiFile":
        """One that goes on where a file of ours ended; what was closed at its end stays closed.

        Raises:
            ValueError: it is none of ours.
        """
        file = cls()
        tracks = [_Track.read(chunk) for chunk in chunks(data)]
        if not tracks:
            raise ValueError("a MIDI file without a track")
        file._tempo = tracks[0][0]
        file._tracks = {name: track for track, name in tracks[1:]}
        return file

    @property
    def last_tick(self) -> int:
        """The tick of the latest event, from `origin`."""
        told = (tick for tick, kind, _ in self._coming if kind == _TEMPO)
        return max([self._tempo.tick, *told, *(track.tick for track in self._tracks.values())])

    def tempo(self, tick: float, bpm: float) -> None:
        """From `tick` on, `bpm` beats a minute."""
        told = [at for at, kind, _ in self._coming if kind == _TEMPO]
        at = max(round(tick) - self._origin, *told[-1:], 0)
        self._put(at)
        self._coming.append((at, _TEMPO, tempo_event(bpm)))

    def signature(self, tick: int, beats: int, unit: int) -> None:
        """From the bar line `tick` on, a time signature; it may be told ahead, and is in the file when it is due."""
        tick -= self._origin
        self._coming = [one for one in self._coming if one[1] == _TEMPO or one[0] < tick]
        self._coming.append((tick, _SIGNATURE, signature_event(beats, unit)))

    def _put(self, before: int) -> None:
        """Put down the time signatures and tempos that are before a tick."""
        self._coming.sort(key=lambda one: one[:2])
        while self._coming and self._coming[0][0] < before:
            tick, _, event = self._coming.pop(0)
            self._tempo.add(tick, event)

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
        end = self.last_tick
        self._put(end + 1)
        tracks = [self._tempo, *self._tracks.values()]
        return whole_file(1, [track.closed(end) for track in tracks])


def _off(key: _Key) -> bytes:
    return bytes((0x80 | key[1], key[2], 0))
