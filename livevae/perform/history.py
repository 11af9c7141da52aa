"""What was set before: undo, redo, and two states, a and b, to compare. Of settings alone."""

from collections.abc import Mapping
from typing import TypeAlias

from livevae.errors import RequestError
from livevae.perform import requests as ask
from livevae.perform.cast import Cast
from livevae.perform.clock import TickClock
from livevae.perform.hub import Hub
from livevae.perform.requests import Reply, Request
from livevae.perform.settings import VoiceSettings

MOST = 100
"""Changes that can be taken back."""

ONE_TURN = 1.0
"""Seconds within which changes of one kind, such as those of a knob, are one."""

SLOTS = ("a", "b")

State: TypeAlias = Mapping[str, VoiceSettings]


class History:
    """The settings that a session had. Lives on the session's loop; not thread-safe.

    Args:
        cast: the voices.
        clock: the session's.
        hub: told what is done.

    Attributes:
        slot: which of the two states is heard.
    """

    def __init__(self, cast: Cast, clock: TickClock, hub: Hub) -> None:
        self._cast, self._clock, self._hub = cast, clock, hub
        self._undos: list[State] = []
        self._redos: list[State] = []
        self._last: tuple[str, float] = ("", 0.0)
        self._slots: dict[str, State] = {}
        self.slot = SLOTS[0]

    @property
    def undos(self) -> int:
        """How many changes can be taken back."""
        return len(self._undos)

    @property
    def redos(self) -> int:
        """How many changes that were taken back can be made again."""
        return len(self._redos)

    @property
    def other(self) -> State | None:
        """The state that is not heard; None where it never was."""
        return self._slots.get(SLOTS[1 - SLOTS.index(self.slot)])

    def state(self) -> State:
        """What is set now."""
        return {voice.name: voice.settings for voice in self._cast if not voice.only_shots}

    def changed(self, before: State, kind: str) -> None:
        """Something was changed; what was set before is `before`.

        Changes of one kind close together are one change; a change of kind "" is always one of its own.
        """
        after = self.state()
        if all(after.get(name, settings) == settings for name, settings in before.items()):
            return
        now = self._clock.now()
        kind_before, when = self._last
        self._last = (kind, now)
        self._redos.clear()
        if kind and kind == kind_before and now - when < ONE_TURN and self._undos:
            return
        self._undos.append(before)
        del self._undos[:-MOST]

    def forget(self) -> None:
        """Another scene: there is nothing to go back to."""
        self._undos.clear()
        self._redos.clear()
        self._slots.clear()
        self._last = ("", 0.0)
        self.slot = SLOTS[0]

    def do(self, request: Request) -> Reply:
        """Answer a request.

        Raises:
            RequestError: there is nothing to go back to.
        """
        match request:
            case ask.Undo():
                return self._go(self._undos, self._redos, "take back", "taken back")
            case ask.Redo():
                return self._go(self._redos, self._undos, "make again", "made again")
            case ask.Swap(slot):
                return self._swap(slot)
            case _:
                raise RequestError(f"{type(request).__name__} is not a request about what was set before")

    def _go(self, there: list[State], back: list[State], what: str, done: str) -> Reply:
        if not there:
            raise RequestError(f"there is no change of settings to {what}")
        back.append(self.state())
        names = self._restore(there.pop())
        self._last = ("", 0.0)
        self._hub.log("undo", f"a change of {', '.join(names) or 'nothing'} is {done}")
        pairs = (("voices", " ".join(names)), ("undos", self.undos), ("redos", self.redos))
        return Reply(pairs=pairs, beat=self._clock.beat_at(None))

    def _swap(self, slot: str) -> Reply:
        if slot and slot not in SLOTS:
            raise RequestError(f"there are two states, a and b, and no {slot[:20]!r}")
        slot = slot or SLOTS[1 - SLOTS.index(self.slot)]
        names: tuple[str, ...] = ()
        if slot != self.slot:
            before = self.state()
            self._slots[self.slot] = before
            names = self._restore(self._slots.get(slot, before))
            self.slot = slot
            self.changed(before, "")
        self._hub.log("undo", f"state {slot} is heard")
        return Reply(pairs=(("slot", slot), ("voices", " ".join(names))), beat=self._clock.beat_at(None))

    def _restore(self, state: State) -> tuple[str, ...]:
        """Set what was set; gives the voices that this changes."""
        found = []
        for name, settings in state.items():
            voice = self._cast.get(name)
            if voice is not None and voice.settings != settings:
                self._cast.change(name, settings)
                found.append(name)
        return tuple(found)
