"""MIDI files to scores: the one walk over a file's messages. mido reads the bytes.

What a file says wrongly is passed over with a remark where the notes can do without it (a meter of 0/4, a tempo of 0,
a key signature that is none); a file that is broken where its notes are is refused.
"""

import io
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

import mido
from mido.midifiles.meta import KeySignatureError, MetaSpec_key_signature, add_meta_spec

from livevae.budget import file_bytes, reading, shown
from livevae.corpus.names import song_name
from livevae.corpus.score import BASSES, DRUM_CHANNEL, EFFECTS, Part, PlayedNote, Score
from livevae.errors import LimitError, MusicError

MAX_BYTES = 4 * 2**20
MAX_NOTES = 200_000
MAX_QUARTERS = 40_000
"""10,000 bars of 4/4: five hours at 120 quarters a minute."""

MAX_CHANGES = 4_000
"""Time signatures or tempi of a file."""

MAX_BEATS = MAX_UNIT = 64
"""The largest numbers of a time signature; a file can write a unit of 2 to the power of 255."""

MAX_REST = 64
"""Quarters that a track may rest after the last note and still be as long as it says."""


class _LenientKeySignature(MetaSpec_key_signature):  # type: ignore[misc]  # mido has no types
    """A key signature that is none costs a file nothing: keys are not read here."""

    type = "key_signature"

    def decode(self, message: mido.MetaMessage, data: list[int]) -> None:
        try:
            super().decode(message, data)
        except (KeySignatureError, IndexError):
            message.key = "C"


add_meta_spec(_LenientKeySignature)


def read(path: Path) -> Score:
    """Every part of a MIDI file.

    A note belongs to the program that is in force when it begins: its track's, else the last that any track gave the
    channel. A file of patterns (type 2) is read as its patterns one after the other.

    Raises:
        MusicError: it is no MIDI file, has no beats (SMPTE time), holds no notes, or is beyond the limits of this
            module.
    """
    with reading(path.name, "a MIDI file", MusicError):
        file = mido.MidiFile(file=io.BytesIO(file_bytes(path, MAX_BYTES)), clip=True)
        if file.ticks_per_beat <= 0:
            raise MusicError(f"{path.name} has no beats to cut at: its time is in frames")
        walk = _Walk(file.ticks_per_beat)
        if file.type == 2:
            walk.remarks.append("patterns (type 2), read one after the other")
            for number, track in enumerate(file.tracks, 1):
                walk.take([(number, track)])
        else:
            walk.take(list(enumerate(file.tracks, 1)))
        if not walk.notes:
            raise MusicError(f"{path.name} holds no notes")
        return walk.score(song_name(path.stem))


@dataclass(slots=True)
class _Walk:
    """What has been read of a file so far."""

    ticks_per_quarter: int
    origin: int = 0
    meters: dict[int, tuple[int, int]] = field(default_factory=lambda: {0: (4, 4)})
    tempi: dict[int, float] = field(default_factory=lambda: {0: 120.0})
    notes: dict[tuple[int, int, str], list[tuple[PlayedNote, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    names: dict[int, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    end: int = 0
    count: int = 0

    def take(self, tracks: list[tuple[int, mido.MidiTrack]]) -> None:
        """Tracks that begin together; the next ones begin on the bar line after them."""
        origin = self.origin
        if origin:
            self.meters[origin] = (4, 4)
        programs = _Programs(tracks)
        last = origin
        ends: list[int] = []
        for number, track in tracks:
            self.names[number] = shown(track.name.strip())
            tick = origin
            begun: dict[tuple[int, int], tuple[int, int, int]] = {}
            for message in track:
                tick += message.time
                if message.type in ("note_on", "note_off"):
                    key = (message.channel, message.note)
                    if (started := begun.pop(key, None)) is not None:
                        last = max(last, self._add(number, key, started, tick))
                    if message.type == "note_on" and message.velocity:
                        begun[key] = (
                            tick,
                            message.velocity,
                            programs.at(number, message.channel, tick - origin),
                        )
                elif message.is_meta:
                    self._meta(message, tick)
            for key, started in begun.items():  # never ended: to its track's end
                last = max(
                    last,
                    self._add(
                        number, key, started, min(tick, started[0] + MAX_REST * self.ticks_per_quarter)
                    ),
                )
            ends.append(tick)
        # where a track ends on a bar line its end was meant: a riff of two bars may rest in the second
        bar = 4 * self.ticks_per_quarter
        near = last + MAX_REST * self.ticks_per_quarter
        self.end = max([last, *(end for end in ends if end <= near and (end - origin) % bar == 0)])
        beats, unit = self.meters[max(tick for tick in self.meters if tick <= self.end)]
        bar = max(1, bar * beats // unit)
        self.origin = origin + -(-(self.end - origin) // bar) * bar

    def _add(self, track: int, key: tuple[int, int], started: tuple[int, int, int], end: int) -> int:
        """Keep a note; gives its end, 0 of a note without length, which is none."""
        start, velocity, program = started
        channel = key[0] + 1
        if channel == DRUM_CHANNEL:
            end = max(end, start + 1)  # a stroke is a stroke, however short
        elif end <= start:
            return 0
        if end > MAX_QUARTERS * self.ticks_per_quarter:
            raise LimitError(f"it is longer than {MAX_QUARTERS} quarters")
        self.count += 1
        if self.count > MAX_NOTES:
            raise LimitError(f"it has more than {MAX_NOTES} notes")
        kind = "drums" if channel == DRUM_CHANNEL else _kind(program)
        self.notes[track, channel, kind].append((PlayedNote(start, end, key[1], velocity), program))
        return end

    def _meta(self, message: mido.MetaMessage, tick: int) -> None:
        if message.type == "time_signature":
            beats, unit = message.numerator, message.denominator
            if 0 < beats <= MAX_BEATS and 0 < unit <= MAX_UNIT:
                self.meters[tick] = beats, unit
            else:
                written = f"{beats}/{unit}" if unit <= 2**16 else f"{beats}/2^{unit.bit_length() - 1}"
                self.remarks.append(f"a time signature of {written}")
        elif message.type == "set_tempo":
            if message.tempo > 0:
                self.tempi[tick] = 60e6 / message.tempo
            else:
                self.remarks.append("a tempo without end")
        if len(self.meters) > MAX_CHANGES or len(self.tempi) > MAX_CHANGES:
            raise LimitError(f"it has more than {MAX_CHANGES} time signatures or tempi")

    def score(self, song: str) -> Score:
        """All of it."""
        parts = []
        for (track, channel, _), notes in sorted(self.notes.items()):
            notes.sort(key=lambda item: (item[0].start, -item[0].pitch))
            played = tuple(note for note, _ in notes)
            parts.append(Part(track, self.names[track], channel, notes[0][1], played, self.ticks_per_quarter))
        meters = tuple((tick, meter) for tick, meter in sorted(self.meters.items()) if tick <= self.end)
        tempi = tuple((tick, bpm) for tick, bpm in sorted(self.tempi.items()) if tick <= self.end)
        remarks = tuple(dict.fromkeys(self.remarks))
        return Score(song, self.ticks_per_quarter, tuple(parts), meters, tempi, self.end, remarks)


def _kind(program: int) -> str:
    if program in BASSES:
        return "bass"
    return "effect" if program in EFFECTS else "other"


class _Programs:
    """Which program a channel has at a tick: its track's own, else the last that any track gave it."""

    def __init__(self, tracks: Iterable[tuple[int, mido.MidiTrack]]) -> None:
        own: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        shared: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for number, track in tracks:
            tick = 0
            for message in track:
                tick += message.time
                if message.type == "program_change":
                    own[number, message.channel].append((tick, message.program))
                    shared[message.channel].append((tick, message.program))
        self._own = dict(own)
        self._shared = {channel: sorted(changes, key=itemgetter(0)) for channel, changes in shared.items()}

    def at(self, track: int, channel: int, tick: int) -> int:
        """The program in force; before the first choice what will be chosen, 0 where none ever is."""
        changes = self._own.get((track, channel)) or self._shared.get(channel) or [(0, 0)]
        return changes[max(0, bisect_right(changes, tick, key=itemgetter(0)) - 1)][1]
