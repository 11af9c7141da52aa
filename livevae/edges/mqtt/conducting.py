"""Who conducts: one rule that every room of an ensemble shares. Pure: what was received comes in, with its time.

* The line of the highest term is the ensemble's; in one term that of the room which comes first in the alphabet.
* A conductor is gone when its `$state` says so for the life that its line names, or that it goes by a clock of its
  own again, or says nothing at all.
* Then the rooms that follow claim its place at a bar line, each `TURN` after the one before it in the alphabet,
  if nobody has by then. A claim is a line with the next term.
* A claim that the broker does not give back within `ECHO` was not allowed (an ACL): that room claims no more.
* A room that a performer asks to conduct claims at the next bar line, whoever conducts.

Law: rooms that have received the same messages go by the same line.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from livevae.edges.mqtt.values import READY, Line, RoomState

GRACE = 2.0
"""Seconds after the first connection until an ensemble without a conductor is one: retained messages come at once."""

RETURN = 6.0
"""Seconds after another connection: the others come back from a broker's restart too, each in its time."""

TURN = 2.0
"""Seconds that a room waits for each room before it in the alphabet."""

ECHO = 2.0
"""Seconds within which a broker gives back what it has taken."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A line of ours that is not given back yet, and what we went by before."""

    line: Line
    since: float
    before: Line | None


class Election:
    """Who conducts, as one room sees it.

    Args:
        room: our room's name.
        boot: which life of it this is.

    Attributes:
        line: the ensemble's line; None while there is none.
        states: each room's last state that was believed.
        denied: whether the broker does not let us conduct.
        wished: whether a performer asked us to.
    """

    def __init__(self, room: str, boot: str) -> None:
        self.room = room
        self.boot = boot
        self.line: Line | None = None
        self.denied = False
        self.wished = False
        self._states: dict[str, RoomState] = {}
        self._claim: Claim | None = None
        self._connections = 0
        self._since: float | None = None
        self._gone: float | None = None
        self._term = 0

    @property
    def states(self) -> Mapping[str, RoomState]:
        """Each room's last state that was believed."""
        return self._states

    @property
    def conducting(self) -> bool:
        """Whether we conduct."""
        return self.line is not None and (self.line.conductor, self.line.boot) == (self.room, self.boot)

    @property
    def others(self) -> int:
        """How many other rooms go by the ensemble's time."""
        return sum(
            one.follows and one.state == READY for name, one in self._states.items() if name != self.room
        )

    @property
    def conductor(self) -> str:
        """The room that conducts; "" while there is none."""
        return self.line.conductor if self.line is not None and self.there(self.line) else ""

    def there(self, line: Line) -> bool:
        """Whether the conductor of a line is here, in that life."""
        if (line.conductor, line.boot) == (self.room, self.boot):
            return True
        state = self._states.get(line.conductor)
        return state is not None and state.state == READY and state.follows and state.boot == line.boot

    def connected(self, now: float) -> None:
        """The broker is here."""
        self._connections += 1
        self._since = now
        self._gone = None
        self._states.clear()  # whoever is here is said again
        self._look(now)

    def disconnected(self) -> None:
        """The broker is gone: everybody plays on, and nobody claims anything."""
        self._since = None
        self._gone = None
        if self._claim is not None:
            self.line, self._claim = self._claim.before or self._claim.line, None

    def state(self, room: str, state: RoomState, now: float) -> bool:
        """A room's state came; gives whether it was believed."""
        if not state.after(self._states.get(room)):
            return False
        self._states[room] = state
        self._look(now)
        return True

    def forget(self, room: str, now: float) -> None:
        """A room's state was removed from the broker."""
        self._states.pop(room, None)
        self._look(now)

    def receive(self, line: Line, now: float) -> bool:
        """A line came; gives whether it is another room's that we go by from now on."""
        self._term = max(self._term, line.term)
        mine = (line.conductor, line.boot) == (self.room, self.boot)
        if mine:
            if self._claim is not None and line.term == self._claim.line.term:
                self._claim = None
            return False
        if line.conductor == self.room:  # an earlier life of ours: its place is vacant
            if self.line is None:
                self.line = line
            self._look(now)
            return False
        believed = line.after(self.line)
        if believed:
            self.line = line
            self._claim = None
        self._look(now)
        return believed

    def due(self, now: float) -> bool:
        """Whether we should claim the conductor's place, at the next bar line."""
        self._check_claim(now)
        if self._since is None or self.conducting or self.denied:
            return False
        if self.wished:
            return now - self._since >= GRACE or self.line is not None
        return self._gone is not None and now >= self._gone + TURN * self._rank()

    def claim(self, line: Line, now: float) -> Line:
        """We conduct, along `line`; gives it with its term, to be sent."""
        self._term += 1
        mine = Line(
            self.room, self.boot, self._term, line.seq, line.beat, line.at, line.bpm, line.meter, line.playing
        )
        self._claim = Claim(mine, now, self.line)
        self.line, self.wished, self._gone = mine, False, None
        return mine

    def yield_place(self) -> None:
        """We go by our own clock again, and leave the place to others."""
        self.wished = False
        self._claim = None
        if self.conducting:
            self.line = None

    def _check_claim(self, now: float) -> None:
        if self._claim is not None and self._since is not None and now - self._claim.since > ECHO:
            self.line, self._claim, self.denied, self.wished = self._claim.before, None, True, False
            self._look(now)

    def _look(self, now: float) -> None:
        """Since when the conductor's place is vacant."""
        if self._since is None or (self.line is not None and self.there(self.line)):
            self._gone = None
            return
        said = self.line is not None and self.line.conductor in self._states
        earliest = self._since + (GRACE if self._connections == 1 else RETURN)
        gone = now if said else max(now, earliest)
        self._gone = gone if self._gone is None else min(self._gone, gone)

    def _rank(self) -> int:
        names = {name for name, one in self._states.items() if one.follows and one.state == READY}
        return sorted(names | {self.room}).index(self.room)
