"""The player inside the server's own loop: to render faster than real time, and to test in virtual time."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from livevae.player.client.sender import CommandSender
from livevae.player.clocks.clock import MIDI, MQTT, Reading
from livevae.player.clocks.led import LedClock
from livevae.player.clocks.midi import ClockIn
from livevae.player.core import PlayerCore, Sent
from livevae.player.wire.commands import (
    TICKS_PER_BAR,
    Command,
    FollowLine,
    SetTimeline,
)
from livevae.player.wire.reports import ClockChanged, Counters, Report, TimelineChanged, Transport
from livevae.tempo.timeline import Timeline


class File(Protocol):
    """What takes down all that is sent, as it is sent."""

    def message(self, tick: int, port: str, data: bytes) -> None:
        """A message to a port."""

    def tempo(self, tick: float, bpm: float) -> None:
        """From `tick` on, `bpm` beats a minute."""

    def signature(self, tick: int, beats: int, unit: int) -> None:
        """From the bar line `tick` on, another time signature; it may be told ahead."""


class LocalPlayer(CommandSender):
    """`PlayerCore` driven by the running asyncio loop. The same surface as `PlayerProcess`.

    Attributes:
        timeline: the line between ticks and seconds now.
        sent: everything that was sent, in order.
        tempos: (tick, bpm) of every tempo change, the first being the start.
        meters: (tick, beats, unit) of every change of meter; 4/4 before the first.
        file: gets all that is sent, tempos and meters, in place of the three above, which stay empty; None keeps them.
        on_report: called with each report, at once; None to hear nothing.
        on_timeline: called when the timeline was replaced.
    """

    def __init__(
        self,
        bpm: float = 120.0,
        *,
        timeline: Timeline | None = None,
        on_sent: Callable[[Sent], None] | None = None,
        file: File | None = None,
    ) -> None:
        """Start at tick 0 now, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._core = PlayerCore(timeline or Timeline(0, self._loop.time(), bpm))
        self._timer: asyncio.TimerHandle | None = None
        self._on_sent = on_sent
        self._known = self._core.timeline
        self._closed = False
        self._clock: ClockIn | None = None
        self._follows: LedClock | None = None
        self._peers = 0
        self._playing: bool | None = None
        self._led = False
        self.on_report: Callable[[Report], None] | None = None
        self.on_timeline: Callable[[Timeline], None] | None = None
        self.sent: list[Sent] = []
        self.tempos: list[tuple[float, float]] = []
        self.meters: list[tuple[int, int, int]] = []
        self.file = file
        self._note_tempo()

    @property
    def timeline(self) -> Timeline:
        """The line between ticks and seconds now."""
        return self._core.timeline

    @property
    def counters(self) -> Counters:
        """How it goes."""
        return self._core.counters()

    def set_tempo(self, bpm: float, *, tick: int | None = None, over: int = 0) -> None:
        """Another tempo, from `tick` (None: now) on, reached over `over` ticks; the present does not move."""
        if not self._led:
            super().set_tempo(bpm, tick=tick, over=over)

    def nudge(self, ticks: float, over: int = 0) -> None:
        """Put the music `ticks` further on (negative: back), over `over` ticks of it; 0 is at once."""
        if not self._led:
            super().nudge(ticks, over)

    def set_clock(self, source: str, quantum: int = TICKS_PER_BAR, target: str = "virtual") -> None:
        """Go by our own clock, by a MIDI clock whose bytes `receive_clock` is given, or by what `lead` says."""
        if source != MIDI:
            self._clock = None
        elif self._clock is not None:
            self._clock.quantum = quantum
        else:
            self._clock, self._playing = ClockIn(quantum), None
        if source != MQTT:
            self._follows = None
        elif self._follows is None:
            self._follows, self._playing = LedClock(quantum), None
        super().set_clock(source, quantum, target)
        if self.on_report is not None:
            self.on_report(ClockChanged(source))

    def set_meter(self, tick: int, beats: int, unit: int) -> None:
        """Another time signature from `tick` on."""
        if self.file is not None:
            self.file.signature(tick, beats, unit)
        else:
            self.meters.append((tick, beats, unit))
        super().set_meter(tick, beats, unit)

    def set_playing(self, playing: bool) -> None:
        """Tell nobody: a MIDI clock leads, and our own is shared with none."""
        self._playing = playing
        if self._follows is not None:
            self._follows.play(playing, self._loop.time())
        super().set_playing(playing)

    def receive_clock(self, data: bytes) -> None:
        """A message of the MIDI clock that is followed came now; passed over where none is."""
        if self._clock is None or self._closed:
            return
        now = self._loop.time()
        self._clock.receive(data, now)
        reading = self._clock.read(now, self._core.pace)
        if reading.line is not None:
            self._core.follow(reading.line, now, at_once=reading.at_once)
        self._emit([])
        self._rearm()
        self._transport(reading)

    def follow_line(
        self, line: Timeline | None, playing: bool | None = None, since: float = 0.0, peers: int = 0
    ) -> None:
        """For the clock `mqtt`: go along this line from now on; None is along our own."""
        if self._follows is None or self._closed:
            return
        self._follows.lead(FollowLine(line, playing, since, peers))
        now = self._loop.time()
        reading = self._follows.look(now, self._core.pace)
        if reading.line is not None:
            self._core.follow(reading.line, now)
        self._emit([])
        self._rearm()
        self._transport(reading)
        if peers != self._peers and self.on_report is not None:
            self._peers = peers
            self.on_report(ClockChanged(MQTT, peers))

    def lead(self, line: Timeline) -> None:
        """The music is on this line now, and from now on only where `lead` says: another player keeps its pace."""
        self._led = True
        self._do(SetTimeline(line))

    def _transport(self, reading: Reading) -> None:
        """Tell who follows that whoever leads began to play, or stopped."""
        if reading.playing is not None and reading.playing != self._playing:
            if self._playing is not None and self.on_report is not None:
                self.on_report(Transport(reading.playing, reading.since))
            self._playing = reading.playing

    def lose_port(self, port: str) -> None:
        """The port is gone: nothing is sent there until it is back."""
        self._core.port_lost(port)

    def bring_port_back(self, port: str) -> None:
        """The port is there again: what may hang at its other end is released."""
        self._emit(self._core.port_back(port, self._loop.time()))
        self._rearm()

    async def close(self) -> None:
        """Release what sounds, and end."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._emit(self._core.release_all(self._loop.time()))

    def _do(self, *commands: Command) -> None:
        if self._closed:
            return
        for command in commands:
            self._emit(self._core.handle(command, self._loop.time()))
        self._rearm()

    def _tick(self) -> None:
        self._timer = None
        self._emit(self._core.due(self._loop.time()))
        self._rearm()

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._core.deadline()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._tick)

    def _note_tempo(self) -> None:
        if self.file is not None:
            self.file.tempo(self._known.tick, self._known.bpm)
        else:
            self.tempos.append((self._known.tick, self._known.bpm))

    def _emit(self, messages: list[Sent]) -> None:
        for message in messages:
            if self.file is not None:
                self.file.message(message.tick, message.port, message.data)
            else:
                self.sent.append(message)
            if self._on_sent is not None:
                self._on_sent(message)
        if (timeline := self._core.timeline) is not self._known:
            self._known = timeline
            self._note_tempo()
            if self.on_timeline is not None:
                self.on_timeline(timeline)
            if self.on_report is not None:
                self.on_report(TimelineChanged(timeline, self._core.pace.bpm))
