"""The Music Transformer's configurations (Huang et al. 2018): layers before which values are normalised, ReLU."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from livevae.budget import shown
from livevae.errors import ModelError
from livevae.models.music_transformer import grid, performance
from livevae.models.step_model import StoredConfig

FORMAT = "livevae music-transformer 1"

FEATURES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"grid": grid.FEATURES, "performance": (performance.CLASSES,)}
)
"""What a network is given at each token, by vocabulary: sizes of one-hot vectors, the token first."""

SIZES: Mapping[str, int] = MappingProxyType(
    {"layers": 16, "width": 1024, "heads": 32, "hidden": 4096, "span": 4096}
)
"""The most that each may be."""


@dataclass(frozen=True, slots=True)
class Config(StoredConfig):
    """Everything that decides a transformer's shape.

    Attributes:
        name: of the configuration.
        vocabulary: "grid" (see `grid`) or "performance" (see `performance`).
        layers: how many.
        width: of the values between layers.
        heads: of each attention; they divide the width.
        hidden: units between a layer's two linear maps.
        span: tokens that an attention sees, itself included.
        relative: whether attention knows distances (Huang et al. 2018); else sinusoids are added to what is read.
    """

    WHOSE: ClassVar[str] = "a transformer's"

    name: str = "music_transformer"
    vocabulary: str = "grid"
    layers: int = 4
    width: int = 128
    heads: int = 4
    hidden: int = 512
    span: int = 320
    relative: bool = True

    def __post_init__(self) -> None:
        if self.vocabulary not in FEATURES:
            raise ModelError(
                f"a transformer's vocabulary is {' or '.join(FEATURES)}, not {shown(self.vocabulary)}"
            )
        for name, most in SIZES.items():
            if not 1 <= (value := getattr(self, name)) <= most:
                raise ModelError(f"a transformer's {name} are 1 to {most}, not {value}")
        if self.width % self.heads or self.width % 2:
            raise ModelError(f"{self.heads} heads do not divide a width of {self.width}, or it is odd")

    @property
    def features(self) -> tuple[int, ...]:
        """Sizes of what the network is given at each token."""
        return FEATURES[self.vocabulary]

    @property
    def classes(self) -> int:
        """Tokens of the vocabulary."""
        return self.features[0]

    @classmethod
    def from_table(cls, held: Mapping[str, Any]) -> "Config":
        """A configuration from a checkpoint's values."""
        sizes = {name: int(held[name]) for name in SIZES}
        return cls(str(held["name"]), str(held["vocabulary"]), relative=bool(held["relative"]), **sizes)


CONFIGS: Mapping[str, Config] = MappingProxyType(
    {
        config.name: config
        for config in (
            Config(),
            Config("music_transformer_absolute", relative=False),
            Config("music_transformer_large", width=192, heads=6, hidden=768, span=512),
            Config("performance_transformer", "performance", span=512),
        )
    }
)
"""`music_transformer_absolute` is `music_transformer` without relative attention, to compare."""


def shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a configuration's tensors."""
    width = config.width
    found: dict[str, tuple[int, ...]] = {"embedding.kernel": (sum(config.features), width)}
    for i in range(config.layers):
        layer = f"layers.{i}"
        found[f"{layer}.attention.norm.scale"] = found[f"{layer}.attention.norm.bias"] = (width,)
        found[f"{layer}.attention.input.kernel"] = (width, 3 * width)
        found[f"{layer}.attention.output.kernel"] = (width, width)
        if config.relative:
            found[f"{layer}.attention.distances"] = (config.heads, config.span, width // config.heads)
        found[f"{layer}.forward.norm.scale"] = found[f"{layer}.forward.norm.bias"] = (width,)
        found[f"{layer}.forward.input.kernel"], found[f"{layer}.forward.input.bias"] = (
            (width, config.hidden),
            (config.hidden,),
        )
        found[f"{layer}.forward.output.kernel"], found[f"{layer}.forward.output.bias"] = (
            (config.hidden, width),
            (width,),
        )
    found["norm.scale"] = found["norm.bias"] = (width,)
    found["output.kernel"], found["output.bias"] = (width, config.classes), (config.classes,)
    return found
