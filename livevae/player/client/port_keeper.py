"""Our MIDI ports and the clock that was asked for, kept while ports, connections and whole MIDI systems come and go."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Protocol

from livevae.midi import find_name, is_ours
from livevae.player.client.connections import Connections, of_port
from livevae.player.client.mirror import Mirror, releases
from livevae.player.client.seen import PortsSeen
from livevae.player.clocks.clock import INTERNAL, MIDI
from livevae.player.clocks.midi import CLIENT as CLOCK_CLIENT
from livevae.player.ports import CLIENT
from livevae.player.wire.commands import Command, LosePort, OpenPorts, PortSpec, SetClock
from livevae.player.wire.reports import ClockChanged, PortsOpened, Report

AGAIN = (0.5, 1.5)
"""Seconds between releases after somebody was connected: what is sent in the cycle of JACK's that connects is lost."""

REPEATED = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between releases at a virtual port where the system does not let us see who is connected."""


class Do(Protocol):
    """Hands commands to the player, in one piece."""

    def __call__(self, *commands: Command) -> None:
        """Hand them over; returns at once."""


class PortKeeper:
    """Asks the player to open, close and connect ports by what the watch sees, and to release what hangs there.

    Lives on the server's loop; every call but `close` returns at once.

    Attributes:
        specs: the ports that are wanted.
        opened: which of them are open, which are not and why.
        clock: the clock that is wanted.
    """

    def __init__(
        self,
        specs: tuple[PortSpec, ...],
        mirror: Mirror,
        do: Do,
        tell: Callable[[Report], None],
        on_ports: Callable[[Sequence[str], Sequence[str]], None],
        on_system_gone: Callable[[str], None],
    ) -> None:
        """Nothing is watched yet.

        Args:
            specs: the ports to begin with.
            mirror: which notes are owed their offs.
            do: hands commands to the player.
            tell: passes on what the player would have reported, had it known.
            on_ports: called with the names of all outputs and of the MIDI systems when these were seen.
            on_system_gone: called with the MIDI system whose server ended.
        """
        self.specs = specs
        self.opened = PortsOpened(())
        self.clock = SetClock(INTERNAL)
        self._mirror, self._do, self._tell = mirror, do, tell
        self._on_ports, self._on_system_gone = on_ports, on_system_gone
        self._loop = asyncio.get_running_loop()
        self._clocked = ClockChanged(INTERNAL)
        self._seen = PortsSeen(self._compare, self._system_gone)
        self._connections = Connections()
        self._heard = Connections()
        self._inputs: set[str] = set()
        self._releases: dict[int, set[str]] = {}
        self._number = 0
        self._repeats: set[asyncio.Task[None]] = set()
        self._repeating: set[str] = set()
        self._clock_gone = False
        self._clock_seen = False
        self._closed = False

    def next_player(self) -> int:
        """Another player is about to start; the number of the releases that it begins with."""
        self._number += 1
        self._releases = {}
        return self._number

    def player_died(self) -> None:
        """The player is gone, and every port of it."""
        self.opened, self._clocked = PortsOpened(()), ClockChanged(INTERNAL)
        for spec in self.specs:
            self._connections.lost(spec.name)

    def look(self) -> None:
        """Look now which ports the system has, and from now on whenever they change."""
        if not self._closed:
            self._seen.begin()
            self._seen.ask()

    def stop(self) -> None:
        """From now on, ports that go are ours to close: nothing is done about them."""
        self._closed = True

    async def close(self) -> None:
        """Watch and release no more."""
        self.stop()
        for task in self._repeats:
            task.cancel()
        await self._seen.close()

    def port_lost(self, port: str, why: str) -> None:
        """The player lost a port."""
        left = tuple(pair for pair in self.opened.opened if pair[0] != port)
        self.opened = PortsOpened(left, (*self.opened.failed, (port, why)))
        self._mirror.lost(port)
        self._connections.lost(port)
        self._compare_ports()

    def clock_changed(self, report: ClockChanged) -> None:
        """The player goes by another clock, or cannot; this is told before anything is done about it."""
        self._clocked = report
        self._clock_seen = False
        if report.source == MIDI:
            self._seen.ask()
        self._tell(report)
        self._compare_clock()

    def ports_opened(self, report: PortsOpened) -> None:
        """Ports are open: whoever is at their other ends gets the offs that are owed."""
        new = {name for name, _ in report.opened} - {name for name, _ in self.opened.opened}
        self.opened = report
        self.watch()
        self._release(new)
        if new:
            self._seen.ask()

    @property
    def _virtual(self) -> set[str]:
        return {spec.name for spec in self.specs if spec.target == "virtual"}

    def _system_of(self, port: str) -> str:
        """The MIDI system on which the port is open; "" where it is not."""
        return dict(self.opened.opened).get(port, "").rpartition("(")[2].rstrip(")")

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

    def settle(self, number: int) -> None:
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
        self._repeating.discard(port)

    def watch(self) -> None:
        """Watch the system's ports, where any of them is ours, and the clock that we go by."""
        ports = any(spec.target != "none" for spec in self.specs)
        if (ports or self._clock_by_name) and not self._closed:
            self._seen.begin(inputs=self._clock_by_name)

    def _compare(self) -> None:
        if self._closed:  # what is gone now, we closed
            return
        self._compare_clients()
        self._compare_ports()
        self._compare_links()
        self._compare_heard()
        self._compare_clock()
        if self._seen.fresh:
            self._on_ports(self._seen.outputs, self._seen.systems or ())

    def _compare_clients(self) -> None:
        """Notice that a MIDI system's server went and came while nobody watched: our ports are not on it."""
        if not self._seen.fresh:
            return
        for system, links in self._seen.links.items():
            if len(links) < sum(self._system_of(spec.name) == system for spec in self.specs):
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
        for spec in self.specs:
            system = self._system_of(spec.name)
            if spec.target != "virtual" or not system:
                continue
            if system not in self._seen.links:
                self._begin_repeating(spec.name)
                continue
            pairs = of_port(spec.name or CLIENT, CLIENT, self._seen.links[system])
            # where it went with its system, and nobody watched, who was connected to it is to be again
            if pairs is not None and self._connections.seen(spec.name, pairs):
                new.add(spec.name)
        self._release(new)
        jacks = [name.removesuffix(" (JACK)") for name in self._seen.outputs if name.endswith(" (JACK)")]
        if pairs := self._connections.to_make(self._seen.links.get("JACK", ()), jacks):
            self._seen.ask(pairs)

    def _compare_heard(self) -> None:
        """Connect to our own inputs whoever was connected before they went, with JACK or with the player."""
        if not self._seen.fresh:
            return
        there = self._seen.heard
        for port in self._inputs - set(there):
            self._heard.lost(port)
        for port, sources in there.items():
            self._heard.seen(port, [(source, port) for source in sources])
        self._inputs |= set(there)
        if pairs := self._heard.to_make(self._seen.sources, there):
            self._seen.ask(pairs)

    def _begin_repeating(self, port: str) -> None:
        if self._mirror.owed({port}) and port not in self._repeating:
            self._repeating.add(port)
            self._later(self._repeat(port))

    def _system_gone(self, system: str) -> None:
        """A MIDI system's server went away, with every port of ours on it; they are opened when it is back."""
        for name, _ in self.opened.opened:
            if self._system_of(name) == system:
                self._do(LosePort(name, f"{system} is gone"))
        left = [name for name in self._seen.outputs if not name.endswith(f" ({system})")]
        if self._follows_midi and not any(map(_is_clock, left)):
            self._lose_clock()
        self._on_system_gone(system)

    def _lose_clock(self) -> None:
        """The MIDI clock went away, or its whole system: hold the tempo, and follow it again when it is there."""
        self._clock_gone, self._clock_seen = True, False
        what = self.clock.target if self._clock_by_name else "the MIDI clock's port"
        self._clocked = ClockChanged(MIDI, why=f"{what} is gone: its tempo is held until it is back")
        self._do(replace(self.clock, lost=True))
        self._tell(self._clocked)

    @property
    def _follows_midi(self) -> bool:
        return self.clock.source == MIDI and self._clocked.source == MIDI and not self._clocked.why

    def _compare_ports(self) -> None:
        """Close what is gone from the system, and open what is there (again)."""
        opened, missing = dict(self.opened.opened), False
        systems = self._seen.systems if self._seen.fresh else None
        for spec in self.specs:
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
            self._do(OpenPorts(self.specs))

    @property
    def _clock_by_name(self) -> bool:
        return self.clock.source == MIDI and self.clock.target != "virtual"

    def _compare_clock(self) -> None:
        """Say that the MIDI clock we go by is gone from the system, and follow it when it is there (again)."""
        if self._clock_gone and not self._clock_by_name and self._seen.fresh and self._seen.systems:
            self._clock_gone = False
            self._do(self.clock)
        if not self._clock_by_name or self._seen.inputs is None or not self._seen.fresh:
            return
        there = _is_among(self._seen.inputs, self.clock.target)
        followed = self._follows_midi
        if followed and not there:
            self._lose_clock()
        elif there and not followed and self._clocked.why:
            self._clocked = ClockChanged(self._clocked.source)
            self._do(self.clock)


def _is_among(names: Sequence[str], target: str) -> bool:
    """Whether one of the system's ports can be opened by `target`, which is no word of ours for the system."""
    return find_name([name.rpartition(" (")[0] for name in names], target) is not None


def _is_clock(name: str) -> bool:
    """Whether an output of the system is the input on which we hear a MIDI clock."""
    return is_ours(name, CLOCK_CLIENT)
