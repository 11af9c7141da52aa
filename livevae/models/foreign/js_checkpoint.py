"""magenta.js checkpoints: a folder with a manifest of weights, shards of their bytes, and the model's converter.

The manifest is TensorFlow.js': groups of shards, whose bytes are one run however they were cut, and the weights in
order, plain or quantised to 8 or 16 bits (`value * scale + min`) or to float16.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.budget import file_bytes, json_value, reading, shown
from livevae.errors import LimitError, ModelError

MAX_BYTES = 3 << 30
"""Of all weights; the largest that is published has 1.7 GB."""

MAX_MANIFEST = 16 << 20
MAX_DIMENSIONS = 8

MANIFEST = "weights_manifest.json"
SETTINGS = "config.json"
KINDS = {"float32": "<f4", "float16": "<f2", "int32": "<i4", "uint16": "<u2", "uint8": "u1", "bool": "u1"}

CONVERTERS: Mapping[str, Mapping[str, Any]] = {
    "MelodyConverter": {},
    "DrumsConverter": {},
    "DrumRollConverter": {},
    "DrumsOneHotConverter": {"input_depth": 512, "roll_input": False},
    "TrioConverter": {},
    "GrooveConverter": {},
}
"""magenta.js' converters that we have a vocabulary for, and what they change of a configuration."""


def is_one(path: Path) -> bool:
    """Whether a path is a magenta.js checkpoint's folder, or its manifest."""
    return path.name == MANIFEST or (path / MANIFEST).is_file()


def folder_of(path: Path) -> Path:
    """The folder of a checkpoint that is named by itself or by its manifest."""
    return path.parent if path.name == MANIFEST else path


def names(path: Path) -> list[str]:
    """The weights' names, without reading a shard.

    Args:
        path: the folder.

    Raises:
        ModelError: a manifest that is not one.
    """
    with reading(str(path), "a magenta.js checkpoint", ModelError):
        return [
            _described(weight, path)[0] for group in _groups(path) for weight in _list(group, "weights", path)
        ]


def settings(path: Path) -> dict[str, Any]:
    """What the model's own config.json says, from a checkpoint's folder; nothing where there is none.

    Raises:
        ModelError: it is no JSON object.
    """
    if not (path / SETTINGS).is_file():
        return {}
    found = _json(path / SETTINGS)
    if not isinstance(found, dict):
        raise ModelError(f"{path / SETTINGS} is not the settings of a model")
    return found


def variables(path: Path) -> dict[str, NDArray[Any]]:
    """The weights by Magenta's names, float32.

    Args:
        path: the folder.

    Raises:
        ModelError: a manifest that is not one, shards that are missing, outside the folder, or of other lengths
            than the weights.
    """
    with reading(str(path), "a magenta.js checkpoint", ModelError):
        return _variables(path)


def _groups(path: Path) -> list[dict[str, Any]]:
    manifest = _json(path / MANIFEST)
    if not isinstance(manifest, list) or not all(isinstance(group, dict) for group in manifest):
        raise ModelError(f"{path / MANIFEST} is not a TensorFlow.js manifest of weights")
    return manifest


def _variables(path: Path) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    left = MAX_BYTES
    for group in _groups(path):
        shards = []
        for name in _list(group, "paths", path):
            shards.append(_shard(path, name, left))
            left -= len(shards[-1])
        data = b"".join(shards)
        del shards
        at = 0
        for weight in _list(group, "weights", path):
            name, shape, kind, quantised = _described(weight, path)
            size = math.prod(shape) * kind.itemsize
            if at + size > len(data):
                raise ModelError(f"{path}: the shards end before {shown(name)} does; are they whole?")
            raw = np.frombuffer(data, kind, math.prod(shape), at)
            found[name] = _plain(raw, quantised).reshape(shape)
            at += size
        if at != len(data):
            raise ModelError(f"{path}: the shards hold {len(data)} bytes, the manifest's weights {at}")
    return found


def facts(path: Path) -> dict[str, Any]:
    """What the model's own settings say of its configuration: steps, segments, inputs. Nothing without settings.

    Raises:
        ModelError: settings of another kind of model, or of a vocabulary that is not ours.
    """
    if not (path / SETTINGS).is_file():
        return {}
    held = settings(path)
    converter = held.get("dataConverter")
    if not isinstance(converter, dict) or held.get("type", "MusicVAE") != "MusicVAE":
        raise ModelError(f"{path / SETTINGS} is not a MusicVAE's")
    kind, given = converter.get("type"), converter.get("args") or {}
    if not isinstance(kind, str) or kind not in CONVERTERS or not isinstance(given, dict):
        raise ModelError(
            f"{path}: livevae has no vocabulary for magenta.js' {shown(str(kind))}; it knows {', '.join(CONVERTERS)}"
        )
    for pitch, ours in (("minPitch", 21), ("maxPitch", 108)):
        if kind == "MelodyConverter" and given.get(pitch, ours) != ours:
            raise ModelError(
                f"{path}: its melodies have {pitch} {shown(str(given[pitch]))}, livevae's {ours}"
            )
    found = dict(CONVERTERS[kind])
    for ours_, theirs in (("steps", "numSteps"), ("segments", "numSegments")):
        if theirs in given:
            if type(given[theirs]) is not int or given[theirs] < 1:
                raise ModelError(f"{path}: {theirs} cannot be {shown(repr(given[theirs]))}")
            found[ours_] = given[theirs]
    return found


def _json(path: Path) -> Any:
    try:
        return json_value(file_bytes(path, MAX_MANIFEST))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, LimitError) as error:
        raise ModelError(f"{path} is not JSON: {shown(str(error))}") from None


def _list(group: Mapping[str, Any], key: str, path: Path) -> list[Any]:
    found = group.get(key)
    if not isinstance(found, list):
        raise ModelError(f"{path / MANIFEST}: a group of weights has no list of {key}")
    return found


def _shard(folder: Path, name: Any, limit: int) -> bytes:
    """The bytes of a shard, which lies in the folder itself or below it, and nowhere else."""
    if not isinstance(name, str) or not name or "\\" in name or not name.isprintable():
        raise ModelError(f"{folder / MANIFEST}: a shard's path cannot be {shown(repr(name))}")
    inside = folder.resolve()
    shard = (inside / name).resolve()
    if not shard.is_relative_to(inside) or ".." in Path(name).parts or Path(name).is_absolute():
        raise ModelError(
            f"{folder / MANIFEST}: the shard {shown(repr(name))} lies outside the folder; it is not read"
        )
    try:
        return file_bytes(shard, limit)
    except OSError as error:
        raise ModelError(
            f"{folder}: the shard {shown(repr(name))} cannot be read: {error.strerror}"
        ) from None


def _described(
    weight: Any, path: Path
) -> tuple[str, tuple[int, ...], np.dtype[Any], tuple[float, float] | None]:
    """A weight's name, shape, kind as stored, and (scale, min) where it is quantised."""
    entry = weight if isinstance(weight, dict) else {}
    name, shape, dtype = entry.get("name"), entry.get("shape"), entry.get("dtype")
    quantised = entry.get("quantization")
    stored = quantised.get("dtype") if isinstance(quantised, dict) else dtype
    if (
        not isinstance(name, str)
        or not isinstance(shape, list)
        or len(shape) > MAX_DIMENSIONS
        or not all(type(size) is int and 0 <= size < 2**31 for size in shape)
        or stored not in KINDS
    ):
        raise ModelError(f"{path / MANIFEST}: a weight cannot be {shown(str(weight), 120)}")
    scaling = None
    if isinstance(quantised, dict) and stored != "float16":
        scale, low = quantised.get("scale"), quantised.get("min")
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in (scale, low)):
            raise ModelError(f"{path / MANIFEST}: {name} is quantised without a scale and a min")
        scaling = float(scale or 0), float(low or 0)
    return name, tuple(shape), np.dtype(KINDS[stored]), scaling


def _plain(raw: NDArray[Any], scaling: tuple[float, float] | None) -> NDArray[np.float32]:
    if scaling is None:
        return raw.astype(np.float32)
    scale, low = scaling
    return (raw.astype(np.float64) * scale + low).astype(np.float32)
