"""Who is in an ensemble, as each room says of itself. Pure: what came goes in, rows of a table come out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from livevae.edges.mqtt.payloads import PayloadError
from livevae.edges.mqtt.values import READY, RoomState
from livevae.perform.standing import MemberState

MOST_ROOMS = 256
"""Rooms, and voices of a room, that are known; more are somebody's flood."""


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


class Census:
    """The rooms of one ensemble.

    Attributes:
        rooms: by name.
    """

    def __init__(self) -> None:
        self.rooms: dict[str, RoomView] = {}

    def state(self, room: str, state: RoomState | None) -> None:
        """A room's state came; None: it was removed from the broker.

        Raises:
            PayloadError: there are too many rooms.
        """
        if state is None:
            self.rooms.pop(room, None)
            return
        view = self._room(room)
        if state.after(view.state):
            view.state = state

    def health(self, room: str, table: Mapping[str, Any]) -> None:
        """A room's health came.

        Raises:
            PayloadError: there are too many rooms.
        """
        self._room(room).health = table

    def voice(self, room: str, voice: str, table: Mapping[str, Any]) -> None:
        """A voice's picture came; an empty one: the voice is gone.

        Raises:
            PayloadError: there are too many rooms.
        """
        voices = self._room(room).voices
        if not table:
            voices.pop(voice, None)
        elif voice in voices or len(voices) < MOST_ROOMS:
            voices[voice] = table

    def members(self, conductor: str) -> list[MemberState]:
        """Every room that said it was here, by name.

        Args:
            conductor: the room that conducts; "" while none does.
        """
        found = []
        for name, view in sorted(self.rooms.items()):
            if view.state is None:
                continue
            here, health = view.state.state == READY, view.health
            time = "conducts" if name == conductor else "follows" if view.state.follows else "own clock"
            playing = [voice for voice, table in sorted(view.voices.items()) if table.get("playing") is True]
            apart = time == "follows"
            found.append(
                MemberState(
                    name,
                    view.state.state,
                    time if here else "",
                    _number(health, "bpm"),
                    _number(health, "beat"),
                    _number(health, "apart_ms") if apart else 0.0,
                    _number(health, "within_ms") if apart else 0.0,
                    _number(health, "late_ms_p99"),
                    " ".join(playing) if here else "",
                )
            )
        return found

    def _room(self, name: str) -> RoomView:
        if name not in self.rooms and len(self.rooms) >= MOST_ROOMS:
            raise PayloadError("too many rooms")
        return self.rooms.setdefault(name, RoomView())


def _number(table: Mapping[str, Any], name: str) -> float:
    """A number of a payload; 0 where it says none."""
    value = table.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        return 0.0
    return float(value)
