"""What a performer plays in: notes from a MIDI input, by tick, punched in and out on bar lines. Pure."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from livevae.music.meter import COMMON, Meter, spread
from livevae.music.notes import TICKS_PER_BEAT, TICKS_PER_STEP, Note, Riff
from livevae.perform.requests import PersonaRecord, Reply
from livevae.tempo.timeline import next_grid

EARLY = TICKS_PER_STEP // 2
"""A note this much before the punch is on it, played a little early."""

MOST_NOTES = 20_000
"""More notes in one take are a stuck machine."""

MOST_TAKES = 256

BARS = 4
"""How far back a voice hears that continues what was played."""


@dataclass(slots=True)
class _Sounding:
    tick: int
    velocity: int


@dataclass(slots=True)
class Take:
    """One punch: what was played from tick `start` on.

    Attributes:
        start: a bar line.
        length: ticks; 0 while it is open.
        meter: whose bars it has.
    """

    start: int
    length: int
    meter: Meter = COMMON
    notes: list[Note] = field(default_factory=list)


class Recording:
    """All takes of a session, and the one that is being played.

    Ticks are the session's; who calls has mapped the input's seconds to them by the timeline. What comes out is as
    a model hears it: each bar of a meter laid at the beginning of the model's own.

    Attributes:
        meter: the session's, for what is recorded from now on.
    """

    def __init__(self) -> None:
        self.meter: Meter = COMMON
        self._takes: list[Riff] = []
        self._open: Take | None = None
        self._sounding: dict[tuple[int, int], _Sounding] = {}
        self._recent: deque[Note] = deque(maxlen=MOST_NOTES)
        self._held: dict[tuple[int, int], _Sounding] = {}

    def last(self, tick: float, bars: int) -> tuple[tuple[int, int, int, int], ...]:
        """What was played in the last bars before the bar line nearest to `tick`, recorded or not.

        Gives (start, length, pitch, velocity), on the grid, from the first of these bars on.
        """
        bar = self.meter.bar
        end = next_grid(tick - bar / 2, bar)
        start = end - bars * bar
        return self._inside(start, bars, self._all(round(tick)))

    def _all(self, tick: int) -> list[Note]:
        """All notes that are remembered; those that sound last until a tick."""
        held = (
            Note(one.tick, max(1, tick - one.tick), key[1], one.velocity) for key, one in self._held.items()
        )
        return [*self._recent, *held]

    def _inside(self, start: int, bars: int, notes: Iterable[Note]) -> tuple[tuple[int, int, int, int], ...]:
        bar = self.meter.bar
        end = start + bars * bar
        inside = (
            Note(note.start - start, note.length, note.pitch, note.velocity)
            for note in notes
            if start - EARLY <= note.start < end - EARLY
        )
        call = spread(Riff(tuple(quantised(inside)), bars * bar), self.meter)
        return tuple((note.start, note.length, note.pitch, note.velocity) for note in call.notes)

    def before(self, tick: int) -> tuple[tuple[int, int, int, int], ...]:
        """What was played in the last bars before a tick, which may still be to come, ending at tick 0."""
        return played_before(self._all(tick), tick, self.meter)

    def between(self, start: int, bars: int) -> tuple[tuple[int, int, int, int], ...]:
        """What was played in so many bars from a tick on: (start, length, pitch, velocity), on the grid."""
        return self._inside(start, bars, self._all(start + bars * self.meter.bar))

    def do(self, request: PersonaRecord, tick: float, beat: float) -> Reply:
        """Answer a request to record, as it sounds at `tick`; `beat` is now."""
        if request.clear:
            return Reply(pairs=(("forgotten", self.clear()),))
        if request.stop:
            take = self.stop(tick)
            notes = len(take.notes) if take is not None else 0
            return Reply(pairs=(("takes", len(self._takes)), ("notes", notes)), beat=beat)
        start = self.arm(tick, round(request.bars))
        pairs = (("bars", round(request.bars)), ("takes", len(self._takes)))
        return Reply(pairs=pairs, beat=start / TICKS_PER_BEAT)

    @property
    def takes(self) -> tuple[Riff, ...]:
        """What was recorded, whole takes only."""
        return tuple(self._takes)

    @property
    def open(self) -> Take | None:
        """The take that is armed or being played."""
        return self._open

    def arm(self, tick: float, bars: int) -> int:
        """Punch in on the first bar line at or after `tick`, for so many bars (0: until stopped); gives its tick."""
        self.stop(tick)
        start = next_grid(tick, self.meter.bar)
        self._open = Take(start, bars * self.meter.bar, self.meter)
        return start

    def stop(self, tick: float) -> Riff | None:
        """Punch out on the bar line nearest to `tick`; gives the take, None where nothing was played."""
        take, self._open = self._open, None
        if take is None:
            return None
        bar = take.meter.bar
        end = next_grid(max(tick, take.start + 1) - bar / 2, bar)
        length = max(bar, end - take.start)
        if take.length:
            length = min(length, take.length)
        for (_, pitch), held in self._sounding.items():
            self._add(take, held, pitch, take.start + length)
        self._sounding.clear()
        return self._close(take, length)

    def add(self, riff: Riff) -> None:
        """One more take, on the grid and as a model hears it."""
        self._takes.append(riff)
        del self._takes[:-MOST_TAKES]

    def clear(self) -> int:
        """Forget all takes; gives how many there were."""
        count = len(self._takes)
        self._takes.clear()
        return count

    def receive(self, tick: float, data: bytes) -> Riff | None:
        """One MIDI message from the input at a tick; gives the take that it was the first to come after."""
        done = self.due(tick)
        if len(data) >= 3:
            self._remember(round(tick), data)
        take = self._open
        if take is None or len(data) < 3:
            return done
        kind, key = data[0] & 0xF0, (data[0] & 0x0F, data[1])
        now = round(tick)
        if kind in (0x80, 0x90) and (held := self._sounding.pop(key, None)) is not None:
            self._add(take, held, data[1], now)
        if kind == 0x90 and data[2] and now >= take.start - EARLY and len(take.notes) < MOST_NOTES:
            self._sounding[key] = _Sounding(now, data[2])
        return done

    def due(self, tick: float) -> Riff | None:
        """Close a take of so many bars that is over at `tick`; gives it."""
        take = self._open
        # half a step more: the last off may come a little late
        if take is None or not take.length or tick < take.start + take.length + EARLY:
            return None
        return self.stop(take.start + take.length)

    def _remember(self, now: int, data: bytes) -> None:
        kind, key = data[0] & 0xF0, (data[0] & 0x0F, data[1])
        if kind in (0x80, 0x90) and (held := self._held.pop(key, None)) is not None:
            self._recent.append(Note(held.tick, max(1, now - held.tick), data[1], held.velocity))
        if kind == 0x90 and data[2]:
            self._held[key] = _Sounding(now, data[2])

    def _add(self, take: Take, held: _Sounding, pitch: int, end: int) -> None:
        start = held.tick - take.start
        length = max(1, end - held.tick)
        if start < (take.length or start + 1):
            take.notes.append(Note(start, length, pitch, held.velocity))

    def _close(self, take: Take, length: int) -> Riff | None:
        notes = [note for note in take.notes if note.start < length - EARLY]
        if not notes:
            return None
        riff = spread(Riff(tuple(quantised(notes)), length), take.meter)
        self.add(riff)
        return riff


def played_before(notes: Iterable[Note], start: int, meter: Meter) -> tuple[tuple[int, int, int, int], ...]:
    """Notes on the timeline that began in the last bars before a tick, on the grid, ending at tick 0."""
    begin = start - BARS * meter.bar
    inside = [
        Note(note.start - begin, min(note.length, start - note.start), note.pitch, note.velocity)
        for note in notes
        if begin - EARLY <= note.start < start - EARLY
    ]
    riff = spread(Riff(tuple(quantised(inside)), BARS * meter.bar), meter)
    return tuple((n.start - riff.length, n.length, n.pitch, n.velocity) for n in riff.notes)


def quantised(notes: Iterable[Note]) -> Iterable[Note]:
    """Notes with starts and ends on their nearest sixteenths, a sixteenth long at least."""
    for note in notes:
        start = max(0, round(note.start / TICKS_PER_STEP)) * TICKS_PER_STEP
        end = max(start + TICKS_PER_STEP, round(note.end / TICKS_PER_STEP) * TICKS_PER_STEP)
        yield Note(start, end - start, note.pitch, note.velocity, note.part)
