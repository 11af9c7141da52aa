"""MIDI in: what arrives on rtmidi's threads, as whole messages with the time of their arrival, on the server's loop.

Nothing that arrives can stop the server or fill its memory: what is broken is left out by `MessageStream`, system
exclusive is left out before Python sees it, and of a flood that the loop does not keep up with, the rest is dropped
and counted, note-offs last.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from livevae.errors import PortError
from livevae.midi import open_input
from livevae.music.stream import SYSEX, MessageStream

CLIENT = "livevae-in"
"""What ALSA, JACK and CoreMIDI call our inputs; outputs belong to the player's process, under another name."""

MOST_WAITING = 4096
"""Messages that wait for the loop; a DIN wire brings a thousand a second."""

LOOK_EVERY = 2.0
"""Seconds between two looks at which inputs are there."""

VIRTUAL = "virtual"

AT_ONCE = 64
"""Messages after which the loop is given a chance to do something else."""

Heard = Callable[[bytes, float], None]
"""Takes a whole channel message and when it arrived, in seconds of the loop's clock."""

_log = logging.getLogger(__name__)


class MidiInput:
    """One input's messages, from its thread to the loop. `arrived` is called on any thread, the rest on the loop's.

    Args:
        target: part of the name of an output that exists or will, or `virtual` for a port of our own.
        heard: called on the loop with each channel message.
        loop: the loop.

    Attributes:
        target: as given.
        name: what the system calls it; "" before it was ever there.
        dropped: messages that came faster than the loop could take them.
    """

    def __init__(self, target: str, heard: Heard, loop: asyncio.AbstractEventLoop) -> None:
        self.target = target
        self._heard = heard
        self._loop = loop
        self._stream = MessageStream()
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._lock = threading.Lock()
        self._called = False
        self._client: Any = None
        self.name = ""
        self.dropped = 0

    def open(self) -> None:
        """Listen. Takes some 50 ms, so a running server calls it on another thread.

        Raises:
            PortError: there is no such output, or no MIDI system opens.
        """
        self._stream = MessageStream()
        client, self.name = open_input(self.target, CLIENT, "in")
        client.set_callback(self._call)
        self._client = client

    @property
    def there(self) -> bool:
        """Whether it is open, and what it listens to still there."""
        if self._client is None or self.target == VIRTUAL:
            return self._client is not None
        try:
            names = self._client.get_ports()
        except Exception:  # noqa: BLE001  (the system's MIDI itself is gone)
            return False
        return any(self.name.startswith(name) for name in names)

    @property
    def opened(self) -> bool:
        """Whether it listens, as far as we know."""
        return self._client is not None

    def close(self) -> None:
        """Stop listening; what still waits is not heard."""
        client, self._client = self._client, None
        if client is not None:
            for end in (client.cancel_callback, client.close_port, client.delete):
                with suppress(Exception):
                    end()
        with self._lock:
            self._waiting.clear()

    def arrived(self, data: bytes, when: float) -> None:
        """Bytes came at `when`, in seconds of the loop's clock. From any one thread."""
        messages = [message for message in self._stream.feed(data) if message[0] < SYSEX]
        if not messages:
            return
        with self._lock:
            for message in messages:
                if len(self._waiting) >= MOST_WAITING * (2 if _ends(message) else 1):
                    self.dropped += 1
                else:
                    self._waiting.append((message, when))
            call, self._called = not self._called, True
        if call:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                self._loop.call_soon_threadsafe(self._hand_over)

    def _call(self, event: tuple[Sequence[int], float], _: object = None) -> None:
        """On rtmidi's thread: one message, or what should be one."""
        when = time.monotonic()
        self.arrived(bytes(event[0]), when)

    def _hand_over(self) -> None:
        for _ in range(AT_ONCE):
            with self._lock:
                if not self._waiting:
                    self._called = False
                    return
                message, when = self._waiting.popleft()
            try:
                self._heard(message, when)
            except Exception:  # noqa: BLE001  (a fault while hearing one message must not deafen us to the next)
                _log.exception("a fault while hearing %s", message.hex(" "))
        self._loop.call_soon(self._hand_over)


class MidiInputs:
    """All inputs of a server, looked after: one that goes is listened to again when it comes back.

    Args:
        targets: what to listen to; see `MidiInput`.
        heard: called on the loop with each channel message and when it arrived.
        say: shows the performer a line.
    """

    def __init__(self, targets: Sequence[str], heard: Heard, say: Callable[[str], object]) -> None:
        loop = asyncio.get_running_loop()
        self.inputs = tuple(MidiInput(target, heard, loop) for target in targets)
        self._say = say
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
                one.close()
                self._say(f"midi in {one.name or one.target} is gone")
            elif not one.opened:
                await self._open(one)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
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


def _ends(message: bytes) -> bool:
    """Whether it is a note-off."""
    return message[0] & 0xF0 == 0x80 or (message[0] & 0xF0 == 0x90 and message[2] == 0)
