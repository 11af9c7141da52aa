"""What is done at the time of a timetag.

Law: what waits for one moment is done in the order in which it was asked for, and before what is asked for after that
moment. asyncio's timers alone keep no order among those of one time, and a loop that is busy rings them late.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from livevae.perform.clock import TickClock


@dataclass(frozen=True, slots=True)
class _Alarm:
    """The timer of one moment, and what is to be done then, in order."""

    timer: asyncio.TimerHandle
    acts: deque[Callable[[], None]] = field(default_factory=deque)


class Alarms:
    """Acts that wait for their time. Lives on the session's loop; not thread-safe.

    Args:
        clock: the session's.
    """

    def __init__(self, clock: TickClock) -> None:
        self._clock = clock
        self._waiting: dict[float, _Alarm] = {}
        self._times: list[float] = []  # a heap of the moments in `_waiting`, and of some that are over
        self._ringing = False

    def at(self, at: float | None, act: Callable[..., None], *args: object) -> None:
        """Do it at the time of a timetag; now, where that is past or none."""
        if self._clock.future_tick(at) is None:
            act(*args)
        else:
            self.when(at, act, *args)

    def when(self, at: float | None, act: Callable[..., None], *args: object) -> None:
        """Do it at the time of a timetag, from the loop."""
        time = at or 0.0
        alarm = self._waiting.get(time)
        if alarm is None:
            timer = asyncio.get_running_loop().call_at(time, self._ring, time)
            alarm = self._waiting[time] = _Alarm(timer)
            heapq.heappush(self._times, time)
        alarm.acts.append(partial(act, *args))

    def catch_up(self) -> None:
        """Do what should have been done by now; nothing where that is being done."""
        now = self._clock.now()
        while self._times and self._times[0] <= now and not self._ringing:
            time = heapq.heappop(self._times)
            if time in self._waiting:
                self._waiting[time].timer.cancel()
                self._ring(time)

    def clear(self) -> None:
        """What waits is not done."""
        for alarm in self._waiting.values():
            alarm.timer.cancel()
            alarm.acts.clear()
        self._waiting.clear()
        self._times.clear()

    def _ring(self, time: float) -> None:
        """Do what this moment is for; a fault of one act is logged, and the others are done."""
        alarm, loop = self._waiting[time], asyncio.get_running_loop()
        self._ringing = True
        try:
            while alarm.acts:
                try:
                    alarm.acts.popleft()()
                except Exception as fault:  # noqa: BLE001  (as of any callback of the loop)
                    loop.call_exception_handler({"message": "a fault at a timetag", "exception": fault})
        finally:
            self._ringing = False
        if self._waiting.get(time) is alarm:
            del self._waiting[time]
