"""Magenta's TensorFlow checkpoints from disk: the `.tar` as published, a folder, or the index file."""

import bz2
import gzip
import lzma
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from livevae.budget import file_bytes, reading, shown
from livevae.errors import LimitError, ModelError
from livevae.models.foreign import tf_bundle
from livevae.models.foreign.magenta import wanted

INDEX = ".index"

COMPRESSIONS: Mapping[bytes, Callable[[IO[bytes]], Any]] = MappingProxyType(
    {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
)
"""How a tar may be compressed, by its first bytes."""

MAX_RATIO = 20
"""Weights are noise to a compressor: they hardly shrink."""

MAX_MEMBERS = 1_000
PIECE = 1 << 20


def variables(path: Path, chosen: Callable[[str], bool] = wanted) -> dict[str, NDArray[Any]]:
    """The weights of a checkpoint by Magenta's names, float32.

    Args:
        path: a `.tar` (also compressed), a folder with one checkpoint, its index file, a data file, or the prefix
            that they share.
        chosen: whether a variable of this name is among them.

    Raises:
        ModelError: there is no whole checkpoint, or there are several.
    """
    if path.is_file() and not path.name.endswith(INDEX) and ".data-" not in path.name:
        return _from_tar(path, chosen)
    index = _index_of(path)
    prefix = index.name.removesuffix(INDEX)

    def read(ending: str) -> NDArray[np.uint8]:
        data = index.with_name(f"{prefix}.{ending}")
        if not data.is_file():
            raise ModelError(f"{data} is missing: a checkpoint is its index and its data files")
        return np.memmap(data, np.uint8, "r") if data.stat().st_size else np.zeros(0, np.uint8)

    with reading(str(index), "a TensorFlow checkpoint", ModelError):
        return tf_bundle.tensors(file_bytes(index, tf_bundle.MAX_INDEX), read, chosen, str(index))


def names(path: Path) -> list[str]:
    """The names of all variables of a checkpoint that is no tar.

    Raises:
        ModelError: there is no whole checkpoint, or there are several.
    """
    index = _index_of(path)
    with reading(str(index), "a TensorFlow checkpoint", ModelError):
        return list(tf_bundle.entries_of(file_bytes(index, tf_bundle.MAX_INDEX), str(index))[1])


def is_one(path: Path) -> bool:
    """Whether a path looks like a TensorFlow checkpoint."""
    if path.is_dir():
        return any(path.glob(f"*{INDEX}"))
    return path.name.endswith(INDEX) or ".data-" in path.name or path.with_name(path.name + INDEX).is_file()


def _index_of(path: Path) -> Path:
    if path.is_dir():
        return Path(_only(sorted(path.glob(f"*{INDEX}")), str(path)))
    if path.name.endswith(INDEX):
        return path
    index = path.with_name(path.name.split(".data-", maxsplit=1)[0] + INDEX)
    if not index.is_file():
        raise ModelError(f"there is no TensorFlow checkpoint at {path}: {index.name} is missing")
    return index


def _only(found: list[Any], where: str) -> Any:
    if len(found) != 1:
        there = "is no checkpoint" if not found else f"are {len(found)} checkpoints, name one of them"
        raise ModelError(f"in {where} there {there}")
    return found[0]


def _from_tar(path: Path, chosen: Callable[[str], bool]) -> dict[str, NDArray[Any]]:
    with (
        reading(str(path), "a whole tar of a TensorFlow checkpoint", ModelError),
        _unpacked(path) as plain,
        tarfile.open(fileobj=plain, mode="r:") as archive,
    ):
        files = {PurePosixPath(member.name).name: member for member in _members(archive) if member.isfile()}
        index = _only(sorted(name for name in files if name.endswith(INDEX)), str(path))
        prefix = index.removesuffix(INDEX)
        taken = _reader(archive, path)

        def read(ending: str) -> NDArray[np.uint8]:
            name = f"{prefix}.{ending}"
            if name not in files:
                raise ModelError(f"{path} has no {name}: a checkpoint is its index and its data files")
            return np.frombuffer(taken(files[name]), np.uint8)

        return tf_bundle.tensors(taken(files[index]), read, chosen, f"{path}:{index}")


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for count, member in enumerate(archive):
        if count >= MAX_MEMBERS:
            raise LimitError(f"it holds more than {MAX_MEMBERS} files")
        yield member


@contextmanager
def _unpacked(path: Path) -> Iterator[IO[bytes]]:
    """A tar's own bytes; a compressed one in a temporary file, as far as weights can unpack: a bomb goes further."""
    with path.open("rb") as file:
        start = file.read(6)
        file.seek(0)
        opened = next((opened for magic, opened in COMPRESSIONS.items() if start.startswith(magic)), None)
        if opened is None:
            yield file
            return
        left = min(MAX_RATIO * path.stat().st_size + PIECE, tf_bundle.MAX_BYTES)
        with opened(file) as packed, tempfile.TemporaryFile() as plain:
            while piece := packed.read(PIECE):
                left -= len(piece)
                if left < 0:
                    raise LimitError(
                        f"it unpacks to more than {MAX_RATIO} times its size, which no weights do"
                    )
                plain.write(piece)
            plain.seek(0)
            yield plain


def _reader(archive: tarfile.TarFile, path: Path) -> Callable[[tarfile.TarInfo], bytes]:
    def taken(member: tarfile.TarInfo) -> bytes:
        if member.issparse() or member.size > tf_bundle.MAX_BYTES:
            raise LimitError(f"{shown(member.name)} is larger than any weights")
        file = archive.extractfile(member)
        data = b"" if file is None else file.read()
        if len(data) != member.size:
            raise ModelError(f"{path} ends before {member.name} does; is it whole?")
        return data

    return taken
