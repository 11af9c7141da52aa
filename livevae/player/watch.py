"""The watch: a small process that says which MIDI ports there are, whenever that changes.

A process of its own, because asking for them holds the interpreter for milliseconds, and because what a MIDI
system's library does when its server goes away is not always survived.
"""

import json
import os
import select
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from livevae.midi import SYSTEMS

EVERY = 1.0
"""Seconds between two looks."""

CLIENT = "livevae-watch"


KINDS = {"outputs": "MidiOut", "inputs": "MidiIn"}
"""What there is to be seen, by rtmidi's names for who sees it."""

Seen = dict[str, list[tuple[str, str]]]
"""(MIDI system, name) of every port that can be opened by name, by kind."""


class Watch:
    """One client of each MIDI system and kind, kept: to come and go every second would disturb JACK's graph."""

    def __init__(self) -> None:
        import rtmidi  # noqa: PLC0415  (fails where the system has no libasound; then this process ends)

        self._rtmidi = rtmidi
        self._clients: dict[tuple[str, str], Any] = {}

    def look(self, kinds: Iterable[str]) -> Seen:
        """What is there now, of these kinds."""
        return {kind: list(self._names(kind)) for kind in kinds}

    def _names(self, kind: str) -> Iterator[tuple[str, str]]:
        for system, api in SYSTEMS:
            number = getattr(self._rtmidi, api)
            if number not in self._rtmidi.get_compiled_api():
                continue
            ours = (kind, system)
            try:
                if ours not in self._clients:
                    self._clients[ours] = getattr(self._rtmidi, KINDS[kind])(number, name=CLIENT)
                names = self._clients[ours].get_ports()
            except Exception:  # noqa: BLE001  (rtmidi raises several kinds of its own)
                self._clients.pop(ours, None)
                continue
            yield from ((system, name) for name in names)
            if not names:
                self._clients.pop(ours).delete()


def main() -> None:
    """Write what there is as a line of JSON each time it changes, until standard input ends.

    Outputs at first; inputs too, once a byte came in.
    """
    watch, told, kinds = Watch(), None, ["outputs"]
    while True:
        found = watch.look(kinds)
        if found != told:
            told = found
            os.write(1, json.dumps(found).encode() + b"\n")
        ready, _, _ = select.select([sys.stdin], [], [], EVERY)
        if ready:
            if not os.read(0, 1):
                return
            kinds = list(KINDS)


if __name__ == "__main__":
    main()
