"""Where models are: those that come with livevae, and a performer's own in the user's data folder. No torch."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livevae.errors import ModelError
from livevae.home import home
from livevae.models.checkpoints import files as checkpoint_files
from livevae.models.musicvae.config import ALIASES, Config

DEFAULT = "cat-mel_2bar_small"
"""The model that plays when none is named."""

DEFAULT_STEPWISE = "lookback_rnn"
"""The model that continues when none is named."""

SUFFIX = ".safetensors"
BUNDLED = Path(__file__).parents[1] / "weights"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a model may be called: it becomes a file's name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that can be loaded by name.

    Attributes:
        name: what it is called.
        path: its checkpoint.
        bundled: it came with livevae and cannot be removed.
    """

    name: str
    path: Path
    bundled: bool

    def describe(self) -> tuple[Config, dict[str, Any]]:
        """Its configuration and what is known about it.

        Raises:
            ModelError: the checkpoint is broken.
        """
        return checkpoint_files.describe(self.path)


def entries() -> dict[str, Entry]:
    """All models by name; a performer's own hide bundled ones of the same name."""
    found: dict[str, Entry] = {}
    for folder, bundled in ((BUNDLED, True), (home() / "models", False)):
        for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []:
            found[path.name.removesuffix(SUFFIX)] = Entry(path.name.removesuffix(SUFFIX), path, bundled)
    return found


def with_latent() -> dict[str, Entry]:
    """The models of `entries` that have a latent space: those that personas can belong to.

    Raises:
        ModelError: a checkpoint is broken.
    """
    return {name: entry for name, entry in entries().items() if checkpoint_files.has_latent(entry.path)}


def find(name: str = "") -> Path:
    """The checkpoint of a model: by name, by path, or ("") the default.

    Raises:
        ModelError: there is none; the message says which there are.
    """
    if Path(name).suffix == SUFFIX:
        if not _is_file(Path(name)):
            raise ModelError(f"there is no checkpoint at {name}")
        return Path(name)
    for called in (name or DEFAULT, ALIASES.get(name, name)):
        file = Path(f"{called}{SUFFIX}")
        for folder in (home() / "models", BUNDLED):  # a performer's own first, as in `entries`
            if file.name == str(file) and _is_file(folder / file):
                return folder / file
    known = ", ".join(entries()) or "none at all"
    raise ModelError(f"there is no model {name or DEFAULT!r}; there are: {known}")


def _is_file(path: Path) -> bool:
    """Whether there is such a file: of a name that is too long for one there is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def exists(name: str) -> bool:
    """Whether `find` would find it."""
    try:
        find(name)
    except ModelError:
        return False
    return True


def place(name: str) -> Path:
    """Where a performer's own model of this name is kept.

    Raises:
        ModelError: no model can have that name.
    """
    if not NAME.fullmatch(name):
        raise ModelError(f"a model's name is letters, digits, dots, dashes and underscores, not {name!r}")
    return home() / "models" / f"{name}{SUFFIX}"


def remove(name: str) -> Path:
    """Delete a performer's own model; gives the file that is gone.

    Raises:
        ModelError: there is none of that name, or it came with livevae.
    """
    entry = entries().get(name)
    if entry is None or entry.bundled:
        why = "comes with livevae and stays" if entry else "is not among your models"
        raise ModelError(f"{name!r} {why}")
    try:
        entry.path.unlink()
    except OSError as error:
        raise ModelError(f"{entry.path} cannot be removed: {error.strerror}") from None
    return entry.path
