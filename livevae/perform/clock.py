"""Waiting for ticks: the one await of time. A tempo change wakes the waiters; they look again and sleep on."""

import asyncio

from livevae.music.meter import COMMON, Meter
from livevae.tempo.timeline import Timeline, next_grid

SLACK = 0.005
"""Seconds by which a timetag may miss the grid point that it means; clocks of two programs differ by less."""


class TickClock:
    """The server's last copy of the player's timeline, and a way to wait on it.

    Seconds are those of the running loop's `time()`, which on every system livevae runs on is the monotonic clock
    that the player reads too. Not thread-safe: used from the loop's thread alone.

    Attributes:
        meter: the scene's; its bars are counted from tick 0, as Link counts its quantum.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.meter: Meter = COMMON
        self._timeline = timeline
        # a dict for its order: woken in another one, the same night would not be the same twice
        self._waiters: dict[asyncio.Future[None], None] = {}

    @property
    def timeline(self) -> Timeline:
        """The timeline that is valid now."""
        return self._timeline

    def replace(self, timeline: Timeline) -> None:
        """A new timeline, whole; everyone who waits looks at it at once."""
        self._timeline = timeline
        for waiter in tuple(self._waiters):
            _wake(waiter)

    def now(self) -> float:
        """Seconds."""
        return asyncio.get_running_loop().time()

    def tick(self) -> float:
        """The present, in ticks."""
        return self._timeline.tick_at(self.now())

    def tick_of(self, at: float | None) -> float:
        """The tick of a timetag (seconds); of now, where there is none."""
        return self._timeline.tick_at(self.now() if at is None else at)

    def line_of(self, at: float | None) -> float:
        """The tick of a timetag, or of now, from which a bar line is looked for: a hair past one means that one."""
        return self.tick_of(at) - SLACK / self._timeline.seconds_per_tick

    def future_tick(self, at: float | None) -> int | None:
        """The tick of a timetag (seconds) that is still to come; None for now."""
        if at is None or at <= self.now():
            return None
        return next_grid(self._timeline.tick_at(at), 1)

    def beat_at(self, at: float | None) -> float:
        """The beat of a timetag, or of now where that is past or None."""
        now = self.now()
        return self._timeline.beat_at(now if at is None else max(at, now))

    async def until(self, tick: float, before: float = 0.0) -> None:
        """Wait until `before` seconds before `tick`; returns at once when that is past.

        Those who wait for the same tick wake in the same turn of the loop, so that their decodes share a batch.
        """
        loop = asyncio.get_running_loop()
        while (when := self._timeline.time_at(tick) - before) > loop.time():
            waiter = loop.create_future()
            self._waiters[waiter] = None
            alarm = loop.call_at(when, _wake, waiter)
            try:
                await waiter
            finally:
                alarm.cancel()
                self._waiters.pop(waiter, None)


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
