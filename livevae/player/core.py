"""The player without its ports and its clock: agenda, ledger and timeline. Time comes in, messages come out.

The rule for editors: nothing here reads a clock, sleeps or opens anything. `handle` and `due` are told
what time it is, and say what to send at once; `deadline` says when to come back. Laws, for every script:

    every on is followed by exactly one off of its key before the key's next on, or before the end
    a key that several voices hold sounds until the last of them lets go; struck again it is struck again, and
    struck by several at one tick it is struck once
    on one port, messages go by tick, and at one tick offs go before ons
    an on that is more than LATE_ON seconds behind is dropped and counted; an off never is
    a tempo change replaces the timeline and touches nothing else

The laws hold for all of it together, so it is one file.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from livevae.player.clocks.midi_out import ANNOUNCED, PULSE, STOP, announcement, next_entry, next_pulse
from livevae.player.ledger import Key, Ledger, Sounding
from livevae.player.wire.commands import (
    Cancel,
    Command,
    Nudge,
    OpenPorts,
    Panic,
    Play,
    PortSpec,
    Quit,
    Release,
    Send,
    SetPlaying,
    SetTempo,
    SetTimeline,
)
from livevae.player.wire.reports import Counters
from livevae.tempo.agenda import Agenda, Rank
from livevae.tempo.events import PlayNote
from livevae.tempo.follower import TICKS_PER_PULSE
from livevae.tempo.pace import Pace
from livevae.tempo.timeline import Timeline

LATE_ON = 0.05
"""Seconds after which an on is no longer worth sending: past this a listener hears another rhythm."""

CHANNELS = 16
ALL_NOTES_OFF = 123
ALL_SOUND_OFF = 120


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that goes out now.

    Attributes:
        tick: the tick that it was waited for (not the one measured at sending).
        port: livevae's name of the port.
        data: the MIDI bytes.
        due: when it should have gone, in seconds; the difference to when it went is its lateness.
        voice: whose it is; "" of offs, and of what is nobody's.
    """

    tick: int
    port: str
    data: bytes
    due: float
    voice: str = ""


@dataclass(frozen=True, slots=True)
class _On:
    note: PlayNote


@dataclass(frozen=True, slots=True)
class _Off:
    key: Key
    number: int


@dataclass(frozen=True, slots=True)
class _Other:
    data: bytes
    voice: str


@dataclass(frozen=True, slots=True)
class _Pulse:
    """A MIDI clock's pulse; the next one follows from it."""


@dataclass(frozen=True, slots=True)
class _Transport:
    """Start, continue, song position: no voice's, and not dropped with them."""

    data: bytes


_Item = _On | _Off | _Other | _Pulse | _Transport


@dataclass(slots=True)
class _Lane:
    """One port's agenda, and how much later than the others it is sent (seconds)."""

    agenda: Agenda[_Item]
    offset: float = 0.0
    lost: bool = False
    clock: bool = False
    started: bool = False


class _Next(NamedTuple):
    """What is due soonest: a port's next message, or a tempo change (no lane); never, when nothing waits."""

    time: float
    port: str
    lane: _Lane | None

    @property
    def waits(self) -> bool:
        return self.time < math.inf


class PlayerCore:
    """Agenda, ledger and timeline of a player. Not thread-safe.

    Attributes:
        pace: the timeline, and what waits to change it.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.pace = Pace(timeline)
        self._ledger = Ledger()
        self._lanes: dict[str, _Lane] = {}
        self._next: _Next | None = None
        self._playing = True
        self._sent = 0
        self._dropped = 0

    @property
    def timeline(self) -> Timeline:
        """The line between ticks and seconds now; replaced whole."""
        return self.pace.timeline

    # what the outside asks

    def handle(self, command: Command, now: float) -> list[Sent]:
        """Take a command at `now`; what is to be sent at once."""
        self._next = None
        match command:
            case Play(notes):
                for note in notes:
                    self._lane(note.port).agenda.add(note.tick, Rank.ON, _On(note))
            case Send(tick, port, data, voice):
                self._lane(port).agenda.add(tick, Rank.OTHER, _Other(data, voice))
            case Cancel(voice, tick):
                return self._cancel(voice, tick, now)
            case SetTempo(bpm, tick, over):
                self.pace.set_tempo(bpm, now, tick, over)
            case Nudge(ticks, over):
                self.pace.nudge(ticks, now, over)
            case SetTimeline(timeline):
                self.pace.replace(timeline)
                self._place_clocks(now)
            case SetPlaying(playing):
                return self._set_playing(playing, now)
            case OpenPorts(ports):
                return self._open_ports(ports, now)
            case Release(notes):
                return self._release_foreign(notes, now)
            case Panic():
                return self._panic(now)
            case Quit():
                return self.release_all(now)
        return []

    def deadline(self) -> float | None:
        """When something is due, in seconds; None when nothing waits."""
        if self._next is None:
            self._next = self._soonest()
        return self._next.time if self._next.waits else None

    def next_due(self, now: float) -> list[Sent] | None:
        """The messages of the one item that is due soonest (none for a tempo change); None when nothing is due.

        A chord is thus sent as it is worked out: its first note does not wait for its last.
        """
        soonest = self._next or self._soonest()
        if not soonest.waits or soonest.time > now:
            self._next = soonest
            return None
        self._next = None
        if soonest.lane is None:
            self.pace.step()
            return []
        return self._next_of(soonest.port, soonest.lane, soonest.time, now)

    def due(self, now: float) -> list[Sent]:
        """All that is to be sent by `now`, soonest first."""
        out: list[Sent] = []
        while (messages := self.next_due(now)) is not None:
            out += messages
        return out

    def release_all(self, now: float) -> list[Sent]:
        """Forget all that waits; the offs of all that sounds."""
        self._next = None
        self.pace.forget()
        return self._set_playing(playing=False, now=now) + self._cancel("", None, now)

    def follow(self, line: Timeline, now: float, *, at_once: bool = False) -> None:
        """Go where another clock goes; see `Pace.follow`."""
        self._next = None
        self.pace.follow(line, now, at_once=at_once)
        if at_once:
            self._place_clocks(now)

    def port_lost(self, port: str) -> None:
        """The port is gone: its notes stay in the ledger; what falls due for it meanwhile is not sent."""
        self._lane(port).lost = True

    def port_opened(self, port: str, now: float) -> None:
        """The port is open now: its clock begins here. Opening took a while, and late pulses are another tempo."""
        self._next = None
        lane = self._lane(port)
        if lane.clock and not lane.lost:
            self._place_clock(lane, now)

    def port_back(self, port: str, now: float) -> list[Sent]:
        """The port is there again: the offs of what may still hang at its other end."""
        self._next = None
        lane = self._lane(port)
        lane.lost = False
        if lane.clock:
            self._place_clock(lane, now)
        return self._release(lambda key, _: key.port == port, now)

    def through(self, time: float) -> int:
        """The tick by which all was due, on every port, at `time` (seconds)."""
        offsets = [lane.offset for lane in self._lanes.values()]
        return math.floor(self.timeline.tick_at(time - max(offsets, default=0.0)))

    def counters(self) -> Counters:
        """Sums since the start, and what waits and sounds now; lateness is for whoever sends."""
        waiting = sum(len(lane.agenda) for lane in self._lanes.values())
        return Counters(
            sent=self._sent, dropped_ons=self._dropped, sounding=len(self._ledger), waiting=waiting
        )

    # how it is done

    def _lane(self, port: str) -> _Lane:
        lane = self._lanes.get(port)
        if lane is None:
            lane = self._lanes[port] = _Lane(Agenda())
        return lane

    def _soonest(self) -> _Next:
        """What comes next: of things due at one time, a tempo change, then the ports in their order."""
        best, port, first = math.inf, "", None
        time_at = self.timeline.time_at
        for name, lane in self._lanes.items():
            tick = lane.agenda.next_tick()
            if tick is not None and (time := time_at(tick) + lane.offset) < best:
                best, port, first = time, name, lane
        if (tick := self.pace.next_tick()) is not None and (time := time_at(tick)) <= best:
            return _Next(time, "", None)
        return _Next(best, port, first)

    def _next_of(self, port: str, lane: _Lane, due: float, now: float) -> list[Sent]:
        tick, item = lane.agenda.pop()
        if lane.lost:
            return []
        match item:
            case _Pulse():
                return self._pulse(port, lane, tick, due, now)
            case _Transport(data):
                lane.started = data != STOP
                return self._out([Sent(tick, port, data, due)])
            case _On(note):
                if now - due > LATE_ON:
                    self._dropped += 1
                    return []
                return self._begin(lane, note, due)
            case _Off(key, number):
                if not self._ledger.end(key, number):
                    return []
                return self._out([Sent(tick, port, key.off(), due)])
            case _Other(data, voice):
                return self._out([Sent(tick, port, data, due, voice)])

    def _begin(self, lane: _Lane, note: PlayNote, due: float) -> list[Sent]:
        key = Key(note.port, note.channel, note.pitch)
        before = self._ledger.since(key)
        number = self._ledger.begin(key, note.voice, note.tick)
        lane.agenda.add(note.end, Rank.OFF, _Off(key, number))
        out = []
        if before is not None:
            if before == note.tick:
                return []
            out.append(Sent(note.tick, note.port, key.off(), due))
        out.append(Sent(note.tick, note.port, key.on(note.velocity), due, note.voice))
        return self._out(out)

    def _cancel(self, voice: str, tick: int | None, now: float) -> list[Sent]:
        def unwanted(when: int, item: _Item) -> bool:
            if tick is not None and when < tick:
                return False
            match item:
                case _On(note):
                    return voice in ("", note.voice)
                case _Other(_, whose):
                    return voice in ("", whose)
                case _Off() | _Pulse() | _Transport():
                    return False

        for lane in self._lanes.values():
            lane.agenda.remove(unwanted)
        return [] if tick is not None else self._release(lambda _, whose: voice in ("", whose), now)

    def _release(self, wanted: Callable[[Key, str], bool], now: float) -> list[Sent]:
        def released(key: Key, note: Sounding) -> bool:
            return wanted(key, note.voice) and not self._lane(key.port).lost

        tick = math.floor(self.timeline.tick_at(now))
        return self._out(
            [
                Sent(max(tick, note.since + 1), key.port, key.off(), now)
                for key, note in self._ledger.take(released)
            ]
        )

    def _release_foreign(self, notes: tuple[PlayNote, ...], now: float) -> list[Sent]:
        tick = math.floor(self.timeline.tick_at(now))
        keys = dict.fromkeys(Key(note.port, note.channel, note.pitch) for note in notes)
        return self._out([Sent(tick, key.port, key.off(), now) for key in keys if key not in self._ledger])

    def _panic(self, now: float) -> list[Sent]:
        out = self._cancel("", None, now)
        tick = math.floor(self.timeline.tick_at(now))
        return out + self._out(
            [
                Sent(tick, port, bytes((0xB0 | channel, controller, 0)), now)
                for port, lane in self._lanes.items()
                if not lane.lost
                for channel in range(CHANNELS)
                for controller in (ALL_NOTES_OFF, ALL_SOUND_OFF)
            ]
        )

    def _open_ports(self, ports: tuple[PortSpec, ...], now: float) -> list[Sent]:
        named = {spec.name for spec in ports}
        out = self._release(lambda key, _: key.port not in named, now)
        for name in [name for name in self._lanes if name not in named]:
            lost = self._lanes.pop(name).lost
            if lost:  # what hangs at its other end is released when it is named again and there
                self._lane(name).lost = True
        for spec in ports:
            lane = self._lane(spec.name)
            lane.offset = spec.offset_ms / 1000.0
            if lane.clock != spec.clock:
                lane.clock = spec.clock
                out += self._stop_clock(spec.name, lane, now)
                self._place_clock(lane, now)
        return out

    # MIDI clock out

    def _place_clocks(self, now: float) -> None:
        """After a jump: the pulses go by the new line, and followers are told where the song is."""
        for lane in self._lanes.values():
            if lane.clock:
                self._place_clock(lane, now)

    def _place_clock(self, lane: _Lane, now: float) -> None:
        lane.agenda.remove(lambda _, item: isinstance(item, _Pulse | _Transport))
        if lane.clock:
            tick = self.timeline.tick_at(now - lane.offset)
            if lane.started:
                lane.agenda.add(math.floor(tick), Rank.CLOCK, _Transport(STOP))
            lane.agenda.add(next_pulse(tick), Rank.CLOCK, _Pulse())
            if self._playing:
                entry = next_entry(tick)
                for data in announcement(entry):
                    lane.agenda.add(entry - ANNOUNCED, Rank.CLOCK, _Transport(data))

    def _pulse(self, port: str, lane: _Lane, tick: int, due: float, now: float) -> list[Sent]:
        """Send a pulse and put down the next one; those that were missed by far are left out."""
        if now - due > LATE_ON:
            self._place_clock(lane, now)
            return []
        lane.agenda.add(tick + TICKS_PER_PULSE, Rank.CLOCK, _Pulse())
        return self._out([Sent(tick, port, PULSE, due)])

    def _set_playing(self, playing: bool, now: float) -> list[Sent]:
        if playing == self._playing:
            return []
        self._playing = playing
        out = [message for name, lane in self._lanes.items() for message in self._stop_clock(name, lane, now)]
        self._place_clocks(now)
        return out

    def _stop_clock(self, port: str, lane: _Lane, now: float) -> list[Sent]:
        """Tell the port's follower to stop, where it was told to start."""
        if not lane.started or lane.lost:
            return []
        lane.started = False
        return self._out([Sent(math.floor(self.timeline.tick_at(now)), port, STOP, now)])

    def _out(self, messages: list[Sent]) -> list[Sent]:
        self._sent += len(messages)
        return messages
