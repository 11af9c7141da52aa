"""Hostile files for a soak: seeds of `benchmarks fuzz`, damaged at random, and the commands that are given them."""

import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.fuzz_seeds import SEEDS

COMMANDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "midi": ("in.mid", ("persona", "train", "hostile", "FILE")),
    "musicxml": ("in.musicxml", ("dataset", "build", "hostile", "FILE")),
    "abc": ("in.abc", ("dataset", "build", "hostile", "FILE")),
    "npz": ("in.npz", ("model", "import", "FILE", "--name", "hostile")),
    "tar": ("in.tar", ("model", "import", "FILE", "--name", "hostile")),
    "mag": ("in.mag", ("model", "import", "FILE", "--name", "hostile")),
    "checkpoint": ("in.safetensors", ("model", "import", "FILE", "--name", "hostile")),
    "log": ("in.log", ("replay", "FILE", "--out", "OUT")),
    "scene": ("in.toml", ("render", "FILE", "--bars", "1", "--out", "OUT")),
}
"""Target, the file's name, and the command that reads it."""


def damaged(dice: random.Random, target: str) -> bytes:
    """A seed of the target with some bytes changed, put in, cut out, or cut off."""
    data = bytearray(dice.choice(list(SEEDS[target]())))
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(data) + 1)
        data[at : at + dice.randrange(4)] = dice.randbytes(dice.randrange(4))
    return bytes(data[: dice.randrange(len(data) + 1)] if dice.random() < 0.2 else data)


def give(dice: random.Random, folder: Path, env: Mapping[str, str]) -> tuple[str, str]:
    """Give a command of livevae's such a file; its words, and what is wrong with how it ended ("": nothing)."""
    target = dice.choice(sorted(COMMANDS))
    name, words = COMMANDS[target]
    path = folder / name
    path.write_bytes(damaged(dice, target))
    places = {"FILE": str(path), "OUT": str(folder / "out.mid")}
    command = [sys.executable, "-m", "livevae", *(places.get(word, word) for word in words)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=dict(env), timeout=300
        )
    except subprocess.TimeoutExpired:
        return " ".join(words), "it does not end within five minutes"
    if done.returncode not in (0, 1) or "Traceback" in done.stderr:
        return " ".join(words), f"exit status {done.returncode}: {done.stderr[-300:]}"
    path.unlink()
    return " ".join(words), ""
