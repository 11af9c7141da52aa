"""Starts the recorder's process, which keeps the MIDI file of what the players send, and another where it dies."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from livevae.children import environment
from livevae.errors import LivevaeError
from livevae.whole_files import sweep

LOOK = 0.5
"""Seconds between two looks whether it lives; the pipe keeps what a player says in some minutes."""

SHORT_LIFE, LONGEST_PAUSE = 2.0, 16.0
"""Seconds: recorders that live no longer follow each other with ever longer pauses, up to the second."""

LAST_LIVES = 3
"""How many recorders may be needed to write what is left when the music is over."""


class RecorderProcess:
    """The recorder of a standard MIDI file, and the recorders after it.

    Attributes:
        tape: the writing end of the pipe for the lines of tape.py.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Start it.

        Raises:
            LivevaeError: there can be no file of that name.
        """
        self._path, self._clock = checked(path), clock
        self._before = _stamp(self._path)
        sweep(self._path.parent)
        self._pause = LOOK
        # ours, too, so that the tape goes on when its reader dies
        self._reading, self.tape = os.pipe()
        self._process = self._start()
        self._born = clock()
        self._due: float | None = None

    def _start(self) -> "subprocess.Popen[bytes]":
        # what lies there from another night is replaced, and not gone on with
        again = ("again",) if _stamp(self._path) != self._before else ()
        return subprocess.Popen(
            [sys.executable, "-m", "livevae.player.recorder", str(self._reading), str(self._path), *again],
            pass_fds=(self._reading,),
            stdin=subprocess.DEVNULL,
            env=environment(),
        )

    def look(self) -> str:
        """See that there is one: what there is to say where another had to be started, or could not be."""
        if self._process.poll() is None:
            return ""
        now = self._clock()
        if self._due is None:
            self._pause = min(2 * self._pause, LONGEST_PAUSE) if now - self._born < SHORT_LIFE else LOOK
            self._due = now + (self._pause if self._pause > LOOK else 0.0)
        if now < self._due:
            return ""
        try:
            self._process = self._start()
        except OSError as error:
            self._due = now + LONGEST_PAUSE
            return f"the recorder died, and no process can be started for another: {error.strerror}"
        self._born, self._due = now, None
        return "the recorder died; another one goes on with the recording, which may lack a second"

    def close(self, patience: float) -> None:
        """The music is over: wait so many seconds until the recording is written."""
        os.close(self.tape)
        with suppress(subprocess.TimeoutExpired, OSError):
            for _ in range(LAST_LIVES):
                if not self._process.wait(patience):
                    break
                self._process = self._start()
        os.close(self._reading)


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes when a file is replaced; None where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def checked(path: Path) -> Path:
    """Where a recording is kept.

    Raises:
        LivevaeError: there can be no file of that name.
    """
    try:
        path = path.resolve()
    except RuntimeError:  # of Python before 3.13
        raise LivevaeError(f"cannot record to {path}: its links lead nowhere but to each other") from None
    if not path.parent.is_dir() or (path.exists() and not path.is_file()):
        raise LivevaeError(
            f"cannot record to {path}: give a new name, or a file that may be replaced, in a folder that exists"
        )
    if not os.access(path.parent, os.W_OK):
        raise LivevaeError(f"cannot record to {path}: its folder cannot be written")
    return path
