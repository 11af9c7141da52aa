"""Starts the recorder's process, which keeps the MIDI file of what the players send."""

import os
import subprocess
import sys
from pathlib import Path

from livevae.children import environment
from livevae.errors import LivevaeError


def start_recorder(path: Path) -> tuple[subprocess.Popen[bytes], int]:
    """The recorder of a standard MIDI file, and the writing end of the pipe for the lines of tape.py.

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
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "livevae.player.recorder", str(reading), str(path)],
        pass_fds=(reading,),
        stdin=subprocess.DEVNULL,
        env=environment(),
    )
    os.close(reading)
    return process, writing
