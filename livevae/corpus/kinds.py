"""The kinds of music that data sets are made of: how each is cut from a file, and how its windows are stored."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.corpus import (
    chord_windows,
    drum_windows,
    groove_windows,
    melody_songs,
    music_files,
    note_sequences,
    note_windows,
    piano_windows,
    trio_windows,
)
from livevae.corpus.align import Alignment, aligned
from livevae.corpus.lines import COMMON, GRIDS, Grid, Line, runs
from livevae.corpus.melody_windows import shape_key, windows
from livevae.corpus.midi_lines import lines_of
from livevae.corpus.music_files import Songbook
from livevae.corpus.reading import Cut, guarded
from livevae.corpus.score import Score
from livevae.errors import MusicError
from livevae.music import drums, groove, piano_roll

Window = NDArray[Any]
Cutter = Callable[[Score | Songbook, int, Counter[str]], Iterator[tuple[str, Window]]]
"""A file that was read, the steps of a window and the count of what is refused, to (song, window)s."""


def lines(music: Score | Songbook, refused: Counter[str]) -> list[Line]:
    """The melody lines of a file; songs of it that cannot be read are counted.

    Raises:
        MusicError: it has none.
    """
    if isinstance(music, Score):
        return lines_of(music)
    refused.update(f"tunes: {fault}" for fault in music.faults)
    return list(music.lines)


def _melodies(
    music: Score | Songbook, steps: int, refused: Counter[str], grid: Grid = COMMON
) -> Iterator[tuple[str, Window]]:
    for line in lines(music, refused):
        for run in runs(line.bars, refused, grid):
            for window in windows(run, steps, refused, grid.hop, grid.bar):
                yield line.song, window


def _songs(music: Score | Songbook, steps: int, refused: Counter[str]) -> Iterator[tuple[str, Window]]:
    for line in lines(music, refused):
        for run in runs(line.bars, refused):
            for window in melody_songs.windows(run, steps, refused):
                yield line.song, window


def _notes(music: Score | Songbook, steps: int, refused: Counter[str]) -> Iterator[tuple[str, Window]]:
    score = _score(music)
    for window in note_windows.windows(score, steps, refused):
        yield score.song, window


def _piano(music: Score | Songbook, steps: int, refused: Counter[str]) -> Iterator[tuple[str, Window]]:
    score = _score(music)
    for window in piano_windows.windows(score, steps, refused):
        yield score.song, window


def _over_chords(music: Score | Songbook, steps: int, refused: Counter[str]) -> Iterator[tuple[str, Window]]:
    if isinstance(music, Score):
        raise MusicError("chords are read from MusicXML and ABC, where they are written")
    for line in lines(music, refused):
        for run in runs(line.bars, refused):
            for window in chord_windows.windows(run, steps, refused):
                yield line.song, window


def _drums(
    music: Score | Songbook, steps: int, refused: Counter[str], kit: drums.Kit = drums.REDUCED
) -> Iterator[tuple[str, Window]]:
    score = _score(music)
    for stretch in drum_windows.stretches(score, refused, kit):
        for window in drum_windows.windows(stretch, steps, refused):
            yield score.song, window


def _grooves(music: Score | Songbook, steps: int, refused: Counter[str]) -> Iterator[tuple[str, Window]]:
    score = _score(music)
    for stretch in groove_windows.stretches(score, refused):
        for window in drum_windows.windows(stretch, steps, refused, groove.DRUMS):
            yield score.song, window


def _trios(music: Score | Songbook, steps: int, refused: Counter[str]) -> Iterator[tuple[str, Window]]:
    score = _score(music)
    for stretch in trio_windows.stretches(score, refused):
        for window in trio_windows.windows(stretch, steps, refused):
            yield score.song, window


def _score(music: Score | Songbook) -> Score:
    if not isinstance(music, Score):
        raise MusicError("notes, piano, drums, grooves and trios are read from MIDI files only")
    return music


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of music as windows.

    Attributes:
        cut: makes them from a file that was read.
        dtype: of what is stored.
        row: the shape of one step, () for a number.
        shape: a window's bytes; the same for two that count as one where songs are held out.
    """

    cut: Cutter
    dtype: type[np.integer[Any]]
    row: tuple[int, ...] = ()
    shape: Callable[[Window], bytes] = np.ndarray.tobytes

    def window(self, data: bytes) -> Window:
        """Stored bytes as windows or one, [..., *row]."""
        flat = np.frombuffer(data, self.dtype)
        return flat.reshape(-1, *self.row) if self.row else flat


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "melody": Kind(_melodies, np.uint8, shape=shape_key),
        "songs": Kind(_songs, np.uint8, shape=shape_key),
        "notes": Kind(_notes, np.uint8, (note_windows.KEYS,)),
        "piano": Kind(_piano, np.uint16, (piano_roll.KEYS,)),
        "chords": Kind(_over_chords, np.uint8, (2,), chord_windows.melody_shape),
        "drums": Kind(_drums, np.uint16),
        "all-drums": Kind(partial(_drums, kit=drums.FULL), np.uint64),
        "groove": Kind(_grooves, np.int8, (groove.WIDTH,)),
        "trio": Kind(_trios, np.uint16, (3,), trio_windows.shape_key),
    }
)
"""Every kind of music that data sets are made of."""


def cut_file(path: Path, options: Mapping[str, Any]) -> Cut:
    """The windows of a file, for `livevae.corpus.reading`.

    Args:
        path: of the file.
        options: `music`, a key of `KINDS`; `steps` of a window; `align`, the fields of `Alignment`; of melodies also
            `grid`, a key of `GRIDS`.
    """
    cut = Cut()
    kind = KINDS[options["music"]]
    cutter = kind.cut
    if grid := options.get("grid"):
        cutter = partial(_melodies, grid=GRIDS[grid])

    def found() -> Iterator[tuple[str, Window]]:
        for music in music_files.read_all(path):
            if isinstance(music, Score) and path.suffix.lower() in music_files.MIDI:
                cut.refused.update(f"remarks: {remark}" for remark in music.remarks)
                score, cut.found = aligned(music, Alignment(**options["align"]))
                yield from cutter(score, options["steps"], cut.refused)
            else:
                yield from several(music)

    def several(music: Score | Songbook) -> Iterator[tuple[str, Window]]:
        """Of a file with several songs one that does not fit costs itself alone."""
        try:
            yield from cutter(music, options["steps"], cut.refused)
        except MusicError as error:
            if path.suffix.lower() not in note_sequences.SUFFIXES:
                raise
            cut.refused[f"sequences: {error}"] += 1

    guarded(cut, found())
    return cut
