"""The table of rooms in ARCHITECTURE.md, kept true by reading the imports; and no module imports itself by way of others."""

import ast
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import livevae

PACKAGE = Path(livevae.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

PAGE = (PACKAGE.parent / "ARCHITECTURE.md").read_text()


def table() -> dict[str, tuple[set[str], set[str]]]:
    """Of each room of the page: the rooms and the libraries that it may import."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for row in re.findall(r"^\| (`.*)\|$", PAGE, re.MULTILINE):
        names, _, rooms, libraries = (cell.strip() for cell in f" {row}".split("|"))
        for name in re.findall(r"`([^`]+)`", names):
            room = name.removesuffix("/").removesuffix(".py")
            found[room] = tuple(
                {part.strip() for part in cell.split(",")} - {""} for cell in (rooms, libraries)
            )
    return found


ROOMS = table()


def room_of(parts: Sequence[str]) -> str:
    """The innermost room of the table that a module, given as the parts of its name, lies in."""
    for end in range(len(parts), 0, -1):
        if (room := "/".join(parts[:end])) in ROOMS:
            return room
    return "/".join(parts)


def imports(path: Path) -> set[str]:
    """Full names of the modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] == "livevae":
                found.update(
                    f"{node.module}.{name.name}" for name in node.names if name.name != "__version__"
                )
            else:
                found.add(node.module)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_only_what_the_page_says(path: Path) -> None:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if parts == ("__init__",):
        return
    room = room_of(parts)
    assert room in ROOMS, f"{path.name} has no room in ARCHITECTURE.md"
    rooms, libraries = ROOMS[room]
    for name in imports(path):
        top, *rest = name.split(".")
        if top == "livevae" and rest and "everything" not in rooms:
            other = room_of(rest)
            assert other in {room, "errors", *rooms}, f"{room} may not import {name}"
        elif top != "livevae" and top not in sys.stdlib_module_names:
            assert top in libraries, f"{room} may not import {name}"
        assert top != "torch" or parts[0] == "models", "torch lives in models/"


def test_every_room_of_the_page_is_there() -> None:
    for room in ROOMS:
        assert (PACKAGE / room).is_dir() or (PACKAGE / room).with_suffix(".py").is_file(), room


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


@pytest.mark.parametrize("module", ["livevae.player.loop", "livevae.player.recorder.__main__"])
def test_the_player_and_the_recorder_start_without_numpy_torch_mido_or_asyncio(module: str) -> None:
    code = (
        f"import sys\nimport {module}\n"
        "bad = {'numpy', 'torch', 'asyncio', 'mido'} & set(sys.modules)\n"
        "assert not bad, bad\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def needed(path: Path) -> set[str]:
    """Full names of livevae's modules that a file imports when it runs, at once or later; types alone do not count."""
    found: set[str] = set()
    nodes: list[ast.AST] = [ast.parse(path.read_text())]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    """To see the circles, if there are any: `pytest tests/test_architecture.py -k itself`."""
    names = {
        ".".join(("livevae", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in MODULES
    }
    left = {name: needed(path) & names.keys() for name, path in names.items()}
    while ready := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in ready}
    assert not left, f"among these modules is a circle: {', '.join(sorted(left))}"
