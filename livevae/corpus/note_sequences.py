"""Magenta's NoteSequences: to and from riffs and scores, and TFRecord files of them.

note-seq is imported only when it is asked for (`pip install livevae[data]`); it is large. The framing of TFRecord files
is read here: length (uint64), its masked CRC-32C, the bytes, their masked CRC-32C
(tensorflow/core/lib/io/record_writer.h).
"""

import struct
import warnings
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from livevae.budget import reading, shown, size
from livevae.checksums import crc32c, masked
from livevae.corpus.names import song_name
from livevae.corpus.score import BASSES, DRUM_CHANNEL, EFFECTS, Part, PlayedNote, Score
from livevae.errors import LimitError, MusicError
from livevae.music import drums, melody
from livevae.music.notes import TICKS_PER_BEAT, Note, Riff

SUFFIXES = frozenset({".tfrecord", ".tfrecords"})
TICKS_PER_QUARTER = 480
MAX_RECORD = 16 << 20
MAX_NOTES = 200_000
MAX_QUARTERS = 40_000
"""As of MIDI files, for each sequence."""

_HEAD = struct.Struct("<QI")
_TAIL = struct.Struct("<I")


def music_pb2() -> Any:
    """note-seq's protocol buffers.

    Raises:
        MusicError: note-seq is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from note_seq.protobuf import music_pb2 as found  # noqa: PLC0415  (757 MB, and seconds)
        except ImportError as error:
            raise MusicError(f"NoteSequences need note-seq ({error}): pip install 'livevae[data]'") from None
    return found


def from_riff(riff: Riff, bpm: float = 120.0, program: int = 0, *, is_drum: bool = False) -> Any:
    """A riff as a NoteSequence; notes of each part of it are an instrument. Times are seconds at `bpm`."""
    sequence = music_pb2().NoteSequence()
    sequence.ticks_per_quarter = TICKS_PER_BEAT
    sequence.tempos.add(qpm=bpm)
    sequence.time_signatures.add(numerator=4, denominator=4)
    seconds = 60.0 / (bpm * TICKS_PER_BEAT)
    for note in riff.notes:
        sequence.notes.add(
            pitch=note.pitch,
            velocity=note.velocity,
            start_time=note.start * seconds,
            end_time=note.end * seconds,
            instrument=note.part,
            program=program,
            is_drum=is_drum,
        )
    sequence.total_time = riff.length * seconds
    return sequence


def to_riff(sequence: Any) -> Riff:
    """A NoteSequence as a riff: all its notes, its instruments as parts, as long as it says in whole ticks.

    Raises:
        MusicError: it has no notes, or is beyond the limits of a sequence.
    """
    clock = _Clock(sequence, TICKS_PER_BEAT)
    notes = []
    for note in sequence.notes:
        start, end = clock.span(note)
        notes.append(Note(start, max(1, end - start), note.pitch, note.velocity or 100, note.instrument))
    if not notes:
        raise MusicError("a NoteSequence without notes")
    last = max(note.end for note in notes)
    return Riff(tuple(notes), max(last, clock.ticks(sequence.total_time)))


WINDOWS: Mapping[str, Any] = MappingProxyType({"melody": melody, "drums": drums})
"""Kinds of windows that are tokens of one voice or one kit, and their vocabularies."""


def from_window(window: Iterable[int], music: str = "melody", bpm: float = 120.0) -> Any:
    """A window of tokens of a data set, of "melody" or "drums", as a NoteSequence."""
    return from_riff(WINDOWS[music].decode([int(token) for token in window]), bpm, is_drum=music == "drums")


def to_window(sequence: Any, music: str = "melody", steps: int | None = None) -> tuple[int, ...]:
    """A NoteSequence as a window of `steps` tokens, of "melody" or "drums"; as long as it is if None.

    Raises:
        MusicError: it has no notes, or is beyond the limits of a sequence.
    """
    found: tuple[int, ...] = WINDOWS[music].encode(to_riff(sequence), steps)
    return found


def to_score(sequence: Any, name: str = "") -> Score:
    """A NoteSequence as a score: a part for each instrument, and of it each kind of programs.

    Raises:
        MusicError: it has no notes, or is beyond the limits of a sequence.
    """
    clock = _Clock(sequence, TICKS_PER_QUARTER)
    if len(sequence.notes) > MAX_NOTES:
        raise MusicError(f"a NoteSequence of more than {MAX_NOTES} notes")
    held: dict[tuple[int, str], list[tuple[PlayedNote, int]]] = defaultdict(list)
    for note in sequence.notes:
        start, end = clock.span(note)
        if not 0 <= note.pitch < 128 or not 0 <= note.velocity < 128 or (end <= start and not note.is_drum):
            continue
        played = PlayedNote(start, max(start + 1, end), note.pitch, note.velocity or 100)
        held[note.instrument, _kind(note)].append((played, note.program))
    if not held:
        raise MusicError("a NoteSequence without notes")
    parts = tuple(_part(instrument, kind, notes) for (instrument, kind), notes in sorted(held.items()))
    length = max(note.end for part in parts for note in part.notes)
    meters = {0: (4, 4)}
    for signature in sequence.time_signatures:
        if 0 < signature.numerator <= 64 and 0 < signature.denominator <= 64:
            meters[clock.ticks(signature.time)] = signature.numerator, signature.denominator
    tempi = tuple(zip(clock.starts, clock.bpms, strict=True))
    title = sequence.sequence_metadata.title or sequence.filename or sequence.id or name
    return Score(
        song_name(title, sequence.sequence_metadata.artist) or song_name(name),
        TICKS_PER_QUARTER,
        parts,
        tuple((tick, meter) for tick, meter in sorted(meters.items()) if tick <= length),
        tempi,
        length,
    )


def read(path: Path) -> Iterator[Score]:
    """The scores of a TFRecord file of NoteSequences, one after the other; those without notes are left out.

    Raises:
        MusicError: it is no such file, a checksum does not fit, or note-seq is not installed.
    """
    pb2 = music_pb2()
    with reading(path.name, "a TFRecord file of NoteSequences", MusicError), path.open("rb") as file:
        for number, record in enumerate(records(file)):
            sequence = pb2.NoteSequence.FromString(record)
            if sequence.notes:
                yield to_score(sequence, f"{path.stem} {number}")


def records(file: IO[bytes]) -> Iterator[bytes]:
    """The records of a TFRecord file.

    Raises:
        MusicError: it ends in the middle of one, or a checksum does not fit.
        LimitError: a record is larger than 16 MB.
    """
    while head := file.read(_HEAD.size):
        if len(head) < _HEAD.size:
            raise MusicError("the file ends in the middle of a record")
        length, check = _HEAD.unpack(head)
        if masked(crc32c(head[:8])) != check:
            raise MusicError("the length of a record does not fit its checksum")
        if length > MAX_RECORD:
            raise LimitError(f"a record is larger than {size(MAX_RECORD)}")
        data, tail = file.read(length), file.read(_TAIL.size)
        if len(data) < length or len(tail) < _TAIL.size:
            raise MusicError("the file ends in the middle of a record")
        if masked(crc32c(data)) != _TAIL.unpack(tail)[0]:
            raise MusicError("a record does not fit its checksum")
        yield data


def write(path: Path, sequences: list[Any]) -> None:
    """A TFRecord file of NoteSequences."""
    with path.open("wb") as file:
        for sequence in sequences:
            data = sequence.SerializeToString()
            head = struct.pack("<Q", len(data))
            file.write(head + _TAIL.pack(masked(crc32c(head))) + data + _TAIL.pack(masked(crc32c(data))))


def _kind(note: Any) -> str:
    if note.is_drum:
        return "drums"
    if note.program in BASSES:
        return "bass"
    return "effect" if note.program in EFFECTS else "other"


def _part(instrument: int, kind: str, notes: list[tuple[PlayedNote, int]]) -> Part:
    notes.sort(key=lambda item: (item[0].start, -item[0].pitch))
    channel = DRUM_CHANNEL if kind == "drums" else 1 + instrument % 9
    played = tuple(note for note, _ in notes)
    return Part(instrument + 1, shown(kind), channel, notes[0][1], played, TICKS_PER_QUARTER)


class _Clock:
    """Ticks of a sequence's seconds, or of its steps where it is quantised."""

    def __init__(self, sequence: Any, ticks_per_quarter: int) -> None:
        self._per_quarter = ticks_per_quarter
        self._steps = sequence.quantization_info.steps_per_quarter
        tempos = sorted({t.time: t.qpm for t in sequence.tempos if t.qpm > 0}.items()) or [(0.0, 120.0)]
        if tempos[0][0] > 0:
            tempos.insert(0, (0.0, tempos[0][1]))
        self._times = [time for time, _ in tempos]
        self.bpms = [bpm for _, bpm in tempos]
        self.starts = [0]
        for (time, bpm), (after, _) in pairwise(tempos):
            self.starts.append(self.starts[-1] + self._whole((after - time) * bpm / 60))

    def _whole(self, quarters: float) -> int:
        if not abs(quarters) <= MAX_QUARTERS:
            raise MusicError(f"a NoteSequence of more than {MAX_QUARTERS} quarters")
        return round(quarters * self._per_quarter)

    def ticks(self, time: float) -> int:
        """The nearest tick."""
        index = max(0, bisect_right(self._times, time) - 1)
        return max(0, self.starts[index] + self._whole((time - self._times[index]) * self.bpms[index] / 60))

    def span(self, note: Any) -> tuple[int, int]:
        """A note's start and end."""
        if self._steps > 0:
            start, end = note.quantized_start_step, note.quantized_end_step
            return max(0, self._whole(start / self._steps)), max(0, self._whole(end / self._steps))
        return self.ticks(note.start_time), self.ticks(note.end_time)
