"""The networks: torch lives here and nowhere else.

model = livevae.models.load()
riffs = model.sample(4, temperature=0.8, seed=1)
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from livevae.models.musicvae.model import Model

__all__ = ["load"]


def load(name_or_path: "str | Path | None" = None, device: str = "cpu") -> "Model":
    """A model that encodes and decodes.

    Args:
        name_or_path: a model's name (`livevae model list`) or a checkpoint's path; None is the default melody
            model.
        device: "cpu", "cuda", or any device of torch's.

    Raises:
        ModelError: there is no such model, its checkpoint is broken, or there is no such device.
    """
    from livevae.models.musicvae.model import Model  # noqa: PLC0415  (torch is slow to import)

    return Model.load(name_or_path, device)
