"""The watch: a small process that says which MIDI ports there are and who is connected to ours, whenever that changes.

A process of its own, because asking for them holds the interpreter for milliseconds, and because what a MIDI
system's library does when its server goes away is not always survived: when JACK's goes, the watch says so and ends.
"""

import json
import os
import re
import select
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from livevae.midi import SYSTEMS

EVERY = 0.5
"""Seconds between two looks."""

CLIENT = "livevae-watch"

OURS = "livevae"
"""How the clients begin whose connections are looked at."""

OUR_INPUTS = r"^livevae-(in[-0-9]*:in|clock[-0-9]*:clock)$"
"""Inputs of our own that others connect to: a keyboard's, and a MIDI clock's."""

KINDS = {"outputs": "MidiOut", "inputs": "MidiIn"}
"""What there is to be seen, by rtmidi's names for who sees it."""

ALSA_CLIENTS = Path("/proc/asound/seq/clients")

Names = list[tuple[str, str]]
"""(MIDI system, name) of every port that can be opened by name."""


class JackEye:
    """JACK as a client sees it that takes no part in the graph; what it does not offer, rtmidi cannot either."""

    def __init__(self) -> None:
        """Connect to the server that runs.

        Raises:
            OSError: there is no library of JACK's.
            jack.JackError: no server runs.
        """
        import jack  # noqa: PLC0415  (loads JACK's library, which is not everywhere)

        self._client = jack.Client(CLIENT, no_start_server=True)
        self._error = jack.JackError
        self._client.set_shutdown_callback(_jack_is_gone)

    def names(self, kind: str) -> list[str]:
        """The names of all MIDI inputs (which are outputs to us), or outputs."""
        ports = self._client.get_ports(is_midi=True, is_input=kind == "outputs", is_output=kind == "inputs")
        return [port.name for port in ports]

    def links(self) -> dict[str, list[str]]:
        """Our outputs, each with the inputs that it is connected to."""
        ports = self._client.get_ports(f"^{OURS}[-0-9]*:", is_midi=True, is_output=True)
        return {
            port.name: sorted(other.name for other in self._client.get_all_connections(port))
            for port in ports
        }

    def heard(self) -> dict[str, list[str]]:
        """Inputs of our own, each with the outputs that are connected to it."""
        ports = self._client.get_ports(OUR_INPUTS, is_midi=True, is_input=True)
        return {
            port.name: sorted(other.name for other in self._client.get_all_connections(port))
            for port in ports
        }

    def connect(self, source: str, target: str) -> None:
        """Connect two ports; no error where that cannot be done."""
        with suppress(self._error):
            self._client.connect(source, target)


def _jack_is_gone(*_: object) -> None:
    """Called on a thread of JACK's when its server ends."""
    os.write(1, json.dumps({"gone": "JACK"}).encode() + b"\n")
    os._exit(0)  # its library would wait for the server


def alsa_links(text: str) -> dict[str, list[str]]:
    """Our outputs and the inputs that each is connected to, from what /proc/asound/seq/clients holds."""
    names: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    client = number = port = ""
    for line in text.splitlines():
        if head := re.match(r'Client\s+(\d+) : "(.*)" \[', line):
            number, client, port = head[1], head[2], ""
        elif head := re.match(r'\s+Port\s+(\d+) : "(.*)" \(', line):
            port = f"{client}:{head[2]}"
            names[f"{number}:{head[1]}"] = port
            if client.rstrip("-0123456789") == OURS:
                found[port] = []
        # names may hold anything, line ends too
        elif line.strip().startswith("Connecting To:") and port in found:
            found[port].extend(re.findall(r"(\d+:\d+)", line.split(":", 1)[1]))
    return {source: sorted(names.get(to, to) for to in targets) for source, targets in found.items()}


class Watch:
    """One client of each MIDI system and kind, kept: to come and go all the time would disturb JACK's graph."""

    def __init__(self) -> None:
        import rtmidi  # noqa: PLC0415  (fails where the system has no libasound; then this process ends)

        self._rtmidi = rtmidi
        self._clients: dict[tuple[str, str], Any] = {}
        self._jack: JackEye | None = None
        self._systems: set[str] = set()

    def look(self, kinds: Iterable[str]) -> dict[str, Any]:
        """What is there now, of these kinds; which systems are; and who is connected to us, where that can be seen."""
        self._systems = set()
        self._find_jack()
        seen: dict[str, Any] = {kind: list(self._names(kind)) for kind in kinds}
        links: dict[str, dict[str, list[str]]] = {}
        heard: dict[str, list[str]] = {}
        sources: list[str] = []
        if self._jack is not None:
            links["JACK"] = self._jack.links()
            heard, sources = self._jack.heard(), self._jack.names("inputs")
        with suppress(OSError):
            links["ALSA"] = alsa_links(ALSA_CLIENTS.read_text(errors="replace"))
        return {**seen, "systems": sorted(self._systems), "links": links, "heard": heard, "sources": sources}

    def connect(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Connect outputs to inputs again; what is not there, or not JACK's, is passed over."""
        for source, target in pairs:
            if self._jack is not None:
                self._jack.connect(source, target)

    def _find_jack(self) -> None:
        if self._jack is None:
            with suppress(Exception):  # its library or server is not there
                self._jack = JackEye()

    def _names(self, kind: str) -> Iterator[tuple[str, str]]:
        for system, api in SYSTEMS:
            number = getattr(self._rtmidi, api)
            if number not in self._rtmidi.get_compiled_api():
                continue
            if system == "JACK" and self._jack is not None:
                self._systems.add(system)
                yield from ((system, name) for name in self._jack.names(kind))
                continue
            ours = (kind, system)
            try:
                if ours not in self._clients:
                    self._clients[ours] = getattr(self._rtmidi, KINDS[kind])(number, name=CLIENT)
                names = self._clients[ours].get_ports()
            except Exception:  # noqa: BLE001  (rtmidi raises several kinds of its own)
                self._clients.pop(ours, None)
                continue
            self._systems.add(system)
            yield from ((system, name) for name in names)
            if not names:
                self._clients.pop(ours).delete()


def main() -> None:
    """Write what there is as a line of JSON each time it changes or is asked for, until standard input ends.

    A line that comes in is {"asked": NUMBER, "inputs": whether they are looked at too, "connect": pairs of ports}.
    """
    watch, last = Watch(), None
    wish: dict[str, Any] = {"asked": 0, "inputs": False, "connect": []}
    waiting = b""
    while True:
        watch.connect((source, target) for source, target in wish["connect"])
        wish["connect"] = []
        found = watch.look(KINDS if wish["inputs"] else ["outputs"]) | {"asked": wish["asked"]}
        if found != last:
            last = found
            os.write(1, json.dumps(found).encode() + b"\n")
        ready, _, _ = select.select([0], [], [], EVERY)
        if ready:
            data = os.read(0, 1 << 16)
            if not data:
                os._exit(0)  # no goodbye to servers that may be gone
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                wish = {**json.loads(line), "connect": wish["connect"] + json.loads(line)["connect"]}


if __name__ == "__main__":
    main()
