"""MIDI ports: a `Port` is one method, `send`. what rtmidi throws is a `PortError` in a sentence."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from livevae.errors import PortError
from livevae.player.commands import PortSpec

CLIENT = "livevae"
"""What ALSA, JACK and CoreMIDI call us."""

SYSTEMS = (
    ("ALSA", "API_LINUX_ALSA"),
    ("JACK", "API_UNIX_JACK"),
    ("CoreMIDI", "API_MACOSX_CORE"),
    ("WinMM", "API_WINDOWS_MM"),
)
"""MIDI systems and rtmidi's names for them, in the order in which they are tried."""


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
    rtmidi = _rtmidi()
    with quiet_stderr():
        return _open_virtual(rtmidi, spec) if spec.target == "virtual" else _open_named(rtmidi, spec.target)


def list_ports() -> list[tuple[str, str]]:
    """(MIDI system, name) of every output that can be opened by name.

    Raises:
        PortError: python-rtmidi cannot be imported.
    """
    return _list(_rtmidi().MidiOut)


def list_inputs() -> list[tuple[str, str]]:
    """(MIDI system, name) of every input that can be opened, livevae's own virtual outputs among them.

    Raises:
        PortError: python-rtmidi cannot be imported.
    """
    return _list(_rtmidi().MidiIn)


def midi_systems() -> list[tuple[str, bool]]:
    """(MIDI system, whether it opens here) for each that python-rtmidi was built with.

    Raises:
        PortError: python-rtmidi cannot be imported.
    """
    rtmidi = _rtmidi()
    with quiet_stderr():
        return [
            (name, _client(rtmidi.MidiOut, api, "livevae-list") is not None) for name, api in _apis(rtmidi)
        ]


def _list(kind: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    with quiet_stderr():
        for system, api in _apis(_rtmidi()):
            client = _client(kind, api, "livevae-list")
            if client is not None:
                with suppress(Exception):
                    found.extend((system, name) for name in client.get_ports())
                client.delete()
    return found


def _rtmidi() -> Any:
    try:
        import rtmidi  # noqa: PLC0415  (fails where the system has no libasound; livevae goes on without a port)
    except Exception as error:
        raise PortError(
            f"no MIDI here: python-rtmidi does not load ({error}). On Debian: apt install libasound2"
        ) from error
    return rtmidi


def _apis(rtmidi: Any) -> list[tuple[str, int]]:
    compiled = rtmidi.get_compiled_api()
    return [(system, getattr(rtmidi, name)) for system, name in SYSTEMS if getattr(rtmidi, name) in compiled]


def _client(kind: Any, api: int, name: str) -> Any:
    try:
        return kind(api, name=name)
    except Exception:  # noqa: BLE001  (rtmidi raises several kinds of its own, none of them Exception's near kin)
        return None


def _open_virtual(rtmidi: Any, spec: PortSpec) -> Port:
    label = spec.name or CLIENT
    tried = []
    for system, api in _apis(rtmidi):
        out = _client(rtmidi.MidiOut, api, CLIENT)
        if out is None:
            tried.append(system)
            continue
        try:
            out.open_virtual_port(label)
        except Exception as error:  # noqa: BLE001  (as above)
            out.delete()
            tried.append(f"{system} ({error})")
            continue
        return RtMidiPort(out, f"{label} ({system})")
    raise PortError(
        f"no virtual MIDI port: {' and '.join(tried) or 'no MIDI system'} did not open. "
        "Load ALSA's sequencer (modprobe snd-seq) or start JACK, or serve with --midi none"
    )


def _open_named(rtmidi: Any, wanted: str) -> Port:
    there: list[str] = []
    for system, api in _apis(rtmidi):
        out = _client(rtmidi.MidiOut, api, CLIENT)
        if out is None:
            continue
        try:
            names = list(out.get_ports())
            index = find_name(names, wanted)
            if index is not None:
                out.open_port(index, CLIENT)
                return RtMidiPort(out, f"{names[index]} ({system})")
            there.extend(names)
        except Exception as error:  # noqa: BLE001  (as above)
            there.append(f"{system} failed: {error}")
        out.delete()
    raise PortError(
        f"no MIDI output has {wanted!r} in its name. There are: {', '.join(there) or 'none at all'}"
    )


def find_name(names: Sequence[str], wanted: str) -> int | None:
    """Which of `names` is meant: the same, else the first that begins with it, else the first that holds it.

    Upper and lower case are one. None when there is none.
    """
    low = wanted.lower()
    for fits in (low.__eq__, lambda name: name.startswith(low), lambda name: low in name):
        for index, name in enumerate(names):
            if fits(name.lower()):
                return index
    return None


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep what ALSA's and JACK's libraries write to standard error off the performer's terminal."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
