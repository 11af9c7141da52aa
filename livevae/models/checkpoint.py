"""Checkpoints: safetensors with the configuration inside, read with suspicion, written whole or not at all.

A checkpoint is a safetensors file whose metadata holds `format` (see `FORMAT`), `config` (`Config` as JSON)
and `about` (JSON: where the weights come from). Nothing in it is ever executed.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from livevae.errors import ModelError
from livevae.models.config import Config
from livevae.models.networks import MusicVAE

FORMAT = "livevae musicvae 1"
"""What the metadata of a checkpoint says first; the number grows when the layout of tensors changes."""


def save(
    path: Path | str, model: MusicVAE, about: Mapping[str, Any], *, dtype: torch.dtype = torch.float32
) -> None:
    """Write a model and what is known about it, whole or not at all.

    Args:
        path: the file; one that is there is replaced only when the new one is on the disk.
        model: any MusicVAE, on any device.
        about: plain JSON values: origin, licence, steps, scores ...
        dtype: torch.float32 or torch.float16, how the weights are stored.

    Raises:
        ModelError: weights that are not finite (or overflow float16), or a folder that cannot be written.
    """
    tensors = {}
    for name, value in model.state_dict().items():
        stored = value.detach().to("cpu", dtype).contiguous()
        if not bool(torch.isfinite(stored).all()):
            raise ModelError(f"not saved: {name} holds values that are not finite in {dtype}")
        tensors[name] = stored
    metadata = {
        "format": FORMAT,
        "config": model.config.to_json(),
        "about": json.dumps(dict(about), sort_keys=True),
    }
    write_whole(Path(path), to_bytes(tensors, metadata))


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that after a crash at any moment there is the old one or the new one.

    Raises:
        ModelError: the folder cannot be made or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)  # noqa: PTH101  (mkstemp made it private)
            os.replace(name, path)  # noqa: PTH105
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error.strerror or error}") from None


def load(path: Path | str, device: str = "cpu") -> tuple[MusicVAE, dict[str, Any]]:
    """The model of a checkpoint, in evaluation mode and float32, and what is known about it.

    Raises:
        ModelError: no such file, not a livevae checkpoint, truncated, tensors missing, of other shapes or not
            finite.
    """
    path = Path(path)
    config, about, tensors = read(path)
    return assemble(config, tensors, str(path), device), about


def describe(path: Path | str) -> tuple[Config, dict[str, Any]]:
    """A checkpoint's configuration and what is known about it, without reading the weights.

    Raises:
        ModelError: as `load`.
    """
    path = Path(path)
    with _opened(path) as file:
        return _metadata(path, file.metadata())


def read(path: Path) -> tuple[Config, dict[str, Any], dict[str, Tensor]]:
    """Configuration, what is known about it, and tensors in float32.

    Raises:
        ModelError: as `load`.
    """
    with _opened(path) as file:
        config, about = _metadata(path, file.metadata())
        try:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
        except (SafetensorError, OSError, ValueError) as error:
            raise ModelError(f"{path} is broken: {error}") from None
    for name, tensor in tensors.items():
        if tensor.dtype not in (torch.float32, torch.float16, torch.bfloat16):
            raise ModelError(f"{path}: tensor {name} is {tensor.dtype}, not a float")
    return config, about, {name: tensor.float() for name, tensor in tensors.items()}


def assemble(config: Config, tensors: Mapping[str, Tensor], origin: str, device: str = "cpu") -> MusicVAE:
    """A model of these tensors, in evaluation mode.

    Args:
        config: decides names and shapes.
        tensors: by `MusicVAE`'s own names, float32.
        origin: named in errors.
        device: where the model goes.

    Raises:
        ModelError: tensors missing, left over, of other shapes or not finite.
    """
    with torch.device("meta"):
        model = MusicVAE(config)
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if missing := sorted(set(wanted) - set(tensors)):
        raise ModelError(f"{origin}: {len(missing)} of {len(wanted)} tensors are missing, first {missing[0]}")
    if extra := sorted(set(tensors) - set(wanted)):
        raise ModelError(f"{origin}: {len(extra)} tensors that {config.name} does not have, first {extra[0]}")
    for name, shape in wanted.items():
        found = tuple(tensors[name].shape)
        if found != shape:
            raise ModelError(f"{origin}: {name} has shape {list(found)}, {config.name} needs {list(shape)}")
        if not bool(torch.isfinite(tensors[name]).all()):
            raise ModelError(f"{origin}: {name} holds values that are not finite")
    model.load_state_dict(dict(tensors), assign=True)
    return model.to(device).eval().requires_grad_(requires_grad=False)


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise ModelError(f"there is no checkpoint at {path}")
    try:
        return safe_open(str(path), framework="pt")
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path} is not a whole safetensors file: {error}") from None


def _metadata(path: Path, metadata: Mapping[str, str] | None) -> tuple[Config, dict[str, Any]]:
    found = (metadata or {}).get("format")
    if found != FORMAT:
        said = f"its format is {found!r}" if found else "it says no format"
        raise ModelError(f"{path} is not a livevae checkpoint of this version: {said}, expected {FORMAT!r}")
    assert metadata is not None  # noqa: S101  (for the type checker)
    try:
        config = Config.from_json(metadata.get("config", ""))
        about = json.loads(metadata.get("about", "{}"))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    except ValueError:
        raise ModelError(f"{path}: what is known about it is not JSON") from None
    if not isinstance(about, dict):
        raise ModelError(f"{path}: what is known about it is not a JSON object")
    return config, about
