"""What is installed: every folder of the package, without a word from the builder."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_folder_of_the_package_is_in_the_list_of_packages() -> None:
    """One that is not there makes setuptools warn for forty lines, and may not be installed."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    listed = set(config["packages"])
    there = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "livevae").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    links = {f"livevae.{path.name}" for path in (ROOT / "livevae").iterdir() if path.is_symlink()}
    assert there | links == listed
    assert "package-dir" not in config  # with one, an editable installation warns, too
