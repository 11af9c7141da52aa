"""The link of the rehearsal UI to a server on another machine: a token, and the word that the server asks for."""

import asyncio
from collections.abc import Callable

import pytest

from livevae.edges.osc import limits, subscriptions as subscribed, udp
from livevae.edges.osc.subscriptions import Subscriptions
from livevae.edges.osc.timetags import Timetags
from livevae.edges.osc.udp import OPEN, Door, open_udp
from livevae.perform.events import Event, Snapshot
from livevae.perform.hub import Hub
from livevae.perform.requests import Reply, Request
from livevae.testing import example_snapshot
from livevae.tui.link import Link

pytestmark = [pytest.mark.real, pytest.mark.asyncio]
SOON = 10.0


async def watched(door: Door, secret: str, patience: float = SOON) -> tuple[list[Event], list[Request], int]:
    """What a watcher hears of a server behind a door, what the server was asked, and how many it takes for clients."""
    loop, hub = asyncio.get_running_loop(), Hub()
    asked: list[Request] = []

    def do(request: Request, _: Callable[[Reply], None]) -> Reply:
        asked.append(request)
        return Reply()

    edge = await open_udp(do, port=0, door=door, strict=True)
    listeners = Subscriptions(hub, Timetags(loop.time), loop.time)
    edge.serve(listeners)
    heard: list[Event] = []
    came = asyncio.Event()

    def hear(event: Event) -> None:
        heard.append(event)
        came.set()

    link = Link(hear, lambda *_: None, lambda _: None, secret)
    try:
        await link.open(*edge.address)
        until = loop.time() + patience
        while loop.time() < until and not came.is_set():
            hub.tell(example_snapshot())
            await asyncio.sleep(0.05)
        if came.is_set():
            link.ask("/livevae/play", "lead")
            await asyncio.sleep(0.2)
        return heard, asked, listeners.count
    finally:
        link.close()
        await asyncio.sleep(0.05)
        edge.close()
        await asyncio.sleep(0)


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes, comes from another machine."""
    for module in (limits, subscribed, udp):
        monkeypatch.setattr(module, "is_local", lambda _: False)


@pytest.mark.usefixtures("far")
async def test_from_another_machine_the_screen_sends_its_token_back_and_is_told_everything() -> None:
    heard, asked, clients = await watched(OPEN, "")
    assert any(isinstance(event, Snapshot) for event in heard)
    assert [type(request).__name__ for request in asked if type(request).__name__ != "Ping"] == ["Play"]
    assert clients == 1


@pytest.mark.usefixtures("far")
async def test_a_server_that_asks_for_a_word_is_watched_with_it() -> None:
    heard, asked, clients = await watched(Door(secret="open sesame"), "open sesame")
    assert any(isinstance(event, Snapshot) for event in heard)
    assert "Play" in [type(request).__name__ for request in asked]
    assert clients == 1


@pytest.mark.usefixtures("far")
async def test_without_the_word_nothing_is_seen_and_nothing_is_done() -> None:
    heard, asked, clients = await watched(Door(secret="open sesame"), "close sesame", patience=1.5)
    assert (heard, asked, clients) == ([], [], 0)
