"""The server's side of the wire: starts the player, mirrors what it was told, starts another if it dies."""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from livevae.children import environment
from livevae.errors import LivevaeError
from livevae.midi import find_name, is_ours
from livevae.player.client.child import PATIENCE, Child
from livevae.player.client.connections import Connections, of_port
from livevae.player.client.mirror import Mirror, chunked, releases
from livevae.player.client.seen import PortsSeen
from livevae.player.client.sender import CommandSender
from livevae.player.clocks.clock import INTERNAL, MIDI
from livevae.player.clocks.midi import CLIENT as CLOCK_CLIENT
from livevae.player.ports import CLIENT
from livevae.player.wire.codec import encode
from livevae.player.wire.commands import (
    TICKS_PER_BAR,
    Command,
    FollowLine,
    LosePort,
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

AGAIN = (0.5, 1.5)
"""Seconds between releases after somebody was connected: what is sent in the cycle of JACK's that connects is lost."""

REPEATED = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between releases at a virtual port where the system does not let us see who is connected."""


class PlayerProcess(CommandSender):
    """The player in a process of its own. Made by `start`; every call but `close` returns at once.

    Attributes:
        timeline: the last copy of the player's line between ticks and seconds.
        counters: the last it said about how it goes.
        hello: what the running player said of itself.
        ports: which ports are open, which are not and why.
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
        self.counters = Counters()
        self.hello = Hello(0, realtime=False)
        self.ports = PortsOpened(())
        self.on_report: Callable[[Report], None] | None = None
        self.on_timeline: Callable[[Timeline], None] | None = None
        self.on_ports: Callable[[Sequence[str], Sequence[str]], None] | None = None
        self.on_system_gone: Callable[[str], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._specs = ports
        self._clock = SetClock(INTERNAL)
        self._line = FollowLine()
        self._clocked = ClockChanged(INTERNAL)
        self._playing = True
        self._tape = tape
        self._realtime = realtime
        self._recorder: subprocess.Popen[bytes] | None = None
        self._mirror = Mirror()
        self._child: Child | None = None
        self._ready = asyncio.Event()
        self._closing = False
        self._keeper: asyncio.Task[None] | None = None
        self._seen = PortsSeen(self._compare, self._system_gone)
        self._connections = Connections()
        self._releases: dict[int, set[str]] = {}
        self._number = 0
        self._repeats: set[asyncio.Task[None]] = set()
        self._repeating = False
        self._clock_gone = False
        self._clock_seen = False

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
            player._start_recorder(record)
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
        self._clock = SetClock(source, quantum, target)
        super().set_clock(source, quantum, target)
        self._watch_ports()

    def follow_line(
        self, line: Timeline | None, playing: bool | None = None, since: float = 0.0, peers: int = 0
    ) -> None:
        """For the clock `mqtt`: go along this line; None is along our own."""
        self._line = FollowLine(line, playing, since, peers)
        super().follow_line(line, playing, since, peers)

    @property
    def playing(self) -> bool:
        """Whether all were last told to play, or to stop."""
        return self._playing

    def set_playing(self, playing: bool) -> None:
        """Tell whoever shares the clock that we play, or stop."""
        self._playing = playing
        super().set_playing(playing)

    def begin(self, time: float) -> None:
        """Put tick 0 at `time` (seconds of the loop's clock): for the start, before anything is played."""
        self.timeline = Timeline(0, time, self._bpm)
        self._do(SetTimeline(self.timeline))

    def open_ports(self, ports: Sequence[PortSpec]) -> None:
        """The ports from now on; the answer comes as a report."""
        self._specs = tuple(ports)
        self._do(OpenPorts(self._specs))

    def look_at_ports(self) -> None:
        """Look now which ports the system has, and from now on whenever they change; see `on_ports`."""
        if not self._closing:
            self._seen.begin()
            self._seen.ask()

    async def close(self) -> None:
        """Release what sounds, end the player, and wait until the recording is written."""
        self._closing = True
        if self._child is not None:
            self._child.write(encode(Quit()))
            await self._child.ended(PATIENCE)
        for task in self._repeats:
            task.cancel()
        await self._seen.close()
        if self._keeper is not None:
            await asyncio.wait((self._keeper,), timeout=1.0)
            self._keeper.cancel()
            await asyncio.wait((self._keeper,))
        if self._recorder is not None:
            if self._tape is not None:
                os.close(self._tape)
                self._tape = None
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._recorder.wait, PATIENCE)
            self._recorder = None

    def _do(self, *commands: Command) -> None:
        """Hand commands over in one piece: each system call gives Python's lock to whoever else wants it."""
        if self._closing:
            return
        for command in commands:
            self._mirror.see(command, self.timeline, self._loop.time())
        if self._child is not None:
            self._child.write(b"".join(map(encode, commands)))

    def _start_recorder(self, path: Path) -> None:
        try:
            path = path.resolve()
        except RuntimeError:  # of Python before 3.13
            raise LivevaeError(f"cannot record to {path}: its links lead nowhere but to each other") from None
        if not path.parent.is_dir() or (path.exists() and not path.is_file()):
            raise LivevaeError(
                f"cannot record to {path}: give a new name, or a file that may be replaced, in a folder that exists"
            )
        if not os.access(path.parent, os.W_OK):
            raise LivevaeError(f"cannot record to {path}: its folder cannot be written")
        reading, writing = os.pipe()
        self._recorder = subprocess.Popen(
            [sys.executable, "-m", "livevae.player.recorder", str(reading), str(path)],
            pass_fds=(reading,),
            stdin=subprocess.DEVNULL,
            env=environment(),
        )
        os.close(reading)
        self._tape = writing

    async def _keep(self) -> None:
        """Start players, one after the other, as long as we are open."""
        short, why = 0, ""
        while not self._closing:
            born = self._loop.time()
            if self._bpm != self.timeline.bpm:  # the nudge that bent the tempo died with its player
                self.timeline = self.timeline.with_tempo(self._bpm, born)
            self._number += 1
            resumption = self._mirror.resume(self.timeline, born, self._number)
            self._releases = {}
            child = await self._new_child()
            for command in (SetTimeline(self.timeline), OpenPorts(self._specs), *resumption.commands):
                child.write(encode(command))
            if self._clock.source != INTERNAL:
                child.write(encode(self._line))
                child.write(encode(self._clock))
            if not self._playing:
                child.write(encode(SetPlaying(playing=False)))
            if why:
                self._tell(PlayerDied(why, resumption.released))
            why = await child.listen(self._heard)
            if self._closing:
                return
            self.ports, self._clocked = PortsOpened(()), ClockChanged(INTERNAL)
            for spec in self._specs:
                self._connections.lost(spec.name)
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

    def _heard(self, report: Report) -> None:
        """Whatever hearing a report brings about: the player is kept."""
        try:
            self._hear(report)
        except Exception:
            logger.exception("a fault while hearing %s from the player", type(report).__name__)

    def _hear(self, report: Report) -> None:
        match report:
            case Hello():
                self.hello = report
            case PortsOpened():
                self._opened(report)
            case PortLost(port, why):
                opened = tuple(pair for pair in self.ports.opened if pair[0] != port)
                self.ports = PortsOpened(opened, (*self.ports.failed, (port, why)))
                self._mirror.lost(port)
                self._connections.lost(port)
                self._compare_ports()
            case TimelineChanged(timeline, bpm):
                self.timeline, self._bpm = timeline, bpm
                if self.on_timeline is not None:
                    self.on_timeline(timeline)
            case Counters():
                self.counters = report
                if report.through is not None:
                    self._mirror.left(report.through, self.timeline)
                self._settle(report.released)
            case ClockChanged():
                self._clocked = report
                self._clock_seen = False
                if report.source == MIDI:
                    self._seen.ask()
                self._tell(report)
                self._compare_clock()
                return
        self._tell(report)

    def _opened(self, report: PortsOpened) -> None:
        """Ports are open: whoever is at their other ends gets the offs that are owed."""
        new = {name for name, _ in report.opened} - {name for name, _ in self.ports.opened}
        self.ports = report
        self._ready.set()
        self._watch_ports()
        self._release(new)
        if new:
            self._seen.ask()

    @property
    def _virtual(self) -> set[str]:
        return {spec.name for spec in self._specs if spec.target == "virtual"}

    def _system_of(self, port: str) -> str:
        """The MIDI system on which the port is open; "" where it is not."""
        return dict(self.ports.opened).get(port, "").rpartition("(")[2].rstrip(")")

    def _release(self, ports: set[str]) -> None:
        """Send the offs that are owed at these ports, where somebody was connected, and again after a moment."""
        if self._send_owed(ports):
            self._later(self._release_again(ports))

    def _send_owed(self, ports: set[str]) -> bool:
        """Send the offs that are owed at these ports; whether there are any."""
        notes = self._mirror.owed(ports)
        if notes:
            self._number += 1
            self._do(*releases(notes, self._number))
        return bool(notes)

    async def _release_again(self, ports: set[str]) -> None:
        for pause in AGAIN:
            await asyncio.sleep(pause)
            self._send_owed(ports)
        self._releases[self._number] = ports

    def _later(self, what: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(what, name="releases")
        self._repeats.add(task)
        task.add_done_callback(self._repeats.discard)

    def _settle(self, number: int) -> None:
        """The releases up to `number` have left: forget what was owed where they have surely arrived.

        That is never sure of a port of our own: somebody may have been connected whom the watch had not seen yet.
        """
        for done in [other for other in self._releases if other <= number]:
            for port in self._releases.pop(done) - self._virtual:
                if self._system_of(port):
                    self._mirror.settle(port)

    async def _repeat(self, port: str) -> None:
        """Send what is owed at a virtual port until somebody is likely to be connected; we cannot see who is."""
        for pause in REPEATED:
            await asyncio.sleep(pause)
            self._send_owed({port})
        self._repeating = False

    def _watch_ports(self) -> None:
        """Watch the system's ports, where any of them is ours, and the clock that we go by."""
        ports = any(spec.target != "none" for spec in self._specs)
        if (ports or self._clock_by_name) and not self._closing:
            self._seen.begin(inputs=self._clock_by_name)

    def _compare(self) -> None:
        if self._closing:  # what is gone now, we closed
            return
        self._compare_clients()
        self._compare_ports()
        self._compare_links()
        self._compare_clock()
        self._tell_ports()

    def _compare_clients(self) -> None:
        """Notice that a MIDI system's server went and came while nobody watched: our ports are not on it."""
        if not self._seen.fresh:
            return
        for system, links in self._seen.links.items():
            if len(links) < sum(self._system_of(spec.name) == system for spec in self._specs):
                self._system_gone(system)
        was_seen, self._clock_seen = self._clock_seen, any(map(_is_clock, self._seen.outputs))
        missing = (was_seen and not self._clock_seen) or not self._seen.systems
        if self._follows_midi and missing:
            self._lose_clock()

    def _compare_links(self) -> None:
        """Release at virtual ports what is owed to whoever is connected anew, and connect those who were before."""
        if not self._seen.fresh:
            return
        new = set()
        for spec in self._specs:
            system = self._system_of(spec.name)
            if spec.target != "virtual" or not system:
                continue
            if system not in self._seen.links:
                self._begin_repeating(spec.name)
                continue
            pairs = of_port(spec.name or CLIENT, CLIENT, self._seen.links[system])
            if self._connections.seen(spec.name, pairs):
                new.add(spec.name)
        self._release(new)
        jacks = [name.removesuffix(" (JACK)") for name in self._seen.outputs if name.endswith(" (JACK)")]
        if pairs := self._connections.to_make(self._seen.links.get("JACK", ()), jacks):
            self._seen.ask(pairs)

    def _begin_repeating(self, port: str) -> None:
        if self._mirror.owed({port}) and not self._repeating:
            self._repeating = True
            self._later(self._repeat(port))

    def _system_gone(self, system: str) -> None:
        """A MIDI system's server went away, with every port of ours on it; they are opened when it is back."""
        for name, _ in self.ports.opened:
            if self._system_of(name) == system:
                self._do(LosePort(name, f"{system} is gone"))
        left = [name for name in self._seen.outputs if not name.endswith(f" ({system})")]
        if self._follows_midi and not any(map(_is_clock, left)):
            self._lose_clock()
        if self.on_system_gone is not None:
            self.on_system_gone(system)

    def _lose_clock(self) -> None:
        """The MIDI clock went away, or its whole system: hold the tempo, and follow it again when it is there."""
        self._clock_gone, self._clock_seen = True, False
        what = self._clock.target if self._clock_by_name else "the MIDI clock's port"
        self._clocked = ClockChanged(MIDI, why=f"{what} is gone: its tempo is held until it is back")
        self._do(replace(self._clock, lost=True))
        self._tell(self._clocked)

    @property
    def _follows_midi(self) -> bool:
        return self._clock.source == MIDI and self._clocked.source == MIDI and not self._clocked.why

    def _compare_ports(self) -> None:
        """Close what is gone from the system, and open what is there (again)."""
        opened, missing = dict(self.ports.opened), False
        systems = self._seen.systems if self._seen.fresh else None
        for spec in self._specs:
            if spec.target == "none":
                continue
            if spec.target == "virtual":
                system = self._system_of(spec.name)
                if system and systems is not None and system not in systems:
                    self._do(LosePort(spec.name, f"{system} is gone"))
                missing = missing or bool(not system and systems)
            elif spec.name in opened and opened[spec.name] not in self._seen.outputs:
                self._do(LosePort(spec.name))
            elif spec.name not in opened and _is_among(self._seen.outputs, spec.target):
                missing = True
        if missing:
            self._do(OpenPorts(self._specs))

    @property
    def _clock_by_name(self) -> bool:
        return self._clock.source == MIDI and self._clock.target != "virtual"

    def _compare_clock(self) -> None:
        """Say that the MIDI clock we go by is gone from the system, and follow it when it is there (again)."""
        if self._clock_gone and not self._clock_by_name and self._seen.fresh and self._seen.systems:
            self._clock_gone = False
            self._do(self._clock)
        if not self._clock_by_name or self._seen.inputs is None or not self._seen.fresh:
            return
        there = _is_among(self._seen.inputs, self._clock.target)
        followed = self._follows_midi
        if followed and not there:
            self._lose_clock()
        elif there and not followed and self._clocked.why:
            self._clocked = ClockChanged(self._clocked.source)
            self._do(self._clock)

    def _tell_ports(self) -> None:
        if self._seen.fresh and self.on_ports is not None:
            self.on_ports(self._seen.outputs, self._seen.systems or ())

    def _tell(self, report: Report) -> None:
        if self.on_report is not None:
            self.on_report(report)


def _is_among(names: Sequence[str], target: str) -> bool:
    """Whether one of the system's ports can be opened by `target`, which is no word of ours for the system."""
    return find_name([name.rpartition(" (")[0] for name in names], target) is not None


def _is_clock(name: str) -> bool:
    """Whether an output of the system is the input on which we hear a MIDI clock."""
    return is_ours(name, CLOCK_CLIENT)
