"""What is done at the time of a timetag."""

import asyncio
from collections.abc import Callable

from livevae.perform.clock import TickClock


class Alarms:
    """Acts that wait for their time. Lives on the session's loop; not thread-safe.

    Args:
        clock: the session's.
    """

    def __init__(self, clock: TickClock) -> None:
        self._clock = clock
        self._waiting: set[asyncio.TimerHandle] = set()

    def at(self, at: float | None, act: Callable[..., None], *args: object) -> None:
        """Do it at the time of a timetag; now, where that is past or none."""
        if self._clock.future_tick(at) is None:
            act(*args)
        else:
            self.when(at, act, *args)

    def when(self, at: float | None, act: Callable[..., None], *args: object) -> None:
        """Do it at the time of a timetag, from the loop."""
        alarm: asyncio.TimerHandle

        def run() -> None:
            self._waiting.discard(alarm)
            act(*args)

        alarm = asyncio.get_running_loop().call_at(at or 0.0, run)
        self._waiting.add(alarm)

    def clear(self) -> None:
        """What waits is not done."""
        for alarm in self._waiting:
            alarm.cancel()
        self._waiting.clear()
