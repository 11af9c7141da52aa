"""OSC over UDP: packets in, requests done, answers to where each packet came from.

Nothing that arrives can stop it, make it grow or make it a source of floods: a broken packet gets one error
reply, a source that keeps sending them gets no more than `ERRORS_PER_SECOND`, answers are never answered.
"""

import asyncio
import errno
import logging
import os
import socket
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from livevae.edges.osc import answers
from livevae.edges.osc.asking import ask
from livevae.edges.osc.codec import Message, OscError, decode, encode
from livevae.edges.osc.timetags import Timetags
from livevae.errors import LivevaeError
from livevae.perform.requests import Learn, PersonaTrain, Reply, Request

HOST = "127.0.0.1"
PORT = 7770

ERRORS_PER_SECOND = 10.0
"""Error replies a second to one source, after a burst of `ERROR_BURST`."""

ERROR_BURST = 20

ALL_ERRORS_PER_SECOND = 100.0
"""Error replies a second to all sources together: a flood can claim a new source with every packet."""

SOURCES = 64
"""How many sources are remembered for that; the one that was wrong longest ago is forgotten first."""

USUAL_HOLDERS = {
    PORT: "another livevae",
    57110: "scsynth",
    57120: "sclang or SuperDirt",
    6010: "TidalCycles",
    4560: "Sonic Pi",
}

Source: TypeAlias = tuple[str, int]
Do: TypeAlias = Callable[[Request], Reply]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Counts:
    """What the edge has seen since it opened.

    Attributes:
        packets: datagrams that arrived.
        requests: messages that became a request.
        errors: packets and messages that did not, and requests that were refused.
        held_back: errors of these that were not answered, because too many came at once.
    """

    packets: int = 0
    requests: int = 0
    errors: int = 0
    held_back: int = 0


@dataclass(slots=True)
class _Bucket:
    """A token bucket: `burst` at once, then `rate` a second."""

    rate: float
    burst: float
    tokens: float
    filled: float
    held_back: int = 0

    def take(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.filled) * self.rate)
        self.filled = now
        if self.tokens < 1:
            self.held_back += 1
            return False
        self.tokens -= 1
        return True


class UdpEdge(asyncio.DatagramProtocol):
    """The protocol behind `open_udp`; lives on the server's event loop and is used from there alone.

    Args:
        do: does a request and answers it; synchronous and fast.
        timetags: the map from timetags to the session's clock.
        clock: monotonic seconds, for the rates.
        on_error: told each error sentence that is answered, for the terminal.
        strict: let faults of `do` through (tests), where a performance logs them and goes on.
        on_packet: told each packet before it is read, for a log.
    """

    def __init__(
        self,
        do: Do,
        timetags: Timetags,
        clock: Callable[[], float],
        on_error: Callable[[str], None] | None = None,
        strict: bool = False,
        on_packet: Callable[[bytes], None] | None = None,
    ) -> None:
        self._do, self._timetags, self._clock = do, timetags, clock
        self._on_error, self._strict, self._on_packet = on_error, strict, on_packet
        self._transport: asyncio.DatagramTransport | None = None
        self._sources: OrderedDict[str, _Bucket] = OrderedDict()
        self._all = _Bucket(ALL_ERRORS_PER_SECOND, ALL_ERRORS_PER_SECOND, ALL_ERRORS_PER_SECOND, clock())
        self._packets = self._requests = self._errors = self._held_back = 0
        self._full = False
        self.address: Source = ("", 0)

    @property
    def counts(self) -> Counts:
        """What has been seen so far."""
        return Counts(self._packets, self._requests, self._errors, self._held_back)

    def close(self) -> None:
        """Stop listening; answers that wait are dropped."""
        if self._transport is not None:
            self._transport.abort()

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

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        """asyncio: one packet came."""
        source = cast("Source", addr[:2])
        self._packets += 1
        if self._on_packet is not None:
            self._on_packet(data)
        try:
            timed = decode(data)
        except OscError as wrong:
            self._refuse(None, str(wrong), addr)
            return
        for one in timed:
            if one.message.address in (answers.REPLY, answers.ERROR) or source == self.address:
                continue  # never answer an answer: two servers would talk for ever
            self._one(one.message, one.timetag, addr)

    def _one(self, message: Message, timetag: float | None, addr: tuple[str | int, ...]) -> None:
        try:
            asked = ask(message)
            request = asked.request(self._timetags.at(timetag))
            if isinstance(request, PersonaTrain | Learn):
                request = replace(request, tell=lambda later: self._send(answers.reply(message, later), addr))
            self._requests += 1
            answer = self._do(request)
        except LivevaeError as wrong:
            self._refuse(message, str(wrong), addr)
        except Exception as fault:
            if self._strict:
                raise
            self._refuse(message, f"livevae stumbled over this: {type(fault).__name__}: {fault}", addr, fault)
        else:
            if answer.ok and not asked.quiet:
                self._send(answers.reply(message, answer, asked.ignored), addr)
            elif not answer.ok:
                self._refuse(message, answer.text, addr)

    def _refuse(
        self, message: Message | None, text: str, addr: tuple[str | int, ...], fault: Exception | None = None
    ) -> None:
        self._errors += 1
        now = self._clock()
        bucket = self._bucket(str(addr[:2]), now)
        if not (bucket.take(now) and self._all.take(now)):
            self._held_back += 1
            return
        held_back, bucket.held_back = bucket.held_back, 0
        if fault is not None:
            _log.error("a fault while doing %s", message, exc_info=fault)
        if self._on_error is not None:
            where = f"{message.address[: answers.LONGEST_TEXT]}: " if message else ""
            self._on_error(f"{where}{text[: answers.LONGEST_TEXT]}")
        self._send(answers.error(message, text, held_back), addr)

    def _bucket(self, source: str, now: float) -> _Bucket:
        bucket = self._sources.pop(source, None) or _Bucket(ERRORS_PER_SECOND, ERROR_BURST, ERROR_BURST, now)
        self._sources[source] = bucket
        if len(self._sources) > SOURCES:
            self._sources.popitem(last=False)
        return bucket

    def _send(self, message: Message, addr: tuple[str | int, ...]) -> None:
        transport = self._transport
        if self._full or transport is None or transport.is_closing():
            return
        try:
            transport.sendto(encode(message), addr)
        except (OscError, OSError, ValueError) as wrong:  # a source port of 0, a reply beyond a datagram
            _log.debug("an answer was not sent: %s", wrong)


async def open_udp(
    do: Do,
    host: str = HOST,
    port: int = PORT,
    *,
    timetags: Timetags | None = None,
    on_error: Callable[[str], None] | None = None,
    strict: bool = False,
    on_packet: Callable[[bytes], None] | None = None,
) -> UdpEdge:
    """Listen for OSC on `host`:`port` (0 is any free port) until `close`.

    Args:
        do: does a request and answers it; synchronous and fast.
        host: an address of this machine; 127.0.0.1 hears this machine alone.
        port: the UDP port.
        timetags: the map from timetags to the session's clock; the loop's own clock where None.
        on_error: told each error sentence that is answered.
        strict: let faults of `do` through (tests).
        on_packet: told each packet before it is read, for a log.

    Raises:
        OscError: the port does not open; says why and what to do.
    """
    loop = asyncio.get_running_loop()
    clock = timetags or Timetags(loop.time)
    try:
        _, edge = await loop.create_datagram_endpoint(
            lambda: UdpEdge(do, clock, loop.time, on_error, strict, on_packet), local_addr=(host, port)
        )
    except (OSError, OverflowError, UnicodeError) as wrong:
        raise OscError(_not_open(host, port, wrong)) from None
    return edge


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
