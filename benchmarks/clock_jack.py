"""A MIDI clock from another process over JACK, and a livevae that follows it: by how much it is off.

The master is a process with its own timing: a plain loop that sleeps, or a second livevae's clock out. It notes when
it sent each pulse (for livevae: its tape). The follower's line is the one that its notes go by, as its player tells.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.masters import NEAR
from livevae.children import environment
from livevae.player.client.process import PlayerProcess
from livevae.player.clocks.clock import MIDI
from livevae.player.clocks.midi_out import PULSE
from livevae.player.recorder.tape import Message, parse
from livevae.player.wire.commands import PortSpec
from livevae.player.wire.reports import ClockChanged
from livevae.tempo.pulses import PULSES_PER_BEAT, TICKS_PER_PULSE
from livevae.tempo.timeline import TICKS_PER_BEAT, Timeline

MASTER = "livevae-bench-master"
BAR = 4 * TICKS_PER_BEAT
READY = 0.5
"""Seconds between the follower's being ready and the master's first pulse."""

PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Followed:
    """How a follower did.

    Attributes:
        off: seconds by which its line was ahead of each pulse as it was sent (behind: negative), pulses that it
            miscounted included, two beats after the first pulse and later.
        lock: beats after which it stayed within `NEAR` of where it is in the middle; it is behind by the way there.
        miscounted: pulses by which its count was off at the end.
    """

    off: list[float]
    lock: float
    miscounted: int


def compare(sent: list[float], lines: list[Timeline]) -> Followed:
    """Pulses, the first of them the downbeat, against the lines that were gone by one after the other."""
    starts = [line.time for line in lines]
    places = []
    for when in sent:
        line = lines[max(0, bisect_right(starts, when) - 1)]
        places.append((line.tick_at(when), line.seconds_per_tick))
    settled = min(2 * PULSES_PER_BEAT, len(sent) - 1)
    bar = round((places[settled][0] - settled * TICKS_PER_PULSE) / BAR) * BAR
    off = [(tick - bar - i * TICKS_PER_PULSE) * seconds for i, (tick, seconds) in enumerate(places)]
    middle = sorted(off[settled:])[(len(off) - settled) // 2]
    unlocked = max(
        (i + 1 for i, one in enumerate(off[: 8 * PULSES_PER_BEAT]) if abs(one - middle) > NEAR), default=0
    )
    last = places[-1]
    miscounted = round((last[0] - bar) / TICKS_PER_PULSE - (len(sent) - 1))
    return Followed(off[settled:], unlocked / PULSES_PER_BEAT, miscounted)


@contextmanager
def taped() -> Iterator[tuple[int, Callable[[], list[Message]]]]:
    """A player's tape: the descriptor that it writes, and afterwards all messages that it has sent."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    pieces: list[bytes] = []
    loop = asyncio.get_running_loop()
    loop.add_reader(reading, lambda: pieces.append(os.read(reading, 1 << 16)))
    try:
        yield (
            writing,
            lambda: [
                entry for entry in map(parse, b"".join(pieces).splitlines()) if isinstance(entry, Message)
            ],
        )
    finally:
        loop.remove_reader(reading)
        os.close(reading)
        os.close(writing)


async def follow_loop(seconds: float, bpm: float) -> Followed:
    """A master that sleeps in a plain loop, in a process of its own at ordinary priority."""
    command = [sys.executable, "-m", "benchmarks.clock_jack", str(seconds), str(bpm)]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), limit=1 << 24
    )
    if process.stdout is None or process.stdin is None:
        return Followed([], 0.0, 0)
    await process.stdout.readline()
    follower = await _Follower.start(MASTER)
    process.stdin.write(b"go\n")
    sent: list[float] = json.loads(await process.stdout.readline())
    await process.wait()
    return compare(sent, await follower.close())


async def follow_livevae(seconds: float, bpm: float) -> Followed:
    """A second livevae's clock out as the master."""
    loop = asyncio.get_running_loop()
    with taped() as (tape, messages):
        master = await PlayerProcess.start(bpm, [PortSpec("clock", "virtual", clock=True)], tape=tape)
        follower = await _Follower.start("livevae:clock")
        master.begin(loop.time() + READY)
        line = master.timeline
        await asyncio.sleep(READY + seconds)
        lines = await follower.close()
        await master.close()
    pulses = {one.tick: one.late for one in messages() if one.data == PULSE}
    end = line.tick_at(loop.time()) - 2 * TICKS_PER_BEAT
    ticks = range(0, int(end), TICKS_PER_PULSE)
    return compare([line.time_at(tick) + pulses.get(tick, 0.0) for tick in ticks], lines)


class _Follower:
    """A livevae's player that follows a clock, and remembers each line that it went by."""

    def __init__(self, player: PlayerProcess, lines: list[Timeline]) -> None:
        self._player, self._lines = player, lines

    @classmethod
    async def start(cls, target: str) -> "_Follower":
        changed = asyncio.Event()
        player = await PlayerProcess.start(
            120.0,
            [PortSpec("notes", "none")],
            on_report=lambda report: changed.set() if isinstance(report, ClockChanged) else None,
        )
        lines = [player.timeline]
        player.on_timeline = lines.append
        player.set_clock(MIDI, target=target)
        await asyncio.wait_for(changed.wait(), PATIENCE)
        return cls(player, lines)

    async def close(self) -> list[Timeline]:
        """End it; the lines, the first first."""
        self._player.on_timeline = None
        await self._player.close()
        return self._lines


def _send(seconds: float, bpm: float) -> None:
    """The plain loop: start, and pulses when they are due; when each was sent."""
    from livevae.midi import open_output

    out, _ = open_output("virtual", MASTER, "clock")
    sys.stdout.write("up\n")
    sys.stdout.flush()
    sys.stdin.readline()
    period, start, sent = 60 / bpm / PULSES_PER_BEAT, time.monotonic() + READY, list[float]()
    for i in range(round(seconds / period)):
        time.sleep(max(0.0, start + i * period - time.monotonic()))
        if not i:
            out.send_message(b"\xfa")
        sent.append(time.monotonic())
        out.send_message(PULSE)
    time.sleep(READY)
    sys.stdout.write(json.dumps(sent) + "\n")
    sys.stdout.flush()
    out.close_port()


if __name__ == "__main__":
    _send(float(sys.argv[1]), float(sys.argv[2]))
