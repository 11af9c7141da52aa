"""Which MusicVAE a z belongs to: a short digest of what gives z its meaning. No torch."""

import hashlib
from pathlib import Path

import numpy as np

from livevae.errors import ModelError
from livevae.models.checkpoints import files as checkpoint_files, shelf
from livevae.models.checkpoints.files import Tensors
from livevae.models.musicvae.config import Config

HEADS = ("encoder.mu.weight", "encoder.mu.bias", "encoder.sigma.weight", "encoder.sigma.bias")
"""The last step from music to z. Two trainings never end in the same heads, and reading them takes no time."""


def identity(config: Config, tensors: Tensors) -> str:
    """16 hexadecimal digits: the same for every copy of a model, whatever it is called or stored as."""
    digest = hashlib.sha256(f"{config.music} {config.steps} {config.latent}".encode())
    for name in HEADS:
        digest.update(np.ascontiguousarray(tensors[name], np.float32).tobytes())
    return digest.hexdigest()[:16]


def identity_of(name: str = "") -> str:
    """The identity of a model by name or path; "" is the default model.

    Raises:
        ModelError: there is no such model, or its checkpoint is broken.
    """
    return identity_at(shelf.find(name))


def identity_at(path: Path) -> str:
    """The identity of a checkpoint.

    Raises:
        ModelError: it is broken.
    """
    if not checkpoint_files.has_latent(path):
        raise ModelError(f"{path.stem} goes on step by step and has no latent space: it plays no personas")
    return identity(*checkpoint_files.heads(path, HEADS))
