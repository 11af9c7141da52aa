"""The wall clock of a soak's processes: a file says by how much it is wrong, and each Python reads that at every look.

The machine's own clock is never touched: `sitecustomize`, which Python imports at its start, puts others in the
place of `time.time` and `time.time_ns`.
"""

import random
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from livevae.edges.osc.client import Client
from livevae.errors import LivevaeError

if TYPE_CHECKING:
    from benchmarks.soak_night import Night

VARIABLE = "LIVEVAE_SOAK_WALL"

CODE = f"""
import mmap, os, struct, time
with open(os.environ["{VARIABLE}"], "rb") as file:
    wrong = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)
real = time.time_ns
time.time_ns = lambda: real() + round(struct.unpack("d", wrong[:])[0] * 1e9)
time.time = lambda: time.time_ns() / 1e9
"""

HOUR = 3600.0
JUMPS = (-24 * HOUR, -3 * HOUR, -30.0, -0.2, 0.2, 30.0, 3 * HOUR, 24 * HOUR, 400 * 24 * HOUR)
"""Seconds by which it is set; a timetag is at most a minute ahead."""

AHEAD = 0.5
"""Seconds ahead that a timetag is."""

NEWS = 3.0
"""Seconds in which a subscriber has to hear of a beat."""


class WallClock:
    """The wall clock of the processes that are given `variables`.

    Args:
        folder: where its files are kept.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(CODE)
        self._file = folder / "wrong"
        self._wrong = 0.0
        self._file.write_bytes(struct.pack("d", 0.0))
        self._folder = folder

    def variables(self, path: str) -> dict[str, str]:
        """For the environment of processes whose PYTHONPATH would be `path`."""
        return {VARIABLE: str(self._file), "PYTHONPATH": f"{self._folder}:{path}"}

    def now(self) -> float:
        """What it says."""
        return time.time() + self._wrong

    def jump(self, seconds: float) -> None:
        """Set it, in place: it is one write of eight bytes that all see at once."""
        self._wrong += seconds
        with self._file.open("r+b") as file:
            file.write(struct.pack("d", self._wrong))


def jump(night: "Night", dice: random.Random) -> None:
    """The wall clock is set while it plays: the music goes on, subscribers hear of it, and timetags fit the new one."""
    soak, step = night.soak, dice.choice(JUMPS)
    with suppress(LivevaeError, OSError), Client(port=night.port, patience=1.0, wall=soak.wall.now) as client:
        client.ask("/livevae/subscribe", "beat", seconds=60)
        soak.wall.jump(step)
        soak.say(f"the wall clock is set by {step:g} s")
        if not any(True for _ in client.later(NEWS)) and night.runs:
            soak.found("no answer", f"a subscriber hears nothing after the wall clock was set by {step:g} s")
    night.plays_on(f"after the wall clock was set by {step:g} s")
    night.answers(f"a timetag after the wall clock was set by {step:g} s", ahead=AHEAD)
