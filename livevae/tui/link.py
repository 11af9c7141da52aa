"""The link to the server: one UDP socket on the UI's event loop. It asks, listens, and finds the server again."""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Callable
from typing import cast

from livevae.edges.osc.answers import ERROR, REPLY
from livevae.edges.osc.arguments import ID, SECRET
from livevae.edges.osc.assembler import Assembler
from livevae.edges.osc.codec import Message, OscError, Value, decode, encode
from livevae.edges.osc.feed import EVENTS
from livevae.edges.osc.timetags import Timetags
from livevae.perform.events import Event, Snapshot
from livevae.tui.actions import Answered
from livevae.tui.state import Scalar

SUBSCRIBE = "/livevae/subscribe"
TOPICS = ("beat", "bar", "riff", "snapshot", "training", "log")
OURS = ("/livevae/ping", SUBSCRIBE, "/livevae/unsubscribe")
"""Requests of the link's own."""

PING = 1.0
"""Seconds from ping to ping: each renews the lease of the subscription."""

QUIET = 2.5
"""Seconds without news after which we subscribe anew: another server may answer at the same place."""

PATIENCE = 3.0
"""Seconds without any packet after which the server counts as gone."""

REST = 0.45
"""Seconds for which snapshots are left unread after one was read, unless something was asked: they cost most."""

SNAPSHOT, HEAD = b"/livevae/snapshot", 48
"""A packet of a snapshot has this among its first bytes."""

WAITS = 64
"""Questions whose answers are still known; a training is answered many times."""


class Link(asyncio.DatagramProtocol):
    """A socket to one server. Lives on the UI's event loop.

    Args:
        on_event: everything that the server tells.
        on_answer: answers that nobody waits for in particular.
        on_state: True when the server answers, False when it no longer does.
        secret: the word that the server asks of other machines; "" is none.
    """

    def __init__(
        self,
        on_event: Callable[[Event], None],
        on_answer: Answered,
        on_state: Callable[[bool], None],
        secret: str = "",
    ) -> None:
        self._secret = (SECRET, secret) if secret else ()
        self._on_event, self._on_answer, self._on_state = on_event, on_answer, on_state
        self._transport: asyncio.DatagramTransport | None = None
        self._assembler = Assembler(Timetags(lambda: asyncio.get_running_loop().time()))
        self._ids = itertools.count(1)
        self._waiting: OrderedDict[int, Answered] = OrderedDict()
        self._up = False
        self._last = self._news = self._rest = 0.0
        self._pinging: asyncio.Task[None] | None = None

    async def open(self, host: str, port: int) -> None:
        """Open the socket, and look for the server until `close`.

        Raises:
            OscError: there is no such host.
        """
        loop = asyncio.get_running_loop()
        try:
            await loop.create_datagram_endpoint(lambda: self, remote_addr=(host, port))
        except OSError as error:
            raise OscError(f"{host}:{port} cannot be reached: {error}") from None
        self._pinging = loop.create_task(self._ping(), name="ping")

    def close(self) -> None:
        """Unsubscribe, and close the socket."""
        if self._pinging is not None:
            self._pinging.cancel()
        if self._transport is not None:
            self.send("/livevae/unsubscribe", "quiet", 1)
            self._transport.close()

    def send(self, address: str, *args: Value) -> None:
        """Send a message and wait for nothing.

        Raises:
            OscError: OSC cannot hold it.
        """
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(encode(Message(address, (*args, *self._secret))))

    def ask(self, address: str, *args: Scalar, answer: Answered | None = None) -> None:
        """Send a message; `answer` hears each reply or error to it."""
        number = next(self._ids)
        self._rest = 0.0
        try:
            if answer is None:
                self.send(address, *args)
                return
            self._waiting[number] = answer
            if len(self._waiting) > WAITS:
                self._waiting.popitem(last=False)
            self.send(address, *args, ID, number)
        except OscError as error:
            self._on_answer(False, {"text": str(error)})

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the socket is open."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def error_received(self, exc: Exception) -> None:
        """asyncio: nobody listens there."""
        if self._up and isinstance(exc, ConnectionRefusedError):
            self._lost()

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:  # noqa: ARG002
        """asyncio: one packet came."""
        self._last = asyncio.get_running_loop().time()
        if self._up and self._last < self._rest and SNAPSHOT in data[:HEAD]:
            self._news = self._last
            return
        try:
            messages = decode(data)
        except OscError:
            return
        if not self._up:
            self._up = True
            self._on_state(True)
            self._subscribe()
        for timed in messages:
            if timed.message.address in EVENTS:
                self._news = self._last
                event = self._assembler.take(timed)
                if event is not None:
                    self._on_event(event)
                if isinstance(event, Snapshot):
                    self._rest = self._last + REST
            elif timed.message.address in (REPLY, ERROR):
                self._answer(timed.message)

    def _answer(self, message: Message) -> None:
        args = message.args
        pairs = {
            str(n): v for n, v in zip(args[::2], args[1::2], strict=False) if isinstance(v, int | float | str)
        }
        done, number = message.address == REPLY, pairs.pop(ID, None)
        answer = self._waiting.get(number) if isinstance(number, int) else None
        if answer is not None:
            answer(done, pairs)
        elif done and pairs.get("address") == SUBSCRIBE and "token" in pairs:
            self.send(
                SUBSCRIBE, *TOPICS, "token", pairs["token"]
            )  # from another machine: show that we are there
        elif not (done and pairs.get("address") in OURS):
            self._on_answer(done, pairs)

    def _subscribe(self) -> None:
        self._news = self._last
        self.send(SUBSCRIBE, *TOPICS)

    def _lost(self) -> None:
        self._up = False
        self._waiting.clear()
        self._on_state(False)

    async def _ping(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self.send("/livevae/ping")
            await asyncio.sleep(PING)
            if self._up and loop.time() - self._last > PATIENCE:
                self._lost()
            elif self._up and loop.time() - self._news > QUIET:
                self._subscribe()
