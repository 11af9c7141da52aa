"""Tokens as networks hear and say them: melodies (also over chords), drums and trios."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from livevae.corpus.chord_windows import CHORD, MELODY
from livevae.models.musicvae.config import Config
from livevae.models.musicvae.networks import MusicVAE, free_running
from livevae.models.training import recurrence
from livevae.music import melody

FIRST_NOTES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"melody": (melody.OFF + 1,), "drums": (1,), "trio": (melody.OFF + 1, melody.OFF + 1, 1)}
)
"""The first token of each part of a vocabulary that strikes something."""


def known(config: Config) -> bool:
    """Whether music of this configuration is tokens that can be trained and scored here."""
    told = not config.controls or config.learns == "chords"
    return config.music in FIRST_NOTES and told and config.head in ("categorical", "nade")


def separate(config: Config, windows: Tensor) -> tuple[Tensor, Tensor | None]:
    """Stored windows as tokens and, of a model over chords, its controls [N, steps, 49]."""
    if config.learns != "chords":
        return windows, None
    return windows[..., MELODY], F.one_hot(windows[..., CHORD], config.controls).float()


def target(config: Config, music: Tensor) -> Tensor:
    """Music as the decoder says it: as it is, or for a NADE the rolls [N, steps, 9 or 61] of tokens."""
    if config.head != "nade":
        return music
    return (music.unsqueeze(-1) >> torch.arange(config.output_depth, device=music.device)) & 1


def tokens_of(config: Config, music: Tensor) -> Tensor:
    """Music [N, steps, depth] of ones and zeros as tokens [N, steps], or [N, steps, parts] of several."""
    if config.head == "nade":
        return (music.long() << torch.arange(music.shape[-1], device=music.device)).sum(-1)
    parts = [part.argmax(-1) for part in torch.split(music, list(config.output_depths), -1)]
    return parts[0] if len(parts) == 1 else torch.stack(parts, -1)


def predicted(model: MusicVAE, outputs: Tensor, noise: Tensor | None = None) -> Tensor:
    """The tokens that outputs [N, steps, raw] say: the likeliest, or sampled by noise [N, steps, depth]."""
    cores = model.core_list()
    flat = torch.split(outputs.flatten(0, 1), [core.head.raw for core in cores], -1)
    heat = outputs.new_full((len(flat[0]), 1), 0.0 if noise is None else 1.0)
    chance = outputs.new_zeros(len(heat), model.config.output_depth) if noise is None else noise.flatten(0, 1)
    split = torch.split(chance, model.config.core_depths, -1)
    music = [core.head.sample(part, heat, own) for core, part, own in zip(cores, flat, split, strict=True)]
    found = tokens_of(model.config, torch.cat(music, -1))
    return found.view(*outputs.shape[:2], *found.shape[1:])


def noise_for(config: Config, even: Tensor) -> Tensor:
    """The noise that a configuration's head samples by, from even noise; see `heads`."""
    return gumbel(even) if config.head == "categorical" else logistic(even)


def greedy(model: MusicVAE, z: Tensor, controls: Tensor | None = None) -> Tensor:
    """The most likely tokens, step by step, [N, steps] or [N, steps, parts]."""
    zeros = z.new_zeros(len(z), model.config.steps, model.config.output_depth)
    return tokens_of(model.config, free_running(model, z, z.new_zeros(len(z), 1), zeros, controls))


def outputs_of(model: MusicVAE, z: Tensor, music: Tensor, controls: Tensor | None = None) -> Tensor:
    """Teacher-forced outputs [N, steps, raw], the fast way where there is one.

    Args:
        model: any that can be trained.
        z: [N, latent].
        music: tokens, or a groove's rows.
        controls: [N, steps, controls], of models that take them.
    """
    fast = music.device.type == "cpu" and recurrence.fits(model)
    decode = recurrence.teacher_forced if fast else MusicVAE.teacher_forced
    return decode(model, z, target(model.config, music), controls)


def losses(model: MusicVAE, outputs: Tensor, tokens: Tensor) -> Tensor:
    """Nats of tokens [N, steps] or [N, steps, parts] given outputs, of all steps and parts: a number a window, [N]."""
    config = model.config
    if config.head != "categorical":
        return model.reconstruction_loss(outputs, target(config, tokens))
    parts = zip(
        torch.split(outputs.float(), list(config.output_depths), -1),
        tokens.reshape(*outputs.shape[:2], -1).unbind(-1),
        strict=True,
    )
    each = [F.cross_entropy(part.flatten(0, 1), own.flatten(), reduction="none") for part, own in parts]
    return torch.stack(each).sum(0).view(outputs.shape[:2]).sum(1)


def nats(model: MusicVAE, outputs: Tensor, tokens: Tensor) -> float:
    """Nats of tokens given outputs, summed over everything."""
    return float(losses(model, outputs, tokens).sum())


def gumbel(even: Tensor) -> Tensor:
    """Gumbel noise from even noise."""
    return -torch.log(-torch.log(even.clamp(1e-20, 1 - 1e-7)))


def logistic(even: Tensor) -> Tensor:
    """Logistic noise from even noise."""
    return torch.logit(even.clamp(1e-7, 1 - 1e-7))
