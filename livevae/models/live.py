"""The live decoder: recipes in, riffs out, on one worker thread. The same recipe gives the same riff.

Everything random is drawn beforehand from the recipe alone (`latent.chance`), so that a recipe sounds the same
whatever else is in its batch. All windows of all recipes go through the network together.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from livevae.errors import ModelError
from livevae.latent import chance
from livevae.latent.attributes import Directions
from livevae.latent.names import MAX_LATENT
from livevae.latent.personas import Persona as Trained, Personas, U
from livevae.latent.recipe import BASE, LEARNED, Recipe
from livevae.latent.vectors import Vector, barycentre, memory, walk
from livevae.models.checkpoints import files as checkpoint_files, shelf
from livevae.models.checkpoints.identity import identity
from livevae.models.musicvae import directions, prior as priors
from livevae.models.musicvae.call_and_response import Listener, answered, call_riffs
from livevae.models.musicvae.config import Config
from livevae.models.musicvae.encoder import PackedEncoder
from livevae.models.musicvae.packed import Packed
from livevae.models.musicvae.prior import Prior
from livevae.models.musicvae.vocabulary import to_riff
from livevae.music.notes import Riff, join

INNER_DRIFT = 0.4
"""How far a long riff's windows drift from one to the next, on the scale of a walk's drift: near enough to sound
like one idea (correlation 0.8), far enough not to repeat."""


class Persona(Protocol):
    """A small VAE over z, as the decoder needs it."""

    @property
    def latent(self) -> int:
        """Size of its own latent space."""

    def decode(self, u: Vector) -> NDArray[Any]:
        """A point of its own latent space `[latent]` to z of the base model, or to u."""

    def answer(self, z: Vector) -> NDArray[Any]:
        """A z as it would have played it: encoded and decoded again."""


class Network(Protocol):
    """A decoder network: latent vectors and prepared chance in, music out (see `packed.Packed`)."""

    def __call__(
        self,
        z: NDArray[Any],
        temperature: NDArray[Any],
        noise: NDArray[Any],
        controls: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """`[N, latent], [N], [N, steps, depth]` to tokens or rows."""


class LiveDecoder:
    """One model, ready to decode: `perform.protocols.Decoder`. Not thread-safe: one worker thread owns it."""

    def __init__(
        self,
        config: Config,
        network: Network,
        personas: Mapping[str, Persona] | None = None,
        directions: Directions | None = None,
        listener: Listener | None = None,
        prior: Prior | None = None,
    ) -> None:
        """A decoder around a network.

        A persona that a recipe names and that is not there gives way to the base model: a show goes on.

        Args:
            config: of the model.
            network: decodes on whatever device it lives.
            personas: by name, for the blends of recipes; looked up at every decode, so the mapping may change.
            directions: for the attributes of recipes; without any, attributes change nothing.
            listener: for the calls of recipes; without one, calls are not heard.
            prior: for recipes that are drawn from the learned one; without it, they are drawn from N(0, 1).
        """
        self.config = config
        self._network = network
        self._personas: Mapping[str, Persona] = {} if personas is None else personas
        self._directions = directions
        self._listener = listener
        self._prior = prior
        self._threads = ThreadpoolController()

    @classmethod
    def open(
        cls,
        name: str = "",
        *,
        device: str = "auto",
        personas: Mapping[str, Persona] | None = None,
    ) -> "LiveDecoder":
        """The decoder of a model.

        Args:
            name: of a model, or a checkpoint's path; "" is the default model.
            device: "cpu" (never imports torch), "cuda", or "auto", which is cuda where there is one.
            personas: see the constructor; of `Personas`, only those that speak this model's z are played.

        Raises:
            ModelError: no such model, a broken checkpoint, or no such device.
        """
        config, _, weights = checkpoint_files.read(shelf.find(name))
        called = identity(config, weights)
        prior = priors.load(called)
        if isinstance(personas, Personas):
            personas = personas.of(called, "" if prior is None else prior.digest)
        if config.controls:
            raise ModelError(f"{config.name} needs controls (chords or hits): it cannot play on its own")
        # its weights are read again when somebody first calls: most performances never do
        path = shelf.find(name)
        listener = Listener(config, lambda: PackedEncoder(config, checkpoint_files.read(path)[2]))
        network: Network
        if chosen_device(device) == "cuda":
            from livevae.models.musicvae.cuda import TorchNetwork  # noqa: PLC0415  (torch is slow to import)

            network = TorchNetwork(config, weights, "cuda")
        else:
            network = Packed(config, weights)
        return cls(config, network, personas, directions.load(called), listener, prior)

    @property
    def takes(self) -> tuple[str, ...]:
        """The fields of a recipe that have an effect."""
        return (
            "seed",
            "temperature",
            "bars",
            "drift",
            "prior",
            "blend",
            "position",
            "attributes",
            "call",
            "distance",
        )

    @property
    def bars(self) -> int:
        """Bars of the model's window; a recipe's bars are a multiple."""
        return self.config.bars

    @property
    def steps(self) -> int:
        """Sixteenths of the model's window."""
        return self.config.steps

    def decode(self, recipes: Sequence[Recipe]) -> list[Riff]:
        """One riff a recipe, in order, in one batch.

        Raises:
            ModelError: bars that the model's window does not divide.
        """
        if not recipes:
            return []
        counts = [self._windows(recipe) for recipe in recipes]
        noise = np.concatenate(
            [self._noise(recipe, count) for recipe, count in zip(recipes, counts, strict=True)]
        )
        temperature = np.repeat([recipe.temperature for recipe in recipes], counts).astype(np.float32)
        with self._threads.limit(limits=1, user_api="blas"):
            bases = self._bases(recipes, counts)
            z = np.concatenate(
                [
                    self._latents(recipe, count, base)
                    for recipe, count, base in zip(recipes, counts, bases, strict=True)
                ]
            )
            music = self._network(z.astype(np.float32), temperature, noise)
        windows = iter([to_riff(self.config, window) for window in music])
        riffs = [join([next(windows) for _ in range(count)]) for count in counts]
        return [
            join(call_riffs(recipe, self.config, count)) if _is_call(recipe) else riff
            for recipe, count, riff in zip(recipes, counts, riffs, strict=True)
        ]

    def _windows(self, recipe: Recipe) -> int:
        count, rest = divmod(recipe.bars, self.config.bars)
        if rest or count < 1:
            raise ModelError(
                f"{self.config.name} plays multiples of {self.config.bars} bars, not {recipe.bars}"
            )
        return count

    def _latents(self, recipe: Recipe, count: int, base: Vector | None) -> Vector:
        """Latent vectors of a recipe's windows, `[count, latent]`."""
        z = self._blended(recipe, count, base)
        if recipe.call and self._listener is not None:
            z = self._answer(recipe, count, z)
        if recipe.attributes and self._directions is not None:
            z = self._directions.pushed(z, recipe.attributes)
        return z

    def _answer(self, recipe: Recipe, count: int, free: Vector) -> Vector:
        """The way from what was played to free play, `[count, latent]`."""
        assert self._listener is not None  # noqa: S101  (for the type checker)
        call = self._listener.z(recipe, count)
        shares = [
            (persona, weight) for name, weight in recipe.blend if (persona := self._persona(name)) is not None
        ]
        manner = call
        if shares:
            spoken = [self._answered(persona, call) for persona, _ in shares]
            weights = [weight for _, weight in shares]
            manner = np.stack([barycentre([one[i] for one in spoken], weights) for i in range(count)])
        return answered(call, manner, free, recipe.distance)

    def _blended(self, recipe: Recipe, count: int, base: Vector | None) -> Vector:
        """The spherical mean of the blend's z's; a persona that is not there leaves its share to the base model."""
        shares: dict[str, float] = {}
        for name, weight in recipe.blend or ((BASE, 1.0),):
            there = name if self._persona(name) is not None else BASE
            shares[there] = shares.get(there, 0.0) + weight
        parts = [self._component(name, recipe, count, base) for name in shares]
        if len(parts) == 1:
            return parts[0]
        weights = list(shares.values())
        try:
            return np.stack([barycentre([part[i] for part in parts], weights) for i in range(count)])
        except ValueError as error:
            raise ModelError(f"this blend cannot be: {error}") from None

    def _component(self, name: str, recipe: Recipe, count: int, base: Vector | None) -> Vector:
        """Latent vectors of one persona, or of the base model's prior, `[count, latent]`."""
        persona = None if name == BASE else self._persona(name)
        if persona is None:  # the base model; or it went a moment ago, and there is no base yet
            return self._walks([recipe], [count])[0] if base is None else base
        prior = self._prior_of(persona)
        if prior is not None and recipe.position is None and isinstance(persona, Trained):
            return prior.z(persona.drawn(_path(recipe, self.config.latent, count)))
        # one u through all personas, however many dimensions each has
        if recipe.position is None:
            places = _path(recipe, MAX_LATENT, count)[:, : persona.latent]
        else:
            places = np.zeros((count, persona.latent))
            known = recipe.position[: persona.latent]
            places[:, : len(known)] = known
        z = np.stack([np.asarray(persona.decode(place), np.float64) for place in places])
        if z.shape != (count, self.config.latent) or not np.isfinite(z).all():
            raise ModelError(f"{name} was made for another model than {self.config.name}")
        return z if prior is None else prior.z(z)

    def _persona(self, name: str) -> Persona | None:
        """A persona by name; None where it is not there, or speaks the u of another prior."""
        persona = self._personas.get(name)
        if isinstance(persona, Trained) and persona.space == U:
            return persona if self._prior is not None and persona.prior == self._prior.digest else None
        return persona

    def _prior_of(self, persona: Persona) -> Prior | None:
        """What takes a persona's points to z; None where they are z."""
        return self._prior if isinstance(persona, Trained) and persona.space == U else None

    def _answered(self, persona: Persona, call: Vector) -> Vector:
        """Z's `[N, latent]` as a persona would have played them."""
        prior = self._prior_of(persona)
        heard_ = call if prior is None else prior.u(call)
        spoken = np.stack([np.asarray(persona.answer(point), np.float64) for point in heard_])
        return spoken if prior is None else prior.z(spoken)

    def _bases(self, recipes: Sequence[Recipe], counts: Sequence[int]) -> list[Vector | None]:
        """The base model's own walk of each recipe, `[count, latent]`; None where its blend does without."""
        needed = [
            i
            for i, recipe in enumerate(recipes)
            if any(name == BASE or self._persona(name) is None for name, _ in recipe.blend or ((BASE, 1.0),))
        ]
        walks = self._walks([recipes[i] for i in needed], [counts[i] for i in needed])
        found: list[Vector | None] = [None] * len(recipes)
        for i, base in zip(needed, walks, strict=True):
            found[i] = base
        return found

    def _walks(self, recipes: Sequence[Recipe], counts: Sequence[int]) -> list[Vector]:
        """The base model's own walks, `[count, latent]` each; those of the learned prior go through it together."""
        walks = [
            _path(recipe, self.config.latent, count) for recipe, count in zip(recipes, counts, strict=True)
        ]
        learned = [i for i, recipe in enumerate(recipes) if recipe.prior == LEARNED]
        if self._prior is not None and learned:
            rows = iter(self._prior.z(np.concatenate([walks[i] for i in learned])))
            for i in learned:
                walks[i] = np.stack([next(rows) for _ in range(counts[i])])
        return walks

    def _noise(self, recipe: Recipe, count: int) -> NDArray[np.float32]:
        """Chance of each window's tokens, `[count, steps, depth]`; nothing where nothing is left to chance."""
        size = self.config.steps * self.config.output_depth
        shape = (count, self.config.steps, self.config.output_depth)
        if recipe.temperature <= 0:
            return np.zeros(shape, np.float32)
        draw = chance.gumbel if self.config.head == "categorical" else chance.logistic
        index = recipe.index if recipe.drift > 0 else 0  # without drift a riff comes again as it was
        rows = [draw(recipe.seed, chance.CHOICE, window, index, size) for window in range(count)]
        return np.stack(rows).reshape(shape)


def _is_call(recipe: Recipe) -> bool:
    """Whether a recipe asks for its call as it was played, note for note."""
    return bool(recipe.call) and recipe.distance <= 0 and not recipe.attributes


def _path(recipe: Recipe, dim: int, count: int) -> Vector:
    """The walk's points of a riff's windows, `[count, dim]`: each near the one before, all at unit variance.

    Every window has its own stream of the seed's walk, so that a long riff as a whole stays and drifts as its
    first window does: without drift it stays, with drift 1 all of it is new.
    """
    keep = memory(INNER_DRIFT)
    point = walk(recipe.seed, recipe.index, recipe.drift, dim)
    points = [point]
    for window in range(1, count):
        fresh = walk(recipe.seed, recipe.index, recipe.drift, dim, stream=window)
        point = keep * point + (1 - keep * keep) ** 0.5 * fresh
        points.append(point)
    return np.stack(points)


def chosen_device(device: str) -> str:
    """What "auto" comes to here: "cuda" where there is one, else "cpu"; torch is imported only to make sure.

    Raises:
        ModelError: it is none of auto, cpu and cuda.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ModelError(f"a device is auto, cpu or cuda, not {device!r}")
    if device != "auto" or not _may_have_cuda():
        return "cpu" if device == "auto" else device
    from livevae.models.musicvae.cuda import usable  # noqa: PLC0415  (torch is slow to import)

    return "cuda" if usable() else "cpu"


def _may_have_cuda() -> bool:
    """Whether it is worth importing torch to ask: an NVIDIA driver is there (Linux, or Linux on Windows)."""
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/dxg").exists()
