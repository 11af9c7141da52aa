"""A listening edge for tests with real peers."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from livevae.edges.osc.udp import UdpEdge, open_udp
from livevae.perform.requests import Later, Learn, Reply, Request

SOON = 5.0


@dataclass
class Heard:
    """What an edge on its own thread heard: the requests, how far ahead each was, and the errors told."""

    requests: list[Request] = field(default_factory=list)
    ahead: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    port: int = 0

    def do(self, request: Request, later: Later) -> Reply:
        now = asyncio.get_running_loop().time()
        self.requests.append(request)
        self.ahead.append((request.at or now) - now)
        if isinstance(request, Learn):
            asyncio.get_running_loop().call_later(0.01, later, Reply(pairs=(("cc", 74),)))
        return Reply(beat=float(len(self.requests)), pairs=(("voice", "lead"),))


@pytest.fixture
def heard() -> Iterator[Heard]:
    """An open edge whose `do` remembers; `heard.port` is where it listens."""
    what = Heard()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    edge: UdpEdge = asyncio.run_coroutine_threadsafe(
        open_udp(what.do, port=0, on_error=what.errors.append), loop
    ).result(SOON)
    what.port = edge.address[1]
    try:
        yield what
    finally:
        loop.call_soon_threadsafe(edge.close)
        loop.call_soon_threadsafe(lambda: loop.call_soon(loop.stop))
        thread.join(SOON)
        loop.close()
