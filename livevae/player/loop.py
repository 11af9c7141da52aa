"""The player's own loop: sleep to the next deadline, send, read the pipe when there is time for it.

No asyncio, no threads, no collector. The loop waits in `select` for the pipe and the deadline at once; close
before a deadline it does not read, for decoding a command could make a note late. One loop with one state, so one
file.
"""

import select
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from livevae.errors import PortError
from livevae.player.clocks.clock import INTERNAL, MQTT, Clock, ClockError
from livevae.player.clocks.led import LedClock
from livevae.player.clocks.opening import open_clock
from livevae.player.core import PlayerCore, Sent
from livevae.player.ports import Port, open_port
from livevae.player.recorder.tape import TapeWriter
from livevae.player.wire.codec import LineSplitter, WireError, decode_command, encode
from livevae.player.wire.commands import (
    Command,
    FollowLine,
    LosePort,
    Nudge,
    OpenPorts,
    PortSpec,
    Quit,
    Release,
    SetClock,
    SetMeter,
    SetPlaying,
)
from livevae.player.wire.reports import (
    ClockChanged,
    Counters,
    Hello,
    PortBack,
    PortLost,
    PortsOpened,
    Problem,
    Report,
    TimelineChanged,
    Transport,
)
from livevae.tempo.timeline import Timeline

AHEAD = 0.0005
"""Seconds before a deadline at which the loop is awake, has the message ready, and watches the clock.

Being woken and working out what to send take 0.1 ms as a rule, and 0.4 ms at p99 where other programs empty the
processor's caches meanwhile (measured; with 0.25 ms one message in thirty was not ready at its tick). They are thus
over when the tick comes. The price is this much processor time a deadline: 5 % at a hundred a second.
"""

LITTLE_AHEAD = 0.0001
"""The same without real-time priority: there, whoever computes before its time is made to wait at its time."""

GUARD = 0.0003
"""Seconds before that in which no command is decoded: the largest takes about 0.15 ms."""

STARVED = 0.02
"""Seconds after which the pipe is read even so, when one deadline follows the other that closely."""

GAP = 0.06
"""Seconds without a deadline in which ports are opened and closed: a JACK client takes 20 to 40 ms of each of us."""

PATIENCE = 2.0
"""Seconds that opening a port waits for such a gap."""

REPORT_EVERY = 1.0
"""Seconds between counters."""

DRAIN = 0.05
"""Seconds that the last offs are given before ports close: JACK sends at its next period (1 to 20 ms)."""

CROWDED = 2.0
"""The same without real-time priority where nobody waits for it, as when a port is given up or the server died: on a
crowded machine JACK waits for whoever is late, for a dead server's own client too, and its next period may be that
far away."""

LEAVING = 0.1
"""Seconds after which a message that rtmidi took has left the process: JACK's longest period is half of that."""

MOST_UNREAD = 1 << 18
"""Bytes of reports that wait for a server that stalls; past that counters are left out."""


class PlayerLoop:
    """Core, ports and pipe, driven by this process's clock."""

    def __init__(
        self,
        pipe: socket.socket,
        tape: TapeWriter | None = None,
        opener: Callable[[PortSpec], Port] = open_port,
    ) -> None:
        """Take over the player's end of the pipe."""
        pipe.setblocking(False)
        self._ahead = AHEAD
        self._pipe = pipe
        self._tape = tape
        self._opener = opener
        self._core = PlayerCore(Timeline(0, time.monotonic(), 120.0))
        self._reported = self._core.timeline
        self._ports: dict[str, Port] = {}
        self._specs: dict[str, PortSpec] = {}
        self._lost: set[str] = set()
        self._leaving: list[tuple[float, Port]] = []
        self._drain = DRAIN
        self._dead: list[Port | Clock] = []
        self._open_by: float | None = None
        self._splitter = LineSplitter()
        self._lines: deque[bytes] = deque()
        self._unread = b""
        self._read_at = 0.0
        self._report_at = 0.0
        self._done: list[tuple[Sent, float]] = []
        self._late: list[float] = []
        self._counted = Counters()
        self._unsettled = False
        self._releases: deque[tuple[float, int]] = deque()
        self._released = 0
        self._clock: Clock | None = None
        self._clock_by: float | None = None
        self._wanted = SetClock(INTERNAL)
        self._line = FollowLine()
        self._clocked = ClockChanged(INTERNAL)
        self._look_at = 0.0
        self._playing: bool | None = None
        self._ended = self._orphaned = False
        self._wake = _signal_pipe()

    def run(self, hello: Hello) -> None:
        """Play until told to quit, until SIGTERM, or until the server is gone; release everything then."""
        self._ahead, self._drain = (AHEAD, DRAIN) if hello.realtime else (LITTLE_AHEAD, CROWDED)
        self._report(hello)
        try:
            while not self._ended:
                self._step()
        finally:
            self._send(self._core.release_all(time.monotonic()))
            self._settle()
            self._count(time.monotonic())
            time.sleep(self._drain if self._orphaned else DRAIN)
            for port in [*self._ports.values(), *(port for _, port in self._leaving)]:
                port.close()
            if self._clock is not None:
                self._clock.close()

    def _step(self) -> None:
        now = time.monotonic()
        deadline = self._core.deadline()
        if deadline is not None and deadline - self._ahead <= now:
            self._keep(deadline)
            return
        near = deadline is not None and deadline - now < self._ahead + GUARD and now - self._read_at < STARVED
        if self._lines and not near:
            self._read_at = now
            self._obey(self._lines.popleft())
            self._settle()
            return
        waiting = self._open_by is not None or self._clock_by is not None
        leaves = bool(self._leaving) and self._leaving[0][0] <= now
        if (leaves or waiting) and self._gap(now, deadline):
            self._use_gap()
            self._settle()
            return
        if self._clock is not None and now >= self._look_at and not near:
            self._look(self._clock, now)
            return
        if now >= self._report_at and not near:
            self._count(now)
        self._wait(None if deadline is None else deadline - self._ahead - now, listen=not near)

    def _gap(self, now: float, deadline: float | None) -> bool:
        """Whether there is time to open a port before the deadline, or no more time to wait for that."""
        overdue = any(by is not None and now > by for by in (self._open_by, self._clock_by))
        return overdue or deadline is None or deadline - now > GAP

    def _keep(self, deadline: float) -> None:
        """Send at `deadline`, to the microsecond, and whatever else is due by then."""
        now = deadline
        while (messages := self._core.next_due(now)) is not None:
            while (now := time.monotonic()) < deadline:
                pass
            self._send(messages)
        self._settle()

    def _wait(self, timeout: float | None, *, listen: bool) -> None:
        if listen:
            self._read_at = time.monotonic()
        if (self._late or self._unsettled) and (timeout is None or timeout > REPORT_EVERY):
            timeout = REPORT_EVERY
        if self._leaving and listen and (until := self._leaving[0][0] - time.monotonic()) > 0:
            timeout = until if timeout is None else min(timeout, until)
        if self._clock is not None and listen:
            until = max(0.0, self._look_at - time.monotonic())
            timeout = until if timeout is None else min(timeout, until)
        readers: list[socket.socket] = [self._wake]
        writers: list[socket.socket] = []
        if listen:
            readers.append(self._pipe)
            if self._unread:
                writers.append(self._pipe)
        ready, writable, _ = select.select(readers, writers, [], timeout)
        if self._wake in ready and signal.SIGTERM in self._wake.recv(1 << 10):
            self._ended = True
        if writable:
            self._flush()
        if self._pipe in ready:
            self._read()

    def _read(self) -> None:
        try:
            data = self._pipe.recv(1 << 16)
            if data:
                self._lines.extend(self._splitter.feed(data))
        except BlockingIOError:
            return
        except (OSError, WireError):
            data = b""
        if not data:
            self._ended = self._orphaned = True

    def _obey(self, line: bytes) -> None:
        try:
            command = decode_command(line)
        except WireError as error:
            self._report(Problem(str(error)))
            return
        self._handle(command)

    def _handle(self, command: Command) -> None:
        self._send(self._core.handle(command, time.monotonic()))
        match command:
            case OpenPorts(ports):
                self._open(ports)
            case LosePort(port, why):
                if port in self._ports:
                    self._lose(port, why)
            case Release(_, number):
                self._releases.append((time.monotonic(), number))
                self._unsettled = True
            case SetClock():
                self._set_clock(command)
            case FollowLine():
                self._line = command
                if isinstance(self._clock, LedClock):
                    self._clock.lead(command)
            case SetMeter(tick, beats, unit):
                if self._tape is not None:
                    self._tape.meter(tick, beats, unit)
            case SetPlaying(playing):
                self._playing = playing
                if self._clock is not None:
                    self._clock.play(playing, time.monotonic())
            case Nudge(ticks):
                if self._clock is not None:
                    self._clock.shift += ticks
            case Quit():
                self._ended = True

    def _set_clock(self, wanted: SetClock) -> None:
        now = time.monotonic()
        if wanted.lost:
            self._leave_clock()
            return
        before, self._wanted = self._wanted, wanted
        if self._clock is not None and replace(before, quantum=wanted.quantum) == wanted != before:
            self._clock.quantum = wanted.quantum  # another meter: we stay with those whom we play with
            return
        self._clock_by = now + PATIENCE
        if wanted.source in (INTERNAL, MQTT) or not self._ports:
            self._change_clock(now)

    def _leave_clock(self) -> None:
        """Keep what is left of a clock whose MIDI system went away: to close it would crash in JACK's library."""
        if self._clock is not None:
            self._dead.append(self._clock)
        self._clock, self._clock_by = None, None

    def _change_clock(self, now: float) -> None:
        """Go by the clock that is wanted; to open a MIDI input takes tens of milliseconds."""
        self._clock_by = None
        if self._clock is not None:
            self._clock.close()
        self._clock, why = None, ""
        try:
            self._clock = open_clock(self._wanted, now, self._core.pace)
            if isinstance(self._clock, LedClock):
                self._clock.lead(self._line)
        except ClockError as error:
            why = str(error)
        self._playing, self._look_at = None, now
        self._clocked = ClockChanged(self._wanted.source if self._clock is not None else INTERNAL, why=why)
        self._report(self._clocked)

    def _look(self, clock: Clock, now: float) -> None:
        """Go where the clock goes, and tell what it tells."""
        self._look_at = now + clock.every
        reading = clock.look(now, self._core.pace)
        if reading.line is not None:
            self._core.follow(reading.line, now, at_once=reading.at_once)
        if reading.playing is not None and reading.playing != self._playing:
            if self._playing is not None:
                self._report(Transport(reading.playing, reading.since))
            self._playing = reading.playing
        if reading.peers != self._clocked.peers:
            self._clocked = ClockChanged(self._clocked.source, reading.peers)
            self._report(self._clocked)
        self._settle()

    def _open(self, ports: tuple[PortSpec, ...]) -> None:
        """Note what is wanted; it is opened in the next gap, or at once where no other port can be disturbed."""
        wanted = {spec.name: spec for spec in ports}
        for name, spec in self._specs.items():
            if name in self._ports and (name not in wanted or wanted[name].target != spec.target):
                self._leaving.append((time.monotonic() + self._drain, self._ports.pop(name)))
        self._specs = wanted
        self._open_by = time.monotonic() + PATIENCE
        if not self._ports:
            self._use_gap()

    def _use_gap(self) -> None:
        """Close and open ports, and the clock's, which takes tens of milliseconds."""
        opens = self._open_by is not None and not self._specs.keys() <= self._ports.keys()
        while self._leaving and (opens or self._leaving[0][0] <= time.monotonic()):
            self._leaving.pop(0)[1].close()  # where another opens at once, for it may have the same name
        if self._clock_by is not None:
            self._change_clock(time.monotonic())
        if self._open_by is None:
            return
        self._open_by = None
        failed = []
        wanted = self._specs
        for name, spec in wanted.items():
            if name not in self._ports:
                try:
                    self._ports[name] = self._opener(spec)
                    self._core.port_opened(name, time.monotonic())
                except PortError as error:
                    failed.append((name, str(error)))
                    continue
                if name in self._lost:
                    self._lost.discard(name)
                    self._send(self._core.port_back(name, time.monotonic()))
                    self._report(PortBack(name))
        opened = tuple((name, port.name) for name, port in self._ports.items())
        self._report(PortsOpened(opened, tuple(failed)))

    def _send(self, messages: list[Sent]) -> None:
        for message in messages:
            late = time.monotonic() - message.due
            port = self._ports.get(message.port)
            if port is not None:
                try:
                    port.send(message.data)
                except PortError as error:
                    self._lose(message.port, str(error))
            self._done.append((message, late))

    def _settle(self) -> None:
        """What can wait until everything due is sent: the tape, and the news of another timeline."""
        if self._done:
            self._late.extend(late for _, late in self._done)
            if self._tape is not None:
                self._tape.sent(self._done)
            self._done = []
        if self._core.timeline is not self._reported:
            self._reported = self._core.timeline
            self._report(TimelineChanged(self._reported, self._core.pace.bpm))
            if self._tape is not None:
                self._tape.tempo(self._reported)
        if self._tape is not None and not self._tape.alive:
            self._tape = None
            self._report(Problem("the recorder is gone: what is played from now on is not recorded"))

    def _lose(self, name: str, why: str) -> None:
        # kept, not closed: where the other end is gone, JACK can take ten seconds over it
        self._dead.append(self._ports.pop(name))
        self._lost.add(name)
        self._core.port_lost(name)
        self._report(PortLost(name, why))

    def _count(self, now: float) -> None:
        self._report_at = now + REPORT_EVERY
        late, self._late = sorted(self._late), []
        counters = self._core.counters()
        while self._releases and self._releases[0][0] < now - LEAVING:
            self._released = self._releases.popleft()[1]
        if late or self._unsettled or counters != self._counted:
            self._counted = counters
            self._unsettled = bool(late or self._releases)
            p50, p99, worst = (round(1000 * quantile(late, q), 4) for q in (0.5, 0.99, 1.0))
            self._report(
                replace(
                    counters,
                    late_p50=p50,
                    late_p99=p99,
                    late_max=worst,
                    through=self._core.through(now - LEAVING),
                    released=self._released,
                )
            )

    def _report(self, report: Report) -> None:
        if len(self._unread) < MOST_UNREAD or not isinstance(report, Counters):
            self._unread += encode(report)
        self._flush()

    def _flush(self) -> None:
        with suppress(BlockingIOError):
            try:
                self._unread = self._unread[self._pipe.send(self._unread) :]
            except BlockingIOError:
                raise
            except OSError:
                self._unread = b""
                self._ended = self._orphaned = True


def quantile(ordered: list[float], q: float) -> float:
    """The value below which a share `q` of `ordered` lies (nearest rank); 0 of nothing."""
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0


def _signal_pipe() -> socket.socket:
    """A socket that can be read as soon as SIGTERM came. SIGINT and SIGHUP are for the server to decide."""
    ours, pythons = socket.socketpair()
    ours.setblocking(False)
    pythons.setblocking(False)
    signal.set_wakeup_fd(pythons.detach())
    signal.signal(signal.SIGTERM, lambda *_: None)
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    return ours
