"""The step-wise families, a row each, and what `load`, the live decoder, training and the checkpoints ask of one.

A family is a folder whose module `family` has what `Family` lists. To add one: that folder, and its row in `FAMILIES`.
No torch, except in `Family.task`.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from livevae.errors import ModelError
from livevae.latent.recipe import Recipe
from livevae.models.melody_rnn import family as melody_rnn
from livevae.models.music_transformer import family as music_transformer
from livevae.models.note_rnn import family as note_rnn
from livevae.music.notes import Riff

Part = Literal["drums", "line", "band"]
"""What of a band a model goes on from, and plays: its drums, one line of its own, or all that has a pitch."""

Tensors = Mapping[str, NDArray[np.float32]]


class StepModel(Protocol):
    """A model as programs use it.

    Each also has `inputs`, `labels`, `logits`, `continued` and `log_likelihood`, of events in its own vocabulary.

    Attributes:
        config: of the family's own kind.
        about: its card.
        bars: that a riff of it is a multiple of.
        memory: bars of context that it reads.
        takes: the fields of a recipe that have an effect.
    """

    config: Any
    about: dict[str, Any]
    bars: int
    memory: int
    takes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its configuration's."""


class StepDecoder(Protocol):
    """A model as voices use it: `perform.protocols.Decoder`, and the model."""

    @property
    def model(self) -> StepModel:
        """What it decodes with."""

    @property
    def bars(self) -> int:
        """Bars that a riff is a multiple of."""

    @property
    def takes(self) -> tuple[str, ...]:
        """The fields of a recipe that have an effect."""

    def decode(self, recipes: Sequence[Recipe]) -> list[Riff]:
        """One riff a recipe, in order."""


class Family(Protocol):
    """What the module `family` of a step-wise family has.

    Attributes:
        NAME: as performers see it.
        FORMAT: what a checkpoint's metadata says first.
        CONFIGS: the configurations that `livevae train` knows, by name; no two families have the same name.
    """

    NAME: str
    FORMAT: str
    CONFIGS: Mapping[str, Any]

    @property
    def read_config(self) -> Callable[[str], Any]:
        """From JSON to a configuration, which has `name` and `to_json`; ModelError if it is none."""

    @property
    def shapes(self) -> Callable[[Any], Mapping[str, tuple[int, ...]]]:
        """From a configuration to the names and shapes of its tensors."""

    @property
    def takes(self) -> Callable[[Any], tuple[str, ...]]:
        """From a configuration to the fields of a recipe that have an effect on its models."""

    @property
    def plays(self) -> Callable[[Any], Part]:
        """From a configuration to what its models play."""

    @property
    def model(self) -> Callable[[Any, Tensors, Mapping[str, Any]], StepModel]:
        """From a configuration, its tensors and a card to a model."""

    @property
    def decoder(self) -> Callable[[Any], StepDecoder]:
        """From a model of the family to its decoder."""

    @property
    def task(self) -> Callable[[Any], Any]:
        """From a configuration to what its training needs, a `training.stepwise.StepTask`; imports torch."""


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {family.NAME: family for family in (melody_rnn, note_rnn, music_transformer)}
)
"""By name."""


_BY_FORMAT: Mapping[str, Family] = MappingProxyType({family.FORMAT: family for family in FAMILIES.values()})


def of_format(name: str) -> Family | None:
    """The family of checkpoints whose metadata have this `format`; None where no step-wise one has."""
    return _BY_FORMAT.get(name)


def named(name: str) -> Family:
    """A family by its name.

    Raises:
        ModelError: there is none.
    """
    if name not in FAMILIES:
        raise ModelError(f"there are no models of the family {name}")
    return FAMILIES[name]


def of_configuration(name: str) -> Family | None:
    """The family that has a configuration of this name; None where no step-wise one has."""
    return next((family for family in FAMILIES.values() if name in family.CONFIGS), None)
