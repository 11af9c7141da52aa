"""Scores of a melody model on windows it has not seen, and of its samples beside the music."""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from livevae.models import recurrence
from livevae.models.networks import MusicVAE, free_running, kl
from livevae.music import melody


def greedy(model: MusicVAE, z: Tensor) -> Tensor:
    """The most likely tokens, step by step, [N, steps]."""
    zeros = z.new_zeros(len(z), model.config.steps, model.config.output_depth)
    return free_running(model, z, z.new_zeros(len(z), 1), zeros).argmax(-1)


@torch.no_grad()
def reconstruction_scores(model: MusicVAE, windows: Tensor, *, batch: int = 256) -> dict[str, float]:
    """How well windows come back from their mu.

    Args:
        model: a melody model.
        windows: [N, steps] int64.
        batch: windows at a time.

    Returns:
        teacher_forced, free_running: share of all tokens that are right; note_teacher_forced,
        note_free_running: of those where a note starts; exact: share of windows whose every token is right;
        nll: nats a window, from mu; kl: nats a window; active: dimensions of z whose mu varies by more than
            0.01 (Burda et al. 2016).
    """
    sums = dict.fromkeys(("tf", "fr", "note_tf", "note_fr", "exact", "nll", "kl"), 0.0)
    mus: list[Tensor] = []
    notes_seen = 0
    for part in torch.split(windows, batch):
        mu, sigma = model.posterior(part)
        fits = part.device.type == "cpu" and recurrence.fits(model)
        logits = recurrence.teacher_forced(model, mu, part) if fits else model.teacher_forced(mu, part)
        said, free = logits.argmax(-1), greedy(model, mu)
        notes = part > melody.OFF
        notes_seen += int(notes.sum())
        sums["nll"] += float(F.cross_entropy(logits.flatten(0, 1), part.flatten(), reduction="sum"))
        sums["kl"] += float(kl(mu, sigma).sum())
        sums["tf"] += float((said == part).float().mean(1).sum())
        sums["fr"] += float((free == part).float().mean(1).sum())
        sums["note_tf"] += float(((said == part) & notes).sum())
        sums["note_fr"] += float(((free == part) & notes).sum())
        sums["exact"] += float((free == part).all(1).sum())
        mus.append(mu)
    count = len(windows)
    spread = torch.cat(mus).var(0) if count > 1 else torch.zeros(1)
    return {
        "teacher_forced": sums["tf"] / count,
        "free_running": sums["fr"] / count,
        "note_teacher_forced": sums["note_tf"] / max(1, notes_seen),
        "note_free_running": sums["note_fr"] / max(1, notes_seen),
        "exact": sums["exact"] / count,
        "nll": sums["nll"] / count,
        "kl": sums["kl"] / count,
        "active": float((spread > 0.01).sum()),
    }
