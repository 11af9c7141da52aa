"""Processes that are found again by a variable of their environment, whoever started them. Linux."""

from contextlib import suppress
from pathlib import Path


def marked(name: str, value: str) -> dict[int, str]:
    """Command lines of the processes that are alive and have this variable, by id."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{name}={value}".encode() in (path / "environ").read_bytes().split(b"\0"):
                words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if words:
                    found[int(path.name)] = words
    return found
