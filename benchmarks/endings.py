"""`benchmarks endings`: each command is ended at a random moment, by Ctrl-C, SIGTERM and SIGKILL.

What must not be: a traceback, an exit status that says something else, a process that goes on, a file that is half
written and taken for whole, and, after the command has run once more, a file that nobody needs.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from benchmarks.fuzz_seeds import SEEDS
from benchmarks.marked import marked
from livevae.children import environment

MARK = "LIVEVAE_ENDINGS"
"""In the environment of every process that is started, so that what is left over can be told."""

SOON = 15.0
"""Seconds within which a command ends that is told to, on a busy machine."""

MIDI = "none"
SCENE = "tempo = 120\n[voice.lead]\nbars = 1\n"
NOT_KILLED = ("broker", "rehearse")
"""Not ended by SIGKILL: mosquitto, and a server that plays on whatever becomes of its screen, go on then."""

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "serve": (
        "serve",
        "SCENE",
        "--midi",
        MIDI,
        "--osc",
        "127.0.0.1:7788",
        "--log",
        "LOG",
        "--record",
        "OUT.mid",
    ),
    "render": ("render", "SCENE", "--bars", "400", "--out", "OUT.mid"),
    "replay": ("replay", "OLDLOG", "SCENE", "--out", "OUT.mid"),
    "watch": ("watch", "--osc", "127.0.0.1:7788"),
    "rehearse": ("rehearse", "SCENE", "--midi", MIDI, "--osc", "127.0.0.1:7788"),
    "ports": ("ports",),
    "doctor": ("doctor",),
    "send": ("send", "--osc", "127.0.0.1:7788", "/livevae/ping"),
    "worker": ("worker", "--mqtt", "mqtt://127.0.0.1:1/night"),
    "broker": ("ensemble", "broker", "--port", "18831"),
    "ensemble watch": ("ensemble", "watch", "mqtt://127.0.0.1:1/night"),
    "persona train": ("persona", "train", "mine", "MUSIC", "--epochs", "400"),
    "model import": ("model", "import", "NPZ", "--name", "taken"),
    "model list": ("model", "list"),
    "sample": ("sample", "--count", "200", "--out", "SAMPLES"),
    "dataset build": ("dataset", "build", "FOLDER/data", "MUSIC"),
    "train": ("train", "cat-mel_2bar_small", "--data", "BUILT", "--run", "RUN", "--save-minutes", "0.02"),
    "model prior": (
        "model",
        "prior",
        "cat-mel_2bar_small",
        "--data",
        "BUILT",
        "--run",
        "RUN2",
        "--out",
        "PRIOR",
    ),
    "evaluate": ("evaluate", "cat-mel_2bar_small", "--data", "BUILT", "--samples", "100"),
}
"""Words in capitals stand for files of the folder that all is done in."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


class Endings:
    """The folder that all is done in, what was found in it, and what is wrong with it.

    Args:
        seed: of the moments.
        music: files or a folder of melodies, for what learns.
    """

    def __init__(self, seed: int, music: Path | None) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.home = Path(tempfile.mkdtemp(prefix="endings-"))
        self.found: list[str] = []
        self.counts: Counter[str] = Counter()
        self._mark = str(self.home)
        self._left: set[Path] = set()
        for name in ("home", "temporary", "music"):
            (self.home / name).mkdir()
        (self.home / "scene.toml").write_text(SCENE)
        for number in range(60):
            for source in sorted(music.rglob("*.mid"))[number : number + 1] if music else ():
                shutil.copy(source, self.home / "music" / f"{number}.mid")
        for number, data in enumerate(SEEDS["midi"]()):
            (self.home / "music" / f"seed-{number}.mid").write_bytes(data)
        for number, data in enumerate(list(SEEDS["npz"]())[:1]):
            (self.home / f"weights-{number}.npz").write_bytes(data)
        self._words = {
            "SCENE": "scene.toml", "LOG": "night.log", "OLDLOG": "old.log", "OUT.mid": "out.mid", "MUSIC": "music",
            "NPZ": "weights-0.npz", "SAMPLES": "samples", "FOLDER/data": "building/data", "BUILT": "built/data",
            "RUN": "run", "RUN2": "run2", "PRIOR": "prior.safetensors",
        }  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Of every process."""
        return environment() | {
            MARK: self._mark,
            "LIVEVAE_HOME": str(self.home / "home"),
            "TMPDIR": str(self.home / "temporary"),
            "OMP_NUM_THREADS": "1",
        }

    def command(self, name: str) -> list[str]:
        """The command's words."""
        words = (str(self.home / self._words[w]) if w in self._words else w for w in COMMANDS[name])
        return [sys.executable, "-m", "livevae", *words]

    def prepare(self) -> None:
        """What some commands read: a log, a data set."""
        build = [sys.executable, "-m", "livevae", "dataset", "build", str(self.home / "built" / "data")]
        subprocess.run(
            [*build, str(self.home / "music"), "--held-out", "0.3"],
            env=self.environment(), check=False, capture_output=True,
        )  # fmt: skip
        with subprocess.Popen(
            self.command("serve"), env=self.environment(), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        ) as server:
            for line in server.stdout or ():
                if line.startswith(b"playing"):
                    break
            time.sleep(2.0)
            server.terminate()
        shutil.copy(self.home / "night.log", self.home / "old.log")

    def end(self, name: str, number: signal.Signals, seconds: float) -> None:
        """Start a command, and end it after so many seconds."""
        process = subprocess.Popen(
            self.command(name),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            process.wait(seconds)
            went = "ended before"
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            went = number.name
        try:
            _, words = process.communicate(timeout=SOON)
        except subprocess.TimeoutExpired:
            process.kill()
            self.wrong(name, number, seconds, f"did not end within {SOON:.0f} s")
            return
        self.counts[f"{name}: {went}, exit status {process.returncode}"] += 1
        if went == "ended before":
            return
        fitting = {signal.SIGKILL: (-9,), signal.SIGINT: (130, 0, -2), signal.SIGTERM: (143, 0, -15)}[number]
        ours = b"/livevae/cli/" in words or b"Traceback" not in words  # Python itself may be starting yet
        if process.returncode not in fitting and ours:
            self.wrong(name, number, seconds, f"exit status {process.returncode}: {words[-300:]!r}")
        if b"Traceback" in words and ours:
            self.wrong(name, number, seconds, f"a traceback: {words[-600:].decode(errors='replace')}")
        until = time.monotonic() + SOON
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.1)
        for pid, line in left.items():
            self.wrong(name, number, seconds, f"a process is left: {line}")
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.look(name, number, seconds)

    def look(self, name: str, number: signal.Signals, seconds: float) -> None:
        """Whether what is there is whole, and nothing else is."""
        import mido
        import numpy as np
        from safetensors import safe_open

        for path in self.home.rglob("*"):
            half = path.suffix == ".part" or (
                path.parent.name == "temporary" and path.name.startswith("livevae-")
            )
            if half and number is not signal.SIGKILL and path not in self._left:
                self.wrong(name, number, seconds, f"left {path.name}")
            if half:
                self._left.add(path)
            if half or not path.is_file():
                continue
            try:
                if path.suffix == ".mid" and path.parent == self.home:
                    mido.MidiFile(path)
                elif path.suffix == ".safetensors":
                    with safe_open(path, "numpy") as tensors:
                        tensors.keys()
                elif path.suffix == ".npy" and not (path.parent / "info.json").exists():
                    continue
                elif path.suffix == ".npy":
                    rows = len(np.load(path, mmap_mode="r"))
                    split = path.stem.removesuffix("_set")
                    if rows != json.loads((path.parent / "info.json").read_text())["counts"][split]:
                        self.wrong(name, number, seconds, f"{path.name} is of another data set")
                elif path.suffix == ".json":
                    json.loads(path.read_text())
            except Exception as error:  # noqa: BLE001  (whatever a reader says)
                self.wrong(name, number, seconds, f"{path.name} is not whole: {error}")

    def sweep(self) -> None:
        """Whether what kills left is gone when all commands that were killed have run once more."""
        for name in ("dataset build", "model import"):
            subprocess.run(self.command(name), env=self.environment(), check=False, capture_output=True)
        for name in ("serve", "train", "model prior", "persona train"):
            self.end(name, signal.SIGTERM, 12.0)
        for path in self.home.rglob("*"):
            if path.suffix == ".part" or (
                path.parent.name == "temporary" and path.name.startswith("livevae-")
            ):
                self.wrong("sweep", signal.SIGKILL, 0, f"left {path.relative_to(self.home)}")

    def wrong(self, name: str, number: signal.Signals, seconds: float, what: str) -> None:
        """Keep and show what must not be."""
        self.found.append(what)
        print(f"FOUND {name}, {number.name} after {seconds:.2f} s: {what}", flush=True)

    def processes(self) -> dict[int, str]:
        """Command lines of all that was started and is alive, by id."""
        return marked(MARK, self._mark)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`benchmarks endings`."""
    text = "each command ended at random moments by Ctrl-C, SIGTERM and SIGKILL; Linux"
    command = commands.add_parser("endings", help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("--rounds", type=int, default=3, help="of each command and signal (3)")
    command.add_argument("--longest", type=float, default=8.0, help="seconds that a command may run (8)")
    command.add_argument("--seed", type=int, default=1, help="of the moments (1)")
    command.add_argument("--music", type=Path, help="a folder of MIDI files of melodies, for what learns")
    command.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS), metavar="COMMAND")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """End each of them; 1 where something was found."""
    endings = Endings(arguments.seed, arguments.music)
    try:
        endings.prepare()
        for _ in range(arguments.rounds):
            for name in arguments.only:
                for number in SIGNALS[:2] if name in NOT_KILLED else SIGNALS:
                    endings.end(name, number, endings.random.uniform(0.02, arguments.longest))
        endings.sweep()
    finally:
        for pid in endings.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(endings.home, ignore_errors=True)
    for what, count in sorted(endings.counts.items()):
        print(f"  {count:>3} {what}")
    print(f"found: {len(endings.found)}")
    return 1 if endings.found else 0
