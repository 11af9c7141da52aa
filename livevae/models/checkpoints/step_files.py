"""Checkpoints of the families that go on step by step: safetensors with configuration and card inside. No torch.

A file says its family first (`format`); what that family needs to be read is in `FAMILIES`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from safetensors.numpy import save as to_bytes

from livevae.budget import json_value
from livevae.errors import LimitError, ModelError
from livevae.models.checkpoints import files as checkpoint_files
from livevae.models.checkpoints.files import Tensors, write_whole
from livevae.models.melody_rnn import config as melody_config, layout as melody_layout
from livevae.models.note_rnn import config as note_config


@dataclass(frozen=True, slots=True)
class Family:
    """What is needed to read a family's checkpoints.

    Attributes:
        name: as performers see it.
        config: from JSON to a configuration; ModelError if it is none.
        shapes: names and shapes of a configuration's tensors.
    """

    name: str
    config: Callable[[str], Any]
    shapes: Callable[[Any], Mapping[str, tuple[int, ...]]]


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        melody_config.FORMAT: Family("melody_rnn", melody_config.Config.from_json, melody_layout.shapes),
        note_config.FORMAT: Family("note_rnn", note_config.Config.from_json, note_config.shapes),
    }
)
"""By what the metadata says first."""


@dataclass(frozen=True, slots=True)
class StepFile:
    """A checkpoint, read.

    Attributes:
        family: one of `FAMILIES`, by its name.
        config: of the family's own kind.
        about: its card.
        tensors: float32.
    """

    family: str
    config: Any
    about: dict[str, Any]
    tensors: Tensors


def is_one(path: Path) -> bool:
    """Whether a file is a whole safetensors file of one of these families.

    Raises:
        ModelError: it is no safetensors file.
    """
    with checkpoint_files.opened(path) as file:
        return (file.metadata() or {}).get("format") in FAMILIES


def describe(path: Path) -> StepFile:
    """A checkpoint without its tensors.

    Raises:
        ModelError: it is none, or broken.
    """
    with checkpoint_files.opened(path) as file:
        return _described(path, file.metadata() or {})


def read(path: Path) -> StepFile:
    """A checkpoint, whole: its tensors fit its configuration and are finite.

    Raises:
        ModelError: it is none, or broken.
    """
    with checkpoint_files.opened(path) as file:
        found = _described(path, file.metadata() or {})
        for name in file.keys():  # noqa: SIM118  (not a dict)
            if (kind := file.get_slice(name).get_dtype()) not in ("F32", "F16"):
                raise ModelError(f"{path}: tensor {name} is {kind}, not F32 or F16")
            found.tensors[name] = file.get_tensor(name).astype(np.float32, copy=False)
    _check(found, str(path))
    return found


def write(path: Path, held: StepFile) -> None:
    """Write a checkpoint, whole or not at all.

    Raises:
        ModelError: its tensors do not fit its configuration, or the folder cannot be written.
    """
    _check(held, "not saved")
    metadata = {
        "format": next(name for name, family in FAMILIES.items() if family.name == held.family),
        "config": held.config.to_json(),
        "about": json.dumps(held.about, sort_keys=True),
    }
    write_whole(
        path, to_bytes({name: np.ascontiguousarray(value) for name, value in held.tensors.items()}, metadata)
    )


def _described(path: Path, metadata: Mapping[str, str]) -> StepFile:
    family = FAMILIES.get(metadata.get("format", ""))
    if family is None:
        raise ModelError(f"{path} is not a model that goes on step by step")
    try:
        config, about = family.config(metadata.get("config", "")), json_value(metadata.get("about", "{}"))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    except (ValueError, LimitError):
        raise ModelError(f"{path}: what is known about it is not JSON") from None
    if not isinstance(about, dict):
        raise ModelError(f"{path}: what is known about it is not a JSON object")
    return StepFile(family.name, config, about, {})


def _check(held: StepFile, origin: str) -> None:
    family = next(family for family in FAMILIES.values() if family.name == held.family)
    wanted = family.shapes(held.config)
    if set(wanted) != set(held.tensors):
        odd = min(set(wanted) ^ set(held.tensors))
        raise ModelError(f"{origin}: {odd} is {'missing' if odd in wanted else 'one tensor too many'}")
    for name, shape in wanted.items():
        if tuple(held.tensors[name].shape) != tuple(shape):
            raise ModelError(
                f"{origin}: {name} has shape {list(held.tensors[name].shape)}, expected {list(shape)}"
            )
        if not bool(np.isfinite(held.tensors[name]).all()):
            raise ModelError(f"{origin}: {name} holds values that are not finite")
