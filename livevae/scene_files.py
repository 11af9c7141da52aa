"""Finding scenes: those that come with livevae by name, a performer's own by file."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from livevae.budget import file_bytes
from livevae.errors import LimitError, SceneError
from livevae.perform.scene import MAX_BYTES, Scene, parse

DEFAULT = "first-light"


def bundled() -> dict[str, Traversable]:
    """The scenes that come with livevae, by name."""
    folder = resources.files("livevae.scenes")
    return {item.name.removesuffix(".toml"): item for item in folder.iterdir() if item.name.endswith(".toml")}


def find(name: str) -> Scene:
    """A scene by its file's path, or by the name of a bundled one.

    Raises:
        SceneError: there is no such file, or it does not say what a scene must say.
    """
    if name in (known := bundled()):
        return parse(known[name].read_text(encoding="utf-8"), name)
    path = Path(name)
    try:
        return parse(file_bytes(path, MAX_BYTES).decode(), str(path))
    except FileNotFoundError:
        there = ", ".join(sorted(known))
        raise SceneError(f"there is no scene {name!r}: give a file's path, or one of: {there}") from None
    except (OSError, ValueError, LimitError) as error:
        raise SceneError(f"{name[:200]!r} cannot be read as a scene: {error}") from None


class Shelf:
    """The scenes that a running server may change to: the bundled ones, and those in one folder.

    A request from the network names a scene; it never names a path.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def find(self, name: str) -> Scene:
        """A scene by name, with or without `.toml`.

        Raises:
            SceneError: there is none of that name on the shelf, or it is broken.
        """
        own = {} if self._folder is None else {path.stem: path for path in self._folder.glob("*.toml")}
        stem = name.removesuffix(".toml")
        if stem in own:
            return find(str(own[stem]))
        if stem in (known := bundled()):
            return find(stem)
        there = ", ".join(sorted({*own, *known}))
        raise SceneError(f"there is no scene {name[:40]!r} here; there are: {there}")
