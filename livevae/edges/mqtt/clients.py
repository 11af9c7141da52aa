"""Clients that are no room: who watches an ensemble, and who sends it a command. No aiomqtt here; see `connection`."""

import asyncio
from typing import TYPE_CHECKING, Any

from livevae.edges.mqtt import payloads
from livevae.edges.mqtt.census import Census
from livevae.edges.mqtt.messages import Arrived
from livevae.edges.mqtt.payloads import LONGEST_DOCUMENT, PayloadError
from livevae.edges.mqtt.topics import Place
from livevae.edges.mqtt.values import READY, Line, RoomState

if TYPE_CHECKING:
    from collections.abc import Mapping


class Visitor:
    """A client that no room misses when it is gone.

    Attributes:
        online: set while the broker is here.
    """

    def __init__(self) -> None:
        self.online = asyncio.Event()

    def will(self) -> None:
        """Nothing is said of it."""

    def farewell(self) -> None:
        """Nothing is said of it."""

    def connected(self) -> None:
        """The broker is here."""
        self.online.set()

    def disconnected(self) -> None:
        """The broker is gone."""
        self.online.clear()


class Watcher(Visitor):
    """Sees all that an ensemble says of itself.

    Attributes:
        census: the rooms.
        line: the last line of the conductor; None before it came.
    """

    def __init__(self, place: Place) -> None:
        self.census = Census()
        super().__init__()
        self.line: Line | None = None
        self._place = place

    @property
    def filters(self) -> tuple[tuple[str, int], ...]:
        """What to subscribe to."""
        topic = self._place.topic
        return (
            (topic("+", "$state"), 1),
            (topic("+", "health"), 0),
            (topic("+", "voice", "+"), 1),
            (topic("clock"), 1),
        )

    def connected(self) -> None:
        """The broker is here."""
        self.census.rooms.clear()
        super().connected()

    def arrived(self, message: Arrived) -> None:
        """A message came; what is none is passed over."""
        try:
            self._arrived(self._place.parts(message.topic), message.payload)
        except PayloadError:
            return

    def _arrived(self, parts: tuple[str, ...], payload: bytes) -> None:
        match parts:
            case ("clock",):
                line = Line.read(payloads.read(payload))
                if line.after(self.line):
                    self.line = line
            case (room, "$state"):
                self.census.state(room, RoomState.read(payloads.read(payload)) if payload else None)
            case (room, "health"):
                self.census.health(room, payloads.read(payload))
            case (room, "voice", voice):
                self.census.voice(room, voice, payloads.read(payload, LONGEST_DOCUMENT) if payload else {})
            case _:
                pass

    @property
    def conductor(self) -> str:
        """The room that conducts; "" while none does."""
        view = None if self.line is None else self.census.rooms.get(self.line.conductor)
        if self.line is None or view is None or view.state is None:
            return ""
        here = view.state.state == READY and view.state.follows and view.state.boot == self.line.boot
        return self.line.conductor if here else ""

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """A row a room: name, state, part, bpm, beat, how far apart, late notes, and what plays."""
        return [
            (
                one.name,
                one.state,
                one.time,
                f"{one.bpm:.1f}" if one.bpm else "-",
                f"{one.beat:.0f}" if one.bpm else "-",
                f"{one.apart_ms:.2f} ±{one.within_ms:.2f} ms" if one.time == "follows" else "",
                f"{one.late_ms_p99:.2f} ms" if one.bpm else "-",
                one.plays,
            )
            for one in self.census.members(self.conductor)
        ]


HEADINGS = ("room", "state", "time", "bpm", "beat", "apart", "late p99", "plays")


class Asker(Visitor):
    """Sends one command, and collects the answers.

    Attributes:
        answers: (room, answer) in the order of their coming.
    """

    def __init__(self, place: Place, name: str) -> None:
        self.answers: list[tuple[str, Mapping[str, Any]]] = []
        super().__init__()
        self._place, self._name = place, name

    @property
    def filters(self) -> tuple[tuple[str, int], ...]:
        """What to subscribe to."""
        return ((self._place.topic("+", "reply", self._name), 1),)

    def arrived(self, message: Arrived) -> None:
        """An answer came."""
        parts = self._place.parts(message.topic)
        try:
            self.answers.append((parts[0], payloads.read(message.payload, LONGEST_DOCUMENT)))
        except (PayloadError, IndexError):
            return
