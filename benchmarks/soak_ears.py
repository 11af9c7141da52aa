"""What a soak hears: its receiver, asked from outside, and the recording, read again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import mido

from livevae.children import environment


class Ears:
    """The receiver's process, and how to ask it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.soak_receiver", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(),
        )
        self.ask("counts")

    def ask(self, word: str) -> Any:
        """Its answer to a word; see soak_receiver."""
        assert self._process.stdin is not None  # noqa: S101  (for the type checker)
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline() or "[]")

    def held(self, before: float = 1e18) -> set[tuple[int, int]]:
        """(channel, pitch) of what sounds since before that moment."""
        return {(channel, pitch) for channel, pitch, since in self.ask("sounding") if since < before}

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


def check(path: Path) -> None:
    """A MIDI file is whole, and each on has its off."""
    for track in mido.MidiFile(path).tracks:
        sounding: set[tuple[int, int]] = set()
        for message in track:
            if message.type == "note_on" and message.velocity:
                assert (message.channel, message.note) not in sounding, "struck twice"  # noqa: S101
                sounding.add((message.channel, message.note))
            elif message.type in ("note_on", "note_off"):
                sounding.remove((message.channel, message.note))
        assert not sounding, "no off"  # noqa: S101
