"""`benchmarks ensemble floods`: how late a room plays while a broker is flooded."""

import asyncio
import json
import os
import random
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.ensemble_rooms import (
    BASE,
    Controller,
    controlling,
    livevaes,
    playing_together,
    rooms,
    summary,
)
from benchmarks.mqtt import PORT
from livevae.edges.mqtt.values import RiffAhead
from livevae.tempo.timeline import TICKS_PER_BEAT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SOME = 200
"""Payloads that are sent at a stretch."""


async def floods(block: float, payloads: int, rate: float) -> int:
    """Lateness of both rooms in blocks: nothing else, then each flood, and nothing else between them."""
    with tempfile.TemporaryDirectory() as folder, livevaes(*rooms(Path(folder))):
        async with controlling() as controller:
            await playing_together(controller)
            kinds: list[tuple[str, Callable[[], Awaitable[str]]]] = [
                ("16 rooms, 20 messages/s each", lambda: sixteen(block)),
                ("a subscriber that never reads", lambda: deaf(block)),
                (f"{payloads} hostile payloads", lambda: hostile(controller, payloads, rate)),
            ]
            print(f"{'':<32} {'worst lateness of each second, ms':<44} {'late riffs':>10} {'dropped':>8}")
            await quiet(controller, block)
            for name, flood in kinds:
                before = _counts(controller)
                began = asyncio.get_running_loop().time()
                more = await flood()
                await asyncio.sleep(2)
                _print_block(controller, name, began, before, more)
                await quiet(controller, block)
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    return 0


async def quiet(controller: Controller, block: float) -> None:
    """A block without a flood."""
    began, before = asyncio.get_running_loop().time(), _counts(controller)
    await asyncio.sleep(block)
    _print_block(controller, "nothing else", began, before, "")


def _counts(controller: Controller) -> dict[str, int]:
    """Riffs that were late and notes that were dropped, of both rooms, since their start."""
    dropped = [controller.of(f"{name}/health")[-1]["dropped"] for name in ("rack", "desk")]
    late = [controller.of(topic)[-1]["late"] for topic in ("rack/voice/lead", "desk/voice/far")]
    return {"dropped": sum(dropped), "late": sum(late)}


def _print_block(controller: Controller, name: str, began: float, before: dict[str, int], more: str) -> None:
    rows = [one for room in ("rack", "desk") for one in controller.of(f"{room}/health", began)]
    late = sorted(one["late_ms_max"] for one in rows)
    after = _counts(controller)
    riffs, dropped = (after[what] - before[what] for what in ("late", "dropped"))
    print(f"{name:<32} {summary(late):<44} {riffs:>10} {dropped:>8}  {more}", flush=True)


class Publisher:
    """A client that only publishes, with QoS 0 (MQTT 3.1.1, 3.1 and 3.3, by hand): it costs next to nothing.

    Args:
        name: its identifier.
        everything: whether it also subscribes to all there is, which it never reads.
    """

    def __init__(self, name: str, *, everything: bool = False) -> None:
        self._socket = socket.create_connection(("127.0.0.1", PORT), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = b"\x00\x04MQTT\x04\x02\x00\x00" + _text(name)
        self._socket.sendall(b"\x10" + _length(len(body)) + body)
        if everything:
            body = b"\x00\x01" + _text("#") + b"\x00"
            self._socket.sendall(b"\x82" + _length(len(body)) + body)

    def send(self, topic: str, payload: bytes) -> None:
        """Publish; waits where the broker does not keep up."""
        body = _text(f"{BASE}/{topic}") + payload
        self._socket.sendall(b"\x30" + _length(len(body)) + body)

    def close(self) -> None:
        """Leave."""
        self._socket.close()


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2) + data


def _length(number: int) -> bytes:
    """MQTT's remaining length: seven bits a byte, the lowest first."""
    found = bytearray()
    while True:
        number, low = divmod(number, 128)
        found.append(low | 128 if number else low)
        if not number:
            return bytes(found)


async def sixteen(seconds: float) -> str:
    """Fourteen rooms more, each with 20 messages a second: riffs and voices."""
    notes = tuple((i * 240, 200, 60 + i % 12, 90, 1) for i in range(32))
    riff = RiffAhead(8 * TICKS_PER_BEAT, 8 * TICKS_PER_BEAT, notes).payload()
    voice = json.dumps({"playing": True, "settings": {f"s{i}": i for i in range(30)}}).encode()
    clients = [Publisher(f"room{number}") for number in range(14)]
    loop, sent = asyncio.get_running_loop(), 0
    began = tick = loop.time()
    while loop.time() < began + seconds:
        for number, client in enumerate(clients):
            topic, payload = ("riff", riff) if sent % 2 else ("voice", voice)
            client.send(f"room{number}/{topic}/lead", payload)
        sent += 1
        tick += 0.05
        await asyncio.sleep(max(0.0, tick - loop.time()))
    for client in clients:
        client.close()
    return f"{sent * len(clients) / (loop.time() - began):.0f} messages/s were sent"


async def deaf(seconds: float) -> str:
    """A client that subscribes to everything and never reads a byte, while there is much to read."""
    one = Publisher("deaf", everything=True)
    try:
        return f"while {await sixteen(seconds)}"
    finally:
        one.close()


async def hostile(controller: Controller, count: int, rate: float) -> str:
    """Payloads that mean harm, on every topic that a room reads, so many a second at most."""
    chance = random.Random(1)  # noqa: S311  (payloads that can be made again)
    shapes: list[bytes] = [
        b"", b"null", b"[" * 5000, b"\xff\xfe", b'{"a":1}', b'{"n":1e400}', b'{"boot":1,"state":"ready"}',
        b'{"address":["x"]}', b'{"address":"/livevae/set","x":{}}', b'{"address":"/livevae/nowhere"}',
        b'{"address":"/livevae/set","voice":"lead","temp":"hot"}', b'{"beat":1e300,"notes":[[1]]}',
    ]  # fmt: skip
    topics = [
        "rack/do", "all/do", "desk/do", "cue", "clock", "clock/ping/zoe", "rack/pong", "rack/decoded", "zoe/$state",
        "rack/$state", "zoe/riff/lead", "zoe/voice/lead", "zoe/health", "rack/riff/lead", "desk/health/x",
    ]  # fmt: skip
    stranger = Publisher("stranger")

    def some(first: int) -> None:
        for number in range(first, min(count, first + SOME)):
            payload = chance.choice(shapes) if number % 3 else chance.randbytes(chance.randrange(200))
            stranger.send(chance.choice(topics), payload)

    began = time.monotonic()
    for first in range(0, count, SOME):
        await asyncio.to_thread(some, first)
        await asyncio.sleep(max(0.0, began + (first + SOME) / rate - time.monotonic()))
    took = time.monotonic() - began
    await asyncio.sleep(10)  # what waits at the broker and in the rooms
    stranger.close()
    refused = {name: controller.of(f"{name}/health")[-1]["refused"] for name in ("rack", "desk")}
    return f"{count / took:.0f}/s for {took:.0f} s; refused by the rooms: {refused}"
