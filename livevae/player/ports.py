"""MIDI outputs: a `Port` is one method, `send`. What rtmidi throws is a `PortError` in a sentence."""

from contextlib import suppress
from typing import Any, Protocol

from livevae.errors import PortError
from livevae.midi import open_output
from livevae.player.wire.commands import PortSpec

CLIENT = "livevae"
"""What ALSA, JACK and CoreMIDI call us."""


class Port(Protocol):
    """Where MIDI goes. `send` is now and takes microseconds."""

    @property
    def name(self) -> str:
        """What the system calls it."""

    def send(self, data: bytes) -> None:
        """Send one complete message. Raises PortError when the port is gone."""

    def close(self) -> None:
        """Give it back; no error if it is gone."""


class SilentPort:
    """The port `none`: takes everything and sends nothing."""

    name = "none"

    def send(self, data: bytes) -> None:
        """Let it go."""

    def close(self) -> None:
        """Nothing to give back."""


class RtMidiPort:
    """An output of rtmidi's, virtual or connected."""

    __slots__ = ("_out", "name")

    def __init__(self, out: Any, name: str) -> None:
        self._out = out
        self.name = name

    def send(self, data: bytes) -> None:
        """Send one complete message, now."""
        if self._out is None:
            raise PortError(f"the MIDI port {self.name} is closed")
        try:
            self._out.send_message(data)
        except Exception as error:
            raise PortError(f"the MIDI port {self.name} does not take messages: {error}") from error

    def close(self) -> None:
        """Close the port and its client; a second time is no error (rtmidi's own second delete is a crash)."""
        out, self._out = self._out, None
        if out is not None:
            with suppress(Exception):
                out.close_port()
            with suppress(Exception):
                out.delete()


def open_port(spec: PortSpec) -> Port:
    """The output that `spec` means.

    Raises:
        PortError: no MIDI system opens, or there is no such output; the text says which there are.
    """
    if spec.target == "none":
        return SilentPort()
    out, name = open_output(spec.target, CLIENT, spec.name or CLIENT)
    return RtMidiPort(out, name)
