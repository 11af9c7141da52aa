"""Data sets of training windows: built from music files, split by song, memory-mapped from disk.

A data set is a folder: `train.npy` and `test.npy` (windows [N, steps], uint8 for melodies, uint16 for drums, uint64
for all 61; [N, steps, 3] uint16 for trios; [N, steps, 2] uint8 for melodies over chords; for grooves [N, steps, 27]
int8, see `data.groove_lines`), `train_set.npy` and `test_set.npy` (which of the named sets each window is from, uint8)
and `info.json`, which says what was used, what was refused and why. No torch.
"""

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_data_path

from livevae.corpus import (
    abc_tunes,
    chord_windows,
    drum_windows,
    groove_windows,
    midi_lines,
    musicxml,
    trio_windows,
)
from livevae.corpus.lines import Line, runs
from livevae.corpus.melody_windows import shape_key, windows
from livevae.corpus.names import held_out
from livevae.errors import MusicError
from livevae.music import drums, groove

SPLITS = ("train", "test")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
MUSIC_SUFFIXES = frozenset({".mxl", ".musicxml", ".xml", ".abc", ".mid", ".midi"})


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set on disk.

    Attributes:
        path: its folder.
        info: what `info.json` says: `steps`, `sets`, `counts`, `refused` and how it was built.
        train: windows, memory-mapped; shapes and dtypes are this module's first lines.
        test: the same, of songs that are not in `train`.
        train_set: [N] uint8, index into `info["sets"]`.
        test_set: [N] uint8.
    """

    path: Path
    info: Mapping[str, Any]
    train: NDArray[Any]
    test: NDArray[Any]
    train_set: NDArray[np.uint8]
    test_set: NDArray[np.uint8]


def home(name: str) -> Path:
    """Where the data set of a name lives: a path as it is, a plain name under the user's data folder.

    Raises:
        MusicError: it is neither.
    """
    if "/" in name or name.startswith("."):
        return Path(name)
    if not NAME.fullmatch(name):
        raise MusicError(f"a data set's name is letters, digits, dots and dashes, not {name!r}")
    return Path(user_data_path("livevae")) / "datasets" / name


def load(name: str) -> Dataset:
    """Open a data set by name or path; windows stay on disk until they are used.

    Raises:
        MusicError: there is none, or it is not whole.
    """
    path = home(name)
    try:
        info = json.loads((path / "info.json").read_text())
        arrays = [
            np.load(path / f"{split}{kind}.npy", mmap_mode="r", allow_pickle=False)
            for split in SPLITS
            for kind in ("", "_set")
        ]
    except FileNotFoundError as error:
        raise MusicError(
            f"there is no data set {name!r} in {path}: `livevae dataset build {name} PATHS...` makes one"
        ) from error
    except (OSError, ValueError) as error:
        raise MusicError(f"the data set in {path} cannot be read ({error}): build it again") from error
    train, train_set, test, test_set = arrays
    return Dataset(path, info, train, test, train_set, test_set)


def build(
    name: str,
    paths: Iterable[Path],
    *,
    music: str = "melody",
    steps: int = 32,
    share: float = 0.05,
    note: Callable[[Path], object] | None = None,
) -> Dataset:
    """Read music files, cut them to windows, split them by song, write the data set.

    Exact duplicates are kept once; a training window that is also in the test windows, in any transposition,
    is left out of training.

    Args:
        name: a name or a folder, see `home`.
        paths: files and folders; each path given is one named set.
        music: melody, chords (a melody over them), or (of MIDI files) drums, all-drums (61), groove or trio.
        steps: sixteenths a window.
        share: of the songs, held out for testing.
        note: called with every file before it is read.

    Raises:
        MusicError: a path is not there, or nothing could be used.
    """
    folder = home(name)
    sets: list[str] = []
    reports: dict[str, Any] = {}
    found: dict[str, dict[bytes, int]] = {split: {} for split in SPLITS}
    for path in paths:
        label = path.stem if path.is_file() else path.resolve().name
        if label in sets:
            raise MusicError(f"two sets are named {label!r}; give each folder a name of its own")
        sets.append(label)
        reports[label] = _read_set(path, steps, share, note, _Store(music, found, len(sets) - 1))
    kind = KINDS[music]
    held = {kind.shape(kind.window(key)) for key in found["test"]}
    train = {
        key: label
        for key, label in found["train"].items()
        if key not in found["test"] and kind.shape(kind.window(key)) not in held
    }
    shared = len(found["train"]) - len(train)
    if not train or not found["test"]:
        raise MusicError(
            "no music was found that fits: " + ("no test song" if train else "no training window")
        )
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    for split, windows_of in zip(SPLITS, (train, found["test"]), strict=True):
        ordered = sorted(windows_of)
        array = kind.window(b"".join(ordered)).reshape(-1, steps, *kind.row)
        labels = np.array([windows_of[key] for key in ordered], np.uint8)
        digest.update(array.tobytes())
        np.save(folder / f"{split}.npy", array)
        np.save(folder / f"{split}_set.npy", labels)
        for index, label in enumerate(sets):
            reports[label][f"{split}_windows"] = int((labels == index).sum())
    info = {
        "music": music,
        "steps": steps,
        "held_out_share": share,
        "sets": sets,
        "counts": {"train": len(train), "test": len(found["test"])},
        "left_out_of_training_because_held_out_songs_have_them": shared,
        "sha256": digest.hexdigest(),
        "reports": reports,
    }
    (folder / "info.json").write_text(json.dumps(info, indent=1) + "\n")
    return load(name)


@dataclass(frozen=True, slots=True)
class _Store:
    """Where the windows of one set go: by split, the first set that has a window keeps it."""

    music: str
    found: dict[str, dict[bytes, int]]
    index: int

    def add(self, split: str, window: NDArray[Any]) -> None:
        self.found[split].setdefault(window.tobytes(), self.index)


def _read_set(
    path: Path, steps: int, share: float, note: Callable[[Path], object] | None, store: _Store
) -> dict[str, Any]:
    """Read one named set into the store; the report of what was used and refused."""
    if not path.exists():
        raise MusicError(f"there is no {path}")
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    official = published_split(path)
    refused: Counter[str] = Counter()
    used = others = cut = 0
    songs: dict[str, set[str]] = {split: set() for split in SPLITS}
    for file in files:
        if file.suffix.lower() not in MUSIC_SUFFIXES:
            others += 1
            continue
        if note is not None:
            note(file)
        before = cut
        try:
            for song, window in KINDS[store.music].cut(file, steps, refused):
                split = official.get(file) or SPLITS[held_out(song, share)]
                store.add(split, window)
                songs[split].add(song)
                cut += 1
        except MusicError as error:
            refused[f"files: {_without(str(error), file.name)}"] += 1
            continue
        used += cut > before
        if cut == before:
            refused["files: nothing in it made a window"] += 1
    return {
        "files": len(files) - others,
        "files_used": used,
        "split": "published" if official else "by song",
        "files_that_are_no_music": others,
        "train_songs": len(songs["train"]),
        "test_songs": len(songs["test"]),
        "windows_before_removing_duplicates": cut,
        "refused": dict(refused.most_common()),
    }


def published_split(path: Path) -> dict[Path, str]:
    """Which split each file of a set belongs to, where the set says so itself; {} where it does not.

    The Groove MIDI Dataset does: its `info.csv` has `midi_filename` and `split` (train, validation, test). What is
    not for training is for testing here.
    """
    table = path / "info.csv"
    if not table.is_file():
        return {}
    with table.open(newline="", encoding="utf-8", errors="replace") as file:
        return {
            path / row["midi_filename"]: SPLITS[row["split"] != "train"]
            for row in csv.DictReader(file)
            if row.get("midi_filename") and row.get("split")
        }


def read_lines(file: Path, refused: Counter[str]) -> list[Line]:
    """The melody lines of a music file of any kind; parts of it that cannot be read are counted.

    Raises:
        MusicError: nothing of the file can be read.
    """
    suffix = file.suffix.lower()
    if suffix == ".abc":
        lines, faults = abc_tunes.read(file)
        refused.update(f"tunes: {fault}" for fault in faults)
        return lines
    return midi_lines.read(file) if suffix in {".mid", ".midi"} else musicxml.read(file)


Cutter = Callable[[Path, int, Counter[str]], Iterator[tuple[str, NDArray[Any]]]]
"""A file, the steps of a window and the count of what is refused, to (song, window)s."""


def _melodies(file: Path, steps: int, refused: Counter[str]) -> Iterator[tuple[str, NDArray[Any]]]:
    for line in read_lines(file, refused):
        for run in runs(line.bars, refused):
            for window in windows(run, steps, refused):
                yield line.song, window


def _over_chords(file: Path, steps: int, refused: Counter[str]) -> Iterator[tuple[str, NDArray[Any]]]:
    if file.suffix.lower() in {".mid", ".midi"}:
        raise MusicError("chords are read from MusicXML and ABC, where they are written")
    for line in read_lines(file, refused):
        for run in runs(line.bars, refused):
            for window in chord_windows.windows(run, steps, refused):
                yield line.song, window


def _drums(
    file: Path, steps: int, refused: Counter[str], kit: drums.Kit = drums.REDUCED
) -> Iterator[tuple[str, NDArray[Any]]]:
    song, stretches = drum_windows.read(_midi(file), refused, kit)
    for stretch in stretches:
        for window in drum_windows.windows(stretch, steps, refused):
            yield song, window


def _all_drums(file: Path, steps: int, refused: Counter[str]) -> Iterator[tuple[str, NDArray[Any]]]:
    yield from _drums(file, steps, refused, drums.FULL)


def _grooves(file: Path, steps: int, refused: Counter[str]) -> Iterator[tuple[str, NDArray[Any]]]:
    song, stretches = groove_windows.read(_midi(file), refused)
    for stretch in stretches:
        for window in drum_windows.windows(stretch, steps, refused, groove.DRUMS):
            yield song, window


def _trios(file: Path, steps: int, refused: Counter[str]) -> Iterator[tuple[str, NDArray[Any]]]:
    song, stretches = trio_windows.read(_midi(file), refused)
    for stretch in stretches:
        for window in trio_windows.windows(stretch, steps, refused):
            yield song, window


def _midi(file: Path) -> Path:
    if file.suffix.lower() not in {".mid", ".midi"}:
        raise MusicError("drums, grooves and trios are read from MIDI files only")
    return file


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of music as windows.

    Attributes:
        cut: makes them from a file.
        dtype: of what is stored.
        row: the shape of one step, () for a number.
        shape: a window's bytes; the same for two that count as one where songs are held out.
    """

    cut: Cutter
    dtype: type[np.integer[Any]]
    row: tuple[int, ...] = ()
    shape: Callable[[NDArray[Any]], bytes] = np.ndarray.tobytes

    def window(self, data: bytes) -> NDArray[Any]:
        """Stored bytes as windows or one, [..., *row]."""
        flat = np.frombuffer(data, self.dtype)
        return flat.reshape(-1, *self.row) if self.row else flat


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "melody": Kind(_melodies, np.uint8, shape=shape_key),
        "chords": Kind(_over_chords, np.uint8, (2,), chord_windows.melody_shape),
        "drums": Kind(_drums, np.uint16),
        "all-drums": Kind(_all_drums, np.uint64),
        "groove": Kind(_grooves, np.int8, (groove.WIDTH,)),
        "trio": Kind(_trios, np.uint16, (3,), trio_windows.shape_key),
    }
)
"""Every kind of music that data sets are made of."""


def _without(text: str, name: str) -> str:
    return re.sub(r" \(.*\)$", "", text.replace(name, "it"))
