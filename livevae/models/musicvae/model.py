"""A MusicVAE for programs and notebooks: encode, logits, tokens, decode, sample, interpolate.

Arrays in, arrays out; tensors in, tensors out (on the CPU).
"""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livevae.errors import ModelError
from livevae.latent import chance
from livevae.latent.recipe import LEARNED, PRIORS
from livevae.latent.vectors import slerp
from livevae.models.checkpoints import files as checkpoint_files, shelf
from livevae.models.checkpoints.identity import identity
from livevae.models.live import Network
from livevae.models.musicvae import prior as priors
from livevae.models.musicvae.assemble import assemble
from livevae.models.musicvae.config import Config
from livevae.models.musicvae.cuda import TorchNetwork
from livevae.models.musicvae.packed import Packed
from livevae.models.musicvae.prior import Prior
from livevae.models.musicvae.vocabulary import from_riff, to_riff
from livevae.music.notes import Riff

Numbers = NDArray[Any] | Tensor


class Model:
    """A loaded model.

    Attributes:
        config: its configuration.
        about: what is known about it: origin, licence, scores.
        network: the torch module, for what this class does not do.
    """

    def __init__(
        self, config: Config, weights: checkpoint_files.Tensors, about: dict[str, Any], device: str
    ) -> None:
        """A model of tensors that `stored.check` has seen.

        Raises:
            ModelError: there is no such device.
        """
        self.config = config
        self.about = about
        try:
            self.network = assemble(config, weights, device)
        except RuntimeError as error:
            raise ModelError(f"torch cannot use the device {device!r}: {error}") from None
        self.device = next(self.network.parameters()).device
        self._weights = weights
        self._decoder: Network | None = None

    @classmethod
    def load(cls, name_or_path: str | Path | None = None, device: str = "cpu") -> "Model":
        """See `livevae.models.load`."""
        config, about, weights = checkpoint_files.read(shelf.find(str(name_or_path or "")))
        return cls(config, weights, about, device)

    def encode(
        self, x: Numbers | Sequence[Riff], controls: Numbers | None = None
    ) -> tuple[NDArray[Any], NDArray[Any]] | tuple[Tensor, Tensor]:
        """The posterior q(z given x): mu and sigma, `[N, latent]` each.

        Args:
            x: `[N, steps, input_depth]` as Magenta's converters give it, tokens `[N, steps]` (a trio
                `[N, steps, 3]`), or riffs of at least the model's bars.
            controls: `[N, steps, controls]`, or `[steps, controls]` for all, where the configuration has them.

        Raises:
            ModelError: shapes that do not fit.
            MusicError: riffs that the model's vocabulary cannot say.
        """
        if not isinstance(x, np.ndarray | Tensor):
            x = np.stack([from_riff(self.config, riff) for riff in x])
        rolls = {self.config.input_depth, self.config.input_depth - self.config.roll_input}
        given = self._music("x", x, rolls)
        with torch.inference_mode():
            mu, sigma = self.network.posterior(given, self._controls(controls, len(given)))
        return (mu.cpu(), sigma.cpu()) if isinstance(x, Tensor) else (mu.cpu().numpy(), sigma.cpu().numpy())

    def logits(self, z: Numbers, y: Numbers, controls: Numbers | None = None) -> Any:
        """Teacher-forced decoder outputs before sampling, `[N, steps, outputs]`, in Magenta's own layout.

        Args:
            z: `[N, latent]`.
            y: the true music, `[N, steps, output_depth]` or tokens `[N, steps]`.
            controls: as for `encode`.

        Raises:
            ModelError: shapes that do not fit.
        """
        outputs, _ = self._teacher_forced(z, y, controls)
        return outputs.cpu() if isinstance(z, Tensor) else outputs.cpu().numpy()

    def loss(self, z: Numbers, y: Numbers, controls: Numbers | None = None) -> Any:
        """Teacher-forced reconstruction loss of each row, `[N]`, nats summed over steps. Arguments as `logits`."""
        outputs, music = self._teacher_forced(z, y, controls)
        with torch.inference_mode():
            loss = self.network.reconstruction_loss(outputs, music).cpu()
        return loss if isinstance(z, Tensor) else loss.numpy()

    def _teacher_forced(self, z: Numbers, y: Numbers, controls: Numbers | None) -> tuple[Tensor, Tensor]:
        latent, music = self._latent(z), self._music("y", y, {self.config.output_depth})
        if len(latent) != len(music):
            raise ModelError(f"z has {len(latent)} rows and y {len(music)}")
        with torch.inference_mode():
            outputs = self.network.teacher_forced(latent, music, self._controls(controls, len(latent)))
        return outputs, music

    def tokens(
        self, z: Numbers, temperature: float = 1.0, seed: int | None = None, controls: Numbers | None = None
    ) -> Any:
        """Class indices decoded from z, `[N, steps]` (several parts: `[N, steps, parts]`).

        Args:
            z: `[N, latent]`.
            temperature: of the softmax; 0 is greedy.
            seed: the same seed gives the same tokens; None draws one.
            controls: as for `encode`.

        Raises:
            ModelError: the model has no tokens (see `music`), or shapes that do not fit.
        """
        if self.config.head != "categorical":
            raise ModelError(f"{self.config.name} has no tokens; `music` gives its rows")
        return self.music(z, temperature, seed, controls)

    def music(
        self, z: Numbers, temperature: float = 1.0, seed: int | None = None, controls: Numbers | None = None
    ) -> Any:
        """What is decoded from z: tokens, or rows `[N, steps, depth]` of drum rolls and grooves.

        Arguments and errors as `tokens`.
        """
        if not temperature >= 0:
            raise ModelError(f"a temperature is 0 or more, not {temperature}")
        latent = self._latent(z)
        n = len(latent)
        size, shape = (
            self.config.steps * self.config.output_depth,
            (self.config.steps, self.config.output_depth),
        )
        draw = chance.gumbel if self.config.head == "categorical" else chance.logistic
        seed = secrets.randbits(62) if seed is None else seed
        noise = np.zeros((n, *shape), np.float32)
        for row in range(n) if temperature > 0 else ():
            noise[row] = draw(seed, chance.CHOICE, row, 0, size).reshape(shape)
        heard = self._controls(controls, n)
        found = self._network()(
            latent.cpu().numpy(),
            np.full(n, temperature, np.float32),
            noise,
            None if heard is None else heard.cpu().numpy(),
        )
        return torch.from_numpy(np.ascontiguousarray(found)) if isinstance(z, Tensor) else found

    def decode(
        self,
        z: Numbers,
        temperature: float = 0.8,
        seed: int | None = None,
        controls: Numbers | None = None,
    ) -> list[Riff]:
        """A riff for each row of z. Arguments and errors as `tokens`."""
        return [
            to_riff(self.config, np.asarray(music)) for music in self.music(z, temperature, seed, controls)
        ]

    def sample(
        self,
        n: int = 1,
        temperature: float = 0.8,
        seed: int | None = None,
        controls: Numbers | None = None,
        prior: str = LEARNED,
    ) -> list[Riff]:
        """`n` riffs from the prior: the learned one where the model has it, else (or with `normal`) N(0, 1).

        Other arguments and errors as `tokens`.
        """
        seed = secrets.randbits(62) if seed is None else seed
        z = [chance.normal(seed, chance.LATENT, row, 0, self.config.latent) for row in range(n)]
        if not z:
            return []
        points = np.stack(z)
        if (learned := self._prior(prior)) is not None:
            points = learned.z(points)
        return self.decode(points.astype(np.float32), temperature, seed, controls)

    def interpolate(
        self,
        a: Riff | Numbers,
        b: Riff | Numbers,
        steps: int = 9,
        temperature: float = 0.0,
        seed: int | None = None,
        prior: str = LEARNED,
    ) -> list[Riff]:
        """Riffs on the way from a to b, both included: slerp between the means of their posteriors.

        With a learned prior the way is a slerp in its space, where what lies between two riffs is music.

        Args:
            a: a riff of at least the model's bars, or z `[latent]`.
            b: likewise.
            steps: how many riffs, at least 2.
            temperature: as for `tokens`.
            seed: all riffs are sampled with the same random numbers, so that only z changes between them.
            prior: `learned`, or `normal` for a slerp of z itself.

        Raises:
            ModelError: fewer than two steps, or shapes that do not fit.
            MusicError: riffs that the model's vocabulary cannot say.
        """
        if steps < 2:
            raise ModelError(f"an interpolation has at least 2 steps, not {steps}")
        start, end = (self._point(place) for place in (a, b))
        seed = secrets.randbits(62) if seed is None else seed
        learned = self._prior(prior)
        first, last = (start, end) if learned is None else (learned.u(start), learned.u(end))
        riffs = []
        for i in range(steps):
            z = {0: start, steps - 1: end}.get(i)
            if z is None:
                between = slerp(first, last, i / (steps - 1))
                z = between if learned is None else learned.z(between)
            z = np.asarray(z, np.float32)
            riffs += self.decode(z[None], temperature, seed)
        return riffs

    def _point(self, place: Riff | Numbers) -> NDArray[Any]:
        if isinstance(place, Riff):
            return np.asarray(self.encode([place])[0][0])
        return self._latent(place if len(place.shape) == 2 else place[None])[0].cpu().numpy()

    def _prior(self, name: str) -> Prior | None:
        if name not in PRIORS:
            raise ModelError(f"a prior is {' or '.join(PRIORS)}, not {name!r}")
        return priors.load(identity(self.config, self._weights)) if name == LEARNED else None

    def _network(self) -> Network:
        if self._decoder is None:
            on_cpu = self.device.type == "cpu"
            self._decoder = (
                Packed(self.config, self._weights)
                if on_cpu
                else TorchNetwork(self.config, self._weights, str(self.device))
            )
        return self._decoder

    def _tensor(self, values: Numbers) -> Tensor:
        found = values if isinstance(values, Tensor) else torch.from_numpy(np.ascontiguousarray(values))
        if found.dtype.is_floating_point or found.dtype == torch.bool:
            found = found.float()
        return found.to(self.device)

    def _latent(self, z: Numbers) -> Tensor:
        found = self._tensor(z)
        if found.dim() != 2 or found.shape[1] != self.config.latent:
            raise ModelError(f"{self.config.name} needs z [N, {self.config.latent}], not {list(found.shape)}")
        return found.float()

    def _music(self, what: str, values: Numbers, depths: set[int]) -> Tensor:
        """Vectors `[N, steps, depth]` as floats, tokens as integers, anything else refused."""
        config, music = self.config, self._tensor(values)
        parts = len(config.output_depths)
        if music.dim() == 3 and music.shape[2] in depths:
            music = music.float()
        elif (
            music.dtype.is_floating_point
            or config.head != "categorical"
            or music.shape[2:] != ((parts,) if parts > 1 else ())
            or music.dim() < 2
        ):
            wanted = f"[N, {config.steps}, {max(depths)}]"
            raise ModelError(f"{config.name} needs {what} {wanted} or tokens, not {list(music.shape)}")
        elif int(music.min()) < 0 or bool((music.amax((0, 1)) >= torch.tensor(config.output_depths)).any()):
            raise ModelError(f"{config.name}: {what} has tokens outside 0 to {max(config.output_depths) - 1}")
        if config.segments and music.shape[1] != config.steps:
            raise ModelError(f"{config.name} hears {config.steps} steps, not {music.shape[1]}")
        return music

    def _controls(self, controls: Numbers | None, n: int) -> Tensor | None:
        width = self.config.controls
        if controls is None:
            if width:
                raise ModelError(f"{self.config.name} needs controls [N, steps, {width}]")
            return None
        found = self._tensor(controls).float()
        if found.dim() == 2:
            found = found.unsqueeze(0).expand(n, -1, -1)
        if not width:
            raise ModelError(f"{self.config.name} takes no controls")
        if found.dim() != 3 or found.shape[0] != n or found.shape[2] != width:
            raise ModelError(
                f"{self.config.name} needs controls [{n}, steps, {width}], not {list(found.shape)}"
            )
        return found
