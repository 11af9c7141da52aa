"""Events as packets for many listeners, a little at a time: what did not change in a snapshot is not encoded anew.

Law: the packets are those of `feed.packets`, byte for byte.
"""

import asyncio
import struct
from collections.abc import Iterator

from livevae.edges.osc import feed
from livevae.edges.osc.codec import encode
from livevae.edges.osc.timetags import Timetags
from livevae.perform.events import Event, Snapshot

AT_ONCE = 4
"""Messages of a snapshot that are encoded before the loop does something else."""

_NUMBERS = struct.Struct(">4si8si8si")
"""The first pairs of every part: n, part, parts."""


class Packer:
    """Makes packets, and keeps the parts of the last snapshot. Lives on one loop; one caller at a time.

    Args:
        timetags: the map from timetags to the session's clock.
    """

    def __init__(self, timetags: Timetags) -> None:
        self._timetags = timetags
        self._known: dict[tuple[str, str], tuple[object, tuple[tuple[bytes, bytes], ...]]] = {}

    async def packets(self, event: Event, n: int = 0) -> list[bytes]:
        """An event as packets, as `feed.packets` makes them; `n` is what their parts have in common."""
        if not isinstance(event, Snapshot):
            return feed.packets(event, self._timetags, n)
        before, self._known = self._known, {}
        found: list[tuple[bytes, bytes]] = []
        fresh = 0
        for address, name, value, several in _values(event):
            key = (address, name)
            known = before.get(key)
            if known is None or known[0] != value:
                pieces = feed.pieces(feed.pairs(value), several=several)
                known = (value, tuple(_cut(address, piece) for piece in pieces))
                fresh += len(known[1])
            self._known[key] = known
            found += known[1]
            if fresh >= AT_ONCE:
                fresh = 0
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        parts = len(found)
        whole = [
            b"".join((head, _NUMBERS.pack(b"n", n, b"part", part, b"parts", parts), tail))
            for part, (head, tail) in enumerate(found, 1)
        ]
        return feed.bundled(whole, self._timetags.timetag(event.transport.at))


def _values(picture: Snapshot) -> Iterator[tuple[str, str, object, bool]]:
    """Each value of a snapshot: its address, its name where there are several, itself, and whether there are."""
    for address, (field, _, several) in feed.PARTS.items():
        held = getattr(picture, field)
        if several:
            yield from ((address, value.name, value, True) for value in held)
        else:
            yield address, "", held, False


def _cut(address: str, pairs: feed.Pairs) -> tuple[bytes, bytes]:
    """A part as bytes before and after its numbers (OSC 1.0: address, type tags, then arguments, each padded to 4)."""
    data = encode(feed.part(address, pairs, 0, 0, 0))
    tags = (len(address) // 4 + 1) * 4
    arguments = (data.index(b"\0", tags) // 4 + 1) * 4
    return data[:arguments], data[arguments + _NUMBERS.size :]
