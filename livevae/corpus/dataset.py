"""Data sets of training windows: built from music files, split by song, memory-mapped from disk.

A data set is a folder: `train.npy` and `test.npy` (windows [N, steps], uint8 for melodies, uint16 for drums, uint64
for all 61; [N, steps, 88] uint8 for notes and uint16 for piano; [N, steps, 3] uint16 for trios; [N, steps, 2] uint8
for melodies over chords; for grooves [N, steps, 27] int8, see `groove_windows`), `train_set.npy` and `test_set.npy`
(which of the named sets each window is from, uint8) and `info.json`, which says what was used, what was refused and
why. No torch.
"""

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.budget import shown
from livevae.corpus import music_files
from livevae.corpus.align import Alignment
from livevae.corpus.kinds import KINDS, cut_file
from livevae.corpus.lines import COMMON, GRIDS
from livevae.corpus.names import held_out
from livevae.corpus.reading import cut_all
from livevae.errors import MusicError
from livevae.home import home
from livevae.whole_files import replacing_all

MOST_NAMED = 1_000
"""Refused files that a report names."""

AS_WRITTEN = Alignment("off")

SPLITS = ("train", "test")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


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

    @property
    def bar(self) -> int:
        """Sixteenths of its bars."""
        return int(self.info.get("bar", COMMON.bar))


def place(name: str) -> Path:
    """Where the data set of a name lives: a path as it is, a plain name in livevae's folder (`livevae.home`).

    Raises:
        MusicError: it is neither.
    """
    if "/" in name or name.startswith("."):
        return Path(name)
    if not NAME.fullmatch(name):
        raise MusicError(f"a data set's name is letters, digits, dots and dashes, not {name!r}")
    return home() / "datasets" / name


def load(name: str) -> Dataset:
    """Open a data set by name or path; windows stay on disk until they are used.

    Raises:
        MusicError: there is none, or it is not whole.
    """
    path = place(name)
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
    steps: int = 0,
    grid: str = COMMON.name,
    share: float = 0.05,
    on_file: Callable[[Path], object] | None = None,
    alignment: Alignment = AS_WRITTEN,
    isolated: bool = False,
) -> Dataset:
    """Read music files, cut them to windows, split them by song, write the data set.

    Exact duplicates are kept once; a training window that is also in the test windows, in any transposition,
    is left out of training.

    Args:
        name: a name or a folder, see `place`.
        paths: files and folders; each path given is one named set.
        music: melody, songs (melodies from bar lines, for models that go on step by step), chords (a melody over
            them), or (of MIDI files) notes (many voices), piano (many voices with velocities and triplets), drums,
            all-drums (61), groove or trio.
        steps: sixteenths a window; two bars where it is 0.
        grid: of melodies: which bars they are cut from, a key of `corpus.lines.GRIDS`.
        share: of the songs, held out for testing.
        on_file: called with every file once it is read.
        alignment: where the beats of MIDI files come from; as the files have them if not given.
        isolated: read in a process with limits of memory and time, as strangers' files should be.

    Raises:
        MusicError: a path is not there, bars of 12 of anything but melodies, or nothing could be used.
    """
    bar = GRIDS[grid].bar
    steps = steps or 2 * bar
    if bar != COMMON.bar and music != "melody":
        raise MusicError(f"bars of {grid} are learnt of melodies, not of {music}")
    if steps % bar and bar != COMMON.bar:
        raise MusicError(f"{steps} sixteenths are no whole bars of {bar}")
    folder = place(name)
    options: dict[str, Any] = {"music": music, "steps": steps, "align": asdict(alignment)}
    if grid != COMMON.name:
        options["grid"] = grid
    sets: list[str] = []
    reports: dict[str, Any] = {}
    found: dict[str, dict[bytes, int]] = {split: {} for split in SPLITS}
    for path in paths:
        label = path.stem if path.is_file() else path.resolve().name
        if label in sets:
            raise MusicError(f"two sets are named {label!r}; give each folder a name of its own")
        sets.append(label)
        store = _Store(found, len(sets) - 1)
        reports[label] = _read_set(path, options, share, on_file, store, isolated=isolated)
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
    arrays: list[NDArray[Any]] = []
    for windows_of in (train, found["test"]):
        ordered = sorted(windows_of)
        array = kind.window(b"".join(ordered)).reshape(-1, steps, *kind.row)
        digest.update(array.tobytes())
        arrays += [array, np.array([windows_of[key] for key in ordered], np.uint8)]
    for split, labels in zip(SPLITS, arrays[1::2], strict=True):
        for index, label in enumerate(sets):
            reports[label][f"{split}_windows"] = int((labels == index).sum())
    info = {
        "music": music,
        "steps": steps,
        "bar": bar,
        "grid": grid,
        "held_out_share": share,
        "sets": sets,
        "counts": {"train": len(train), "test": len(found["test"])},
        "left_out_of_training_because_held_out_songs_have_them": shared,
        "sha256": digest.hexdigest(),
        "reports": reports,
    }
    paths = [folder / f"{split}{ending}.npy" for split in SPLITS for ending in ("", "_set")]
    with replacing_all(folder / "info.json", paths) as parts:
        for part, array in zip(parts, arrays, strict=False):
            with part.open("wb") as file:
                np.save(file, array)
        parts[-1].write_text(json.dumps(info, indent=1) + "\n")
    return load(name)


@dataclass(frozen=True, slots=True)
class _Store:
    """Where the windows of one set go: by split, the first set that has a window keeps it."""

    found: dict[str, dict[bytes, int]]
    index: int

    def add(self, split: str, window: NDArray[Any]) -> None:
        self.found[split].setdefault(window.tobytes(), self.index)


def _read_set(
    path: Path,
    options: Mapping[str, Any],
    share: float,
    on_file: Callable[[Path], object] | None,
    store: _Store,
    *,
    isolated: bool,
) -> dict[str, Any]:
    """Read one named set into the store; the report of what was used and refused."""
    if not path.exists():
        raise MusicError(f"there is no {path}")
    everything = sum(1 for p in path.rglob("*") if p.is_file()) if path.is_dir() else 1
    files = music_files.inside(path) if path.is_dir() else music_files.find([path], 1)
    official = published_split(path)
    refused: Counter[str] = Counter()
    used = windows = 0
    songs: dict[str, set[str]] = {split: set() for split in SPLITS}
    beats: dict[str, str] = {}
    unread: list[str] = []
    for file, cut in cut_all(cut_file, files, options, isolated=isolated):
        if on_file is not None:
            on_file(file)
        refused.update(cut.refused)
        if cut.found:
            beats[str(file.relative_to(path)) if path.is_dir() else file.name] = cut.found
        if cut.error:
            unread.append(shown(f"{file.name}: {cut.error}", 240))
            refused[f"files: {_without(cut.error, file.name)}"] += 1
        elif cut.windows is None:
            refused["files: nothing in it made a window"] += 1
        if cut.windows is None:
            continue
        rows = iter(cut.windows)
        for song, count in cut.songs:
            split = official.get(file) or SPLITS[held_out(song, share)]
            songs[split].add(song)
            for _ in range(count):
                store.add(split, next(rows))
        used += 1
        windows += len(cut.windows)
    return {
        "files": len(files),
        "files_used": used,
        "split": "published" if official else "by song",
        "files_that_are_no_music": everything - len(files),
        "train_songs": len(songs["train"]),
        "test_songs": len(songs["test"]),
        "windows_before_removing_duplicates": windows,
        "refused": dict(refused.most_common()),
        "files_refused": unread[:MOST_NAMED],
        "beats": {shown(name, 200): words for name, words in beats.items()},
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


def _without(text: str, name: str) -> str:
    return re.sub(r" \(.*\)$", "", text.replace(name, "it"))
