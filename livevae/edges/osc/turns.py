"""Whose turn it is: packets wait here, and are worked on a little at a time, so that the music has the loop between.

Each source has a queue of its own, and they take turns. The work takes at most `SHARE` of the loop's time, and no more
than `STRETCH` seconds at a stretch, however much comes in and whatever it asks for.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from livevae.edges.osc.limits import Bucket, full

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
"""Bytes of all packets that may wait."""


class Turns(Generic[T]):
    """Queues of packets and of the pieces that a packet is made of. Lives on one event loop.

    Args:
        open_: takes a packet apart; gives its pieces, in order.
        work: works on one piece.
        clock: monotonic seconds. Where it stands still, as in virtual time, nothing waits.
    """

    def __init__(
        self,
        open_: Callable[[bytes, tuple[str | int, ...]], list[T]],
        work: Callable[[T, tuple[str | int, ...]], None],
        clock: Callable[[], float],
    ) -> None:
        self._open, self._work, self._clock = open_, work, clock
        self._time: Bucket = full(SHARE, STRETCH, clock())
        self._queues: dict[tuple[str | int, ...], deque[bytes | T]] = {}
        self._bytes: dict[tuple[str | int, ...], int] = {}
        self._all = 0
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many packets and pieces wait."""
        return sum(map(len, self._queues.values()))

    def waits(self, addr: tuple[str | int, ...]) -> bool:
        """Whether something of this source waits."""
        return addr in self._queues

    def add(self, packet: bytes, addr: tuple[str | int, ...]) -> bool:
        """Put a packet into its source's queue, and work on what there is time for; False where it has no room."""
        queue = self._queues.get(addr)
        size = self._bytes.get(addr, 0)
        if queue is not None and (len(queue) >= MOST_PACKETS or size + len(packet) > MOST_BYTES):
            return False
        if self._all + len(packet) > MOST_WAITING:
            return False
        if queue is None:
            queue = self._queues[addr] = deque()
        queue.append(packet)
        self._bytes[addr] = size + len(packet)
        self._all += len(packet)
        if self._alarm is None:
            self.work()
        return True

    def work(self) -> None:
        """Work for as long as there is time, one piece of each source in turn; then come back later."""
        self._alarm = None
        began = self._clock()
        self._time.fill(began)
        while self._queues:
            if self._time.tokens <= 0:
                ready = self._time.filled + (STRETCH - self._time.tokens) / SHARE
                self._alarm = asyncio.get_running_loop().call_later(max(ready - began, 0.0), self.work)
                return
            addr = next(iter(self._queues))
            queue = self._queues.pop(addr)
            try:
                self._piece(queue, addr)
            finally:
                if queue:
                    self._queues[addr] = queue
                else:
                    self._bytes.pop(addr, None)
                now = self._clock()
                self._time.tokens -= now - began
                began = now

    def close(self) -> None:
        """Forget what waits."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._queues.clear()
        self._bytes.clear()
        self._all = 0

    def _piece(self, queue: "deque[bytes | T]", addr: tuple[str | int, ...]) -> None:
        first = queue.popleft()
        if isinstance(first, bytes):
            self._bytes[addr] -= len(first)
            self._all -= len(first)
            queue.extendleft(reversed(self._open(first, addr)))
        else:
            self._work(first, addr)
