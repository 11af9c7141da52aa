"""The agenda: what waits for its tick. By integer tick, so that a tempo change re-queues nothing.

Laws:

    what comes out is sorted by (tick, rank, order of arrival)
    at one tick: clock bytes, then offs, then other messages, then ons
    everything that went in comes out once, or was removed
"""

from collections.abc import Callable
from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")


class Rank(IntEnum):
    """The order of messages that fall on one tick."""

    CLOCK = 0
    """A clock byte is the tick for whoever follows us: nothing delays it."""
    OFF = 1
    """Before ons, or a repeated note would be cut by the off of the one before."""
    OTHER = 2
    """Program changes and controllers, which the notes of their tick already need."""
    ON = 3


class Agenda(Generic[T]):
    """Items waiting for their tick, soonest first. Not thread-safe."""

    __slots__ = ("_heap", "_sequence")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, T]] = []
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, tick: int, rank: Rank, item: T) -> None:
        """Put `item` down for `tick`."""
        self._sequence += 1
        heappush(self._heap, (tick, int(rank), self._sequence, item))

    def next_tick(self) -> int | None:
        """The tick of the item that is next, or None when nothing waits."""
        return self._heap[0][0] if self._heap else None

    def pop(self) -> tuple[int, T]:
        """The next item and its tick; IndexError when nothing waits."""
        tick, _, _, item = heappop(self._heap)
        return tick, item

    def remove(self, unwanted: Callable[[int, T], bool]) -> int:
        """Drop the items for which `unwanted(tick, item)` is true; how many they were."""
        kept = [entry for entry in self._heap if not unwanted(entry[0], entry[3])]
        dropped = len(self._heap) - len(kept)
        if dropped:
            heapify(kept)
            self._heap = kept
        return dropped

    def waiting(self) -> list[tuple[int, T]]:
        """All items with their ticks, in the order in which they will come out."""
        return [(tick, item) for tick, _, _, item in sorted(self._heap, key=lambda entry: entry[:3])]
