"""What came before: a message may arrive twice (QoS 1 repeats), and is done once."""

from collections import OrderedDict
from typing import Generic, TypeVar

KEPT = 256
"""How many ids are remembered; the oldest is forgotten first."""

T = TypeVar("T")


class Repeats(Generic[T]):
    """The last ids, each with what came of it."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._known: OrderedDict[object, T] = OrderedDict()

    def __contains__(self, key: object) -> bool:
        return key in self._known

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: object) -> T | None:
        """What came of it; None where it is new or forgotten."""
        return self._known.get(key)

    def keep(self, key: object, outcome: T) -> None:
        """It came, and this came of it."""
        self._known[key] = outcome
        self._known.move_to_end(key)
        while len(self._known) > self._kept:
            self._known.popitem(last=False)
