"""Checkpoint files: safetensors with the configuration inside, read with suspicion, written whole or not at all.

The metadata holds `format` (see `FORMAT`), `config` (`Config` as JSON) and `about` (JSON: where the weights come
from). Nothing in a checkpoint is ever executed. Nothing here imports torch.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from livevae import whole_files
from livevae.budget import json_value
from livevae.errors import LimitError, ModelError
from livevae.models.checkpoints.layout import shapes
from livevae.models.musicvae.config import Config

FORMAT = "livevae musicvae 1"
"""What the metadata of a checkpoint says first; the number grows when the layout of tensors changes."""

Tensors = dict[str, NDArray[Any]]


def write(path: Path, config: Config, tensors: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: the file; one that is there is replaced only when the new one is on the disk.
        config: decides names and shapes.
        tensors: float32 or float16.
        about: plain JSON values: origin, licence, steps, scores ...

    Raises:
        ModelError: tensors that do not fit the configuration or are not finite, or a folder that cannot be
            written.
    """
    check(config, tensors, "not saved")
    metadata = {
        "format": FORMAT,
        "config": config.to_json(),
        "about": json.dumps(dict(about), sort_keys=True),
    }
    write_whole(path, to_bytes(tensors, metadata))


def to_bytes(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """A safetensors file: the same bytes for the same numbers and metadata."""
    return in_order(
        save({name: np.ascontiguousarray(value) for name, value in tensors.items()}, dict(metadata))
    )


def in_order(data: bytes) -> bytes:
    """A safetensors file's bytes with its metadata in alphabetical order; the library writes it in any.

    The file begins with the size of its header (8 bytes, little-endian). Then come the header, JSON that is filled up
    with spaces, and the tensors, whose places count from there (https://github.com/huggingface/safetensors#format).
    """
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    return len(text).to_bytes(8, "little") + text + data[end:]


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that after a crash at any moment there is the old one or the new one.

    Raises:
        ModelError: the folder cannot be made or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole_files.write_whole(path, data)
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error.strerror or error}") from None


def read(path: Path | str) -> tuple[Config, dict[str, Any], Tensors]:
    """Configuration, what is known about it, and its tensors in float32: they fit and are finite.

    Raises:
        ModelError: no such file, not a livevae checkpoint, truncated, tensors missing, of other shapes or not
            finite.
    """
    path = Path(path)
    with opened(path) as file:
        config, about = _metadata(path, file.metadata())
        tensors: Tensors = {}
        for name in file.keys():  # noqa: SIM118  (not a dict)
            if (kind := file.get_slice(name).get_dtype()) not in ("F32", "F16"):
                raise ModelError(f"{path}: tensor {name} is {kind}, not F32 or F16")
            tensors[name] = file.get_tensor(name).astype(np.float32, copy=False)
    check(config, tensors, str(path))
    return config, about, tensors


def heads(path: Path | str, names: Sequence[str]) -> tuple[Config, Tensors]:
    """A checkpoint's configuration and some of its tensors, in float32, without reading the others.

    Raises:
        ModelError: no such file, not a livevae checkpoint, truncated, a tensor missing.
    """
    path = Path(path)
    with opened(path) as file:
        config, _ = _metadata(path, file.metadata())
        there = set(file.keys())
        if missing := [name for name in names if name not in there]:
            raise ModelError(f"{path}: {missing[0]} is missing")
        return config, {name: file.get_tensor(name).astype(np.float32, copy=False) for name in names}


def describe(path: Path | str) -> tuple[Config, dict[str, Any]]:
    """A checkpoint's configuration and what is known about it, without reading the weights.

    Raises:
        ModelError: no such file, not a livevae checkpoint, truncated.
    """
    path = Path(path)
    with opened(path) as file:
        return _metadata(path, file.metadata())


def has_latent(path: Path) -> bool:
    """Whether a checkpoint is a MusicVAE's: other families have formats of their own.

    Raises:
        ModelError: it is no safetensors file.
    """
    with opened(path) as file:
        return (file.metadata() or {}).get("format") == FORMAT


def check(config: Config, tensors: Mapping[str, NDArray[Any]], origin: str) -> None:
    """See that the tensors are all there, of the configuration's shapes, and finite.

    Args:
        config: decides names and shapes.
        tensors: by `MusicVAE`'s own names.
        origin: named in errors.

    Raises:
        ModelError: tensors missing, left over, of other shapes or not finite.
    """
    wanted = shapes(config)
    if missing := sorted(set(wanted) - set(tensors)):
        raise ModelError(f"{origin}: {len(missing)} of {len(wanted)} tensors are missing, first {missing[0]}")
    if extra := sorted(set(tensors) - set(wanted)):
        raise ModelError(f"{origin}: {len(extra)} tensors that {config.name} does not have, first {extra[0]}")
    for name, shape in wanted.items():
        found = tuple(tensors[name].shape)
        if found != shape:
            raise ModelError(f"{origin}: {name} has shape {list(found)}, {config.name} needs {list(shape)}")
        if not bool(np.isfinite(tensors[name]).all()):
            raise ModelError(f"{origin}: {name} holds values that are not finite")


def facts(path: Path) -> tuple[int, ...]:
    """What tells a file from one that takes its place: inode, time of its last change in ns, bytes.

    Raises:
        ModelError: there is none.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    return found.st_ino, found.st_mtime_ns, found.st_size


def opened(path: Path) -> Any:
    """A safetensors file, open.

    Raises:
        ModelError: there is none, or it is not whole.
    """
    if not path.is_file():
        raise ModelError(f"there is no checkpoint at {path}")
    try:
        return safe_open(str(path), framework="np")
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path} is not a whole safetensors file: {error}") from None


def _metadata(path: Path, metadata: Mapping[str, str] | None) -> tuple[Config, dict[str, Any]]:
    held = metadata or {}
    found = held.get("format")
    if found != FORMAT:
        said = f"its format is {found!r}" if found else "it says no format"
        raise ModelError(f"{path} is not a livevae checkpoint of this version: {said}, expected {FORMAT!r}")
    return described(path, held, Config.from_json)


C = TypeVar("C")


def described(
    path: Path, held: Mapping[str, str], read_config: Callable[[str], C]
) -> tuple[C, dict[str, Any]]:
    """The configuration in a checkpoint's metadata, and what is known about it.

    Raises:
        ModelError: they are none.
    """
    try:
        config = read_config(held.get("config", ""))
        about = json_value(held.get("about", "{}"))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    except (ValueError, LimitError):
        raise ModelError(f"{path}: what is known about it is not JSON") from None
    if not isinstance(about, dict):
        raise ModelError(f"{path}: what is known about it is not a JSON object")
    return config, about
