"""Checkpoints of the families that go on step by step: safetensors with configuration and card inside. No torch.

A file says its family first (`format`); what that family needs to be read is in `models.families`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from livevae.errors import ModelError
from livevae.models import families
from livevae.models.checkpoints import files as checkpoint_files
from livevae.models.checkpoints.files import Tensors, to_bytes, write_whole


@dataclass(frozen=True, slots=True)
class StepFile:
    """A checkpoint, read.

    Attributes:
        family: its name.
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
        return families.of_format((file.metadata() or {}).get("format", "")) is not None


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
        "format": families.named(held.family).FORMAT,
        "config": held.config.to_json(),
        "about": json.dumps(held.about, sort_keys=True),
    }
    write_whole(path, to_bytes(held.tensors, metadata))


def _described(path: Path, metadata: Mapping[str, str]) -> StepFile:
    family = families.of_format(metadata.get("format", ""))
    if family is None:
        raise ModelError(f"{path} is not a model that goes on step by step")
    config, about = checkpoint_files.described(path, metadata, family.read_config)
    return StepFile(family.NAME, config, about, {})


def _check(held: StepFile, origin: str) -> None:
    wanted = families.named(held.family).shapes(held.config)
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
