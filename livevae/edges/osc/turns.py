"""Whose turn it is: packets wait here, and are worked on a little at a time, so that the music has the loop between.

Each source has a queue of its own, and they take turns. Those that cannot be false, such as programs on this machine,
have every other turn and room of their own, however many machines seem to send. The work takes at most `SHARE`
of the loop's time, and no more than `STRETCH` seconds at a stretch, however much comes in and whatever it asks for.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from livevae.edges.osc.limits import Addr, Bucket, full, is_local

T = TypeVar("T")

SHARE = 0.5
"""The part of the loop's time that packets may take."""

STRETCH = 0.003
"""Seconds for which the loop does nothing else, at most, besides one request that takes longer by itself."""

MOST_PACKETS = 256
"""Packets of one source that may wait."""

MOST_BYTES = 131_072
"""Bytes of one source's packets that may wait."""

MOST_WAITING = 1_048_576
"""Bytes of all packets that may wait, of sources that are known and of all others, with `EACH` more for each packet."""

EACH = 64
"""Bytes that a packet takes beside its own."""

MOST_SOURCES = 256
"""Sources that may wait, known and others: who sends from a false address can send from a million."""


@dataclass(slots=True)
class _Source(Generic[T]):
    """What one source waits with, and the bytes of its packets."""

    queue: "deque[bytes | T]" = field(default_factory=deque)
    bytes: int = 0


@dataclass(slots=True)
class _Side(Generic[T]):
    """The sources that are known, or all others, in the order of their turns; and the bytes of their packets."""

    sources: dict[Addr, _Source[T]] = field(default_factory=dict)
    bytes: int = 0


class Turns(Generic[T]):
    """Queues of packets and of the pieces that a packet is made of. Lives on one event loop.

    Args:
        open_: takes a packet apart; gives its pieces, in order.
        work: works on one piece.
        clock: monotonic seconds. Where it stands still, as in virtual time, nothing waits.
        is_known: whether a source cannot be false.
    """

    def __init__(
        self,
        open_: Callable[[bytes, Addr], list[T]],
        work: Callable[[T, Addr], None],
        clock: Callable[[], float],
        is_known: Callable[[Addr], bool] = is_local,
    ) -> None:
        self._open, self._work, self._clock, self._is_known = open_, work, clock, is_known
        self._time: Bucket = full(SHARE, STRETCH, clock())
        self._known, self._others = _Side[T](), _Side[T]()
        self._known_is_next = True
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many packets and pieces wait."""
        return sum(
            len(source.queue) for side in (self._known, self._others) for source in side.sources.values()
        )

    def waits(self, addr: Addr) -> bool:
        """Whether something of this source waits."""
        return addr in self._known.sources or addr in self._others.sources

    def add(self, packet: bytes, addr: Addr) -> bool:
        """Put a packet into its source's queue, and work on what there is time for; False where it has no room."""
        side = self._side(addr)
        source = side.sources.get(addr)
        if side.bytes + len(packet) + EACH > MOST_WAITING:
            return False
        if source is None:
            if len(side.sources) >= MOST_SOURCES:
                return False
            source = side.sources[addr] = _Source()
        elif len(source.queue) >= MOST_PACKETS or source.bytes + len(packet) > MOST_BYTES:
            return False
        source.queue.append(packet)
        source.bytes += len(packet)
        side.bytes += len(packet) + EACH
        if self._alarm is None:
            self.work()
        return True

    def work(self) -> None:
        """Work for as long as there is time, one piece of each source in turn; then come back later."""
        self._alarm = None
        began = self._clock()
        self._time.fill(began)
        while side := self._next_side():
            if self._time.tokens <= 0:
                ready = self._time.filled + (STRETCH - self._time.tokens) / SHARE
                self._alarm = asyncio.get_running_loop().call_later(max(ready - began, 0.0), self.work)
                return
            self._known_is_next = side is self._others
            addr = next(iter(side.sources))
            source = side.sources.pop(addr)
            try:
                self._piece(source, side, addr)
            finally:
                if source.queue:
                    side.sources[addr] = source
                now = self._clock()
                self._time.tokens -= now - began
                began = now

    def close(self) -> None:
        """Forget what waits."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._known, self._others = _Side[T](), _Side[T]()

    def _side(self, addr: Addr) -> _Side[T]:
        """Where a source waits; one that became known meanwhile stays where it is until all of it is done."""
        for side in (self._known, self._others):
            if addr in side.sources:
                return side
        return self._known if self._is_known(addr) else self._others

    def _next_side(self) -> _Side[T] | None:
        """Whose turn it is; None where nothing waits."""
        sides = (self._known, self._others) if self._known_is_next else (self._others, self._known)
        return next((side for side in sides if side.sources), None)

    def _piece(self, source: _Source[T], side: _Side[T], addr: Addr) -> None:
        first = source.queue.popleft()
        if isinstance(first, bytes):
            source.bytes -= len(first)
            side.bytes -= len(first) + EACH
            source.queue.extendleft(reversed(self._open(first, addr)))
        else:
            self._work(first, addr)
