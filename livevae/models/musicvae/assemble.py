"""Checkpoints as torch models; the files themselves are `stored`'s business."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from livevae.models.checkpoints import files as checkpoint_files
from livevae.models.checkpoints.files import describe, write_whole
from livevae.models.musicvae.config import Config
from livevae.models.musicvae.networks import MusicVAE

__all__ = ["assemble", "describe", "load", "save", "write_whole"]


def save(path: Path | str, model: MusicVAE, about: Mapping[str, Any], *, half: bool = False) -> None:
    """Write a model and what is known about it, whole or not at all.

    Args:
        path: the file; one that is there is replaced only when the new one is on the disk.
        model: any MusicVAE, on any device.
        about: plain JSON values: origin, licence, steps, scores ...
        half: whether the weights are stored as float16 rather than float32.

    Raises:
        ModelError: weights that are not finite (or overflow float16), or a folder that cannot be written.
    """
    dtype = torch.float16 if half else torch.float32
    tensors = {name: value.detach().to("cpu", dtype).numpy() for name, value in model.state_dict().items()}
    checkpoint_files.write(Path(path), model.config, tensors, about)


def load(path: Path | str, device: str = "cpu") -> tuple[MusicVAE, dict[str, Any]]:
    """The model of a checkpoint, in evaluation mode and float32, and what is known about it.

    Raises:
        ModelError: no such file, not a livevae checkpoint, truncated, tensors missing, of other shapes or not
            finite.
    """
    config, about, tensors = checkpoint_files.read(path)
    return assemble(config, tensors, device), about


def assemble(config: Config, tensors: Mapping[str, NDArray[Any]], device: str = "cpu") -> MusicVAE:
    """A model of tensors that `stored.check` has seen, in evaluation mode, without gradients."""
    with torch.device("meta"):
        model = MusicVAE(config)
    # copies: arrays may be views of a file that is not ours to write to
    model.load_state_dict({name: torch.tensor(value) for name, value in tensors.items()}, assign=True)
    return model.to(device).eval().requires_grad_(requires_grad=False)
