"""Finding scenes: those that come with livevae by name, a performer's own by file."""

from collections.abc import Callable
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from livevae.budget import file_bytes
from livevae.errors import LimitError, SceneError
from livevae.home import home
from livevae.perform.scene import MAX_BYTES, Scene, parse
from livevae.whole_files import sweep, write_whole

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


def folder() -> Path:
    """Where a performer's own scenes are, unless a server was started with a file: `scenes` in livevae's home."""
    return home() / "scenes"


class Shelf:
    """The scenes that a running server may change to: those in its folder, the performer's own, and the bundled ones.

    A request from the network names a scene; it never names a path.
    Scenes are found in whatever thread; one thread writes them.

    Args:
        beside: the folder of the scene file that the server was started with, where there is one.
    """

    def __init__(self, beside: Path | None) -> None:
        self._folders = [folder()] if beside is None else [beside, folder()]
        for where in self._folders:
            sweep(where)

    def find(self, name: str) -> Scene:
        """A scene by name, with or without `.toml`.

        Raises:
            SceneError: there is none of that name on the shelf, or it is broken.
        """
        own: dict[str, Path] = {}
        for where in reversed(self._folders):
            own |= {path.stem: path for path in where.glob("*.toml")}
        stem = name.removesuffix(".toml")
        if stem in own:
            return find(str(own[stem]))
        if stem in (known := bundled()):
            return find(stem)
        there = ", ".join(sorted({*own, *known}))
        raise SceneError(f"there is no scene {name[:40]!r} here; there are: {there}")

    def write(self, name: str, text: str, again: bool) -> str:
        """Write a scene's text, whole, where `find` looks first; gives the file's path.

        Raises:
            SceneError: there is one of that name, and it is not to be written `again`; or it cannot be written.
        """
        path = self._folders[0] / f"{name.removesuffix('.toml')}.toml"
        if path.exists() and not again:
            raise SceneError(f"there is a scene {name} already: choose another name, or say replace 1")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text.encode())
        except OSError as error:
            raise SceneError(f"{path} cannot be written: {error.strerror or error}") from None
        return str(path)


class Overlay:
    """A shelf whose written scenes are forgotten: for nights that are played again.

    Args:
        behind: finds the scenes that were written before.
    """

    def __init__(self, behind: Callable[[str], Scene] | None) -> None:
        self._behind = behind
        self._texts: dict[str, str] = {}

    def find(self, name: str) -> Scene:
        """A scene by name.

        Raises:
            SceneError: there is none.
        """
        stem = name.removesuffix(".toml")
        if stem in self._texts:
            return parse(self._texts[stem], stem)
        if self._behind is None:
            raise SceneError(f"there is no scene {name[:40]!r} here")
        return self._behind(name)

    def write(self, name: str, text: str, again: bool) -> str:  # noqa: ARG002  (what the night did, it may do again)
        """Remember a scene's text; gives its name."""
        self._texts[name.removesuffix(".toml")] = text
        return name
