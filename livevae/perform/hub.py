"""The hub: tells whoever listens what happens (see `events`). OSC, MQTT and the terminal UI stand on it.

Laws: the hub never waits; a listener that does not read loses the oldest values, and they are counted; without a
listener nothing is made or kept.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from livevae.perform.events import Event, LogLine

QUEUE = 512
"""Values that wait for a listener; beyond it the oldest are dropped."""


class Listener:
    """A bounded queue of the values that somebody wants. Made by `Hub.listen`; used on the hub's loop.

    Attributes:
        topics: the types of the values that come; may be replaced by `wanting`.
        dropped: how many values were dropped because nobody read them.
    """

    def __init__(self, hub: "Hub", topics: Iterable[type[Event]], size: int) -> None:
        self.topics = frozenset(topics)
        self.dropped = 0
        self._hub = hub
        self._values: deque[Event] = deque(maxlen=max(1, size))
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._values)

    def put(self, value: Event) -> None:
        """For the hub: a value; the oldest goes where there is no room."""
        if len(self._values) == self._values.maxlen:
            self.dropped += 1
        self._values.append(value)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def drain(self) -> list[Event]:
        """What waits, oldest first; the queue is empty afterwards."""
        values = list(self._values)
        self._values.clear()
        return values

    async def get(self) -> Event:
        """The next value; waits for it. One caller at a time."""
        while not self._values:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._values.popleft()

    def wanting(self, topics: Iterable[type[Event]]) -> None:
        """From now on, other values come."""
        self.topics = frozenset(topics)
        self._hub.changed()

    def close(self) -> None:
        """Nothing comes any longer."""
        self._hub.drop(self)


class Hub:
    """Values in, values out to every listener that wants them. Lives on one loop; not thread-safe.

    Attributes:
        on_change: called when somebody begins or ceases to want something: for who makes values only on demand.
    """

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._wanted: frozenset[type[Event]] = frozenset()
        self._lost = 0
        self.on_change: Callable[[], None] | None = None

    @property
    def lost(self) -> int:
        """Values dropped since the start, of all listeners."""
        return self._lost + sum(one.dropped for one in self._listeners)

    def listen(self, *topics: type[Event], size: int = QUEUE) -> Listener:
        """A queue that gets the values of these types, from now on until it is closed."""
        listener = Listener(self, topics, size)
        self._listeners.append(listener)
        self.changed()
        return listener

    def wants(self, topic: type[Event]) -> bool:
        """Whether anybody listens to values of this type; ask before making one that costs."""
        return topic in self._wanted

    def tell(self, value: Event) -> None:
        """Give a value to whoever wants it; returns at once."""
        if type(value) in self._wanted:
            for listener in self._listeners:
                if type(value) in listener.topics:
                    listener.put(value)

    def log(self, about: str, text: str, level: str = "info") -> None:
        """Tell the performer something, in one line, now."""
        if self.wants(LogLine):
            self.tell(LogLine(about, text, level, asyncio.get_running_loop().time()))

    def drop(self, listener: Listener) -> None:
        """For listeners: this one is closed."""
        if listener in self._listeners:
            self._listeners.remove(listener)
            self._lost += listener.dropped
            self.changed()

    def changed(self) -> None:
        """For listeners: what is wanted has changed."""
        self._wanted = frozenset().union(*(one.topics for one in self._listeners))
        if self.on_change is not None:
            self.on_change()
