"""How a command ends when it is told to: by Ctrl-C, or by SIGTERM, which is how services and desktops say it."""

import contextlib
import signal
import threading
from collections.abc import Iterator

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
"""Exit statuses of commands that were ended by Ctrl-C and by SIGTERM, as shells give them."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Within the block SIGTERM raises `SystemExit`; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def until_told() -> Iterator[None]:
    """For what runs until it is told to end: then all is well, and the exit status is 0."""
    try:
        yield
    except KeyboardInterrupt:
        return
    except SystemExit as end:
        if end.code != TERMINATED:
            raise
