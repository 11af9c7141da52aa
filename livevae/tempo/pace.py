"""The pace: the timeline, and all that changes it: tempos, ramps, nudges, and a clock that is followed.

Time comes in; nothing here reads a clock. Laws, for every history and moment `now`:

    the present never jumps, but by a nudge that is asked for at once and by a clock that starts anew
    a nudge of n ticks leaves the music n ticks further on than it would be without, whatever the tempo did meanwhile
    who follows a clock that keeps its line is on that line after a while, and stays there
"""

import math
from dataclasses import dataclass

from livevae.tempo.agenda import Agenda, Rank
from livevae.tempo.ramp import Ramp
from livevae.tempo.timeline import MAX_BPM, MIN_BPM, TICKS_PER_BEAT, Timeline, checked_bpm

STEEPEST = 0.5
"""The part by which a nudge bends the tempo at most; a larger one takes longer instead."""

IN_PHASE = 0.001
"""Seconds from a followed clock within which its line is taken over as it is: nobody hears one millisecond."""

SAME = 1e-5
"""Seconds within which two lines of one tempo are the same, and nobody needs to be told of another."""


@dataclass(frozen=True, slots=True)
class _Change:
    bpm: float
    over: int


@dataclass(frozen=True, slots=True)
class _Bend:
    """A nudge in progress: the tempo is `ratio` times what it would be, until the tick `end`."""

    ratio: float
    end: int

    def rest(self, tick: float) -> float:
        """The ticks that are still to be gained."""
        return (self.end - tick) * (1 - 1 / self.ratio)


class Pace:
    """A timeline and what waits to change it. Not thread-safe.

    Attributes:
        timeline: the line between ticks and seconds now, nudges included; replaced whole.
        bpm: the tempo without a nudge that is in progress.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.bpm = timeline.bpm
        self._coming: Agenda[_Change | Ramp | _Bend] = Agenda()
        self._bend: _Bend | None = None

    def next_tick(self) -> int | None:
        """When something changes by itself; None when nothing waits."""
        return self._coming.next_tick()

    def replace(self, timeline: Timeline) -> None:
        """Another line altogether; what waited is forgotten."""
        self.forget()
        self.timeline, self.bpm = timeline, timeline.bpm

    def forget(self) -> None:
        """Drop what waits; the tempo stays what it is."""
        self._coming, self._bend = Agenda(), None

    def set_tempo(self, bpm: float, now: float, tick: int | None = None, over: int = 0) -> None:
        """Another tempo from `tick` (None or past: now) on, reached over `over` ticks. A ramp in progress ends.

        Raises:
            TempoError: the tempo is not 20 to 999.
        """
        self._drop_ramps()
        if tick is not None and self.timeline.time_at(tick) > now:
            self._coming.add(tick, Rank.OTHER, _Change(checked_bpm(bpm), over))
        elif over:
            self._begin_ramp(math.ceil(self.timeline.tick_at(now)), _Change(checked_bpm(bpm), over))
        else:
            self.bpm = checked_bpm(bpm)
            self._turn(self.timeline.tick_at(now))

    def nudge(self, ticks: float, now: float, over: int = 0) -> None:
        """Put the music `ticks` further on than it would be; negative is back.

        Args:
            ticks: how far.
            now: the present, in seconds.
            over: ticks of music that it takes, more where the tempo would be bent by over a half; 0 is at once.
        """
        here = self.timeline.tick_at(now)
        if over <= 0:
            self.timeline = Timeline(here + ticks, now, self.timeline.bpm)
            if self._bend is not None:
                self._bend_by(self._bend.rest(here), here + ticks, TICKS_PER_BEAT)
            return
        if self._bend is not None:
            ticks += self._bend.rest(here)
        self._bend_by(ticks, here, over)

    def follow(self, line: Timeline, now: float, *, at_once: bool = False) -> None:
        """Go where another clock goes: its tempo from now on, its place soon.

        Call it with each new estimate of `line`. What is far off is caught up with by bending the tempo, or,
        where a clock starts anew and asks for it, at once.

        Args:
            line: the other clock's line, in our ticks and seconds.
            now: the present, in seconds.
            at_once: whether the present may jump.
        """
        here, there = self.timeline.tick_at(now), line.tick_at(now)
        rest = self._bend.rest(here) if self._bend is not None else 0.0
        off = abs(there - here - rest) * line.seconds_per_tick
        other_tempo = line.bpm != self.bpm
        if other_tempo:
            self._drop_ramps()
            self.bpm = line.bpm
        if at_once or (self._bend is None and SAME <= off <= IN_PHASE):
            self._drop_bend()
            self.timeline = Timeline(there, now, line.bpm)
        elif off > IN_PHASE:
            self._bend_by(there - here, here, TICKS_PER_BEAT)
        elif other_tempo:
            self._turn(here)

    def step(self) -> None:
        """Do what is due at `next_tick`."""
        tick, item = self._coming.pop()
        match item:
            case _Change(bpm, over):
                self._drop_ramps()
                if over:
                    self._begin_ramp(tick, item)
                else:
                    self.bpm = bpm
                    self._turn(tick)
            case Ramp():
                self.bpm = item.step_bpm(tick)
                self._turn(tick)
                if (following := item.next_step(tick)) is not None:
                    self._coming.add(following, Rank.OTHER, item)
            case _Bend():
                self._bend = None
                self._turn(tick)

    def _begin_ramp(self, tick: int, change: _Change) -> None:
        self._drop_ramps()
        self._coming.add(tick, Rank.OTHER, Ramp(tick, tick + change.over, self.bpm, change.bpm))

    def _bend_by(self, ticks: float, here: float, over: int) -> None:
        """Gain `ticks` while the music goes `over` ticks further, or as many as it takes, to a whole tick."""
        self._drop_bend()
        natural = max(over, abs(ticks) / STEEPEST)
        end = math.ceil(here + natural + ticks)
        if abs(ticks) > 0:
            self._bend = _Bend((end - here) / (end - here - ticks), end)
            self._coming.add(end, Rank.OTHER, self._bend)
        self._turn(here)

    def _turn(self, tick: float) -> None:
        """Go on from `tick` at the tempo that is due."""
        bent = self.bpm * (self._bend.ratio if self._bend else 1.0)
        self.timeline = self.timeline.with_tempo_at_tick(min(MAX_BPM, max(MIN_BPM, bent)), tick)

    def _drop_ramps(self) -> None:
        self._coming.remove(lambda _, item: isinstance(item, Ramp))

    def _drop_bend(self) -> None:
        self._coming.remove(lambda _, item: isinstance(item, _Bend))
        self._bend = None
