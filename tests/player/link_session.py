"""A Link session of our player and another peer, run inside a network namespace of its own; prints what happened.

Never run it outside one: Link multicasts.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from livevae.player.client.process import PlayerProcess
from livevae.player.wire.reports import ClockChanged, Hello, Report, TimelineChanged, Transport
from livevae.tempo.timeline import TICKS_PER_BEAT, Timeline

QUANTUM = 4.0
PATIENCE = 15.0


class Peer:
    """The other peer's process, and the last it said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[dict] = []
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, bpm: float) -> "Peer":
        program = str(Path(__file__).with_name("link_peer.py"))
        process = await asyncio.create_subprocess_exec(
            sys.executable, program, str(bpm), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        peer = cls(process)
        await until(lambda: peer.said)
        return peer

    async def _read(self) -> None:
        while line := await self.process.stdout.readline():
            self.said.append(json.loads(line))

    @property
    def now(self) -> dict:
        return self.said[-1]

    def tell(self, words: str) -> None:
        self.process.stdin.write(words.encode() + b"\n")

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()
        await self._reader


class Us:
    """Our player, and every timeline it had."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, Timeline]] = []
        self.reports: list[Report] = []

    def hear(self, report: Report) -> None:
        self.reports.append(report)
        if isinstance(report, TimelineChanged):
            self.lines.append((report.timeline.time, report.timeline))

    def at(self, time: float) -> Timeline:
        """The timeline that was valid at `time`: a line begins where it is anchored."""
        return next(line for since, line in reversed(self.lines) if since <= time)

    def errors(self, peer: Peer, since: float, until_: float) -> list[float]:
        """Milliseconds between our phase and the peer's, at each of its words."""
        out = []
        for word in peer.said:
            if since <= word["t"] < until_:
                line = self.at(word["t"])
                beats = line.beat_at(word["t"]) - word["beat"]
                off = (beats + QUANTUM / 2) % QUANTUM - QUANTUM / 2
                out.append(off * 60_000 / line.bpm)
        return out


async def until(what: Callable[[], object], patience: float = PATIENCE) -> float:
    """Until `what` is true; the seconds it took."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    while not what():
        if loop.time() - start > patience:
            raise TimeoutError("it did not happen")
        await asyncio.sleep(0.005)
    return loop.time() - start


def summed(errors: list[float]) -> dict:
    ordered = sorted(map(abs, errors))
    pick = {q: ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in (0.5, 0.99, 1.0)}
    return {"samples": len(ordered), "p50": pick[0.5], "p99": pick[0.99], "max": pick[1.0]}


async def main(seconds: float) -> dict:
    loop = asyncio.get_running_loop()
    out: dict = {}
    us = Us()
    peer = await Peer.start(100.0)
    await asyncio.sleep(1)
    player = await PlayerProcess.start(140.0, on_report=us.hear)
    us.lines.insert(0, (0.0, player.timeline))

    def jumps() -> float:
        """The farthest that the present ever jumped, in milliseconds."""
        pairs = zip(us.lines, us.lines[1:], strict=False)
        return max(
            abs(new.tick_at(new.time) - old.tick_at(new.time)) * new.seconds_per_tick * 1000
            for (_, old), (_, new) in pairs
        )

    def peers() -> int:
        said = [report for report in us.reports if isinstance(report, ClockChanged)]
        return said[-1].peers if said else 0

    def in_phase() -> bool:
        last = us.errors(peer, loop.time() - 0.1, loop.time())
        return bool(last) and max(map(abs, last)) < 1.0

    try:
        player.set_clock("link")
        await until(lambda: peers() == 1)
        out["tempo_of_the_session_taken_s"] = await until(lambda: abs(player._bpm - 100.0) < 0.01)
        out["in_phase_after_s"] = await until(in_phase)
        start = loop.time()
        await asyncio.sleep(seconds)
        out["steady_ms"] = summed(us.errors(peer, start, loop.time()))

        peer.tell("tempo 131")
        out["its_tempo_reaches_us_s"] = await until(lambda: abs(player._bpm - 131.0) < 0.01)
        await asyncio.sleep(1)
        start = loop.time()
        await asyncio.sleep(2)
        out["after_its_tempo_ms"] = summed(us.errors(peer, start, loop.time()))

        player.set_tempo(90)
        out["our_tempo_reaches_it_s"] = await until(lambda: abs(peer.now["bpm"] - 90.0) < 0.01)
        player.set_tempo(120, over=2 * TICKS_PER_BEAT)
        await until(lambda: abs(peer.now["bpm"] - 120.0) < 0.01)
        await asyncio.sleep(1)
        start = loop.time()
        await asyncio.sleep(2)
        out["after_our_ramp_ms"] = summed(us.errors(peer, start, loop.time()))

        player.nudge(0.1 * TICKS_PER_BEAT, TICKS_PER_BEAT)
        await asyncio.sleep(2)
        start = loop.time()
        await asyncio.sleep(1)
        nudged = us.errors(peer, start, loop.time())
        out["nudged_by_ms"] = sum(nudged) / len(nudged)
        player.nudge(-0.1 * TICKS_PER_BEAT, TICKS_PER_BEAT)
        await until(in_phase)

        peer.tell("play")
        await until(lambda: Transport in map(type, us.reports))
        out["it_plays"] = [report.playing for report in us.reports if isinstance(report, Transport)]
        player.set_playing(False)
        await until(lambda: not peer.now["playing"])
        player.set_playing(True)
        await until(lambda: peer.now["playing"])
        peer.tell("stop")
        await until(lambda: [r.playing for r in us.reports if isinstance(r, Transport)][-1] is False)
        out["transport"] = [report.playing for report in us.reports if isinstance(report, Transport)]

        await peer.kill()
        await until(lambda: peers() == 0)
        before = player._bpm
        await asyncio.sleep(0.5)
        out["alone_bpm"] = [before, player._bpm]
        peer = await Peer.start(70.0)
        await until(lambda: peers() == 1)
        out["it_returns_and_takes_ours_s"] = await until(lambda: abs(peer.now["bpm"] - 120.0) < 0.01)
        await until(in_phase)
        await asyncio.sleep(0.5)
        start = loop.time()
        await asyncio.sleep(2)
        out["after_its_return_ms"] = summed(us.errors(peer, start, loop.time()))

        lives = [report.pid for report in us.reports if isinstance(report, Hello)]
        os.kill(lives[-1], signal.SIGKILL)
        await until(lambda: len([r for r in us.reports if isinstance(r, Hello)]) == 2 and peers() == 1)
        out["another_player_in_phase_after_s"] = await until(in_phase)
        out["another_players_bpm"] = player._bpm

        player.set_clock("internal")
        await until(lambda: us.reports[-1] == ClockChanged("internal"))
        peer.tell("tempo 77")
        await until(lambda: abs(peer.now["bpm"] - 77.0) < 0.01)
        out["on_our_own_bpm"] = player._bpm
        out["farthest_jump_ms"] = jumps()
        out["deaths"] = sum("Died" in type(report).__name__ for report in us.reports)
    finally:
        await player.close()
        await peer.kill()
    return out


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(float(sys.argv[1]))), indent=1))
