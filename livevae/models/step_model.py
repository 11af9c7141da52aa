"""What the models that go on step by step have in common: configurations in checkpoints, and decoders. No torch."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from threadpoolctl import ThreadpoolController

from livevae.budget import json_value, reading
from livevae.errors import ModelError


class StoredConfig:
    """A configuration that checkpoints hold as one JSON object: a base of frozen dataclasses.

    Attributes:
        WHOSE: whose it is, for sentences, as in "a note RNN's".
    """

    __slots__ = ()
    WHOSE: ClassVar[str]

    def to_json(self) -> str:
        """As one JSON object; `from_json` gives it back."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """A configuration from a checkpoint's metadata.

        Raises:
            ModelError: it is none.
        """
        with reading("its configuration", cls.WHOSE, ModelError):
            held = json_value(text)
            if not isinstance(held, dict):
                raise ModelError(f"its configuration is not {cls.WHOSE}")
            return cls.from_table(held)

    @classmethod
    def from_table(cls, held: Mapping[str, Any]) -> Self:
        """A configuration from the object's values; whatever is raised becomes a ModelError."""
        raise NotImplementedError


class Continues(Protocol):
    """What a decoder needs of its model."""

    @property
    def bars(self) -> int:
        """Bars that a riff of it is a multiple of."""

    @property
    def takes(self) -> tuple[str, ...]:
        """The fields of a recipe that have an effect."""


M = TypeVar("M", bound=Continues)


class ModelDecoder(Generic[M]):
    """A model, ready to decode: the part of `models.families.StepDecoder` that is the same in every family.

    Not thread-safe: one worker thread owns it.

    Attributes:
        model: what it decodes with.
        threads: of the libraries that multiply matrices, to be limited to one.
    """

    def __init__(self, model: M) -> None:
        self.model = model
        self.threads = ThreadpoolController()

    @property
    def bars(self) -> int:
        """Bars that a riff is a multiple of."""
        return self.model.bars

    @property
    def takes(self) -> tuple[str, ...]:
        """The fields of a recipe that have an effect."""
        return self.model.takes
