"""When messages arrived: the system's own time between them, freed from how late we looked. Pure."""

import math

RELAX = 1e-4
"""Seconds a second by which the shortest way is forgotten, for systems whose MIDI has a clock of its own."""


class Arrivals:
    """From the times between messages, and when each was seen, to when each arrived.

    We look late, never early, so the message that was seen soonest is believed. Law: the answer is never later than the
    seeing, and later than the message by no more than the soonest seeing before it was, and `RELAX` of the time since.

    Args:
        gap: seconds of lateness that are not ours but the system's, which did not count them: we begin anew. Without
            end, for one whose messages may wait while its process is stopped.
    """

    __slots__ = ("_gap", "_offset", "_total")

    def __init__(self, gap: float = math.inf) -> None:
        self._gap = gap
        self._total = 0.0
        self._offset = math.nan

    def at(self, seen: float, since_last: float) -> float:
        """When a message arrived that is seen at `seen`, and came `since_last` seconds after the one before it."""
        self._total += since_last
        way = seen - self._total
        if math.isnan(self._offset) or way - self._offset > self._gap:
            self._offset = way
        self._offset = min(way, self._offset + RELAX * since_last)
        return self._total + self._offset
