"""What belongs to a model in a file of its own, named by the model's identity: directions, priors. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from livevae.errors import ModelError
from livevae.home import home
from livevae.models.checkpoints.files import Tensors, to_bytes, write_whole
from livevae.models.checkpoints.shelf import BUNDLED, SUFFIX


@dataclass(frozen=True, slots=True)
class Attached:
    """One kind of such files.

    Attributes:
        name: of the folders that they lie in, a performer's own and the one that ships.
        format: what their metadata say first.
        most_bytes: larger files are refused.
    """

    name: str
    format: str
    most_bytes: int

    @property
    def shipped(self) -> Path:
        """The folder that comes with livevae."""
        return BUNDLED / self.name

    def place(self, identity: str) -> Path:
        """Where a performer's own file for a model is kept."""
        return home() / self.name / f"{identity}{SUFFIX}"

    def find(self, identity: str) -> Path | None:
        """A model's file, a performer's own before the shipped one; None where there is none."""
        paths = (self.place(identity), self.shipped / f"{identity}{SUFFIX}")
        return next((path for path in paths if path.is_file()), None)

    def read(self, path: Path, identity: str) -> tuple[Tensors, Mapping[str, str]]:
        """Tensors and metadata of a file.

        Raises:
            ModelError: it is broken, too large, of another kind, or another model's.
        """
        try:
            size = path.stat().st_size
            with safe_open(str(path), framework="np") as file:
                held: dict[str, str] = file.metadata() or {}
                if size > self.most_bytes:
                    raise ModelError(
                        f"{path} is too large: {self.name} have at most {self.most_bytes:,} bytes"
                    )
                if held.get("format") != self.format or held.get("model") != identity:
                    raise ModelError(f"{path} is not {self.format!r} of this model")
                return {name: file.get_tensor(name) for name in file.keys()}, held  # noqa: SIM118  (not a dict)
        except (SafetensorError, OSError, ValueError) as error:
            raise ModelError(f"{path} is broken: {error}") from None

    def write(self, path: Path, identity: str, tensors: Mapping[str, NDArray[Any]], **facts: str) -> None:
        """Write a file, whole or not at all.

        Raises:
            ModelError: the folder cannot be written.
        """
        write_whole(path, to_bytes(tensors, {"format": self.format, "model": identity, **facts}))
