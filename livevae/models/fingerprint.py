"""What a model's riffs depend on beside the recipe, as digests. No torch.

Law: where two fingerprints are the same but for the name, the same recipe gives the same riff.
"""

import hashlib
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from livevae.models.checkpoints import files as checkpoint_files, shelf
from livevae.models.checkpoints.identity import identity_at
from livevae.models.musicvae import directions, prior as priors


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A model, as it is here; each digest is 16 hexadecimal digits.

    Attributes:
        name: what its file is called.
        identity: whose z it speaks (see `identity`); "" for one that goes on step by step.
        weights: of all its numbers, the decoder's included.
        prior: of the learned prior that belongs to it here; "" where there is none.
        directions: of its directions of attributes; "" where there are none.
    """

    name: str
    identity: str
    weights: str
    prior: str = ""
    directions: str = ""

    @property
    def digest(self) -> str:
        """One digest of all but the name."""
        return hashlib.sha256(repr(astuple(self)[1:]).encode()).hexdigest()[:16]


def fingerprint(name: str) -> Fingerprint:
    """The fingerprint of a model by name or path: reads all of it, once while its files stay as they are.

    Raises:
        ModelError: there is no such model, or one of its files is broken.
    """
    path = shelf.find(name)
    called = identity_at(path) if checkpoint_files.has_latent(path) else ""
    weights = _digest_of(path)
    if not called:
        return Fingerprint(path.stem, called, weights)
    towards = directions.KIND.find(called)
    return Fingerprint(
        path.stem, called, weights, priors.digest_of(called), "" if towards is None else _digest_of(towards)
    )


def differences(there: Fingerprint, here: Fingerprint) -> str:
    """What was played there and is another one here, for a sentence; "" where riffs are the same."""
    if there.digest == here.digest:
        return ""
    if there.identity != here.identity or not there.identity:
        return (
            f"another {here.name}" if there.name == here.name else f"{there.name}, which is not {here.name}"
        )
    parts = {
        "weights": "another decoder",
        "prior": "another learned prior",
        "directions": "other directions",
    }
    found = [words for part, words in parts.items() if getattr(there, part) != getattr(here, part)]
    return f"{' and '.join(found)} of {there.name}"


def _digest_of(path: Path) -> str:
    return _digest(path, checkpoint_files.facts(path))


@lru_cache(maxsize=256)
def _digest(path: Path, _: tuple[int, ...]) -> str:
    """Of a safetensors file's configuration and numbers, however it is stored; what is known about it is left out."""
    with checkpoint_files.opened(path) as file:
        held = file.metadata() or {}
        digest = hashlib.sha256(repr([held.get(key) for key in ("format", "config")]).encode())
        for name in sorted(file.keys()):
            digest.update(name.encode() + b"\0")
            digest.update(np.ascontiguousarray(file.get_tensor(name), np.float32).data)
    return digest.hexdigest()[:16]
