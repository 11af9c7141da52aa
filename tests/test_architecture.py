"""The table of rooms in ARCHITECTURE.md, kept true by reading the imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import livevae

PACKAGE = Path(livevae.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

MAY = {
    "tempo": {"tempo"},
    "music": {"music", "errors"},
    "latent": {"latent", "errors"},
    "models": {"models", "latent", "music", "errors", "config", "children"},
    "perform": {"perform", "latent", "music", "tempo", "errors"},
    "player": {"player", "tempo", "music", "errors", "midi", "children"},
    "edges": {"edges", "perform", "tempo", "music", "errors", "midi", "__init__"},
}
"""Which rooms each room may import."""

OUTSIDE = {
    "tempo": set(),
    "music": {"mido"},
    "latent": {"numpy", "safetensors"},
    "perform": {"numpy"},
    "player": {"rtmidi", "mido", "link", "alsa_midi"},
}
"""Libraries that a room may import besides the standard library; rooms not named here may import any but torch."""


def imports(path: Path) -> set[str]:
    """Full names of the modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "livevae":
                found.update(f"livevae.{name.name}" for name in node.names if name.name != "__version__")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_only_what_they_may(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0]
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "livevae" and rest and room in MAY:
            assert rest.split(".")[0] in MAY[room], f"{room} may not import {name}"
        elif top != "livevae" and top not in sys.stdlib_module_names and room in OUTSIDE:
            assert top in OUTSIDE[room], f"{room} may not import {name}"
        if room != "models" and top == "torch":
            assert room == "bench", "torch lives in models/"


@pytest.mark.parametrize("command", [["--help"], ["osc"], ["ports"]])
def test_commands_that_do_not_decode_start_without_torch(command: list[str]) -> None:
    code = (
        "import sys, contextlib\nfrom livevae.cli import main\n"
        f"with contextlib.suppress(SystemExit): main({command!r})\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
        "assert 'note_seq' not in sys.modules, 'note_seq was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_player_starts_without_numpy_torch_or_asyncio() -> None:
    code = (
        "import sys\nimport livevae.player.loop\n"
        "bad = {'numpy', 'torch', 'asyncio', 'mido'} & set(sys.modules)\n"
        "assert not bad, bad\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
