"""Files that are replaced whole: after a crash at any moment there is the old one or the new one.

A file is written beside its place under a name that tells whose it is, `.NAME.PID-NUMBER.part`, and then moved there.
What a process that was killed left behind is thus known, and swept by whoever writes there next.
"""

import errno
import itertools
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

PART = re.compile(r"\..+\.(\d+)-\d+\.part")
FOLDER = re.compile(r"livevae-(\d+)-.+")

_numbers = itertools.count()


def write_whole(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace `path` by `data`, whole; a link stays a link, to a new file.

    Args:
        path: a file, or a new name in a folder that exists.
        data: all that will be in it.
        durable: whether to wait until the disk has it.

    Raises:
        OSError: it cannot be written, or is no regular file; what was there stays as it was.
    """
    with replacing(path) as part, part.open("wb") as file:
        file.write(data)
        file.flush()
        if durable:
            os.fsync(file.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Within the block, the name of a file to write; at its end it replaces `path`, whole, or is removed on an error.

    Raises:
        OSError: see `write_whole`.
    """
    path = resolved(path)
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "it is no regular file", str(path))
    sweep(path.parent, path.name)
    part = path.with_name(f".{path.name}.{os.getpid()}-{next(_numbers)}.part")
    try:
        yield part
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


@contextmanager
def replacing_all(marker: Path, paths: Sequence[Path]) -> Iterator[list[Path]]:
    """The same of several files that are one thing only together, and of a last one, `marker`, that says so.

    Within the block their new names, the marker's last. Whoever finds no marker has nothing: it goes before the first
    of the others is replaced, and comes when all are.
    """
    with replacing(marker) as last, ExitStack() as stack:
        parts = [stack.enter_context(replacing(path)) for path in paths]
        yield [*parts, last]
        resolved(marker).unlink(missing_ok=True)


def resolved(path: Path) -> Path:
    """Where a path leads.

    Raises:
        OSError: its links lead nowhere but to each other.
    """
    try:
        return path.resolve()
    except RuntimeError:  # of Python before 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None


def sweep(folder: Path, name: str = "") -> None:
    """Remove what processes that are dead left half written in a folder, of one file or of all."""
    with suppress(OSError):
        for path in folder.iterdir():
            match = PART.fullmatch(path.name)
            if match and path.name.startswith(f".{name}") and not _alive(int(match[1])):
                path.unlink(missing_ok=True)


def workshop() -> str:
    """The prefix of temporary folders that `sweep_workshops` may remove when this process is dead."""
    return f"livevae-{os.getpid()}-"


def sweep_workshops() -> None:
    """Remove the temporary folders of processes that are dead."""
    with suppress(OSError):
        for path in Path(tempfile.gettempdir()).iterdir():
            match = FOLDER.fullmatch(path.name)
            if match and path.is_dir() and not path.is_symlink() and not _alive(int(match[1])):
                shutil.rmtree(path, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
