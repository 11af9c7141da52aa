"""The ledger: the keys that sound, and the notes that hold each; a key is released when the last of them ends.

Of one voice the newest note holds a key, and the off of an older one is void; notes that begin at one tick hold it
together, whosever they are.
"""

from collections.abc import Callable
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
    """A note that holds a key: whose, since which tick, and the number that its off carries."""

    voice: str
    since: int
    number: int


class Ledger:
    """Notes that hold keys. Not thread-safe."""

    __slots__ = ("_notes", "_number")

    def __init__(self) -> None:
        self._notes: dict[Key, list[Sounding]] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._notes)

    def __contains__(self, key: Key) -> bool:
        return key in self._notes

    def since(self, key: Key) -> int | None:
        """The tick at which the key was last struck; None where it does not sound."""
        holders = self._notes.get(key)
        return None if holders is None else holders[-1].since

    def begin(self, key: Key, voice: str, tick: int) -> int:
        """A note holds the key from now on; the number that its off must show."""
        self._number += 1
        holders = self._notes.setdefault(key, [])
        holders[:] = [note for note in holders if note.voice != voice or note.since == tick]
        holders.append(Sounding(voice, tick, self._number))
        return self._number

    def end(self, key: Key, number: int) -> bool:
        """The note of that number ends; whether the key is silent now, and was not before."""
        holders = self._notes.get(key, [])
        left = [note for note in holders if note.number != number]
        if len(left) == len(holders):
            return False
        if left:
            self._notes[key] = left
            return False
        del self._notes[key]
        return True

    def take(self, wanted: Callable[[Key, Sounding], bool]) -> list[tuple[Key, Sounding]]:
        """Strike out the notes for which `wanted` is true; the keys that are silent now, in the order of their ons."""
        silent = []
        for key, holders in list(self._notes.items()):
            left = [note for note in holders if not wanted(key, note)]
            if left:
                self._notes[key] = left
            else:
                del self._notes[key]
                silent.append((key, holders[-1]))
        return sorted(silent, key=lambda pair: pair[1].number)
