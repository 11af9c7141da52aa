"""MIDI in: what the system queued for us, as whole messages with the time of their arrival, on the server's loop.

rtmidi can also call Python on the thread that receives. On JACK that is the graph's own real-time thread, which would
wait there for Python's lock, and every synth with it; so its queue is looked into instead, some hundred times a second,
and the system's time between messages says when each of them came.

Nothing that arrives can stop the server or fill its memory: the queue is bounded, system exclusive is left out before
Python sees it, and what is broken is left out by `MessageStream`.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from livevae.errors import PortError
from livevae.midi import abandon, is_ours, open_input
from livevae.music.stream import SYSEX, MessageStream
from livevae.tempo.arrivals import Arrivals

CLIENT = "livevae-in"
"""What ALSA, JACK and CoreMIDI call our inputs; outputs belong to the player's process, under another name."""

VIRTUAL = "virtual"

POLL_EVERY = 0.005
"""Seconds between two looks into the queues: a knob is not felt to lag by three times that."""

LOOK_EVERY = 2.0
"""Seconds between two looks at which inputs are there."""

AT_ONCE = 128
"""Messages after which the loop is given a chance to do something else."""

FARTHEST = 0.2
"""Seconds of lateness after which the system's time has a gap, and we begin anew."""

OnMessage = Callable[[bytes, float], None]
"""Takes a whole channel message and when it arrived, in seconds of the loop's clock."""

_log = logging.getLogger(__name__)


class MidiInput:
    """One input. Used from the server's loop; `open` from any one thread.

    Args:
        target: part of the name of an output that exists or will, or `virtual` for a port of our own.
        on_message: called with each channel message.

    Attributes:
        target: as given.
        name: what the system calls it; "" before it was ever there.
    """

    def __init__(self, target: str, on_message: OnMessage) -> None:
        self.target = target
        self.name = ""
        self._on_message = on_message
        self._stream, self._arrivals = MessageStream(), Arrivals(FARTHEST)
        self._client: Any = None

    def open(self) -> None:
        """Listen. Takes some 50 ms, so a running server calls it on another thread.

        Raises:
            PortError: there is no such output, or no MIDI system opens.
        """
        self._stream, self._arrivals = MessageStream(), Arrivals(FARTHEST)
        client, name = open_input(self.target, CLIENT, "in")
        self.name = f"{CLIENT}:{name}" if self.target == VIRTUAL else name
        # what rtmidi leaves out is left out of its time between messages, too; of sysex, a flood would cost more
        client.ignore_types(sysex=True, timing=False, active_sense=False)
        self._client = client

    @property
    def system(self) -> str:
        """The MIDI system that it is on; "" before it was ever there."""
        return self.name.rpartition("(")[2].rstrip(")")

    @property
    def opened(self) -> bool:
        """Whether it listens, as far as we know."""
        return self._client is not None

    @property
    def there(self) -> bool:
        """Whether it listens, and what it listens to still exists."""
        if self._client is None or self.target == VIRTUAL:
            return self._client is not None
        try:
            names = self._client.get_ports()
        except Exception:  # noqa: BLE001  (a fault while taking one message must not deafen us to the next)
            return False
        return any(self.name.startswith(name) for name in names)

    def poll(self, most: int = AT_ONCE) -> bool:
        """Receive what waits, at most so many messages; whether more may wait."""
        for _ in range(most):
            event = None
            with suppress(Exception):  # a port that is gone has nothing to say; `there` will find out
                event = self._client.get_message() if self._client is not None else None
            if event is None:
                return False
            data, since_last = event
            self.arrived(bytes(data), self._arrivals.at(time.monotonic(), since_last))
        return True

    def arrived(self, data: bytes, when: float) -> None:
        """Bytes came at `when`, in seconds of the loop's clock."""
        for message in self._stream.feed(data):
            if message[0] >= SYSEX:
                continue
            try:
                self._on_message(message, when)
            except Exception:  # noqa: BLE001  (a fault while taking one message must not deafen us to the next)
                _log.exception("a fault while hearing %s", message.hex(" "))

    def forget(self) -> None:
        """Let go of what is gone."""
        client, self._client = self._client, None
        if client is not None:
            abandon(client)

    def close(self) -> None:
        """Stop listening; what still waits is left."""
        client, self._client = self._client, None
        if client is not None:
            for end in (client.close_port, client.delete):
                with suppress(Exception):
                    end()


class MidiInputs:
    """All inputs of a server, looked after: one that goes is listened to again when it comes back.

    Args:
        targets: what to listen to; see `MidiInput`.
        on_message: called with each channel message and when it arrived.
        say: shows the performer a line.
        look: asks for another look at the system's ports, after which `seen` is called.
    """

    def __init__(
        self,
        targets: Sequence[str],
        on_message: OnMessage,
        say: Callable[[str], object],
        look: Callable[[], object] = bool,
    ) -> None:
        self.inputs = tuple(MidiInput(target, on_message) for target in targets)
        self._say, self._look = say, look
        self._visible: set[str] = set()
        self._asked: set[MidiInput] = set()
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Listen to those that are there, and go on looking for the others."""
        for one in self.inputs:
            await self._open(one, f"midi in {one.target} is not there yet, playing goes on without it")
        if self.inputs:
            self._keeper = asyncio.get_running_loop().create_task(self._keep(), name="midi inputs")

    async def close(self) -> None:
        """Stop listening."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait((self._keeper,))
        for one in self.inputs:
            one.close()

    async def look(self) -> None:
        """See which inputs went and which are there again."""
        for one in self.inputs:
            if one.opened and not one.there:
                one.forget()
                self._say(f"midi in {one.name or one.target} is gone")
            elif not one.opened:
                await self._open(one)

    def seen(self, ports: Sequence[str], systems: Sequence[str]) -> None:
        """Which ports there are, and which MIDI systems: whether a system ended that we had inputs on.

        Our own clients would never know: JACK's library goes on to tell them of what was there before. Where another
        server of it has begun, our ports are missing, if this system shows them at all.
        """
        opened = Counter(one.system for one in self._asked if one.opened)
        for system, count in opened.items():
            if system not in systems:
                self.ended(system)
                continue
            there = sum(is_ours(name, CLIENT) for name in ports if name.endswith(f"({system})"))
            if there >= count:
                self._visible.add(system)
            elif system in self._visible:
                self.ended(system)

    def ended(self, system: str) -> None:
        """The server of a MIDI system ended, and all our inputs that were on it."""
        self._visible.discard(system)
        for one in self.inputs:
            if one.opened and one.system == system:
                one.forget()
                self._asked.discard(one)
                self._say(f"midi in {one.name} is gone: {system} has ended")

    async def poll(self) -> None:
        """Hear all that waits, letting others have their turn."""
        for one in self.inputs:
            while one.poll():  # noqa: ASYNC110  (it works, and waits for nothing)
                await asyncio.sleep(0)

    async def _keep(self) -> None:
        while True:
            for _ in range(round(LOOK_EVERY / POLL_EVERY)):
                await asyncio.sleep(POLL_EVERY)
                await self.poll()
            await self.look()

    async def _open(self, one: MidiInput, complaint: str = "") -> None:
        again = bool(one.name)
        try:
            await asyncio.to_thread(one.open)
        except PortError as error:
            if complaint:
                self._say(f"{complaint}: {error}")
        else:
            self._say(f"midi in {one.name}{' is back' if again else ''}")
            self._asked.add(one)  # what is seen from now on is newer than it
            self._look()
