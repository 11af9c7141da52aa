"""Kills in the middle of saves: a burst of them over OSC, other commands that write, the server in its last moment."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import mido

from livevae.edges.osc.client import Client
from livevae.models.midime import files as persona_files
from livevae.perform import crib
from livevae.perform.scene import parse

if TYPE_CHECKING:
    from benchmarks.soak_night import Night

ENDS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)
BURST = 12
"""Saves that are asked for at once."""

LONGEST = 4.0
"""Seconds after which another command is killed at the latest."""


def read_scene(path: Path) -> object:
    """A scene that was written."""
    return parse(path.read_text(encoding="utf-8"), path.name)


def read_riff(path: Path) -> object:
    """A riff that was kept."""
    return crib.parse(path.read_text(encoding="utf-8"))


READERS: Mapping[str, Callable[[Path], object]] = {
    "personas/*.safetensors": persona_files.read,
    "riffs/*.json": read_riff,
    "riffs/*.mid": mido.MidiFile,
    "scenes/*.toml": read_scene,
}
"""What may lie in a performer's folder, and what reads it."""


def broken(home: Path) -> list[str]:
    """Files of a performer's folder that are not whole."""
    found = []
    for pattern, read in READERS.items():
        for path in sorted(home.glob(pattern)):
            try:
                read(path)
            except Exception as error:  # noqa: BLE001  (whatever a reader says)
                found.append(f"{path.name}: {error!r}")
    return found


def burst(night: "Night", client: Client, dice: random.Random) -> None:
    """Ask for many saves, and wait for none. All come from one source: the others take turns with it."""
    for _ in range(BURST):
        match dice.randrange(BURST):
            case 0:
                for name in sorted(night.soak.saved)[-1:]:
                    client.send("/livevae/persona/load", name)
                    client.send("/livevae/persona/save", name)
            case 1 | 2 | 3:
                client.send("/livevae/keep", "lead", on=1, name=f"kept{dice.randrange(6)}")
                client.send("/livevae/keep", "lead", on=0)
            case _:
                client.send("/livevae/scene/write", f"written{dice.randrange(3)}", replace=1)


def save(night: "Night", dice: random.Random) -> None:
    """Saves, while processes that write are killed: the recorder, a training, another command."""
    soak = night.soak
    command = _command(soak.home, dice)
    other = subprocess.Popen(
        command, env=soak.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + dice.random() * LONGEST
    with Client(port=night.port) as client:
        while time.monotonic() < until and other.poll() is None:
            burst(night, client, dice)
            if dice.random() < 0.2:
                night.kill(dice.choice(("recorder", "worker")))
            time.sleep(dice.random() * 0.3)
    if other.poll() is None:
        how = dice.choice(ENDS)
        with suppress(ProcessLookupError):
            other.send_signal(how)
        soak.counts["killed: command"] += 1
        soak.say(f"{how.name} to {' '.join(command[3:5])}")
    try:
        other.wait(60)
    except subprocess.TimeoutExpired:
        soak.found("left process", f"{' '.join(command[3:5])} does not end of a signal")
        other.kill()
        other.wait()
    soak.look_at_home("after saves")
    night.answers("after saves")


def _command(home: Path, dice: random.Random) -> list[str]:
    """Another livevae that writes what the server reads."""
    takes = home / "takes.mid"
    if not takes.exists():
        track = mido.MidiTrack()
        for step in range(64):
            track.append(mido.Message("note_on", note=60 + step * 5 % 14, velocity=80, time=0))
            track.append(mido.Message("note_off", note=60 + step * 5 % 14, time=240))
        mido.MidiFile(tracks=[track]).save(takes)
    words = dice.choice(
        (
            ["persona", "train", f"other{dice.randrange(3)}", str(takes), "--epochs", "40"],
            [
                "render",
                str(home / "scene.toml"),
                "--bars",
                "64",
                "--out",
                str(home / "records" / "other.mid"),
            ],
        )
    )
    return [sys.executable, "-m", "livevae", *words]


def end_in_saves(night: "Night", dice: random.Random) -> None:
    """Ask for saves just before the server's end; whatever it was about to write is there whole, or as it was."""
    with Client(port=night.port) as client:
        burst(night, client, dice)
    time.sleep(dice.random() * 0.1)
