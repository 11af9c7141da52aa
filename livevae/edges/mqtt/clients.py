"""Clients that are no room: who watches an ensemble, and who sends it a command. No aiomqtt here; see `connection`."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from livevae.edges.mqtt import payloads
from livevae.edges.mqtt.payloads import LONGEST_DOCUMENT, PayloadError
from livevae.edges.mqtt.room import Arrived
from livevae.edges.mqtt.topics import Place
from livevae.edges.mqtt.values import READY, Line, RoomState

MOST_ROOMS = 256
"""Rooms and voices that are shown; more are somebody's flood."""


@dataclass(slots=True)
class RoomView:
    """What is known of one room.

    Attributes:
        state: its last `$state`; None before it came.
        health: its last `health`.
        voices: each voice's last picture.
    """

    state: RoomState | None = None
    health: Mapping[str, Any] = field(default_factory=dict)
    voices: dict[str, Mapping[str, Any]] = field(default_factory=dict)


class Watcher:
    """Sees all that an ensemble says of itself.

    Attributes:
        rooms: by name.
        line: the last line of the conductor; None before it came.
        online: whether the broker is here.
    """

    def __init__(self, place: Place) -> None:
        self.rooms: dict[str, RoomView] = {}
        self.line: Line | None = None
        self.online = False
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

    def will(self) -> None:
        """Nobody misses who only watches."""

    def farewell(self) -> None:
        """Nobody misses who only watches."""

    def connected(self) -> None:
        """The broker is here."""
        self.rooms.clear()
        self.online = True

    def disconnected(self) -> None:
        """The broker is gone."""
        self.online = False

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
                if not payload:
                    self.rooms.pop(room, None)
                    return
                state = RoomState.read(payloads.read(payload))
                view = self._room(room)
                if state.after(view.state):
                    view.state = state
            case (room, "health"):
                self._room(room).health = payloads.read(payload)
            case (room, "voice", voice):
                voices = self._room(room).voices
                if not payload:
                    voices.pop(voice, None)
                elif len(voices) < MOST_ROOMS:
                    voices[voice] = payloads.read(payload, LONGEST_DOCUMENT)
            case _:
                pass

    def _room(self, name: str) -> RoomView:
        if name not in self.rooms and len(self.rooms) >= MOST_ROOMS:
            raise PayloadError("too many rooms")
        return self.rooms.setdefault(name, RoomView())

    @property
    def conductor(self) -> str:
        """The room that conducts; "" while none does."""
        view = None if self.line is None else self.rooms.get(self.line.conductor)
        if self.line is None or view is None or view.state is None:
            return ""
        here = view.state.state == READY and view.state.follows and view.state.boot == self.line.boot
        return self.line.conductor if here else ""

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """A row a room: name, state, part, bpm, beat, how far apart, late notes, and what plays."""
        rows: list[tuple[str, ...]] = []
        for name, view in sorted(self.rooms.items()):
            if view.state is None:
                continue
            health = view.health
            conducts = self.conductor == name
            part = "conducts" if conducts else "follows" if view.state.follows else "own clock"
            playing = [voice for voice, table in sorted(view.voices.items()) if table.get("playing") is True]
            apart = "" if conducts or not view.state.follows else _shown(health, "apart_ms", 2)
            within = "" if not apart else f"{apart} ±{_shown(health, 'within_ms', 2)} ms"
            here = view.state.state == READY
            rows.append(
                (
                    name,
                    view.state.state,
                    part if here else "",
                    _shown(health, "bpm", 1),
                    _shown(health, "beat", 0),
                    within,
                    f"{_shown(health, 'late_ms_p99', 2)} ms",
                    " ".join(playing) if here else "",
                )
            )
        return rows


HEADINGS = ("room", "state", "time", "bpm", "beat", "apart", "late p99", "plays")


class Asker:
    """Sends one command, and collects the answers.

    Attributes:
        answers: (room, answer) in the order of their coming.
        connected_now: set when the broker is here.
    """

    def __init__(self, place: Place, name: str) -> None:
        self.answers: list[tuple[str, Mapping[str, Any]]] = []
        self.connected_now = asyncio.Event()
        self._place, self._name = place, name

    @property
    def filters(self) -> tuple[tuple[str, int], ...]:
        """What to subscribe to."""
        return ((self._place.topic("+", "reply", self._name), 1),)

    def will(self) -> None:
        """Nobody misses who only asks."""

    def farewell(self) -> None:
        """Nobody misses who only asks."""

    def connected(self) -> None:
        """The broker is here."""
        self.connected_now.set()

    def disconnected(self) -> None:
        """The broker is gone."""

    def arrived(self, message: Arrived) -> None:
        """An answer came."""
        parts = self._place.parts(message.topic)
        try:
            self.answers.append((parts[0], payloads.read(message.payload, LONGEST_DOCUMENT)))
        except (PayloadError, IndexError):
            return


def _shown(table: Mapping[str, Any], name: str, digits: int) -> str:
    value = table.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-"
    return f"{value:.{digits}f}"
