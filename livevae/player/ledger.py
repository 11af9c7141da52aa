"""The ledger: the notes that sound. The newest on of a key owns its off; an older off is forgotten."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """What a note-off names: a pitch on a channel (1 to 16) of a port."""

    port: str
    channel: int
    pitch: int

    def on(self, velocity: int) -> bytes:
        """The message that begins it."""
        return bytes((0x90 | (self.channel - 1), self.pitch, velocity))

    def off(self) -> bytes:
        """The message that ends it."""
        return bytes((0x80 | (self.channel - 1), self.pitch, 0))


@dataclass(frozen=True, slots=True)
class Sounding:
    """A note that sounds: whose, since which tick, and the number that its off carries."""

    voice: str
    since: int
    number: int


class Ledger:
    """Notes that sound, by key. Not thread-safe."""

    __slots__ = ("_notes", "_number")

    def __init__(self) -> None:
        self._notes: dict[Key, Sounding] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._notes)

    def __iter__(self) -> Iterator[tuple[Key, Sounding]]:
        return iter(self._notes.items())

    def __contains__(self, key: Key) -> bool:
        return key in self._notes

    def begin(self, key: Key, voice: str, tick: int) -> int:
        """The key sounds now; the number that its off must show. Any off with an older number is void."""
        self._number += 1
        self._notes[key] = Sounding(voice, tick, self._number)
        return self._number

    def end(self, key: Key, number: int | None = None) -> Sounding | None:
        """The key is silent now; None when it was so before, or when `number` is not its newest on's."""
        sounding = self._notes.get(key)
        if sounding is None or (number is not None and sounding.number != number):
            return None
        return self._notes.pop(key)

    def take(self, wanted: Callable[[Key, Sounding], bool]) -> list[tuple[Key, Sounding]]:
        """Strike out the notes for which `wanted` is true, and return them in the order of their ons."""
        taken = [(key, note) for key, note in self._notes.items() if wanted(key, note)]
        for key, _ in taken:
            del self._notes[key]
        return sorted(taken, key=lambda pair: pair[1].number)
