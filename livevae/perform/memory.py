"""What was just played: riffs that voices committed and notes that came in, as models that continue them hear it. Pure.

Only what is committed counts, and of other voices only riffs that began before the moment in question, so that it does
not matter which of two voices was ready first.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from livevae.music.meter import Meter, common, spread
from livevae.music.notes import TICKS_PER_BAR, Note, Riff
from livevae.perform.recording import BARS, EARLY, played_before, quantised

Played = tuple[tuple[int, int, int, int], ...]
"""Notes as (start, length, pitch, velocity) in ticks."""

RIFFS = 16
"""Riffs of a voice that are remembered."""

SELF = "self"
MIDI = "midi"
"""Whom a voice can follow, besides another voice."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A riff that was handed to the player.

    Attributes:
        start: its first tick.
        decoded: as the model gave it.
        played: as the voice's settings made it.
    """

    start: int
    decoded: Riff
    played: Riff


class Memory:
    """The last riffs of every voice."""

    def __init__(self) -> None:
        self._riffs: dict[str, deque[Committed]] = {}

    def add(self, voice: str, start: int, decoded: Riff | None, played: Riff, bars: int) -> None:
        """A voice's riff was committed.

        Args:
            voice: whose.
            start: its first tick.
            decoded: as the model gave it; None where it is one that was played before.
            played: as the voice's settings made it.
            bars: of the decoded riff that were played.
        """
        riffs = self._riffs.setdefault(voice, deque(maxlen=RIFFS))
        if decoded is None:
            decoded = riffs[-1].decoded if riffs else played
        decoded = common(decoded)
        length = min(decoded.length, bars * TICKS_PER_BAR)
        decoded = Riff(tuple(note for note in decoded.notes if note.start < length), length)
        riffs.append(Committed(start, decoded, played))

    def own(self, voice: str) -> Played:
        """What a voice itself decoded last, ending at tick 0, before key and transposition, which come again."""
        notes: list[Note] = []
        end = 0
        for committed in reversed(self._riffs.get(voice, ())):
            end -= committed.decoded.length
            notes += committed.decoded.moved(end).notes
            if end <= -BARS * TICKS_PER_BAR:
                break
        return _plain(sorted(notes))

    def before(self, voice: str, start: int, meter: Meter) -> Played:
        """What a voice played before a tick, ending at tick 0."""
        return played_before(self._notes(voice, start), start, meter)

    def beside(self, voice: str, start: int, length: int, meter: Meter) -> Played:
        """What all other voices play from a tick on, as far as it was committed before; else what they just played.

        Args:
            voice: whose neighbours.
            start: the tick.
            length: ticks of the riff to come.
            meter: the session's.
        """
        notes = [note for name in sorted(self._riffs) if name != voice for note in self._notes(name, start)]
        coming = [note for note in notes if note.start >= start]
        if not coming:
            coming = [
                Note(n.start + length, n.length, n.pitch, n.velocity)
                for n in notes
                if n.start >= start - length
            ]
        whole = -(-length // meter.bar) * meter.bar
        inside = [
            Note(n.start - start, n.length, n.pitch, n.velocity)
            for n in coming
            if n.start - start < whole - EARLY
        ]
        return _plain(spread(Riff(tuple(quantised(inside)), whole), meter).notes)

    def _notes(self, voice: str, start: int) -> list[Note]:
        """A voice's notes on the timeline, of riffs that began before a tick."""
        return [
            note
            for committed in self._riffs.get(voice, ())
            if committed.start < start
            for note in committed.played.moved(committed.start).notes
        ]


def _plain(notes: Iterable[Note]) -> Played:
    return tuple((note.start, note.length, note.pitch, note.velocity) for note in notes)
