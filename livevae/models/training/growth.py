"""Growing a model's encoder in the middle of training without changing what it computes.

After Net2Net (Chen, Goodfellow, Shlens 2016): the new LSTM units hear everything and are heard by nobody at
first, their outgoing weights are zero. So cheap steps with a narrow encoder come first, and the wide one
starts where they ended.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from livevae.models.musicvae.config import configuration
from livevae.models.musicvae.networks import MusicVAE

Filling = Callable[[Tensor], Tensor]
"""The old tensor to the value of new entries, as one number [] or like the new tensor."""


def widen(old: dict[str, Tensor], fresh: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a wider encoder that compute what the old ones do.

    Args:
        old: the narrow model's tensors by name.
        fresh: a new wide model's, whose random values become the new units' incoming weights.
    """
    return {
        name: _placed(name, value, fresh[name].clone(), silent=True)
        if value.shape != fresh[name].shape
        else value
        for name, value in old.items()
    }


def narrow(old: dict[str, Tensor], units: int) -> dict[str, Tensor]:
    """The encoder's tensors with its first units alone, computing the same: `widen` back again.

    Args:
        old: a model's tensors by name, its encoder of one layer and wider than `units`.
        units: each way.

    Returns:
        The encoder's tensors that are another size then; none where units are heard that would have to go.
    """
    small: dict[str, Tensor] = {}
    for name, value in old.items():
        if name.startswith("encoder.layers."):
            blocks = value.view(4, len(value) // 4, *value.shape[1:])[:, :units]
            heard = blocks[:, :, units:] if "weight_hh" in name else blocks[:0]
            kept = blocks[:, :, :units] if "weight_hh" in name else blocks
            small[name] = kept.reshape(4 * units, *kept.shape[2:])
        elif name in {"encoder.mu.weight", "encoder.sigma.weight"}:
            ways = value.view(len(value), 2, -1)
            heard = ways[:, :, units:]
            small[name] = ways[:, :, :units].reshape(len(value), 2 * units)
        else:
            continue
        if heard.any():
            return {}
    return small


def widen_moments(old: dict[str, Tensor], fresh: dict[str, Tensor], *, second: bool) -> dict[str, Tensor]:
    """Adam's moments for the wider tensors.

    New entries start without a direction, and with the mean of the tensor's squared gradients, so that their
    first steps are no longer than the others'.
    """
    out: dict[str, Tensor] = {}
    for name, value in old.items():
        if value.shape == fresh[name].shape:
            out[name] = value
        else:
            start = float(value.mean()) if second else 0.0
            out[name] = _placed(name, value, torch.full_like(fresh[name], start), silent=False)
    return out


def _placed(name: str, old: Tensor, new: Tensor, *, silent: bool) -> Tensor:
    """The old tensor's entries in their places in the new one; with `silent` the new units are not heard."""
    if name.startswith("encoder.layers."):
        before, units = len(old) // 4, len(new) // 4
        blocks = new.view(4, units, *new.shape[1:])
        olds = old.view(4, before, *old.shape[1:])
        if "weight_hh" in name:
            if silent:
                blocks[:, :before, before:] = 0
            blocks[:, :before, :before] = olds
        else:
            blocks[:, :before] = olds
    else:  # the heads read both ways' last outputs side by side
        before, units = old.shape[1] // 2, new.shape[1] // 2
        if silent:
            new.zero_()
        new[:, :before] = old[:, :before]
        new[:, units : units + before] = old[:, before:]
    return new


def full_size(model: MusicVAE) -> MusicVAE:
    """The model with its encoder as wide as its configuration's name says, computing the same."""
    config = configuration(model.config.name)
    if model.config.encoder == config.encoder:
        return model
    torch.manual_seed(0)
    wide = MusicVAE(model.config.replace(encoder=config.encoder))
    wide.load_state_dict(widen(tensors(model), tensors(wide)))
    return wide.eval()


def tensors(model: MusicVAE) -> dict[str, Tensor]:
    """A model's parameters by name, detached."""
    return {name: value.detach() for name, value in model.named_parameters()}
