"""An asyncio loop whose time jumps: an hour of music in a second or two.

with virtual_time() as loop:
    loop.run_until_complete(an_hour_of_music())
"""

import asyncio
import selectors
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that never waits: where it would, time moves on instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if events:
            return events
        if timeout is None:
            raise RuntimeError("every task waits, and no timer is set: this would wait for ever")
        self.now += max(0.0, timeout)
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` starts at 0 and jumps from timer to timer; nothing is ever waited for.

    Made for lines that await time and other coroutines only. Whatever runs in threads finishes at no
    defined virtual time, so give it an `Engine(inline=True)`.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._jumping.now


@contextmanager
def virtual_time() -> Iterator[VirtualTimeLoop]:
    """A virtual loop, closed afterwards with every task on it cancelled."""
    loop = VirtualTimeLoop()
    try:
        yield loop
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(_ended(tasks))
        loop.close()


async def _ended(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
