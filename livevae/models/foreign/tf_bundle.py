"""TensorFlow's checkpoint bundles (V2), read without TensorFlow.

A bundle is an index, which is a LevelDB table (leveldb/doc/table_format.md) from variable names to
`BundleEntryProto` (tensorflow/core/protobuf/tensor_bundle.proto), and data files with the tensors' bytes. Every
number is checked before it is used, and every checksum that is stored is verified.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.budget import shown, size
from livevae.checksums import crc32c, masked
from livevae.errors import ModelError

MAGIC = 0xDB4775248B80FB57
FOOTER = 48
TRAILER = 5
"""After each block: its compression and its checksum."""

MAX_INDEX = 64 << 20
MAX_NAME = 1 << 12
"""Bytes of a variable's name; names share their beginnings with the names before them."""

MAX_BYTES = 3 << 30
"""Of all weights; the largest checkpoint that is published has 2 GB."""

MAX_DIMENSIONS = 8

FLOATS = {1: "<f4", 2: "<f8", 19: "<f2"}
"""TensorFlow's DataType numbers of the kinds that weights can have."""

Read = Callable[[str], NDArray[np.uint8]]
"""Gives the bytes of a data file by the end of its name: "data-00000-of-00001"."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a variable lies.

    Attributes:
        dtype: TensorFlow's number of its kind.
        shape: its sizes.
        shard: number of the data file.
        offset: of its first byte there.
        size: bytes.
        checksum: masked CRC-32C of its bytes; None where none is stored.
    """

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int | None


def tensors(index: bytes, read: Read, wanted: Callable[[str], bool], origin: str) -> dict[str, NDArray[Any]]:
    """The wanted variables of a bundle that are floats, as float32.

    Args:
        index: the whole index file.
        read: gives the data files.
        wanted: whether a variable of this name is.
        origin: named in errors.

    Raises:
        ModelError: an index that is not one, data that end too soon, a checksum that does not fit.
    """
    shards, entries = entries_of(index, origin)
    files: dict[int, NDArray[np.uint8]] = {}
    found: dict[str, NDArray[Any]] = {}
    left = MAX_BYTES
    for name, entry in entries.items():
        if not wanted(name) or entry.dtype not in FLOATS:
            continue
        if not 0 <= entry.shard < shards:
            raise ModelError(f"{origin}: {name} lies in data file {entry.shard} of {shards}")
        if entry.shard not in files:
            files[entry.shard] = read(f"data-{entry.shard:05d}-of-{shards:05d}")
        left -= entry.size
        if left < 0:
            raise ModelError(f"{origin}: its variables have more than {size(MAX_BYTES)}")
        found[name] = _tensor(name, entry, files[entry.shard], origin)
    return found


def entries_of(index: bytes, origin: str) -> tuple[int, dict[str, Entry]]:
    """How many data files a bundle has, and where its variables lie.

    Raises:
        ModelError: it is not a whole index.
    """
    try:
        if len(index) > MAX_INDEX:
            raise ValueError(f"it has more than {MAX_INDEX} bytes")  # noqa: TRY301
        rows = dict(table(index))
        header = dict(fields(rows.pop(b"")))
        if header.get(2, 0) != 0:
            raise ModelError(f"{origin}: the checkpoint was written on a big-endian machine")
        return int(header.get(1, 0)), {name.decode(): _entry(value) for name, value in rows.items()}
    except (IndexError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{origin} is not a whole TensorFlow checkpoint index: {shown(_reason(error))}"
        ) from None


def _reason(error: Exception) -> str:
    return "it ends too soon" if isinstance(error, IndexError) else str(error)


def _tensor(name: str, entry: Entry, data: NDArray[np.uint8], origin: str) -> NDArray[Any]:
    kind = np.dtype(FLOATS[entry.dtype])
    if entry.size != math.prod(entry.shape) * kind.itemsize:
        raise ModelError(f"{origin}: {name} of shape {list(entry.shape)} cannot have {entry.size} bytes")
    if entry.offset < 0 or entry.offset + entry.size > len(data):
        raise ModelError(f"{origin}: the data end before {name} does; is the file whole?")
    raw = data[entry.offset : entry.offset + entry.size]
    if entry.checksum is not None and masked(crc32c(raw)) != entry.checksum:
        raise ModelError(f"{origin}: the bytes of {name} do not fit their checksum; the file is damaged")
    return raw.view(kind).reshape(entry.shape).astype(np.float32)


def _entry(message: bytes) -> Entry:
    dtype = shard = offset = size = 0
    shape: list[int] = []
    checksum = None
    for field, value in fields(message):
        if field == 1:
            dtype = number(value)
        elif field == 2:
            if not isinstance(value, bytes):
                raise ValueError("a shape is not a message")
            shape = [_dimension(dim) for part, dim in fields(value) if part == 2]
        elif field == 3:
            shard = number(value)
        elif field == 4:
            offset = number(value)
        elif field == 5:
            size = number(value)
        elif field == 6:
            checksum = number(value)
        elif field == 7:
            raise ValueError("it holds slices of variables that were spread over machines")
    if len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"a variable of more than {MAX_DIMENSIONS} dimensions")
    return Entry(dtype, tuple(shape), shard, offset, size, checksum)


def number(value: int | bytes) -> int:
    """A field that is a number.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, int):
        raise ValueError("a number is not one")  # noqa: TRY004  (the index is at fault, not a type)
    return value


def _dimension(message: int | bytes) -> int:
    if not isinstance(message, bytes):
        raise ValueError("a dimension is not a message")  # noqa: TRY004  (the index is at fault, not a type)
    size = number(dict(fields(message)).get(1, 0))
    if not 0 <= size < 2**31:
        raise ValueError(f"a dimension of {size}")
    return size


# protocol buffers


def fields(message: int | bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field, value) of a protocol buffer message: varints and fixed numbers as int, the rest as bytes."""
    if not isinstance(message, bytes):
        raise ValueError("a message is not one")  # noqa: TRY004  (the index is at fault, not a type)
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield field, value
        elif kind in (1, 5):
            width = 8 if kind == 1 else 4
            yield field, int.from_bytes(_cut(message, at, width), "little")
            at += width
        elif kind == 2:
            size, at = _varint(message, at)
            yield field, _cut(message, at, size)
            at += size
        else:
            raise ValueError(f"a field of kind {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number that is too long")


def _cut(data: bytes, at: int, size: int) -> bytes:
    if size < 0 or at < 0 or at + size > len(data):
        raise IndexError(at)
    return data[at : at + size]


# LevelDB tables


def table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The (key, value) pairs of a table."""
    if len(data) < FOOTER or int.from_bytes(data[-8:], "little") != MAGIC:
        raise ValueError("its last bytes are not a LevelDB table's")
    footer = data[-FOOTER:]
    _, at = _handle(footer, 0)
    handle, _ = _handle(footer, at)
    for _, where in _block(data, handle):
        inner, _ = _handle(where, 0)
        yield from _block(data, inner)


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return (offset, size), at


def _block(data: bytes, handle: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    offset, size = handle
    block = _cut(data, offset, size)
    trailer = _cut(data, offset + size, TRAILER)
    if masked(crc32c(block + trailer[:1])) != int.from_bytes(trailer[1:], "little"):
        raise ValueError("a block does not fit its checksum")
    if trailer[0] != 0:
        raise ValueError("a block is compressed")
    restarts = int.from_bytes(_cut(block, size - 4, 4), "little")
    end = size - 4 - 4 * restarts
    if end < 0:
        raise ValueError("a block with more restarts than bytes")
    key, at = b"", 0
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or at + own + length > end:
            raise ValueError("an entry that is longer than its block")
        if shared + own > MAX_NAME:
            raise ValueError(f"a name of more than {MAX_NAME} bytes")
        key = key[:shared] + block[at : at + own]
        at += own
        yield key, block[at : at + length]
        at += length
