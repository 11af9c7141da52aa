"""The command line. Torch is imported only by the commands that decode or train."""

import argparse
import difflib
import errno
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from livevae import __version__
from livevae.cli.ending import INTERRUPTED, terminable
from livevae.errors import LivevaeError

GROUPS = (
    "livevae.cli.serve",
    "livevae.cli.rehearse",
    "livevae.cli.look",
    "livevae.cli.ensemble",
    "livevae.cli.persona",
    "livevae.cli.model",
    "livevae.cli.riffs",
    "livevae.cli.continuing",
    "livevae.cli.training",
    "livevae.cli.evaluation",
)
"""Modules with a group of commands each: `add_commands(subparsers)`, which sets `run` on its parsers. They are asked in
this order until the command is known, so those that a performer waits for come first."""


MENDABLE = frozenset(
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EIO", "ENOENT", "ENOTDIR", "EISDIR", "EEXIST",
                 "ELOOP", "ENAMETOOLONG", "EFBIG", "EMFILE", "ENFILE")
    if hasattr(errno, name)
)  # fmt: skip
"""Faults of files, folders and disks: the performer's to mend wherever they are met, so a sentence and no traceback."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status.

    What a performer can mend ends with its sentence on stderr and status 1, never with a traceback. SIGTERM ends a
    command as Ctrl-C does: what it started ends with it, and what it had half written is removed.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    with terminable():
        try:
            return _run(argv)
        except LivevaeError as error:
            print(f"livevae: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return INTERRUPTED
        except BrokenPipeError:
            return 0
        except OSError as error:
            if error.errno is None or error.errno not in MENDABLE or "--verbose" in argv:
                raise
            what = f"{error.filename}: " if error.filename else ""
            print(f"livevae: {what}{os.strerror(error.errno)}", file=sys.stderr)
            return 1


def _run(argv: list[str]) -> int:
    if argv[:1] == ["help"]:
        argv = [*argv[1:], "--help"]
    top = parser(argv)
    if unknown := _unknown(top, argv):
        print(f"livevae: {unknown}", file=sys.stderr)
        return 2
    arguments = top.parse_args(argv)
    arguments.argv = list(argv)
    logging.basicConfig(level=logging.DEBUG if arguments.verbose else logging.WARNING, format="%(message)s")
    return int(arguments.run(arguments) or 0)


def _unknown(top: argparse.ArgumentParser, argv: Sequence[str]) -> str:
    """What is wrong with the name of the command; "" where it is one."""
    if not argv or argv[0].startswith("-"):
        return ""
    known = commands_of(top)
    if argv[0] in known:
        return ""
    near = difflib.get_close_matches(argv[0], known, 1)
    hint = f"did you mean {near[0]}?" if near else "`livevae help` lists those there are"
    return f"there is no command {argv[0]!r}; {hint}"


def commands_of(top: argparse.ArgumentParser) -> tuple[str, ...]:
    """The names of a parser's commands."""
    groups = (action.choices for action in top._actions if action.nargs == argparse.PARSER and action.choices)  # noqa: SLF001  (argparse has no public way)
    return tuple(str(name) for names in groups for name in names)


def parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The whole command line; less the groups that come after the one that `argv` asks for."""
    top = argparse.ArgumentParser(
        "livevae", description="A live-coding performance server: MusicVAE, played in time over OSC."
    )
    top.add_argument("--version", action="version", version=f"livevae {__version__}")
    top.add_argument("--verbose", action="store_true", help="say more on stderr")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in GROUPS:
        if argv and argv[0] in commands.choices:
            break
        importlib.import_module(name).add_commands(commands)
    return top
