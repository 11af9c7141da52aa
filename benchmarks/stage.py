"""The server process that is measured: a real session under a chosen load, and some ways of sending notes from it.

Told on standard input, a JSON line a take: `["livevae", 1000]`; answers with `{"due": [...], "late": [...]}`, seconds.

    livevae   the player process, handed notes half a second ahead
    ordinary  the same without real-time priority
    asyncio   `loop.call_at` in the server's own loop
    thread    a thread of the server that sleeps to each deadline
    isobar    isobar's own timeline, in its thread of the server (see isobar_way.py)

A note that was not sent has no lateness: null.
"""

import asyncio
import json
import os
import sys
import threading
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from livevae.children import environment
from livevae.edges.osc.subscriptions import Subscriptions
from livevae.edges.osc.timetags import Timetags
from livevae.edges.osc.udp import open_udp
from livevae.latent.recipe import Recipe
from livevae.models.checkpoints import shelf
from livevae.models.live import LiveDecoder
from livevae.perform import requests as ask
from livevae.perform.engine import Engine
from livevae.perform.session import Session
from livevae.player.client.process import PlayerProcess
from livevae.player.ports import open_port
from livevae.player.recorder.tape import Message, parse
from livevae.player.wire.commands import PortSpec
from livevae.server import PATIENCE
from livevae.tempo.events import PlayNote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BPM = 120.0
VOICES = 8
"""Voices that walk, muted, while the rehearsal UI shows them."""

LEAD = 0.5
"""Seconds ahead that the player is handed notes."""

CHANNEL = 16
BATCH = 4
"""Voices decoded together, without a pause."""

FLOOD = 2000
"""OSC messages a second."""

Take = dict[str, list[float] | list[float | None]]


def interval(ticks: int) -> float:
    """Seconds between notes that are so many ticks apart."""
    return ticks * 60 / (BPM * 960)


def mark(index: int) -> tuple[int, int]:
    """Pitch and velocity that tell one note of a take from the others (of 15,240)."""
    return index % 120, 1 + index // 120 % 127


def index_of(pitch: int, velocity: int) -> int:
    """The inverse of `mark`."""
    return (velocity - 1) * 120 + pitch


class Stage:
    """A server under load, with a port to the receiver."""

    def __init__(self, players: "dict[str, tuple[PlayerProcess, int]]", target: str, ticks: int) -> None:
        self._players = players
        self._target = target
        self._ticks = ticks
        self._interval = interval(ticks)
        self._loop = asyncio.get_running_loop()

    async def take(self, way: str, count: int) -> Take:
        """Send `count` notes; when each was due, and how late it was sent."""
        if way in self._players:
            return await self._livevae(count, *self._players[way])
        ways: dict[str, Callable[[int], Awaitable[Take]]] = {
            "asyncio": self._asyncio,
            "thread": self._thread,
            "isobar": self._isobar,
        }
        return await ways[way](count)

    async def _livevae(self, count: int, player: PlayerProcess, tape: int) -> Take:
        late: list[float | None] = [None] * count
        rest = b""

        def read() -> None:
            nonlocal rest
            *lines, rest = (rest + os.read(tape, 1 << 16)).split(b"\n")
            for line in lines:
                entry = parse(line)
                if isinstance(entry, Message) and entry.data[0] == 0x90 | (CHANNEL - 1):
                    late[index_of(entry.data[1], entry.data[2])] = entry.late

        self._loop.add_reader(tape, read)
        line = player.timeline
        first = int(line.tick_at(self._loop.time() + 2 * LEAD))
        for i in range(0, count, 25):
            await asyncio.sleep(max(0.0, line.time_at(first + i * self._ticks) - LEAD - self._loop.time()))
            player.play([self._note(first, k) for k in range(i, min(i + 25, count))])
        due = [line.time_at(first + i * self._ticks) for i in range(count)]
        await asyncio.sleep(due[-1] - self._loop.time() + 0.5)
        self._loop.remove_reader(tape)
        return {"due": due, "late": late}

    def _note(self, first: int, index: int) -> PlayNote:
        pitch, velocity = mark(index)
        tick, length = first + index * self._ticks, max(1, self._ticks // 2)
        return PlayNote(tick, length, "bench", CHANNEL, pitch, velocity, "bench")

    async def _asyncio(self, count: int) -> Take:
        port = open_port(PortSpec("bench", self._target))
        start = self._loop.time() + LEAD
        due = [start + i * self._interval for i in range(count)]
        late: list[float | None] = [None] * count

        def on(index: int) -> None:
            late[index] = self._loop.time() - due[index]
            port.send(bytes((0x9F, *mark(index))))
            self._loop.call_at(due[index] + self._interval / 2, off, index)

        def off(index: int) -> None:
            port.send(bytes((0x8F, mark(index)[0], 0)))

        for i in range(0, count, 25):
            await asyncio.sleep(max(0.0, due[i] - LEAD - self._loop.time()))
            for k in range(i, min(i + 25, count)):
                self._loop.call_at(due[k], on, k)
        await asyncio.sleep(due[-1] - self._loop.time() + 0.5)
        port.close()
        return {"due": due, "late": late}

    async def _isobar(self, count: int) -> Take:
        from benchmarks.isobar_way import play

        port = open_port(PortSpec("bench", self._target))
        notes = [mark(index) for index in range(count)]
        due, sent = await asyncio.to_thread(play, notes, self._interval, CHANNEL, port.send)
        port.close()
        return {"due": due, "late": [when - wanted for when, wanted in zip(sent, due, strict=True)]}

    async def _thread(self, count: int) -> Take:
        return await asyncio.to_thread(self._sleeping, count)

    def _sleeping(self, count: int) -> Take:
        port = open_port(PortSpec("bench", self._target))
        start = time.monotonic() + LEAD
        due = [start + i * self._interval for i in range(count)]
        late: list[float | None] = [None] * count
        for index, when in enumerate(due):
            time.sleep(max(0.0, when - time.monotonic()))
            late[index] = time.monotonic() - when
            port.send(bytes((0x9F, *mark(index))))
            time.sleep(max(0.0, when + self._interval / 2 - time.monotonic()))
            port.send(bytes((0x8F, mark(index)[0], 0)))
        time.sleep(0.3)
        port.close()
        return {"due": due, "late": late}


async def _decode_for_ever(engine: Engine) -> None:
    turn = 0
    while True:
        await asyncio.gather(*(engine.submit(Recipe(seed=BATCH * turn + voice)) for voice in range(BATCH)))
        turn += 1


def _busy_for_ever() -> None:
    count = 0
    while True:
        count = (count * 1103515245 + 12345) % (1 << 31)


async def main(target: str, loads: list[str], ways: list[str], ticks: int, model: str) -> None:
    """Serve takes until standard input ends."""
    sys.setswitchinterval(PATIENCE)
    async with AsyncExitStack() as stack:
        players = {}
        for way in ways or ["livevae"]:
            reading, writing = os.pipe()
            os.set_blocking(reading, False)
            player = await PlayerProcess.start(
                BPM, [PortSpec("bench", target)], tape=writing, realtime=way == "livevae"
            )
            stack.push_async_callback(player.close)
            players[way] = player, reading
        player = next(iter(players.values()))[0]
        engine = Engine(lambda name: LiveDecoder.open(name or model))
        stack.push_async_callback(engine.close)
        session = Session(player, engine, ports=["bench"])
        stack.push_async_callback(session.close)
        osc = await open_udp(session.do, port=0)
        stack.callback(osc.close)
        loop = asyncio.get_running_loop()
        osc.serve(Subscriptions(session.hub, Timetags(loop.time), loop.time))
        tasks: list[asyncio.Task[Any]] = []
        if "decode" in loads:
            await engine.warm()
            tasks.append(asyncio.create_task(_decode_for_ever(engine)))
        if "tui" in loads:
            await engine.warm()
            for i in range(VOICES):
                session.do(ask.Set(f"voice{i}", {"channel": i + 1}, new=True))
                session.do(ask.Mute(f"voice{i}", on=True))
            session.do(ask.Play())
        if "busy" in loads:
            threading.Thread(target=_busy_for_ever, daemon=True).start()
        where = tuple(map(str, osc.address))
        for name, arguments in (("flood", (*where, str(FLOOD))), ("train", ()), ("tui", where)):
            if name in loads:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "benchmarks.loads", name, *arguments, env=environment()
                )
                stack.callback(_end, process)
        stage = Stage(players, target, ticks)
        _say({"realtime": player.hello.realtime, "why": player.hello.why, "failed": player.ports.failed})
        while line := await asyncio.to_thread(sys.stdin.readline):
            way, count = json.loads(line)
            _say(await stage.take(way, count))
        for task in tasks:
            task.cancel()


def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(
        main(
            sys.argv[1],
            [load for load in sys.argv[2].split(",") if load],
            [way for way in sys.argv[3].split(",") if way],
            int(sys.argv[4]),
            sys.argv[5] or shelf.DEFAULT,
        )
    )
