"""A broker in virtual time: retained messages, wills, delays, repeats and losses, and no socket."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

from livevae.edges.mqtt.messages import Arrived


def matches(pattern: str, topic: str) -> bool:
    """Whether a filter takes a topic (MQTT 3.1.1, 4.7)."""
    want, have = pattern.split("/"), topic.split("/")
    if want[-1] == "#":
        return len(have) >= len(want) - 1 and all(
            a in ("+", b) for a, b in zip(want[:-1], have, strict=False)
        )
    return len(want) == len(have) and all(a in ("+", b) for a, b in zip(want, have, strict=True))


class FakeConnection:
    """One client's connection: `Connection`'s surface."""

    def __init__(self, broker: "FakeBroker", skew: Callable[[float], float]) -> None:
        self.client: Any = None
        self.online = False
        self.sent: list[tuple[str, bytes]] = []
        self._broker, self._skew = broker, skew
        self._will: tuple[str, bytes] | None = None

    def send(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        if self.online:
            self.sent.append((topic, payload))
            self._broker.publish(topic, payload, qos, retain)

    def connect(self) -> None:
        """The broker accepts us."""
        self._will = self.client.will()
        self.online = True
        self._broker.clients.append(self)
        self.client.connected()
        for topic, payload in list(self._broker.retained.items()):
            self._broker.deliver(self, topic, payload, retained=True)

    def drop(self, *, will: bool = True) -> None:
        """The connection breaks; the broker says our will."""
        if not self.online:
            return
        self.online = False
        self._broker.clients.remove(self)
        self.client.disconnected()
        if will and self._will is not None:
            self._broker.publish(*self._will, 1, True)


class FakeBroker:
    """Who delivers, after `delay()` seconds each way, in order for each client or not."""

    def __init__(self, delay: Callable[[], float] = lambda: 0.001, seed: int = 1) -> None:
        self.clients: list[FakeConnection] = []
        self.retained: dict[str, bytes] = {}
        self.repeat = 0.0
        self.reorder = 0.0
        self.delivered = 0
        self._turn = 0
        self._delay = delay
        self._chance = random.Random(seed)
        self._last: dict[int, float] = {}
        self._loop = asyncio.get_running_loop()

    def connection(self) -> FakeConnection:
        return FakeConnection(self, lambda now: now)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        if retain:
            if payload:
                self.retained[topic] = payload
            else:
                self.retained.pop(topic, None)
        for client in self._takers(topic):
            self.deliver(client, topic, payload)
            if qos and self._chance.random() < self.repeat:
                self.deliver(client, topic, payload)

    def _takers(self, topic: str) -> list[FakeConnection]:
        """Who gets it: of those that share a subscription, each in turn."""
        sharing = [one for one in self.clients if any(f.startswith("$share/") for f, _ in one.client.filters)]
        self._turn += 1
        chosen = sharing[self._turn % len(sharing)] if sharing else None
        return [one for one in self.clients if one not in sharing or one is chosen]

    def deliver(self, client: FakeConnection, topic: str, payload: bytes, retained: bool = False) -> None:
        filters = [f.split("/", 2)[2] if f.startswith("$share/") else f for f, _ in client.client.filters]
        if not any(matches(pattern, topic) for pattern in filters):
            return
        when = self._loop.time() + self._delay() + self._delay()
        if self._chance.random() < self.reorder:
            when += 5 * self._delay()
        else:
            when = max(when, self._last.get(id(client), 0.0) + 1e-7)
            self._last[id(client)] = when
        self._loop.call_at(when, self._arrive, client, topic, payload, retained)

    def _arrive(self, client: FakeConnection, topic: str, payload: bytes, retained: bool) -> None:
        if client.online:
            self.delivered += 1
            client.client.arrived(Arrived(topic, payload, retained, self._loop.time()))

    def kill(self) -> None:
        """The broker dies, and forgets what it kept."""
        self.retained.clear()
        for client in list(self.clients):
            client.drop(will=False)
