"""OSC over UDP: packets in, requests done, answers to where each packet came from.

Nothing that arrives can stop it, make it grow, keep the loop from the music or make it a source of floods: packets wait
for their turn (`turns`), a source gets so many errors a second and so many bytes (`limits`), a broken packet gets one
error, what is too much is refused with one, and answers are never answered.
"""

import asyncio
import errno
import hmac
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, cast

from livevae.edges.osc import answers, feed
from livevae.edges.osc.arguments import SECRET
from livevae.edges.osc.asking import Asked, ask, without, word_of
from livevae.edges.osc.codec import Message, OscError, Timed, decode, encode, encode_bundle
from livevae.edges.osc.limits import SOURCES, Addr, Limits, Network, full, is_allowed, is_local
from livevae.edges.osc.subscriptions import Subscriptions
from livevae.edges.osc.timetags import Timetags
from livevae.edges.osc.turns import Turns
from livevae.errors import LivevaeError, RequestError
from livevae.perform.requests import Later, Reply, Request, Subscribe, Unsubscribe

HOST = "127.0.0.1"
PORT = 7770

MOST_MESSAGES = 128
"""Messages in one packet; hosts bundle a few events."""

LONGEST_MESSAGE = 8_192
"""Bytes of one message: all settings of a voice have 500, a blend over 64 personas 5,000."""

AT_ONCE = 64
"""Packets that are read before the loop does something else. asyncio reads one, and in a flood the system drops the
rest, of whoever they are."""

LARGEST_PACKET = 65_536
"""Bytes; UDP has room for 65,507."""

KEPT_OUT_PER_SECOND = 0.2
"""Lines a second that tell the performer who was kept out or left out, after a burst of `KEPT_OUT_BURST`."""

KEPT_OUT_BURST = 3.0

USUAL_HOLDERS = {
    PORT: "another livevae",
    57110: "scsynth",
    57120: "sclang or SuperDirt",
    6010: "TidalCycles",
    4560: "Sonic Pi",
}

NO_REQUESTS = frozenset({answers.REPLY, answers.ERROR, *feed.EVENTS})
"""What livevae itself sends."""

Source: TypeAlias = tuple[str, int]
Do: TypeAlias = Callable[[Request, Later], Reply]
"""Does a request, and answers it; what is known only later goes to the second argument."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Counts:
    """What the edge has seen since it opened.

    Attributes:
        packets: datagrams that arrived.
        requests: messages that became a request.
        errors: packets and messages that did not, and requests that were refused.
        held_back: answers that were not sent, because too many came at once.
        kept_out: packets and messages of sources that are not allowed, or do not know the secret.
        too_many: packets for which there was no room.
    """

    packets: int = 0
    requests: int = 0
    errors: int = 0
    held_back: int = 0
    kept_out: int = 0
    too_many: int = 0


@dataclass(frozen=True, slots=True)
class Door:
    """Who is let in.

    Attributes:
        allowed: networks whose packets are read, besides this machine's own; none are all.
        secret: the word that every message from beyond this machine has to bring; "" is none.
    """

    allowed: tuple[Network, ...] = ()
    secret: str = ""


OPEN = Door()
"""Everyone is let in: enough on 127.0.0.1."""


class UdpEdge(asyncio.DatagramProtocol):
    """The protocol behind `open_udp`; lives on the server's event loop and is used from there alone.

    Args:
        do: does a request and answers it; synchronous and fast.
        timetags: the map from timetags to the session's clock.
        clock: monotonic seconds, for the rates.
        on_error: told each error sentence that is answered, for the terminal.
        strict: let faults of `do` through (tests), where a performance logs them and goes on.
        on_request: told each message that is about to change something, as a packet, for a log.
        door: who is let in.
    """

    def __init__(
        self,
        do: Do,
        timetags: Timetags,
        clock: Callable[[], float],
        on_error: Callable[[str], None] | None = None,
        strict: bool = False,
        on_request: Callable[[bytes], None] | None = None,
        door: Door = OPEN,
    ) -> None:
        self._do, self._timetags, self._clock = do, timetags, clock
        self._on_error, self._strict, self._on_request = on_error, strict, on_request
        self._door = door
        self._transport: asyncio.DatagramTransport | None = None
        self._socket: socket.socket | None = None
        self._limits = Limits(clock())
        self._turns: Turns[Timed] = Turns(self._open, self._one, clock, self._is_known)
        self._complaints = full(KEPT_OUT_PER_SECOND, KEPT_OUT_BURST, clock())
        self._overrun: set[Addr] = set()
        self._packets = self._requests = self._errors = self._held_back = 0
        self._kept_out = self._too_many = 0
        self._full = False
        self._subscriptions: Subscriptions | None = None
        self.address: Source = ("", 0)

    def serve(self, subscriptions: Subscriptions) -> None:
        """Send subscribers what happens, from this edge's own port; closed with the edge."""
        self._subscriptions = subscriptions
        if self._transport is not None:
            subscriptions.attach(self._transport.get_extra_info("socket"))

    @property
    def counts(self) -> Counts:
        """What has been seen so far."""
        return Counts(
            self._packets, self._requests, self._errors, self._held_back, self._kept_out, self._too_many
        )

    def close(self) -> None:
        """Stop listening; answers and packets that wait are dropped."""
        self._turns.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._subscriptions is not None:
            self._subscriptions.close()
        if self._transport is not None:
            self._transport.abort()

    def attach(self, shared: socket.socket) -> None:
        """Read more than one packet at a time from this socket, which the transport reads and closes."""
        self._socket = socket.socket(fileno=os.dup(shared.fileno()))
        self._socket.setblocking(False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the socket is open."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.address = transport.get_extra_info("sockname")[:2]

    def pause_writing(self) -> None:
        """asyncio: the socket takes no more; answers are dropped, not kept, until it does."""
        self._full = True

    def resume_writing(self) -> None:
        """asyncio: the socket takes answers again."""
        self._full = False

    def error_received(self, exc: Exception) -> None:
        """asyncio: an answer could not be delivered, as a rule because who asked is gone."""
        _log.debug("an answer was not delivered: %s", exc)
        if self._subscriptions is not None:
            self._subscriptions.refused()

    def datagram_received(self, data: bytes, addr: Addr) -> None:
        """asyncio: one packet came, and others may have come with it."""
        self._came(data, addr)
        for _ in range(AT_ONCE - 1):
            if self._socket is None:
                return
            try:
                more, source = self._socket.recvfrom(LARGEST_PACKET)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as wrong:
                self.error_received(wrong)
            else:
                self._came(more, source)

    def _is_known(self, addr: Addr) -> bool:
        """Whether a source cannot be false: it is on this machine, knows the secret, or has shown that it hears us."""
        subscriptions = self._subscriptions
        return (
            is_local(addr)
            or self._limits.knows(addr)
            or (subscriptions is not None and subscriptions.knows(addr))
        )

    def _came(self, data: bytes, addr: Addr) -> None:
        self._packets += 1
        if not is_allowed(addr, self._door.allowed):
            self._keep_out(f"a packet from {addr[0]} was not read: it is in no network of --allow")
            return
        self._limits.came(addr, len(data), self._clock())
        if self._subscriptions is not None:
            self._subscriptions.seen(addr)
        waits = self._turns.waits(addr)
        if not waits:
            self._overrun.discard(addr)
        if self._turns.add(data, addr):
            return
        self._too_many += 1
        if not waits:  # its address may be as false as those of the others, so nothing is answered
            self._complain("too much came from too many at once, and some of it was left out")
            return
        if addr not in self._overrun:
            if len(self._overrun) >= SOURCES:
                self._overrun.clear()
            self._overrun.add(addr)
            self._refuse(
                None, "too much came at once, and some of it was left out: send less, or slower", addr
            )

    def send(self, message: Message, addr: Addr) -> None:
        """Send a message there, unless it is more than that source may get now."""
        transport = self._transport
        if self._full or transport is None or transport.is_closing():
            return
        try:
            packet = encode(message)
            if self._limits.answer(addr, len(packet), self._clock()):
                transport.sendto(packet, addr)
            else:
                self._held_back += 1
        except (OscError, OSError, ValueError) as wrong:  # a source port of 0, a reply beyond a datagram
            _log.debug("an answer was not sent: %s", wrong)

    def _open(self, packet: bytes, addr: Addr) -> list[Timed]:
        """The messages of a packet that are to be done; of a broken one none, and an error goes back."""
        try:
            timed = decode(packet, MOST_MESSAGES, LONGEST_MESSAGE)
        except OscError as wrong:
            if self._door.secret and not is_local(addr):
                self._kept_out += 1
            else:
                self._refuse(None, str(wrong), addr)
            return []
        if addr[:2] == self.address:
            return []
        # never answer an answer: two servers would talk for ever
        return [one for one in timed if one.message.address not in NO_REQUESTS]

    def _one(self, timed: Timed, addr: Addr) -> None:
        message = timed.message
        if self._door.secret and not is_local(addr):
            if not self._knows_the_secret(message):
                self._kept_out += 1
                self._keep_out(f"a message from {addr[0]} was not done: it does not bring the secret")
                return
            self._limits.came(addr, 0, self._clock(), known=True)
        try:
            asked = ask(message)
            request = asked.request(self._timetags.at(timed.timetag))
            self._requests += 1
            if self._on_request is not None and asked.row.changes:
                self._on_request(_kept(timed))
            if isinstance(request, Subscribe | Unsubscribe):
                answer = self._subscribe(request, addr)
            else:
                answer = self._do(request, lambda later: self._came_of(message, asked, later, addr))
        except LivevaeError as wrong:
            self._refuse(message, str(wrong), addr)
        except Exception as fault:
            if self._strict:
                raise
            self._refuse(message, f"livevae stumbled over this: {type(fault).__name__}: {fault}", addr, fault)
        else:
            if not answer.pending:
                self._came_of(message, asked, answer, addr)

    def _subscribe(self, request: Subscribe | Unsubscribe, addr: Addr) -> Reply:
        if self._subscriptions is None:
            raise RequestError("nobody can subscribe here")
        return self._subscriptions.do(request, addr)

    def _knows_the_secret(self, message: Message) -> bool:
        word = word_of(message, SECRET)
        return isinstance(word, str) and hmac.compare_digest(word.encode(), self._door.secret.encode())

    def _came_of(self, message: Message, asked: Asked, answer: Reply, addr: Addr) -> None:
        if not answer.ok:
            self._refuse(message, answer.text, addr)
        elif not asked.quiet:
            self._answer(message, asked, answer, addr)

    def _answer(self, message: Message, asked: Asked, answer: Reply, addr: Addr) -> None:
        held_back = self._limits.held_back(addr, self._clock())
        self.send(answers.reply(message, answer, asked.ignored, held_back), addr)

    def _refuse(self, message: Message | None, text: str, addr: Addr, fault: Exception | None = None) -> None:
        self._errors += 1
        now = self._clock()
        if not self._limits.error(addr, now):
            self._held_back += 1
            return
        if fault is not None:
            _log.error("a fault while doing %s", message, exc_info=fault)
        if self._on_error is not None:
            where = f"{message.address[: answers.LONGEST_TEXT]}: " if message else ""
            self._on_error(f"{where}{text[: answers.LONGEST_TEXT]}")
        self.send(answers.error(message, text, self._limits.held_back(addr, now)), addr)

    def _keep_out(self, complaint: str) -> None:
        self._kept_out += 1
        self._complain(complaint)

    def _complain(self, complaint: str) -> None:
        if self._on_error is not None and self._complaints.take(self._clock()):
            self._on_error(complaint)


def _kept(timed: Timed) -> bytes:
    """A message as a packet for the log, which is no place for a secret."""
    if word_of(timed.message, SECRET) is None:
        return timed.packet
    packet = encode(without(timed.message, SECRET))
    return packet if timed.timetag is None else encode_bundle([packet], timed.timetag)


async def open_udp(
    do: Do,
    host: str = HOST,
    port: int = PORT,
    *,
    timetags: Timetags | None = None,
    on_error: Callable[[str], None] | None = None,
    strict: bool = False,
    on_request: Callable[[bytes], None] | None = None,
    door: Door = OPEN,
    sock: socket.socket | None = None,
) -> UdpEdge:
    """Listen for OSC on `host`:`port` (0 is any free port) until `close`.

    Args:
        do: does a request and answers it; synchronous and fast.
        host: an address of this machine; 127.0.0.1 hears this machine alone.
        port: the UDP port.
        timetags: the map from timetags to the session's clock; the loop's own clock where None.
        on_error: told each error sentence that is answered.
        strict: let faults of `do` through (tests).
        on_request: told each message that is about to change something, as a packet, for a log.
        door: who is let in.
        sock: from `bound`, in place of host and port.

    Raises:
        OscError: the port does not open; says why and what to do.
    """
    loop = asyncio.get_running_loop()
    clock = timetags or Timetags(loop.time)
    transport, edge = await loop.create_datagram_endpoint(
        lambda: UdpEdge(do, clock, loop.time, on_error, strict, on_request, door),
        sock=await bound(host, port) if sock is None else sock,
    )
    edge.attach(transport.get_extra_info("socket"))
    return edge


async def bound(host: str = HOST, port: int = PORT) -> socket.socket:
    """A socket that has `host`:`port` (0 is any free port), for `open_udp`; what comes meanwhile waits in it.

    Raises:
        OscError: the port does not open; says why and what to do.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, OverflowError, UnicodeError) as wrong:
        raise OscError(_not_open(host, port, wrong)) from None
    why: Exception | None = None
    for family, kind, protocol, _, address in found:
        try:
            opened = socket.socket(family, kind, protocol)
        except OSError as wrong:  # such as IPv6, where there is none
            why = why or wrong
            continue
        try:
            opened.setblocking(False)
            opened.bind(address)
        except (OSError, OverflowError) as wrong:
            opened.close()
            why = why or wrong
        else:
            return opened
    raise OscError(_not_open(host, port, why or OSError(errno.EADDRNOTAVAIL, "no address")))


def parse_endpoint(text: str) -> Source:
    """`HOST:PORT`, `:PORT`, `HOST` or `[IPV6]:PORT` as host and port.

    Raises:
        OscError: the port is no number from 0 to 65535.
    """
    host, colon, port = text.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = text, str(PORT)
    if not (port.isascii() and port.isdecimal() and int(port) <= 0xFFFF):
        raise OscError(f"--osc takes HOST:PORT, as in {HOST}:{PORT}, not {text!r}")
    return host.removeprefix("[").removesuffix("]") or HOST, int(port)


def _not_open(host: str, port: int, wrong: Exception) -> str:
    where = f"{host}:{port}"
    code = wrong.errno if isinstance(wrong, OSError) else None
    if code == errno.EADDRINUSE:
        holder = USUAL_HOLDERS.get(port)
        perhaps = f", perhaps by {holder}" if holder else ""
        return f"OSC port {where} is in use{perhaps}: stop that, or choose another: --osc {host}:{port + 1}"
    if code == errno.EACCES:
        return f"OSC port {where} is not allowed: choose one from 1024 up, as in --osc {host}:{PORT}"
    if code == errno.EADDRNOTAVAIL or isinstance(wrong, socket.gaierror | UnicodeError):
        return f"{host} is no address of this machine: choose {HOST}, or 0.0.0.0 for every network"
    return f"OSC port {where} does not open: {os.strerror(code) if code else wrong}"
