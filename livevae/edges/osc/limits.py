"""How much one source may ask of us, and how much we send to it: token buckets by source. Pure: time comes in.

A source beyond this machine can be false: UDP says who sent a packet, and anybody can write anything there. What is
sent to such a source is bounded beside what came from it, so that livevae is of no use to flood a third machine with.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Addr: TypeAlias = tuple[str | int, ...]
"""Where a datagram came from, as asyncio gives it: host and port, and two numbers more over IPv6."""

ERRORS_PER_SECOND = 10.0
"""Error replies a second to one source, after a burst of `ERROR_BURST`."""

ERROR_BURST = 20.0

ALL_ERRORS_PER_SECOND = 100.0
"""Error replies a second to all sources together: a flood can claim a new source with every packet."""

SOURCES = 64
"""How many sources are remembered, of those that know the secret and of others; the one that came longest ago is
forgotten first."""

LOCAL_BYTES, LOCAL_BURST = 4_000_000.0, 1_000_000.0
"""Bytes of answers a second, and at once, to a program on this machine, or to one that knows the secret."""

FAR_BYTES, FAR_BURST = 4_096.0, 16_384.0
"""Bytes of answers a second, and at once, to one machine elsewhere, besides `FAR_FACTOR` times what it sent."""

FAR_FACTOR = 3.0
"""The amplification that QUIC allows towards an address that has not shown itself (RFC 9000, section 8.1)."""

ALL_FAR_BYTES, ALL_FAR_BURST = 65_536.0, 262_144.0
"""The same to all machines elsewhere together."""


@dataclass(slots=True)
class Bucket:
    """A token bucket: `burst` at once, then `rate` a second."""

    rate: float
    burst: float
    tokens: float
    filled: float

    def fill(self, now: float, more: float = 0.0) -> None:
        """Bring it up to `now`, and put `more` in."""
        self.tokens = min(self.burst, self.tokens + (now - self.filled) * self.rate + more)
        self.filled = now

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Take so much out, if it is there."""
        self.fill(now)
        if self.tokens < amount:
            return False
        self.tokens -= amount
        return True


def full(rate: float, burst: float, now: float) -> Bucket:
    """A bucket that nothing was taken from."""
    return Bucket(rate, burst, burst, now)


@dataclass(slots=True)
class _Source:
    errors: Bucket
    answers: Bucket
    held_back: int = 0


class Limits:
    """What each source may still be sent.

    Args:
        now: seconds of the clock whose times come in later.
    """

    def __init__(self, now: float) -> None:
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._errors = full(ALL_ERRORS_PER_SECOND, ALL_ERRORS_PER_SECOND, now)
        self._far = full(ALL_FAR_BYTES, ALL_FAR_BURST, now)
        self._known: OrderedDict[str, _Source] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sources) + len(self._known)

    def came(self, addr: Addr, size: int, now: float, *, known: bool = False) -> None:
        """A packet of `size` bytes came; from a source that knows the secret, where `known`."""
        if is_local(addr):
            return
        key = _key(addr)
        if known and key not in self._known:
            self._sources.pop(key, None)
            _keep(self._known, key, _made(LOCAL_BYTES, LOCAL_BURST, now))
        self._source(addr, now).answers.fill(now, FAR_FACTOR * size)
        self._far.fill(now, FAR_FACTOR * size)

    def knows(self, addr: Addr) -> bool:
        """Whether a source has shown that it knows the secret."""
        return bool(self._known) and _key(addr) in self._known  # without a secret no address is looked at

    def error(self, addr: Addr, now: float) -> bool:
        """Whether an error may be answered now; counted as held back where not."""
        source = self._source(addr, now)
        if source.errors.take(now) and self._errors.take(now):
            return True
        source.held_back += 1
        return False

    def answer(self, addr: Addr, size: int, now: float) -> bool:
        """Whether `size` bytes may be sent there now; counted as held back where not."""
        source = self._source(addr, now)
        far = not is_local(addr) and _key(addr) not in self._known
        if source.answers.take(now, size) and (not far or self._far.take(now, size)):
            return True
        source.held_back += 1
        return False

    def held_back(self, addr: Addr, now: float) -> int:
        """How many answers were held back since this was asked last."""
        source = self._source(addr, now)
        count, source.held_back = source.held_back, 0
        return count

    def _source(self, addr: Addr, now: float) -> _Source:
        key = _key(addr)
        if (source := self._known.pop(key, None)) is not None:
            return _keep(self._known, key, source)
        source = self._sources.pop(key, None)
        if source is None:
            local = is_local(addr)
            source = _made(LOCAL_BYTES if local else FAR_BYTES, LOCAL_BURST if local else FAR_BURST, now)
        return _keep(self._sources, key, source)


def _made(rate: float, burst: float, now: float) -> _Source:
    """A source that has asked nothing yet, and may be sent `rate` bytes a second, and `burst` at once."""
    return _Source(full(ERRORS_PER_SECOND, ERROR_BURST, now), full(rate, burst, now))


def _keep(sources: OrderedDict[str, _Source], key: str, source: _Source) -> _Source:
    """Remember a source as the one that came last."""
    sources[key] = source
    if len(sources) > SOURCES:
        sources.popitem(last=False)
    return source


def is_local(addr: Addr) -> bool:
    """Whether a packet came from this machine's own loopback; no other machine can claim that."""
    host = _host(addr)
    return host is None or host.is_loopback


def is_allowed(addr: Addr, allowed: tuple[Network, ...]) -> bool:
    """Whether a source is this machine, or in one of the networks; every source is where there are none."""
    host = _host(addr)
    return not allowed or host is None or host.is_loopback or any(host in network for network in allowed)


def network(text: str) -> Network:
    """`192.168.1.0/24`, or one address.

    Raises:
        ValueError: it is neither.
    """
    return ipaddress.ip_network(text.strip(), strict=False)


def _host(addr: Addr) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address; None of what is none, as in a log that is replayed."""
    try:
        host = ipaddress.ip_address(str(addr[0]))
    except ValueError:
        return None
    return getattr(host, "ipv4_mapped", None) or host


def _key(addr: Addr) -> str:
    """Programs of this machine by their port; other machines whole, over IPv6 by their network of 64 bits."""
    host = _host(addr)
    if host is None or host.is_loopback:
        return f"{addr[0]}:{addr[1]}"
    if host.version == 6:
        return str(ipaddress.ip_network((int(host) >> 64 << 64, 64)))
    return str(host)
