"""Rooms in virtual time on a fake broker, and a real mosquitto on a loopback port."""

import asyncio
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fake_broker import FakeBroker, FakeConnection

from livevae.edges.mqtt import topics
from livevae.edges.mqtt.connection import Connection
from livevae.edges.mqtt.room import Room, Setup
from livevae.edges.mqtt.topics import Place
from livevae.edges.osc.asking import request
from livevae.edges.osc.codec import Message
from livevae.perform.engine import Engine
from livevae.perform.scene import Scene
from livevae.perform.session import Session
from livevae.player.client.local import LocalPlayer
from livevae.player.clocks.opening import why_not
from livevae.player.wire.reports import ClockChanged, Transport
from livevae.testing import FakeDecoder


@dataclass
class Stage:
    """One livevae of a test's ensemble: player, session, room and its connection, all in virtual time."""

    name: str
    player: LocalPlayer
    session: Session
    room: Room
    connection: Any
    says: list[str] = field(default_factory=list)
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    @property
    def ons(self) -> list[tuple[int, int]]:
        """(ensemble tick, pitch) of everything that was played."""
        base = self.room.time.base
        return [(sent.tick - base, sent.data[1]) for sent in self.player.sent if sent.data[0] & 0xF0 == 0x90]

    def do(self, address: str, *args: Any) -> Any:
        return self.session.do(request(Message(address, args)))

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if isinstance(self.connection, FakeConnection):
            self.connection.drop()
        await self.session.close()
        await self.player.close()


def stage(
    broker: FakeBroker,
    name: str,
    *,
    bpm: float = 120.0,
    scene: Scene | None = None,
    boot: str = "",
    scenes: Callable[[str], Scene] | None = None,
    connect: bool = True,
    **more: Any,
) -> Stage:
    """A livevae that has just started, and goes by the ensemble's time."""
    connection = broker.connection()
    made = _stage(Place("trio", name), boot or f"{name}-1", connection, bpm, scene, scenes, more)
    connection.client = made.room
    if connect:
        connection.connect()
    return made


async def stage_on(
    url: str, *, bpm: float = 120.0, scene: Scene | None = None, ca: Path | None = None, **more: Any
) -> Stage:
    """The same on a real broker, in real time."""
    address = topics.parse(url)
    says: list[str] = []
    connection = Connection(address, f"test-{secrets.token_hex(6)}", ca=ca, say=says.append)
    made = _stage(address.place, secrets.token_hex(4), connection, bpm, scene, None, more, says)
    made.tasks.append(asyncio.ensure_future(connection.keep(made.room)))
    return made


def _stage(
    place: Place,
    boot: str,
    connection: Any,
    bpm: float,
    scene: Scene | None,
    scenes: Callable[[str], Scene] | None,
    more: dict[str, Any],
    says: list[str] | None = None,
) -> Stage:
    player = LocalPlayer(bpm)
    engine = more.pop("engine", None) or Engine(lambda _: FakeDecoder(), inline=True)
    clocks = why_not(ensemble=True)
    session = Session(player, engine, clocks=clocks, strict=True, scenes=scenes, writes=lambda name, *_: name)
    says = [] if says is None else says
    follow = more.pop("follow", True)
    room = Room(
        Setup(place, boot, player.follow_line, say=says.append, **more),
        session,
        connection,
    )

    def changed(timeline: Any) -> None:
        session.timeline_changed(timeline)
        room.timeline_changed()

    def report(value: Any) -> None:
        match value:
            case ClockChanged(source, peers, why):
                session.conductor.changed(source, peers, why)
            case Transport(playing, tick):
                session.transport(playing, tick)

    player.on_timeline, player.on_report = changed, report
    if scene is not None:
        session.load(scene)
    made = Stage(place.room, player, session, room, connection, says)
    if follow:
        made.do("/livevae/clock", "mqtt")
    made.tasks.append(asyncio.ensure_future(room.run()))
    return made


class Mosquitto:
    """A mosquitto on a loopback port, started and killed by a test."""

    def __init__(self, folder: Path, lines: tuple[str, ...] = ("allow_anonymous true",)) -> None:
        self.port = free_port()
        self.config = folder / "mosquitto.conf"
        self._lines = lines
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "mosquitto.log"

    def start(self) -> None:
        head = (f"listener {self.port} 127.0.0.1", "set_tcp_nodelay true")
        self.config.write_text("\n".join((*head, *self._lines)) + "\n")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(["mosquitto", "-c", str(self.config)], stdout=log, stderr=log)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        pytest.fail(f"mosquitto does not start: {self.log.read_text()}")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def url(self, room: str, user: str = "", tls: bool = False) -> str:
        who = f"{user}@" if user else ""
        return f"mqtt{'s' if tls else ''}://{who}127.0.0.1:{self.port}/trio/{room}"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def need_mosquitto() -> None:
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed (Debian: apt install mosquitto)")
