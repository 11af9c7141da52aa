"""`benchmarks soak`: the README's promises under faults that follow one another at random, for as long as one likes.

Each round is a night in small: `livevae serve` plays to a receiver on JACK, through a port by name or its own, while
processes are killed, stopped and starved, JACK crashes, the disk is full, and floods of OSC come in. Counted are notes
that hang at the receiver, files that are broken, personas that are lost, and processes and files that are left over.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from benchmarks import soak_link, soak_saves, soak_scenes, soak_wall
from benchmarks.graph import JackServer, jack_server
from benchmarks.marked import marked
from benchmarks.packets import verdict
from benchmarks.soak_ears import Ears, check
from benchmarks.soak_night import Night
from livevae.children import environment
from livevae.errors import LivevaeError
from livevae.models.midime import files as persona_files

MARK = "LIVEVAE_SOAK"
"""In the environment of every process of a soak, so that what is left over can be told."""

FAULTS = 14
"""Of a round, with the last one, which ends the server."""

FAULT_WEIGHTS = {
    "player": 30,
    "watch": 6,
    "recorder": 1,
    "worker": 4,
    "stop": 3,
    "flood": 3,
    "disk": 3,
    "starve": 2,
    "jack": 1,
    "keys": 2,
    "clock": 2,
    "files": 2,
    "hostile": 3,
    "hour": 1,
    "wall": 4,
    "link": 3,
    "scenes": 2,
    "saves": 3,
}
"""Faults, and how often each comes beside the others."""

ELSEWHERE: Mapping[str, Callable[[Night, random.Random], None]] = {
    "wall": soak_wall.jump,
    "link": soak_link.lose,
    "scenes": soak_scenes.change,
    "saves": soak_saves.save,
}
"""Faults that have a module of their own; the others are methods of a night."""

BROKEN = (
    *("broken file", "hanging note", "lost persona", "left process", "left file", "no answer"),
    *("bad end", "other bytes", "half a scene", "leak"),
)
"""What must not be."""


def choose(random: random.Random) -> str:
    """The next fault."""
    return random.choices(tuple(FAULT_WEIGHTS), tuple(FAULT_WEIGHTS.values()))[0]


class Soak:
    """A soak: its random numbers, its log and its counts.

    Args:
        seed: of everything that is random.
        log: where every fault and finding goes, a line each.
        jack: the server that the ears are on.
        no_link: why Link is left out; "" where it is not.
    """

    def __init__(self, seed: int, log: Path, jack: JackServer, no_link: str = "") -> None:
        self._random = random.Random(seed)  # noqa: S311
        self.log_path = log
        self._log = log.open("a", buffering=1)
        self._jack = jack
        self._began = time.monotonic()
        self.counts: Counter[str] = Counter()
        self.saved: set[str] = set()
        self.home = Path(tempfile.mkdtemp(prefix="soak-"))
        for name in ("temporary", "records", "home"):
            (self.home / name).mkdir()
        self.wall = soak_wall.WallClock(self.home / "wall")
        self.no_link = no_link
        self._small = self._mount()
        self._mark = f"{os.getpid()}-{seed}"
        self.say(f"seed {seed}, {jack.how}")
        if no_link:
            self.say(f"Link is left out: {no_link}")

    def say(self, text: str) -> None:
        """A line of the log."""
        self._log.write(f"{time.monotonic() - self._began:9.2f} {text}\n")

    def found(self, what: str, text: str) -> None:
        """Something that must not be."""
        self.counts[what] += 1
        self.say(f"FOUND {what}: {text}")

    def close(self) -> None:
        """Take everything away again."""
        if self._small is not None:
            subprocess.run(["umount", "-l", self._small], check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)
        self._log.close()

    def _mount(self) -> Path | None:
        """A disk that is soon full, where we may mount one."""
        small = self.home / "small"
        small.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], check=False, capture_output=True
        )
        if done.returncode:
            self.say("no small disk can be mounted: the full disk is left out")
            return None
        return small

    # a round

    def scenes(self, count: int) -> None:
        """A night of nothing but scenes."""
        record = self.home / "records" / "scenes.mid"
        night = Night(self, Ears("soak"), record, virtual=False)
        try:
            night.start()
            night.scenes(self._random, count)
            night.end(signal.SIGTERM)
        finally:
            night.ears.close()
            night.clear()
        self.look_at_files(record)

    def round(self, number: int) -> None:
        """A night in small."""
        virtual = self._random.random() < 0.5
        folder = (
            self._small if self._small is not None and self._random.random() < 0.5 else self.home / "records"
        )
        record = folder / f"{number}.mid"
        self.say(f"round {number}, {'virtual' if virtual else 'by name'}, in {folder.name}")
        ears = Ears("soak")
        night = Night(self, ears, record, virtual=virtual)
        try:
            night.start()
            self.look_for_left(folder)
            began = night.resources()
            for _ in range(FAULTS - 1):
                if not night.runs:
                    self.found("no answer", "the server ended by itself: " + night.said[-300:])
                    break
                ears = self._fault(night)
            self.say(f"resources of the server: {began}, at the end {night.resources()}")
            if self._random.random() < 0.5:
                soak_saves.end_in_saves(night, self._random)
            night.end(self._random.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
        finally:
            night.ears.close()
            night.clear()
        self.look_at_files(record)

    def _fault(self, night: Night) -> Ears:
        kind = choose(self._random)
        time.sleep(self._random.random() * 0.5)
        if kind in ELSEWHERE:
            ELSEWHERE[kind](night, self._random)
        else:
            getattr(night, f"do_{kind}")(self._random)
        self.counts[f"fault: {kind}"] += 1
        return night.ears

    def look_at_files(self, record: Path) -> None:
        """Whether the recording is whole, and personas and all else that was saved are."""
        if record.exists():
            with suppress(OSError):
                try:
                    check(record)
                except Exception as error:  # noqa: BLE001  (whatever mido or the law says)
                    self.found("broken file", f"{record.name}: {error!r}")
                record.unlink()
        self.look_at_home("after the night")

    def look_at_home(self, why: str) -> None:
        """Whether every persona that was saved is there, and every file of the performer's folder is whole."""
        for name in sorted(self.saved):
            kept = next((self.home / "home").rglob(f"{name}.*"), None)
            try:
                persona_files.read(kept or self.home / name)
            except LivevaeError as error:
                self.found("lost persona", f"{name}: {error}")
        for wrong in soak_saves.broken(self.home / "home"):
            self.found("broken file", f"{wrong} {why}")

    def look_for_left(self, records: Path) -> None:
        """Whether anything is left of processes that are dead, once another server has started."""
        parts = [*records.glob(".*"), *self.home.glob(".*"), *(self.home / "home").rglob(".*")]
        for path in [*parts, *(self.home / "temporary").iterdir()]:
            self.found("left file", str(path.relative_to(self.home)))
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    # what the nights need

    def environment(self) -> dict[str, str]:
        """Of the server and of all that it starts."""
        ours = environment()
        return (
            ours
            | self.wall.variables(ours["PYTHONPATH"])
            | {
                MARK: self._mark,
                "LIVEVAE_HOME": str(self.home / "home"),
                "TMPDIR": str(self.home / "temporary"),
                "OMP_NUM_THREADS": "1",
            }
        )

    def processes(self) -> dict[int, str]:
        """Command lines of this soak's processes that are alive, by id."""
        return marked(MARK, self._mark)

    def restart_jack(self) -> None:
        """JACK crashes, and is started again."""
        self._jack.crash()
        time.sleep(self._random.random())
        self._jack.start_again()


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command line of this measurement."""
    text = "the promises under random faults, for as long as one likes; needs JACK"
    command = commands.add_parser("soak", help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    command.add_argument("--seed", type=int, default=None, help="of the faults; default: a new one")
    command.add_argument(
        "--packets", type=int, default=0, help="nothing but so many packets of OSC, at a server that plays"
    )
    command.add_argument("--scenes", type=int, default=0, help="nothing but so many scenes, good and broken")
    command.add_argument("--log", type=Path, default=Path("soak.log"), help="gets a line a fault (soak.log)")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Soak, and say what was done and found; 1 where something was found that must not be."""
    seed = random.SystemRandom().randrange(1 << 31) if arguments.seed is None else arguments.seed
    until = time.monotonic() + 60 * arguments.minutes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended then too
    if arguments.packets:
        return verdict(arguments.packets, seed)
    no_link = soak_link.own_network()
    with jack_server() as jack:
        soak = Soak(seed, arguments.log, jack, no_link)
        print(f"seed {seed}; every fault is in {arguments.log}", flush=True)
        number = 0
        try:
            if arguments.scenes:
                soak.scenes(arguments.scenes)
            while not arguments.scenes and time.monotonic() < until:
                soak.round(number)
                number += 1
        finally:
            counts = soak.counts
            soak.say(f"{number} rounds: {dict(counts)}")
            soak.close()
    kills = sum(count for what, count in counts.items() if what.startswith("killed"))
    print(f"{number} rounds, {kills} kills, {counts['packets']} packets")
    for what, count in sorted(counts.items()):
        print(f"  {what}: {count}")
    print("found: " + ", ".join(f"{what} {counts[what]}" for what in BROKEN))
    return 1 if any(counts[what] for what in BROKEN) else 0
