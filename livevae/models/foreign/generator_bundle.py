"""Magenta's generator bundles (`.mag`) and TensorFlow's first checkpoint format, read without TensorFlow.

A bundle is a protocol buffer, GeneratorBundle: {1 details {1 id}, 2 checkpoint file, 3 metagraph}. Its checkpoint is a
LevelDB table of format V1 (tensorflow/core/util/saved_tensor_slice.proto): row "" describes all tensors, every
other row holds one tensor's numbers. All is checked before it is used; nothing is executed.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.budget import file_bytes, reading
from livevae.errors import ModelError
from livevae.models.foreign.tf_bundle import fields, number, table

MOST = 2**30
"""Bytes of a file that is looked at."""

FLOAT = 1
"""TensorFlow's DataType number of float32."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A generator bundle.

    Attributes:
        id: what its maker called it: "attention_rnn" as a rule.
        variables: by their names in TensorFlow, float32.
        attention: how many outputs its attention looks at, as the graph says; 0 where it does not say.
    """

    id: str
    variables: dict[str, NDArray[np.float32]] = field(repr=False)
    attention: int = 0


def read(path: Path) -> Bundle:
    """A bundle from its file.

    Raises:
        ModelError: it is none, or not whole.
    """
    with reading(str(path), "a generator bundle", ModelError):
        data = file_bytes(path, MOST)
    try:
        parts = list(fields(data))
        details = next(value for name, value in parts if name == 1)
        checkpoints = [value for name, value in parts if name == 2]
        called = dict(fields(details)).get(1, b"")
        if len(checkpoints) != 1 or not isinstance(checkpoints[0], bytes) or not isinstance(called, bytes):
            raise ValueError(f"it holds {len(checkpoints)} checkpoints")  # noqa: TRY301
        graph = next((value for name, value in parts if name == 3), b"")
        name = called.decode("utf-8", "replace")
    except (IndexError, ValueError, KeyError, StopIteration) as error:
        raise ModelError(f"{path} is not a whole generator bundle (.mag): {_reason(error)}") from None
    return Bundle(name, variables(checkpoints[0], str(path)), attention_length(graph))


def variables(data: bytes, origin: str) -> dict[str, NDArray[np.float32]]:
    """The float32 variables of a V1 checkpoint.

    Args:
        data: the whole table.
        origin: named in errors.

    Raises:
        ModelError: it is none, or not whole.
    """
    try:
        rows = dict(table(data))
        described = _shapes(rows.pop(b""))
        found: dict[str, NDArray[np.float32]] = {}
        for row in rows.values():
            parts = dict(fields(dict(fields(row))[2]))
            name = _text(parts[1])
            if name not in described:
                raise ValueError(f"{name} is not described")  # noqa: TRY301
            kind, shape = described[name]
            if kind == FLOAT:
                found[name] = _numbers(name, parts[3], shape)
    except (IndexError, ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{origin} is not a whole checkpoint of TensorFlow's first format: {_reason(error)}"
        ) from None
    if missing := sorted(
        name for name, (kind, _) in described.items() if kind == FLOAT and name not in found
    ):
        raise ModelError(f"{origin}: the numbers of {missing[0]} are missing; is the file whole?")
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, IndexError | StopIteration):
        return "it ends too soon"
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _text(value: int | bytes) -> str:
    if not isinstance(value, bytes):
        raise ValueError("a name is not one")  # noqa: TRY004  (the file is at fault, not a type)
    return value.decode()


def _shapes(row: bytes) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Kind and shape of every tensor, by name."""
    found: dict[str, tuple[int, tuple[int, ...]]] = {}
    for part, value in fields(dict(fields(row))[1]):
        if part != 1:
            continue
        held = dict(fields(value))
        sizes = [number(dict(fields(size)).get(1, 0)) for kind, size in fields(held.get(2, b"")) if kind == 2]
        found[_text(held[1])] = number(held.get(3, FLOAT)), tuple(sizes)
    return found


def _numbers(name: str, proto: int | bytes, shape: tuple[int, ...]) -> NDArray[np.float32]:
    packed = b"".join(value for part, value in fields(proto) if part == 5 and isinstance(value, bytes))
    single = [value for part, value in fields(proto) if part == 5 and isinstance(value, int)]
    raw = packed or b"".join(value.to_bytes(4, "little") for value in single)
    if len(raw) != 4 * math.prod(shape):
        raise ValueError(f"{name} of shape {list(shape)} cannot have {len(raw)} bytes")
    return np.frombuffer(raw, "<f4").astype(np.float32).reshape(shape)


def attention_length(metagraph: Any) -> int:
    """How many outputs the attention of a graph looks at; 0 where the graph does not say.

    The graph reshapes the window to [-1, length, size] in each step; that constant is looked for.
    """
    try:
        graph = next(value for part, value in fields(metagraph) if part == 2)
        for part, node in fields(graph):
            if part == 1 and (length := _window_of(node)):
                return length
    except (IndexError, ValueError, StopIteration, KeyError):
        return 0
    return 0


def _window_of(node: int | bytes) -> int:
    parts = list(fields(node))
    name = next((value for part, value in parts if part == 1), b"")
    lowered = name.lower() if isinstance(name, bytes) else b""
    if b"attention" not in lowered or not lowered.endswith(b"reshape/shape"):
        return 0
    for part, attribute in parts:
        entry = dict(fields(attribute)) if part == 5 else {}
        if entry.get(1) != b"value":
            continue
        tensor = dict(fields(dict(fields(entry[2]))[8]))
        content = tensor.get(4, b"")
        sizes = np.frombuffer(content, "<i4").tolist() if isinstance(content, bytes) else []
        if len(sizes) in (3, 4) and sizes[0] == -1:
            return int(sizes[1])
    return 0
