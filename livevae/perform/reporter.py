"""Tells the hub what goes on by itself: beats and bars ahead of time, and some times a second how everything stands.

It works only while somebody listens: without a listener no task runs.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from livevae.music.notes import TICKS_PER_BEAT
from livevae.perform.clock import TickClock
from livevae.perform.events import Bar, Beat, Health, PortState, Snapshot
from livevae.perform.hub import Hub
from livevae.perform.standing import EnsembleState, MemberState
from livevae.tempo.timeline import next_grid

AHEAD = 0.15
"""Seconds before its sound that a beat is told; a host needs that long to make something of it."""

INTERVAL = 0.2
"""Seconds between two snapshots."""


@dataclass(frozen=True, slots=True)
class Backstage:
    """What a session cannot know: how the player and the edges are.

    Attributes:
        health: what of it is the player's and the edges'.
        ports: the MIDI ports.
        ensemble: the ensemble that the server takes part in.
        rooms: the rooms of it.
    """

    health: Health = field(default_factory=Health)
    ports: tuple[PortState, ...] = ()
    ensemble: EnsembleState = field(default_factory=EnsembleState)
    rooms: tuple[MemberState, ...] = ()


class Reporter:
    """Beats, bars and snapshots for a hub. Lives on the session's loop; not thread-safe.

    Args:
        hub: is told.
        clock: the session's.
        ours: how everything stands now, as far as the session knows.

    Attributes:
        backstage: asked for each snapshot what a session cannot know; whoever puts the server together sets it.
    """

    def __init__(self, hub: Hub, clock: TickClock, ours: Callable[[], Snapshot]) -> None:
        self._hub, self._clock, self._ours = hub, clock, ours
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False
        self.backstage: Callable[[], Backstage] = Backstage
        hub.on_change = self._changed

    def snapshot(self) -> Snapshot:
        """How everything stands now."""
        now, behind = self._ours(), self.backstage()
        ours = now.health
        health = replace(
            behind.health,
            lead_ms=ours.lead_ms,
            decode_ms_p50=ours.decode_ms_p50,
            decode_ms_p99=ours.decode_ms_p99,
            requests=ours.requests,
            errors=ours.errors,
            lost=self._hub.lost,
        )
        return replace(
            now,
            health=health,
            ports=behind.ports or now.ports,
            ensemble=behind.ensemble,
            rooms=behind.rooms,
        )

    async def close(self) -> None:
        """Tell nothing any longer."""
        self._closed = True
        self._hub.on_change = None
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _changed(self) -> None:
        self._run("beats", self._beats, self._hub.wants(Beat) or self._hub.wants(Bar))
        self._run("snapshots", self._snapshots, self._hub.wants(Snapshot))

    def _run(self, name: str, line: Callable[[], Coroutine[Any, Any, None]], wanted: bool) -> None:
        task = self._tasks.get(name)
        runs = task is not None and not task.done()
        if wanted and not runs and not self._closed:
            self._tasks[name] = asyncio.get_running_loop().create_task(line(), name=name)
        elif not wanted and task is not None:
            task.cancel()
            del self._tasks[name]

    async def _snapshots(self) -> None:
        while True:
            self._hub.tell(self.snapshot())
            await asyncio.sleep(INTERVAL)

    async def _beats(self) -> None:
        clock = self._clock
        done = clock.timeline.tick_at(clock.now() + AHEAD)
        while True:
            tick, in_bar = self._next(done)
            await clock.until(tick, before=AHEAD)
            if self._next(done) != (tick, in_bar):
                continue  # the meter has changed meanwhile
            timeline, meter = clock.timeline, clock.meter
            if timeline.tick_at(clock.now()) <= tick:  # after a stall, beats that are past are left out
                bar, beat = tick // meter.bar + 1, tick / TICKS_PER_BEAT
                at = timeline.time_at(tick)
                if in_bar == 1:
                    self._hub.tell(Bar(bar, beat, meter.beats, meter.unit, timeline.bpm, at))
                self._hub.tell(Beat(beat, bar, in_bar, timeline.bpm, at))
            done = max(float(tick), clock.tick())

    def _next(self, done: float) -> tuple[int, int]:
        """The first beat after tick `done`, and which of its bar it is, from 1."""
        bar = self._clock.meter.bar
        start = next_grid(done + 1e-6, bar) - bar  # the bar that `done` is in, or that begins after it
        while True:
            for place in range(0, bar, TICKS_PER_BEAT):
                if start + place > done + 1e-6:
                    return start + place, place // TICKS_PER_BEAT + 1
            start += bar
