"""The flow of a learned prior while it is trained; `musicvae.prior.Prior` is what plays it. Torch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from livevae.errors import ModelError
from livevae.models.musicvae.prior import PER_LAYER, STEEPEST


class Flow(nn.Module):
    """Affine couplings with linear layers between: z along principal directions to u. See `musicvae.prior.Prior`."""

    def __init__(self, dim: int, layers: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.kept, self.dropout = dim - dim // 2, dropout
        for i in range(layers):
            turn = torch.linalg.qr(torch.randn(dim, dim))[0]
            shapes = {
                "w_in": (hidden, self.kept), "b_in": (hidden,), "w_mid": (hidden, hidden), "b_mid": (hidden,),
                "w_scale": (dim // 2, hidden), "b_scale": (dim // 2,),
                "w_shift": (dim // 2, hidden), "b_shift": (dim // 2,),
            }  # fmt: skip
            self.register_parameter(f"linear_{i}", nn.Parameter(turn))
            for name, shape in shapes.items():
                start = torch.zeros(shape)
                if name in ("w_in", "w_mid"):
                    start = torch.randn(shape) * (2 / shape[1]) ** 0.5 * (1.0 if name == "w_in" else 0.5)
                self.register_parameter(f"{name}_{i}", nn.Parameter(start))
        self.layers = layers

    def layer(self, i: int) -> list[Tensor]:
        """A layer's tensors, as `PER_LAYER` names them."""
        return [getattr(self, f"{name}_{i}") for name in PER_LAYER]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The u `[N, dim]` and the logarithm of the determinant `[N]`."""
        logdet = x.new_zeros(len(x))
        for i in range(self.layers):
            linear = self.layer(i)[0]
            x = x @ linear.T
            logdet = logdet + torch.linalg.slogdet(linear)[1]
            kept, moved = x[:, : self.kept], x[:, self.kept :]
            scale, shift = self._coupling(i, kept)
            x = torch.cat([kept, moved * torch.exp(scale) + shift], 1)
            logdet = logdet + scale.sum(1)
        return x, logdet

    def back(self, u: Tensor) -> Tensor:
        """The z's of u's, `[N, dim]`: the inverse of `forward`."""
        x = u
        for i in reversed(range(self.layers)):
            kept, moved = x[:, : self.kept], x[:, self.kept :]
            scale, shift = self._coupling(i, kept)
            linear = torch.linalg.inv(self.layer(i)[0])
            x = torch.cat([kept, (moved - shift) * torch.exp(-scale)], 1) @ linear.T
        return x

    def _coupling(self, i: int, kept: Tensor) -> tuple[Tensor, Tensor]:
        _, w_in, b_in, w_mid, b_mid, w_scale, b_scale, w_shift, b_shift = self.layer(i)
        hidden = F.linear(kept, w_in, b_in)
        hidden = F.linear(F.relu(hidden), w_mid, b_mid) + hidden
        hidden = F.dropout(F.relu(hidden), self.dropout, self.training)
        scale = float(STEEPEST) * torch.tanh(F.linear(hidden, w_scale, b_scale))
        return scale, F.linear(hidden, w_shift, b_shift)

    @torch.no_grad()
    def take(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Have the couplings of a prior's tensors.

        Raises:
            ModelError: they are of other shapes or numbers.
        """
        wanted = self._named()
        given = {name for name in tensors if "." in name}
        if given != set(wanted) or any(tensors[name].shape != tuple(wanted[name].shape) for name in wanted):
            raise ModelError("the prior to begin with has other directions, couplings or units")
        for name, value in wanted.items():
            value.copy_(torch.from_numpy(np.asarray(tensors[name], np.float32)))

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """As `Prior` takes them."""
        return {name: value.detach().float().numpy().copy() for name, value in self._named().items()}

    def _named(self) -> dict[str, Tensor]:
        return {
            f"{name}.{i}": value
            for i in range(self.layers)
            for name, value in zip(PER_LAYER, self.layer(i), strict=True)
        }


def nats(flow: Flow, x: Tensor) -> Tensor:
    """Mean negative log likelihood of encodings `[N, dim]`, in nats, without the constant."""
    u, logdet = flow(x)
    found: Tensor = (0.5 * (u * u).sum(1) - logdet).mean()
    return found
