"""Reading a broker's socket in the loop that plays, and never for longer than its share of it.

A flood (an audience's phones, a program that runs wild, an enemy) may come faster than it can be read. Then the rest is
left in the socket: TCP holds it back, and the broker drops messages of QoS 0 for this client alone and keeps some of
QoS 1. Laws:

    of any second, reading and what is done of what was read take `SHARE`, and `BURST` once
    at a stretch, reading takes `STRETCH` and one message
    on a connection that is quieter than that, a message is handed on as soon as it has come
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

from livevae.edges.mqtt.messages import Arrived

SHARE = 0.2
"""Of the loop's time, for one connection."""

BURST = 0.03
"""Seconds of processor time that may be used at once, after silence; and owed, after one message that took long."""

STRETCH = 0.002
"""Seconds of processor time without a look at what else the loop has to do."""

EARLY = 1024
"""Messages that come before anybody is ready for them, at most: what the broker has kept of an ensemble."""


class Packets(Protocol):
    """What is needed of paho's client (https://eclipse.dev/paho: `loop_read` is for loops of one's own)."""

    def loop_read(self) -> object:
        """Read what may be a packet, and hand on what is in it."""

    def socket(self) -> Any:
        """The socket; None when the connection has ended."""


class Allowance:
    """How much may be used: a bucket that fills by `share` a second up to `burst`. Pure."""

    def __init__(self, share: float, burst: float, now: float) -> None:
        self._share, self._burst = share, burst
        self._left, self._at = burst, now

    def left(self, now: float) -> float:
        """What may be used now; 0 or less where nothing may."""
        self._left = min(self._burst, self._left + self._share * max(0.0, now - self._at))
        self._at = now
        return self._left

    def use(self, amount: float, now: float) -> None:
        """Take it; what is owed is never more than a burst."""
        self._left = max(-self._burst, self.left(now) - amount)

    def wait(self, now: float) -> float:
        """Seconds until half of a burst may be used, so that pauses are few."""
        return max(0.0, (self._burst / 2 - self.left(now)) / self._share)


class Inbox(asyncio.Queue[Any]):
    """Where aiomqtt puts messages: each goes to `came` at once, without a queue and a task for it."""

    def __init__(self, came: Callable[[Any], None], maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._came = came

    def put_nowait(self, item: Any) -> None:
        """A message came."""
        self._came(item)


class Intake:
    """Reads for one connection, from `start` until the socket is gone. Lives on one loop.

    Args:
        arrived: takes messages, from `hand_on` on; those that came before it wait.

    Attributes:
        messages: how many have come.
        pauses: how often reading had to pause.
        broken: done when reading fails, with what went wrong: the connection's end.
    """

    def __init__(self, arrived: Callable[[Arrived], None]) -> None:
        self.messages = 0
        self.pauses = 0
        self._arrived = arrived
        self._early: list[Arrived] | None = []
        self._loop = asyncio.get_running_loop()
        self.broken: asyncio.Future[Exception] = self._loop.create_future()
        self._allowance = Allowance(SHARE, BURST, self._loop.time())
        self._packets: Packets | None = None
        self._socket: Any = None
        self._resume: asyncio.TimerHandle | None = None

    def came(self, message: Any) -> None:
        """Take a message as aiomqtt has it."""
        self.messages += 1
        payload = message.payload if isinstance(message.payload, bytes) else b""
        arrived = Arrived(str(message.topic), payload, bool(message.retain), self._loop.time())
        if self._early is None:
            self._arrived(arrived)
        elif len(self._early) < EARLY:
            self._early.append(arrived)

    def hand_on(self) -> None:
        """Whoever takes messages is ready for them."""
        early, self._early = self._early or [], None
        for arrived in early:
            self._arrived(arrived)

    def start(self, packets: Packets) -> None:
        """Read what comes to paho's client, instead of aiomqtt, which would read without end."""
        self._packets, self._socket = packets, packets.socket()
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.add_reader(self._socket, self._read)

    def stop(self) -> None:
        """Read no more."""
        if self._resume is not None:
            self._resume.cancel()
        if self._there():
            self._loop.remove_reader(self._socket)

    def _there(self) -> bool:
        """Whether the socket is still the connection's; paho closes it at its end."""
        return (
            self._packets is not None and self._socket is not None and self._packets.socket() is self._socket
        )

    def _read(self) -> None:
        if self._packets is None:
            return
        began = time.thread_time()
        try:
            while True:
                before = self.messages
                self._packets.loop_read()
                if not self._there():
                    return
                more = self.messages > before or _decrypted(self._socket)
                spent = time.thread_time() - began
                if not more or spent > STRETCH:
                    break
        except Exception as error:  # noqa: BLE001  (whatever it is, it is the connection's end)
            if not self.broken.done():
                self.broken.set_result(error)
            self.stop()
            return
        now = self._loop.time()
        self._allowance.use(spent, now)
        if self._allowance.left(now) <= 0:
            self.pauses += 1
            self._loop.remove_reader(self._socket)
            self._resume = self._loop.call_later(self._allowance.wait(now), self._go_on)
        elif _decrypted(self._socket):  # of which the loop's selector knows nothing
            self._loop.call_soon(self._read_on)

    def _go_on(self) -> None:
        if self._there():
            self._loop.add_reader(self._socket, self._read)
            self._read()

    def _read_on(self) -> None:
        if self._there():
            self._read()


def _decrypted(socket: Any) -> bool:
    """Whether TLS holds bytes that are read from the socket already."""
    pending = getattr(socket, "pending", None)
    return pending is not None and pending() > 0
