"""MIDI in: messages from keyboards and knobs, with the moment at which they came, to the session's loop.

rtmidi calls from a thread of its own; the moment is taken there, before anything else can delay it, and the message is
handed to the event loop. A port that is not there is said so, and is never the end of a show.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from livevae.errors import PortError
from livevae.midi import open_input

CLIENT = "livevae"
"""What ALSA, JACK and CoreMIDI call us."""

Heard = Callable[[bytes, float], object]
"""One MIDI message, and the moment it came in seconds of CLOCK_MONOTONIC (asyncio's `loop.time()`)."""


class MidiInput:
    """An open input. `close` gives it back.

    Attributes:
        name: what the system calls it.
    """

    def __init__(self, port: Any, name: str, heard: Heard) -> None:
        """Listen; `heard` is called on the running loop."""
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._heard = heard
        self.name = name
        port.ignore_types(sysex=True, timing=True, active_sense=True)
        port.set_callback(self._came)

    def close(self) -> None:
        """Stop listening; no error if the port is gone."""
        for end in ("cancel_callback", "close_port", "delete"):
            with suppress(Exception):
                getattr(self._port, end)()

    def _came(self, event: tuple[list[int], float], _: object = None) -> None:
        """In rtmidi's own thread."""
        when = time.monotonic()
        with suppress(RuntimeError):  # the loop is closed: the show is over
            self._loop.call_soon_threadsafe(self._heard, bytes(event[0]), when)


def open_inputs(targets: Sequence[str], heard: Heard, say: Callable[[str], object]) -> Iterator[MidiInput]:
    """Listen to inputs, on the running loop; those that do not open are said and left out.

    Args:
        targets: `virtual`, or a part of an input's name.
        heard: called with each message.
        say: shows the performer a line.
    """
    for target in targets:
        try:
            port, name = open_input(target, CLIENT, "in")
        except PortError as error:
            say(f"midi in {error}")
            continue
        say(f"midi in {name}")
        yield MidiInput(port, name, heard)
