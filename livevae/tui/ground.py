"""Whether the terminal is dark or light: asked of the terminal itself, before anything is drawn."""

import os
import re
import select
import sys
import time

PATIENCE = 0.15
"""Seconds that the terminal has to answer; every one answers the second question at once."""

ASK = b"\x1b]11;?\x1b\\\x1b[c"
"""The colour of the background (OSC 11 of xterm), then what kind of terminal it is (DA1), which every one answers."""


def ground() -> str:
    """`dark` or `light`; dark where nobody says."""
    return of_answer(_asked()) or of_environment(os.environ.get("COLORFGBG", "")) or "dark"


def of_answer(answer: bytes) -> str | None:
    """What the answer to `ASK` says, if anything."""
    found = re.search(rb"\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})", answer)
    if found is None:
        return None
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
    return "light" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "dark"


def of_environment(value: str) -> str | None:
    """What COLORFGBG says, such as `15;0`, if anything."""
    last = value.rpartition(";")[2]
    return ("light" if last in ("7", "15") else "dark") if last.isdigit() else None


def _asked() -> bytes:
    """What the terminal answers; empty where there is none."""
    try:
        import termios  # noqa: PLC0415  (POSIX)
        import tty  # noqa: PLC0415

        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            return b""
        source, sink = sys.stdin.fileno(), sys.stdout.fileno()
        before = termios.tcgetattr(source)
    except (ImportError, OSError, ValueError):
        return b""
    answer = b""
    try:
        tty.setcbreak(source)
        os.write(sink, ASK)
        until = time.monotonic() + PATIENCE
        while (left := until - time.monotonic()) > 0 and not re.search(rb"\x1b\[\?[0-9;]*c", answer):
            if select.select([source], [], [], left)[0]:
                answer += os.read(source, 256)
    except OSError:
        return answer
    finally:
        termios.tcsetattr(source, termios.TCSANOW, before)
    return answer
