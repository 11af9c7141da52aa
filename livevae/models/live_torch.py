"""The live decoder's network in torch, for a GPU: no synchronisation until the music is whole."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from livevae.errors import ModelError
from livevae.models.checkpoint import assemble
from livevae.models.config import Config
from livevae.models.networks import free_running
from livevae.models.stored import Tensors


def usable() -> bool:
    """Whether torch finds a GPU that it can use."""
    return torch.cuda.is_available()


class TorchNetwork:
    """`decoder.Network` on a torch device."""

    def __init__(self, config: Config, weights: Tensors, device: str) -> None:
        """Weights go to the device at once.

        Raises:
            ModelError: there is no such device.
        """
        if device.startswith("cuda") and not usable():
            raise ModelError("torch finds no GPU here; play with `--device cpu`")
        self.config = config
        self.device = torch.device(device)
        self.model = assemble(config, weights, device)

    def __call__(
        self,
        z: NDArray[Any],
        temperature: NDArray[Any],
        noise: NDArray[Any],
        controls: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """`[N, latent], [N], [N, steps, depth]` to tokens or rows, as `packed.Packed`."""
        with torch.inference_mode():
            given = [
                torch.from_numpy(np.ascontiguousarray(part, np.float32)) for part in (z, temperature, noise)
            ]
            on_device = [part.to(self.device, non_blocking=True) for part in given]
            heard = None
            if controls is not None:
                heard = torch.from_numpy(np.ascontiguousarray(controls, np.float32)).to(self.device)
            music = free_running(self.model, on_device[0], on_device[1].unsqueeze(1), on_device[2], heard)
            if self.config.head != "categorical":
                return np.asarray(music.cpu().numpy())
            parts = torch.split(music, list(self.config.output_depths), -1)
            tokens = torch.stack([part.argmax(-1) for part in parts], -1).cpu().numpy()
        return tokens[..., 0] if len(parts) == 1 else tokens
