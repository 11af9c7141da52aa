"""The ensemble's time in one room: who conducts, how far its clock is from ours, and the line that our player follows.

A room counts beats of its own and never jumps: its ticks are the ensemble's plus `base`, which is a multiple of the
grid on which all agree, chosen when it joins. Whatever leaves the room is in the ensemble's beats.
Lives on the server's loop; messages come in through methods, and go out through `send`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from livevae.edges.mqtt.conducting import Election
from livevae.edges.mqtt.offset import Offset, exchange
from livevae.edges.mqtt.payloads import PayloadError, number, whole, write
from livevae.edges.mqtt.topics import Place
from livevae.edges.mqtt.values import Line, RoomState, room_name
from livevae.tempo.timeline import TICKS_PER_BEAT, Timeline, next_grid

HEARTBEAT = 2.0
"""Seconds after which a conductor repeats its line."""

DENSEST = 0.02
"""Seconds between two lines of a conductor: a ramp changes the tempo more often than rooms need to know."""

WAITING = 16
"""Pings on their way; older ones are lost."""

FARTHEST = 0.75
"""Parts of the grid that we may be off before another place of it is nearer for good."""


class Music(Protocol):
    """What the ensemble's time needs of the room that it is in."""

    @property
    def timeline(self) -> Timeline:
        """The player's line now."""

    @property
    def grid(self) -> int:
        """Ticks on which rooms agree: a bar, as a rule."""

    @property
    def meter(self) -> str:
        """The bars, such as 4/4."""

    @property
    def playing(self) -> bool:
        """Whether all are meant to play."""

    def lead(self, line: Timeline | None, playing: bool | None, since: float, peers: int) -> None:
        """Let the player follow a line; None lets it keep its own, which we conduct."""


Send = Callable[[str, bytes, int, bool], None]
"""Sends a payload to a topic, with a QoS, retained or not; returns at once."""


@dataclass(frozen=True, slots=True)
class Apart:
    """How exactly we go by the ensemble's time.

    Attributes:
        conductor: the room that conducts; "" while there is none.
        ms: milliseconds that our line is ahead of the conductor's; negative is behind.
        within_ms: what the other clock's offset may be wrong by; 0 for the conductor itself.
    """

    conductor: str = ""
    ms: float = 0.0
    within_ms: float = 0.0


class SharedTime:
    """The ensemble's time, as one room has it.

    Attributes:
        election: who conducts.
        base: our ticks less the ensemble's.
    """

    def __init__(self, place: Place, boot: str, music: Music, send: Send) -> None:
        self.election = Election(place.room, boot)
        self.base = 0
        self._place, self._music, self._send = place, music, send
        self._active = False
        self._offset = Offset()
        self._of = ("", "")
        self._pings: dict[int, float] = {}
        self._number = 0
        self._ping_at = 0.0
        self._seq = 0
        self._sent: tuple[Timeline, bool, str] | None = None
        self._sent_at = 0.0
        self._claim_tick: int | None = None
        self._led: tuple[Timeline | None, bool | None, int] | None = None
        self._playing: bool | None = None
        self._since = 0.0
        self._grid = 0
        self._joined = False

    @property
    def active(self) -> bool:
        """Whether our player goes by the ensemble's time."""
        return self._active

    def activate(self, active: bool) -> None:
        """Go by the ensemble's time from now on, or by our own."""
        if active == self._active:
            return
        self._active, self._led, self._joined = active, None, False
        self._playing = None
        if not active:
            self.election.yield_place()
            self._claim_tick = None

    def apart(self, now: float) -> Apart:
        """How exactly we go by it now."""
        line = self.election.line
        if self.election.conducting:
            return Apart(self.election.room)
        if line is None or not self._offset.known or self._of != (line.conductor, line.boot):
            return Apart(self.election.conductor)
        theirs = line.timeline(self._offset.at(now), self.base)
        ticks = self._music.timeline.tick_at(now) - theirs.tick_at(now)
        return Apart(
            self.election.conductor,
            1000 * ticks * theirs.seconds_per_tick,
            1000 * self._offset.uncertainty(now),
        )

    # what comes

    def connected(self, now: float) -> None:
        """The broker is here."""
        self.election.connected(now)
        self._pings.clear()
        self._ping_at = now
        self._sent = None

    def disconnected(self) -> None:
        """The broker is gone; we go on along the last line."""
        self.election.disconnected()
        self._pings.clear()
        self._claim_tick = None

    def state(self, room: str, state: RoomState, now: float) -> bool:
        """A room's state; gives whether it was believed."""
        return self.election.state(room, state, now)

    def line(self, line: Line, now: float) -> None:
        """A line of somebody who conducts."""
        if self.election.receive(line, now):
            self._claim_tick = None
            self._follow(now)

    def ping(self, table: Mapping[str, Any], arrived: float, now: Callable[[], float]) -> None:
        """A room asks for our clock; answered where we conduct."""
        room = room_name(table, "room")
        answer = {"n": whole(table, "n"), "boot": self.election.boot, "conductor": self.election.room}
        if self.election.conducting:
            payload = {**answer, "t2": arrived, "t3": now()}
            self._send(self._place.topic(room, "pong"), write(payload), 0, False)

    def pong(self, table: Mapping[str, Any], arrived: float) -> None:
        """The conductor's answer."""
        sent = self._pings.pop(whole(table, "n"), None)
        line = self.election.line
        if sent is None or line is None:
            return
        who = (str(table.get("conductor")), str(table.get("boot")))
        if who != (line.conductor, line.boot):
            return
        if who != self._of:
            self._of, self._offset = who, Offset()
        try:
            self._offset.add(exchange(sent, number(table, "t2"), number(table, "t3"), arrived))
        except ValueError as error:
            raise PayloadError(str(error)) from None
        self._follow(arrived)

    # what is due

    def step(self, now: float) -> None:
        """Do what is due: claims, pings, lines."""
        if not self._active:
            return
        if self.election.due(now):
            self._claim(now)
        else:
            self._claim_tick = None
        if self.election.conducting:
            self.conduct(now)
            self._lead(None, None, now)
        elif self.election.line is not None:
            if now >= self._ping_at:
                self._ping(now)
            if self._led is not None and self._led[2] != self.election.others:
                self._follow(now)

    def conduct(self, now: float) -> None:
        """Send our line, where we conduct and it is news, or was not said for a while."""
        if not self.election.conducting or now - self._sent_at < DENSEST:
            return
        music = self._music
        says = (music.timeline, music.playing, music.meter)
        if says == self._sent and now - self._sent_at < HEARTBEAT:
            return
        self._send_line(now)

    def _send_line(self, now: float) -> None:
        line = self.election.line
        assert line is not None  # noqa: S101  (for the type checker)
        music = self._music
        self._sent, self._sent_at = (music.timeline, music.playing, music.meter), now
        self._seq += 1
        ours = replace(self._line(now), term=line.term)
        self.election.line = ours
        self._send(self._place.topic("clock"), ours.payload(), 1, True)

    def _line(self, now: float) -> Line:
        timeline, music = self._music.timeline, self._music
        beat = (timeline.tick_at(now) - self.base) / TICKS_PER_BEAT
        election = self.election
        return Line(
            election.room, election.boot, 0, self._seq, beat, now, timeline.bpm, music.meter, music.playing
        )

    def _claim(self, now: float) -> None:
        """At the next bar line, say that we conduct; the line itself goes on as it is."""
        tick = self._music.timeline.tick_at(now)
        if self._claim_tick is None:
            self._claim_tick = next_grid(tick, self._music.grid)
        if tick >= self._claim_tick:
            self._claim_tick = None
            self._seq += 1
            self.election.claim(self._line(now), now)
            self._send_line(now)
            self._lead(None, None, now)

    def _ping(self, now: float) -> None:
        same = self.election.line is not None and self._of == (
            self.election.line.conductor,
            self.election.line.boot,
        )
        self._ping_at = now + (self._offset.pause if same else Offset().pause)
        self._number += 1
        self._pings[self._number] = now
        while len(self._pings) > WAITING:
            del self._pings[next(iter(self._pings))]
        room = self._place.room
        self._send(
            self._place.topic("clock", "ping", room), write({"n": self._number, "room": room}), 0, False
        )

    def _follow(self, now: float) -> None:
        """Hand the conductor's line, as it is on our clock, to the player."""
        line = self.election.line
        if not self._active or line is None or self.election.conducting:
            return
        if self._of != (line.conductor, line.boot) or not self._offset.settled:
            return
        grid, theirs = self._music.grid, line.timeline(self._offset.at(now))
        off = self._music.timeline.tick_at(now) - theirs.tick_at(now) - self.base
        if not self._joined or grid != self._grid or abs(off) > FARTHEST * grid:
            self.base = round((self._music.timeline.tick_at(now) - theirs.tick_at(now)) / grid) * grid
        self._joined, self._grid = True, grid
        ours = theirs.moved(self.base)
        if line.playing != self._playing:
            self._playing, self._since = line.playing, ours.tick_at(line.at - self._offset.at(now))
        self._lead(ours, line.playing, now)

    def _lead(self, line: Timeline | None, playing: bool | None, now: float) -> None:
        del now
        wanted = (line, playing, self.election.others)
        if wanted != self._led:
            self._led = wanted
            self._music.lead(line, playing, self._since, self.election.others)
