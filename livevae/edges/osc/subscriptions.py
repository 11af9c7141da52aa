"""Subscribers: who is sent what the hub tells, for as long as a lease runs that any packet of theirs renews.

Bounds: `MOST` subscribers; each gets `PACKETS_PER_SECOND` at most, and what is beyond is dropped and counted; one
encoding and one queue for all of them. A port that refuses is dropped at once (Linux), any other with its lease.
Nobody can have livevae send to somebody else: from beyond this machine a subscription begins only when who asks
sends back a number that the first answer brought.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import secrets
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from livevae.edges.osc import feed
from livevae.edges.osc.limits import Addr, is_local
from livevae.edges.osc.packer import Packer
from livevae.edges.osc.timetags import Timetags
from livevae.errors import RequestError
from livevae.perform.events import TOPICS, Event
from livevae.perform.hub import Hub
from livevae.perform.requests import LEASE, LONGEST_LEASE, Reply, Subscribe, Unsubscribe

MOST = 32
"""Subscribers; more are a mistake or a flood."""

AT_ONCE = 32
"""Packets that are sent before the loop does something else."""

PACKETS_PER_SECOND = 500.0
BURST = 500.0

IP_RECVERR, IPV6_RECVERR = 11, 25
"""Linux: tell us which address refused a packet (ip(7), ipv6(7)); Python's socket module does not name them."""


@dataclass(slots=True)
class _Subscriber:
    where: Addr
    source: Addr
    seconds: float
    until: float
    filled: float
    topics: set[str] = field(default_factory=set)
    tokens: float = BURST
    dropped: int = 0

    def takes(self, packets: int, now: float) -> bool:
        """Whether so many packets may go there now."""
        self.tokens = min(BURST, self.tokens + (now - self.filled) * PACKETS_PER_SECOND)
        self.filled = now
        if self.tokens < packets:
            self.dropped += packets
            return False
        self.tokens -= packets
        return True


class Subscriptions:
    """The subscribers of one UDP edge. Lives on the server's loop.

    Args:
        hub: what happens.
        timetags: the map from timetags to the session's clock.
        clock: monotonic seconds.

    Attributes:
        standing: what a new subscriber is told of what began before it came: the riffs that sound and wait.
    """

    def __init__(self, hub: Hub, timetags: Timetags, clock: Callable[[], float]) -> None:
        self._hub, self._timetags, self._clock = hub, timetags, clock
        self.standing: Callable[[], Iterable[Event]] = tuple
        self._secret = secrets.token_bytes(16)
        self._socket: socket.socket | None = None
        self._subscribers: dict[Addr, _Subscriber] = {}
        self._listener = hub.listen()
        self._task: asyncio.Task[None] | None = None
        self._packer = Packer(timetags)
        self._number = 0

    def attach(self, shared: socket.socket) -> None:
        """Send from this socket, which somebody else reads and closes."""
        self._socket = socket.socket(fileno=os.dup(shared.fileno()))
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                v6 = self._socket.family == socket.AF_INET6
                level, option = (socket.IPPROTO_IPV6, IPV6_RECVERR) if v6 else (socket.IPPROTO_IP, IP_RECVERR)
                self._socket.setsockopt(level, option, 1)

    @property
    def count(self) -> int:
        """How many there are."""
        self._expire(self._clock())
        return len(self._subscribers)

    @property
    def dropped(self) -> int:
        """Packets that were not sent, because a subscriber would have got too many, of those who are here."""
        return sum(one.dropped for one in self._subscribers.values())

    def close(self) -> None:
        """Send nothing any longer."""
        self._listener.close()
        if self._task is not None:
            self._task.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def do(self, request: Subscribe | Unsubscribe, source: Addr) -> Reply:
        """Begin, change or end a subscription of who asks from `source`.

        Raises:
            RequestError: it cannot be; nothing has changed.
        """
        where = source if not request.port else (source[0], request.port, *source[2:])
        if isinstance(request, Unsubscribe):
            return self._end(request, where)
        if not request.topics:
            raise RequestError(f"subscribe to what? There are: {', '.join(TOPICS)}")
        if not is_local(source):
            if where != source:
                raise RequestError(
                    "from another machine, subscribe from the port that is to be sent to, without `port`"
                )
            if request.token != (token := self._token(where)):
                return Reply(pairs=(("token", token), ("text", "send the same again with this token")))
        now = self._clock()
        self._expire(now)
        one = self._subscribers.get(where)
        if one is None:
            if len(self._subscribers) >= MOST:
                raise RequestError(f"{MOST} subscribers are the most; some must unsubscribe first")
            one = self._subscribers[where] = _Subscriber(where, source, LEASE, now, now)
        one.source, one.seconds = source, min(request.seconds, LONGEST_LEASE)
        one.until = now + one.seconds
        new = set(request.topics) - one.topics
        if new:
            self._hub.log("client", f"{_shown(where)} listens to {' '.join(request.topics)}")
        one.topics |= set(request.topics)
        self._changed()
        if standing := [event for event in self.standing() if _topic(event) in new]:
            asyncio.get_running_loop().call_soon(self._catch_up, one, standing)
        topics = " ".join(topic for topic in TOPICS if topic in one.topics)
        pairs = (("topics", topics), ("seconds", one.seconds), ("subscribers", len(self._subscribers)))
        return Reply(pairs=pairs)

    def knows(self, source: Addr) -> bool:
        """Whether a subscriber is there, who has shown that it hears us."""
        return source in self._subscribers

    def seen(self, source: Addr) -> None:
        """A packet came from there: its lease begins anew."""
        for one in self._subscribers.values():
            if source in (one.source, one.where):
                one.until = self._clock() + one.seconds

    def refused(self) -> None:
        """Some packet was refused: drop whoever has no such port any longer."""
        if self._socket is None or sys.platform != "linux":
            return
        for _ in range(4 * MOST):
            try:
                _, extra, _, where = self._socket.recvmsg(16, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            codes = [struct.unpack_from("I", data)[0] for _, _, data in extra if len(data) >= 4]
            if errno.ECONNREFUSED in codes and self._subscribers.pop(where, None) is not None:
                self._hub.log("client", f"{_shown(where)} is gone")
                self._changed()

    def _end(self, request: Unsubscribe, where: Addr) -> Reply:
        one = self._subscribers.get(where)
        if one is None:
            raise RequestError(f"{_shown(where)} has no subscription")
        one.topics -= set(request.topics or TOPICS)
        if not one.topics:
            del self._subscribers[where]
            self._hub.log("client", f"{_shown(where)} listens no longer")
        self._changed()
        topics = " ".join(topic for topic in TOPICS if topic in one.topics)
        return Reply(pairs=(("topics", topics), ("subscribers", len(self._subscribers))))

    def _token(self, where: Addr) -> int:
        """A number that only who receives at `where` can know; nothing is kept for it."""
        digest = hashlib.blake2b(repr(where).encode(), key=self._secret, digest_size=4).digest()
        return int.from_bytes(digest, "big") >> 1 or 1

    def _expire(self, now: float) -> None:
        gone = [one for one in self._subscribers.values() if one.until < now]
        for one in gone:
            del self._subscribers[one.where]
            self._hub.log(
                "client", f"{_shown(one.where)} is gone: nothing came from it for {one.seconds:g} s"
            )
        if gone:
            self._changed()

    def _changed(self) -> None:
        wanted = {topic for one in self._subscribers.values() for topic in one.topics}
        kinds = frozenset(TOPICS[topic] for topic in wanted)
        if kinds != self._listener.topics:
            self._listener.wanting(kinds)
        if self._subscribers and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._run(), name="subscriptions")

    async def _run(self) -> None:
        while True:
            event = await self._listener.get()
            self._expire(self._clock())
            if self._subscribers:
                await self._send(event)

    async def _send(self, event: Event) -> None:
        topic = _topic(event)
        if not any(topic in one.topics for one in self._subscribers.values()):
            return
        self._number = (self._number + 1) % 2**31
        packets = await self._packer.packets(event, self._number)
        now, sent = self._clock(), 0
        for one in list(self._subscribers.values()):
            if self._subscribers.get(one.where) is not one or topic not in one.topics:
                continue  # it has gone while others were sent to
            if one.takes(len(packets), now):
                self._send_to(one, packets)
                sent += len(packets)
            if sent >= AT_ONCE:
                sent = 0
                await asyncio.sleep(0)
        self.refused()

    def _catch_up(self, one: _Subscriber, events: Iterable[Event]) -> None:
        """Tell a new subscriber what began before it came, after the answer to it."""
        now = self._clock()
        for event in events:
            self._number = (self._number + 1) % 2**31
            packets = feed.packets(event, self._timetags, self._number)
            if self._subscribers.get(one.where) is one and one.takes(len(packets), now):
                self._send_to(one, packets)

    def _send_to(self, one: _Subscriber, packets: Iterable[bytes]) -> None:
        if self._socket is None:
            return
        for packet in packets:
            for _ in range(2):  # the first try may be told of another's refusal
                try:
                    self._socket.sendto(packet, one.where)
                except ConnectionRefusedError:
                    self.refused()
                    if one.where not in self._subscribers:
                        return
                    continue
                except OSError:  # no room now, no way there: the lease decides
                    one.dropped += 1
                break


def _topic(event: Event) -> str:
    return next(name for name, kind in TOPICS.items() if kind is type(event))


def _shown(where: Addr) -> str:
    return f"{where[0]}:{where[1]}"
