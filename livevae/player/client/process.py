"""The server's side of the wire: starts the player, mirrors what it was sent, starts another if it dies."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from livevae.errors import LivevaeError
from livevae.player.client.child import PATIENCE, Child
from livevae.player.client.mirror import Mirror, chunked
from livevae.player.client.port_keeper import PortKeeper
from livevae.player.client.recording import LOOK, RecorderProcess
from livevae.player.client.sender import CommandSender
from livevae.player.clocks.clock import INTERNAL
from livevae.player.wire.codec import encode
from livevae.player.wire.commands import (
    TICKS_PER_BAR,
    Command,
    FollowLine,
    OpenPorts,
    PortSpec,
    Quit,
    SetClock,
    SetPlaying,
    SetTimeline,
)
from livevae.player.wire.reports import (
    ClockChanged,
    Counters,
    Hello,
    PlayerDied,
    PortLost,
    PortsOpened,
    Problem,
    Report,
    TimelineChanged,
)
from livevae.tempo.events import PlayNote
from livevae.tempo.timeline import Timeline

logger = logging.getLogger(__name__)

SHORT_LIFE = 1.0
"""Seconds below which a player's life is a sign of trouble: the next one is started after a pause."""

LONGEST_PAUSE = 2.0

UNPAUSED = 3
"""Short lives after which the next player still starts at once: a stage that stumbles is no player that cannot run."""


class PlayerProcess(CommandSender):
    """The player in a process of its own. Made by `start`; every call but `close` returns at once.

    Attributes:
        timeline: the last copy of the player's line between ticks and seconds.
        counters: the last it said about how it goes.
        hello: what the running player said of itself.
        on_report: called with each report on the server's loop; None to hear nothing.
        on_timeline: called when the timeline was replaced.
        on_ports: called with the names of all outputs, livevae's own inputs among them, and those of the MIDI systems,
            when these changed or were looked for; None to hear nothing.
        on_system_gone: called with the MIDI system whose server ended.
    """

    def __init__(
        self, timeline: Timeline, ports: tuple[PortSpec, ...], tape: int | None, *, realtime: bool
    ) -> None:
        """For `start`, which also starts the process."""
        self.timeline = timeline
        self._bpm = timeline.bpm
        self._steered = False
        self.counters = Counters()
        self.hello = Hello(0, realtime=False)
        self.on_report: Callable[[Report], None] | None = None
        self.on_timeline: Callable[[Timeline], None] | None = None
        self.on_ports: Callable[[Sequence[str], Sequence[str]], None] | None = None
        self.on_system_gone: Callable[[str], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._line = FollowLine()
        self._playing = True
        self._tape = tape
        self._realtime = realtime
        self._recorder: RecorderProcess | None = None
        self._minder: asyncio.Task[None] | None = None
        self._mirror = Mirror()
        self._child: Child | None = None
        self._ready = asyncio.Event()
        self._closing = False
        self._keeper: asyncio.Task[None] | None = None
        self._ports = PortKeeper(
            ports, self._mirror, self._do, self._tell, self._tell_ports, self._tell_system_gone
        )

    @classmethod
    async def start(
        cls,
        bpm: float = 120.0,
        ports: Sequence[PortSpec] = (),
        *,
        record: Path | None = None,
        tape: int | None = None,
        realtime: bool = True,
        on_report: Callable[[Report], None] | None = None,
    ) -> "PlayerProcess":
        """Start the player at tick 0, now, and wait until its ports are open or refused.

        Args:
            bpm: the tempo to begin with.
            ports: livevae's ports; see `PortSpec`. Those that fail are reported, and played to all the same.
            record: a standard MIDI file to keep of what is sent.
            tape: instead of `record`, the writing end of a pipe for the lines of tape.py.
            realtime: whether to ask for real-time priority.
            on_report: called with each report.

        Raises:
            LivevaeError: the process does not start.
        """
        loop = asyncio.get_running_loop()
        player = cls(Timeline(0, loop.time(), bpm), tuple(ports), tape, realtime=realtime)
        player.on_report = on_report
        if record is not None:
            player._recorder = RecorderProcess(record)
            player._tape = player._recorder.tape
            player._minder = loop.create_task(player._mind(player._recorder), name="recorder's minder")
        player._keeper = loop.create_task(player._keep(), name="player keeper")
        ready = loop.create_task(player._ready.wait(), name="player ready")
        await asyncio.wait((ready, player._keeper), timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if player._ready.is_set():
            return player
        why = player._child.last_words() if player._child else ""
        if player._keeper.done() and (fault := player._keeper.exception()) is not None:
            why = str(fault)
        await player.close()
        raise LivevaeError(f"the player process does not start: {why or 'it says nothing'}")

    def play(self, notes: Sequence[PlayNote]) -> None:
        """Put notes on the agenda; each on brings its own off."""
        self._do(*chunked(list(notes)))

    def set_clock(self, source: str, quantum: int = TICKS_PER_BAR, target: str = "virtual") -> None:
        """Go by another clock; the answer comes as a report. A MIDI clock that goes is followed when it is back."""
        self._steered = True
        self._ports.clock = SetClock(source, quantum, target)
        super().set_clock(source, quantum, target)
        self._ports.watch()

    def set_tempo(self, bpm: float, *, tick: int | None = None, over: int = 0) -> None:
        """Another tempo, from `tick` (None: now) on, reached over `over` ticks; the present does not move."""
        self._steered = True
        super().set_tempo(bpm, tick=tick, over=over)

    def nudge(self, ticks: float, over: int = 0) -> None:
        """Put the music `ticks` further on (negative: back), over `over` ticks of it; 0 is at once."""
        self._steered = True
        super().nudge(ticks, over)

    def follow_line(
        self, line: Timeline | None, playing: bool | None = None, since: float = 0.0, peers: int = 0
    ) -> None:
        """For the clock `mqtt`: go along this line; None is along our own."""
        self._line = FollowLine(line, playing, since, peers)
        super().follow_line(line, playing, since, peers)

    @property
    def ports(self) -> PortsOpened:
        """Which ports are open, which are not and why."""
        return self._ports.opened

    @property
    def playing(self) -> bool:
        """Whether all were last told to play, or to stop."""
        return self._playing

    def set_playing(self, playing: bool) -> None:
        """Tell whoever shares the clock that we play, or stop."""
        self._playing = playing
        super().set_playing(playing)

    def begin(self, time: float) -> bool:
        """Put tick 0 at `time` (seconds of the loop's clock): for the start, before anything is played.

        Gives whether it is there: not where a tempo, a nudge or another clock was asked for, which may be on its way.
        """
        if self._steered:
            return False
        self.timeline = Timeline(0, time, self._bpm)
        self._do(SetTimeline(self.timeline))
        if self.on_timeline is not None:
            self.on_timeline(self.timeline)
        return True

    def open_ports(self, ports: Sequence[PortSpec]) -> None:
        """The ports from now on; the answer comes as a report."""
        self._ports.specs = tuple(ports)
        self._do(OpenPorts(self._ports.specs))

    def look_at_ports(self) -> None:
        """Look now which ports the system has, and from now on whenever they change; see `on_ports`."""
        self._ports.look()

    async def close(self) -> None:
        """Release what sounds, end the player, and wait until the recording is written."""
        self._closing = True
        self._ports.stop()
        if self._child is not None:
            self._child.write(encode(Quit()))
            await self._child.ended(PATIENCE)
        await self._ports.close()
        if self._keeper is not None:
            await asyncio.wait((self._keeper,), timeout=1.0)
            self._keeper.cancel()
            await asyncio.wait((self._keeper,))
        if self._minder is not None:
            self._minder.cancel()
            await asyncio.wait((self._minder,))
        if self._recorder is not None:
            recorder, self._recorder, self._tape = self._recorder, None, None
            await asyncio.to_thread(recorder.close, PATIENCE)

    async def _mind(self, recorder: RecorderProcess) -> None:
        """See that somebody records for as long as the music goes on."""
        while True:
            await asyncio.sleep(LOOK)
            if said := recorder.look():
                self._tell(Problem(said))

    def _do(self, *commands: Command) -> None:
        """Hand commands over in one piece: each system call gives Python's lock to whoever else wants it."""
        if self._closing:
            return
        for command in commands:
            self._mirror.see(command, self.timeline, self._loop.time())
        if self._child is not None:
            self._child.write(b"".join(map(encode, commands)))

    async def _keep(self) -> None:
        """Start players, one after the other, as long as we are open."""
        short, why = 0, ""
        while not self._closing:
            born = self._loop.time()
            if self._bpm != self.timeline.bpm:  # the nudge that bent the tempo died with its player
                self.timeline = self.timeline.with_tempo(self._bpm, born)
            resumption = self._mirror.resume(self.timeline, born, self._ports.next_player())
            child = await self._new_child()
            for command in (SetTimeline(self.timeline), OpenPorts(self._ports.specs), *resumption.commands):
                child.write(encode(command))
            if self._ports.clock.source != INTERNAL:
                child.write(encode(self._line))
                child.write(encode(self._ports.clock))
            if not self._playing:
                child.write(encode(SetPlaying(playing=False)))
            if why:
                self._tell(PlayerDied(why, resumption.released))
            why = await child.listen(self._receive)
            if self._closing:
                return
            self._ports.player_died()
            short = 0 if self._loop.time() - born > SHORT_LIFE else short + 1
            if short > UNPAUSED:
                await asyncio.sleep(min(0.1 * 2 ** (short - UNPAUSED), LONGEST_PAUSE))

    async def _new_child(self) -> Child:
        """Start a player's process; where the system has none to give, again and again once there was one.

        Raises:
            OSError: the very first does not start.
        """
        pause = 0.1
        while True:
            try:
                self._child = Child(self._tape, realtime=self._realtime)
            except OSError as error:
                if not self._ready.is_set():
                    raise
                if pause == 0.1:
                    self._tell(
                        Problem(f"no process can be started for it, it is tried again: {error.strerror}")
                    )
                self._child = None
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return self._child

    def _receive(self, report: Report) -> None:
        """Whatever comes of a report: the player is kept."""
        try:
            self._take(report)
        except Exception:
            logger.exception("a fault while hearing %s from the player", type(report).__name__)

    def _take(self, report: Report) -> None:
        match report:
            case Hello():
                self.hello = report
            case PortsOpened():
                self._ready.set()
                self._ports.ports_opened(report)
            case PortLost(port, why):
                self._ports.port_lost(port, why)
            case TimelineChanged(timeline, bpm):
                self.timeline, self._bpm = timeline, bpm
                if self.on_timeline is not None:
                    self.on_timeline(timeline)
            case Counters():
                self.counters = report
                if report.through is not None:
                    self._mirror.left(report.through, self.timeline)
                self._ports.settle(report.released)
            case ClockChanged():
                self._ports.clock_changed(report)
                return
        self._tell(report)

    def _tell(self, report: Report) -> None:
        if self.on_report is not None:
            self.on_report(report)

    def _tell_ports(self, outputs: Sequence[str], systems: Sequence[str]) -> None:
        if self.on_ports is not None:
            self.on_ports(outputs, systems)

    def _tell_system_gone(self, system: str) -> None:
        if self.on_system_gone is not None:
            self.on_system_gone(system)
