"""The networks: torch lives here and nowhere else.

model = livevae.models.load()
riffs = model.sample(4, temperature=0.8, seed=1)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load"]


def load(name_or_path: "str | Path | None" = None, device: str = "cpu") -> Any:
    """A model: a MusicVAE, which encodes and decodes, or one that goes on step by step.

    Args:
        name_or_path: a model's name (`livevae model list`) or a checkpoint's path, also of a Magenta bundle (`.mag`)
            or a TensorFlow checkpoint of a step-wise model; None is the default melody model.
        device: of a MusicVAE: "cpu", "cuda", or any device of torch's.

    Raises:
        ModelError: there is no such model, its checkpoint is broken, or there is no such device.
    """
    from livevae.models import stepwise  # noqa: PLC0415  (to import this package costs nothing)

    if name_or_path and (found := stepwise.opened(str(name_or_path))) is not None:
        return found
    from livevae.models.musicvae.model import Model  # noqa: PLC0415  (torch is slow to import)

    return Model.load(name_or_path, device)
