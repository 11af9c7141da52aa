"""From windows to a persona: encode them with the base model, train MidiMe on their z's, say how it went."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from livevae.errors import ModelError
from livevae.latent.personas import Persona, U, Z
from livevae.latent.vectors import Gaussian
from livevae.models.checkpoints import files as checkpoint_files, shelf
from livevae.models.checkpoints.identity import identity
from livevae.models.midime import exchange, gaussian, network as midime_network
from livevae.models.midime.network import Losses, Options
from livevae.models.midime.windows import Imported
from livevae.models.musicvae import prior as priors
from livevae.models.musicvae.config import Config
from livevae.models.musicvae.encoder import TOGETHER, PackedEncoder
from livevae.models.musicvae.prior import Prior

MOST_FILES_TOLD = 2000
"""Files that a persona's file names; of more it tells the number."""


@dataclass(frozen=True, slots=True)
class Base:
    """A MusicVAE that personas are made over.

    Attributes:
        name: what the performer calls it.
        encoder: music to z.
        identity: whose z it speaks.
    """

    name: str
    encoder: PackedEncoder
    identity: str

    @property
    def config(self) -> Config:
        """Its configuration."""
        return self.encoder.config

    @classmethod
    def open(cls, name: str = "") -> "Base":
        """A model by name or path; "" is the default.

        Raises:
            ModelError: there is none, it is broken, or it needs controls.
        """
        path = shelf.find(name)
        config, _, weights = checkpoint_files.read(path)
        called = Path(name).stem if name else shelf.DEFAULT
        return cls(called, PackedEncoder(config, weights), identity(config, weights))

    @property
    def prior(self) -> Prior:
        """Its learned prior.

        Raises:
            ModelError: it has none, or a broken one.
        """
        found = priors.load(self.identity)
        if found is None:
            raise ModelError(
                f"{self.name} has no learned prior, so no personas in u (see `livevae model prior`)"
            )
        return found

    def encode(self, windows: NDArray[Any], progress: Callable[[int], object] | None = None) -> Gaussian:
        """The posterior of windows, `[N, dim]` each, float32.

        Args:
            windows: as `riffs.read` cuts them.
            progress: called with the number of windows that are done, every few.
        """
        posteriors = []
        with threadpool_limits(1, user_api="blas"):
            for first in range(0, len(windows), TOGETHER):
                posteriors.append(self.encoder(windows[first : first + TOGETHER]))
                if progress is not None:
                    progress(min(first + TOGETHER, len(windows)))
        return Gaussian(
            np.concatenate([one.mu for one in posteriors]), np.concatenate([one.sigma for one in posteriors])
        )


def train(
    name: str,
    riffs: Imported,
    base: Base,
    options: Options,
    progress: midime_network.Progress | None = None,
    *,
    exchanging: bool = True,
) -> Persona:
    """A persona of these riffs.

    Args:
        name: what it will be called.
        riffs: the performer's windows.
        base: the model whose z it will speak.
        options: how.
        progress: called after each epoch.
        exchanging: whether one in u of many melodies is made of the riffs that `exchange` makes of them, and not of
            points between them.

    Raises:
        ModelError: the training ran away; or a persona in u of a model that has no learned prior.
    """
    if options.space == U:
        prior, windows = base.prior, spread(riffs.windows)
        u, exchanged = prior.u(base.encode(windows).mu), None
        if exchanging and base.config.music == "melody" and len(windows) >= gaussian.MANY:
            new = exchange.exchanged(windows, u, base.config.bar, options.seed)
            exchanged = prior.u(base.encode(new).mu) if len(new) else None
        weights = gaussian.parameters(u, options.seed, exchanged)
        said = about(riffs, base, options, None)
        return Persona(name, base.identity, u.shape[1], options.latent, weights, said, U, prior.digest)
    known = base.encode(riffs.windows)
    net, losses = midime_network.train(known.mu, options, sigma=known.sigma, progress=progress)
    return Persona(
        name, base.identity, net.dim, net.latent, net.tensors(), about(riffs, base, options, losses)
    )


def usual_space(base: Base, *, for_midime: bool = False) -> str:
    """Where personas of a model are better, as far as that was measured: in u for melodies, where there is a prior.

    Args:
        base: the model.
        for_midime: something is asked for that only a MidiMe has, such as a number of epochs.
    """
    melodies = base.config.music == "melody" and not for_midime
    return U if melodies and priors.load(base.identity) is not None else Z


def spread(windows: NDArray[Any]) -> NDArray[Any]:
    """An even share of very many windows."""
    return windows[:: -(-len(windows) // midime_network.MOST_ROWS)]


def about(riffs: Imported, base: Base, options: Options, losses: Losses | None) -> dict[str, Any]:
    """What a persona's file tells of its training, as plain values."""
    told = [
        {"name": file.name, "sha256": file.sha256, "windows": file.windows}
        for file in riffs.files[:MOST_FILES_TOLD]
    ]
    return {
        "base": base.name,
        "music": base.config.music,
        "windows": len(riffs.windows),
        "files": len(riffs.files),
        "riffs": told,
        "options": dataclasses.asdict(options),
        "losses": {key: round(value, 6) for key, value in dataclasses.asdict(losses).items()}
        if losses
        else {},
    }
