"""The z's of music: encodings of windows, their principal directions, and what other priors would draw. Torch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livevae.errors import ModelError
from livevae.models.musicvae.networks import MusicVAE
from livevae.models.musicvae.prior import Prior
from livevae.models.training.batches import rearranged, transposed
from livevae.models.training.groove_music import HEARD, lesson_of
from livevae.models.training.token_music import separate

FEWEST = 64
"""Fewer windows than this make no prior."""

REARRANGED = 3
"""So many times drum windows are encoded rearranged, each time in another way, where a prior is to hear such."""


@dataclass(frozen=True, slots=True)
class Encodings:
    """Posteriors of windows: mu and sigma `[N, latent]` float16; the first `own` are of windows as they were played."""

    mu: NDArray[np.float16]
    sigma: NDArray[np.float16]
    own: int


def encodings(
    model: MusicVAE,
    windows: NDArray[Any],
    *,
    most: int,
    own_key: float,
    seed: int,
    vary: float = 0.0,
    note: Callable[[float], object] = lambda _: None,
) -> Encodings:
    """Encode windows, evenly spread over the data, melodies also in other keys, drums also rearranged.

    Args:
        model: whose encoder.
        windows: as stored.
        most: so many of them at most, and melodies once more in other keys, unless
        own_key: is 1: the share of melodies that stay in their key.
        seed: of what is chosen, moved and rearranged.
        vary: above 0 drums and grooves are encoded `REARRANGED` times more, see `batches.rearranged`.
        note: told the share that is done.

    Raises:
        ModelError: too few windows, or a model that needs chords or hits.
    """
    config = model.config
    if config.controls:
        raise ModelError(f"{config.name} needs controls (chords or hits): it has no prior of its own")
    if len(windows) < FEWEST:
        raise ModelError(f"a prior needs {FEWEST} windows at least, not {len(windows)}")
    chance = np.random.default_rng(seed)
    pitched = config.music in ("melody", "trio")
    count = min(len(windows), most)
    own = np.sort(chance.permutation(len(windows))[:count])
    others = np.sort(chance.permutation(len(windows))[:count]) if pitched and own_key < 1 else own[:0]
    if config.learns in ("drums", "groove") and vary > 0:
        # in no order: neighbours are of one song, and they lend each other instruments
        others = np.concatenate([chance.permutation(len(windows))[:count] for _ in range(REARRANGED)])
    narrow = narrowed(model)
    mus, sigmas = [], []
    done = 0
    for chosen, moved in ((own, False), (others, True)):
        for first in range(0, len(chosen), 512):
            batch = windows[chosen[first : first + 512]]
            if moved:
                batch = batch.astype(np.int64)
                batch = transposed(batch, (-7, 7), chance) if pitched else rearranged(batch, chance)
            mu, sigma = posterior(narrow, batch)
            mus.append(mu.numpy().astype(np.float16))
            sigmas.append(sigma.numpy().astype(np.float16))
            done += len(batch)
            note(done / (len(own) + len(others)))
    return Encodings(np.concatenate(mus), np.concatenate(sigmas), len(own))


@torch.no_grad()
def posterior(model: MusicVAE, windows: NDArray[Any]) -> tuple[Tensor, Tensor]:
    """Mu and sigma of stored windows."""
    config = model.config
    if config.name in HEARD:
        return model.posterior(lesson_of(config, windows, torch.device("cpu"))[0])
    music, told = separate(config, torch.from_numpy(np.asarray(windows).astype(np.int64)))
    return model.posterior(music, told)


def narrowed(model: MusicVAE) -> MusicVAE:
    """The model without the encoder's last units that nothing reads (see `growth`); it computes the same."""
    if len(model.config.encoder) != 1 or model.config.encode_segments:
        return model
    units = model.config.encoder[0]
    heads = torch.cat([model.encoder.mu.weight, model.encoder.sigma.weight]).detach()
    read = (heads != 0).any(0).view(2, units).any(0)
    alive = int(read.nonzero().max()) + 1
    state = {name: value.detach() for name, value in model.state_dict().items()}
    hidden = [value.view(4, units, units) for name, value in state.items() if _is_encoder(name, "weight_hh")]
    if alive == units or any((blocks[:, :alive, alive:] != 0).any() for blocks in hidden):
        return model
    for name, value in state.items():
        if _is_encoder(name, "weight") or _is_encoder(name, "bias"):
            blocks = value.view(4, units, *value.shape[1:])[:, :alive]
            blocks = blocks[..., :alive] if "weight_hh" in name else blocks
            state[name] = blocks.reshape(4 * alive, *blocks.shape[2:]).clone()
        elif name in ("encoder.mu.weight", "encoder.sigma.weight"):
            state[name] = torch.cat([value[:, :alive], value[:, units : units + alive]], 1)
    small = MusicVAE(model.config.replace(encoder=(alive,)))
    small.load_state_dict(state)
    return small.eval().requires_grad_(requires_grad=False)


def _is_encoder(name: str, kind: str) -> bool:
    return name.startswith("encoder.layers.") and kind in name


@dataclass(frozen=True, slots=True)
class Axes:
    """Principal directions of encodings: z's mean, orthonormal rows of falling variance, deviations along them."""

    mean: NDArray[np.float32]
    rows: NDArray[np.float32]
    spread: NDArray[np.float32]


def principal(held: Encodings, noise: float) -> Axes:
    """The directions of the posteriors' own draws."""
    mu = held.mu.astype(np.float32)
    mean = mu.mean(0)
    values, vectors = np.linalg.eigh(np.cov(mu - mean, rowvar=False).astype(np.float64))
    rows = vectors[:, ::-1].T
    within = rows**2 @ (held.sigma.astype(np.float32) ** 2).mean(0).astype(np.float64) * noise**2
    spread = np.sqrt(np.maximum(values[::-1], 0) + within + 1e-8)
    # float16 is what the file has: what is trained is what will be read
    return Axes(*(np.ascontiguousarray(one, np.float16).astype(np.float32) for one in (mean, rows, spread)))


def compared(
    model: MusicVAE, windows: NDArray[Any], learned: Prior | None, count: int, seed: int = 0
) -> dict[str, NDArray[Any]]:
    """Z's `[count, latent]` of other priors than N(0, 1), by name, for `evaluate`.

    The posterior's own draws of training windows (no prior can hope for better), one full Gaussian fitted to such
    draws, and the learned one where there is one.
    """
    chance = np.random.default_rng(seed)
    few = windows[np.linspace(0, len(windows) - 1, min(len(windows), 5 * count)).astype(int)]
    mu, sigma = (one.numpy() for one in posterior(narrowed(model), few))
    z = mu + sigma * chance.normal(size=mu.shape)
    found = {
        "full Gaussian": chance.multivariate_normal(z.mean(0), np.cov(z, rowvar=False), size=count),
        "posterior": z[chance.permutation(len(z))[:count]],
    }
    if learned is not None:
        found["learned prior"] = learned.z(chance.normal(size=(count, model.config.latent)))
    return found
