"""The system's MIDI, through rtmidi: which systems open here, which ports they have, and how one is opened."""

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from livevae.errors import PortError

SYSTEMS = (
    ("ALSA", "API_LINUX_ALSA"),
    ("JACK", "API_UNIX_JACK"),
    ("CoreMIDI", "API_MACOSX_CORE"),
    ("WinMM", "API_WINDOWS_MM"),
)
"""MIDI systems and rtmidi's names for them, in the order in which they are tried."""

MOST_QUEUED = 1 << 14
"""Messages that an input keeps until somebody looks: half a second of the worst flood that JACK carries."""


def list_ports() -> list[tuple[str, str]]:
    """(MIDI system, name) of every output that can be opened by name.

    Raises:
        PortError: python-rtmidi cannot be imported.
    """
    return _list("MidiOut")


def list_inputs() -> list[tuple[str, str]]:
    """(MIDI system, name) of every input that can be opened, livevae's own virtual outputs among them.

    Raises:
        PortError: python-rtmidi cannot be imported.
    """
    return _list("MidiIn")


def midi_systems() -> list[tuple[str, bool]]:
    """(MIDI system, whether it opens here) for each that python-rtmidi was built with.

    Raises:
        PortError: python-rtmidi cannot be imported.
    """
    rtmidi = _rtmidi()
    found = []
    with quiet_stderr():
        for system, api in _apis(rtmidi):
            client = _client(rtmidi.MidiOut, api, "livevae-list")
            found.append((system, client is not None))
            if client is not None:
                client.delete()
    return found


def open_output(target: str, client: str, label: str) -> tuple[Any, str]:
    """An output of rtmidi's that is open, and what the system calls it.

    Args:
        target: `virtual` for a port of our own, or part of the name of one that exists.
        client: what the system calls us.
        label: what our port is called.

    Raises:
        PortError: no MIDI system opens, or there is no such output; the text says which there are.
    """
    return _open("MidiOut", "output", target, client, label)


def open_input(target: str, client: str, label: str) -> tuple[Any, str]:
    """An input of rtmidi's that is open, and what the system calls it; see `open_output`.

    Raises:
        PortError: no MIDI system opens, or there is no such input; the text says which there are.
    """
    return _open("MidiIn", "input", target, client, label)


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


def is_ours(name: str, client: str) -> bool:
    """Whether a port is one of `client`'s, which may bear a number where there are several: `livevae-in-01:in`."""
    return name.partition(":")[0].rstrip("-0123456789") == client


def abandon(client: Any) -> None:
    """Never touch a client of rtmidi's again, whose other end or whole MIDI system went away.

    To close it can take JACK ten seconds, or crash: when another client opens, JACK's library frees what a server
    that is gone has left. So this one is not even destroyed when the process ends.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(client))


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


def _open(kind: str, called: str, target: str, client: str, label: str) -> tuple[Any, str]:
    rtmidi = _rtmidi()
    with quiet_stderr():
        if target == "virtual":
            return _open_virtual(rtmidi, kind, called, client, label)
        return _open_named(rtmidi, kind, called, target, client)


def _open_virtual(rtmidi: Any, kind: str, called: str, name: str, label: str) -> tuple[Any, str]:
    tried = []
    for system, api in _apis(rtmidi):
        client = _client(getattr(rtmidi, kind), api, name)
        if client is None:
            tried.append(system)
            continue
        try:
            client.open_virtual_port(label)
        except Exception as error:  # noqa: BLE001  (as above)
            client.delete()
            tried.append(f"{system} ({error})")
            continue
        return client, f"{label} ({system})"
    raise PortError(
        f"no virtual MIDI {called}: {' and '.join(tried) or 'no MIDI system'} did not open. "
        "Load ALSA's sequencer (modprobe snd-seq) or start JACK"
    )


def _open_named(rtmidi: Any, kind: str, called: str, wanted: str, name: str) -> tuple[Any, str]:
    there: list[str] = []
    for system, api in _apis(rtmidi):
        client = _client(getattr(rtmidi, kind), api, name)
        if client is None:
            continue
        try:
            names = list(client.get_ports())
            index = find_name(names, wanted)
            if index is not None:
                client.open_port(index, name)
                return client, f"{names[index]} ({system})"
            there.extend(names)
        except Exception as error:  # noqa: BLE001  (as above)
            there.append(f"{system} failed: {error}")
        client.delete()
    raise PortError(
        f"no MIDI {called} has {wanted!r} in its name. There are: {', '.join(there) or 'none at all'}"
    )


def _list(kind: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    rtmidi = _rtmidi()
    with quiet_stderr():
        for system, api in _apis(rtmidi):
            client = _client(getattr(rtmidi, kind), api, "livevae-list")
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
        if kind.__name__ == "MidiIn":
            return kind(api, name=name, queue_size_limit=MOST_QUEUED)
        return kind(api, name=name)
    except Exception:  # noqa: BLE001  (as above)
        return None
