"""A round of a soak: one server that plays to a receiver, and every fault that can be done to it."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import soak_scenes
from benchmarks.soak_ears import Ears, check
from benchmarks.soak_files import damaged, give
from livevae.edges.osc.client import Client
from livevae.errors import LivevaeError

if TYPE_CHECKING:
    from benchmarks.soak import Soak

SOON = 20.0
"""Seconds in which what is promised has to be so, on a busy machine."""

SLACK = 4
"""Threads and files that a server may hold more after thousands of scenes than after hundreds."""

PATIENCE = 4.0
"""Seconds that an answer is waited for."""

SCENE = """
tempo = 120
[voice.drone]
bars = 2
[voice.lead]
channel = 1
bars = 1
[voice.bass]
channel = 2
bars = 2
temp = 1.2
"""

MODULES = {
    "player": "livevae.player ",
    "watch": "livevae.player.watch",
    "recorder": "livevae.player.recorder",
    "worker": "livevae.models.midime.worker",
}


class Night:
    """One server, and what is done to it."""

    def __init__(self, soak: "Soak", ears: Ears, record: Path, *, virtual: bool) -> None:
        self.soak = soak
        self.ears = ears
        self._record = record
        self._virtual = virtual
        self._log = soak.home / "serve.log"
        self._server: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def said(self) -> str:
        """What the server printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def runs(self) -> bool:
        """Whether the server is alive."""
        return self._server is not None and self._server.poll() is None

    def start(self) -> None:
        """Start the server, and wait until it is heard."""
        scene = self.soak.home / "scene.toml"
        scene.write_text(SCENE)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        midi = "virtual" if self._virtual else self.ears.name
        command = [
            sys.executable, "-m", "livevae", "serve", str(scene), "--osc", f"127.0.0.1:{self.port}",
            "--midi", midi, "--record", str(self._record), "--seed", "1", "--midi-in", "soak-keys",
        ]  # fmt: skip
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log, env=self.soak.environment())
        _wait(lambda: "\nplaying " in self.said or not self.runs, 60)
        self._connect()
        _wait(lambda: self.ears.held() or not self.runs)

    def _connect(self) -> None:
        if self._virtual:
            _wait(lambda: self._jack_connect() or not self.runs)
            time.sleep(2.0)  # the watch looks twice a second, where the machine lets it

    def _jack_connect(self) -> bool:
        done = subprocess.run(
            ["jack_connect", "livevae:livevae", f"{self.ears.name}:in"], capture_output=True, check=False
        )
        return done.returncode == 0

    def _of(self, kind: str) -> list[int]:
        return [pid for pid, words in self.soak.processes().items() if MODULES[kind] in words]

    def kill(self, kind: str) -> bool:
        """Kill a process of that kind; False where there is none."""
        for pid in self._of(kind)[:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.soak.counts[f"killed: {kind}"] += 1
                self.soak.say(f"kill {kind} {pid}")
                return True
        return False

    def _released(self, before: float, why: str) -> None:
        """What sounded before that moment was released: a voice strikes most keys anew meanwhile, a drone does not."""
        if _wait(lambda: not self.ears.held(before) or not self.runs, 8):
            return
        if self._virtual and self._jack_connect():
            self.soak.say("connected by hand")  # it was killed before the watch had seen who was connected
        if not _wait(lambda: not self.ears.held(before) or not self.runs):
            self.soak.found("hanging note", f"{sorted(self.ears.held(before))} {why}")

    # faults

    def do_player(self, random: random.Random) -> None:
        """The player is killed, some times in a row."""
        for _ in range(random.choice((1, 2, 3, 5, 8))):
            _wait(lambda: bool(self._of("player")) or not self.runs)
            self.kill("player")
            time.sleep(random.choice((0.0, 0.02, 0.1, 0.3, 0.6)))
        self._released(time.monotonic(), "after deaths of the player")

    def do_watch(self, _: random.Random) -> None:
        """The watch is killed."""
        self.kill("watch")

    def do_recorder(self, _: random.Random) -> None:
        """The recorder is killed."""
        self.kill("recorder")

    def do_keys(self, _: random.Random) -> None:
        """Play something in, and train a persona of it."""
        self.ask("/livevae/persona/record", 1)
        self.ears.ask("play")
        self.ask("/livevae/persona/record", stop=1)
        name = f"soaked{len(self.soak.saved)}"
        self.ask("/livevae/persona/train", name, epochs=60)
        if _wait(lambda: self.ask("/livevae/persona/save", name) or not self.runs, 15) and self.runs:
            self.soak.saved.add(name)
            self.soak.say(f"saved {name}")
        self.ask("/livevae/persona/train", "soaked", epochs=2000)

    def do_worker(self, random: random.Random) -> None:
        """A training is killed."""
        if not self._of("worker"):
            self.do_keys(random)
        _wait(lambda: bool(self._of("worker")) or not self.runs, 3)
        self.kill("worker")

    def do_stop(self, random: random.Random) -> None:
        """A process is stopped for a while."""
        pids = self._of(random.choice(("player", "watch", "recorder")))
        if self._server is not None and random.random() < 0.3:
            pids = [self._server.pid]
        for pid in pids[:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                time.sleep(random.random() * 2)
                os.kill(pid, signal.SIGCONT)
                self.soak.say(f"stopped {pid}")

    def do_flood(self, random: random.Random) -> None:
        """OSC as fast as it goes, good and broken, for a second."""
        until, count = time.monotonic() + 1.0, 0
        good = b"/livevae/status\0,\0\0\0"
        bundle = b"#bundle\0" + bytes(7) + b"\1" + (len(good).to_bytes(4, "big") + good) * 400
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while time.monotonic() < until:
                packet = random.choice((good, bundle, random.randbytes(64), bundle[:-7], good[:-2] + b"i"))
                with suppress(OSError):
                    sender.sendto(packet, ("127.0.0.1", self.port))
                count += 1
                time.sleep(0.001)
        self.soak.counts["packets"] += count
        self.answers("after a flood")

    def do_disk(self, random: random.Random) -> None:
        """Fill the small disk for some seconds."""
        if self._record.parent.name != "small":
            return
        filler = self._record.parent / "filler"
        with suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(bytes(4096))
        time.sleep(1 + random.random() * 2)
        filler.unlink(missing_ok=True)
        self.soak.say("the disk was full")

    def do_starve(self, random: random.Random) -> None:
        """Others take the processors for a while."""
        busy = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)
        ]
        time.sleep(0.5 + random.random())
        for process in busy:
            process.kill()
            process.wait()

    def do_clock(self, random: random.Random) -> None:
        """Follow a drum box on JACK that goes away, and go by our own clock again."""
        box = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.soak_receiver", "--clock", "soak-box", "100"],
            env=self.soak.environment(),
        )
        _wait(lambda: self.ask("/livevae/clock", "midi", "from", "soak-box") or not self.runs, 6)
        time.sleep(random.random() * 4)
        box.kill()
        box.wait()
        self.plays_on("after the clock went away")
        self.ask("/livevae/clock", "internal")

    def do_hostile(self, random: random.Random) -> None:
        """Broken scenes, personas and kept riffs are asked for while it plays; it plays on."""
        home = self.soak.home / "home"
        for target, path, words in (
            ("scene", self.soak.home / "hostile.toml", ("/livevae/scene", "hostile")),
            (
                "persona",
                home / "personas" / "hostile.safetensors",
                ("/livevae/blend", "lead", "hostile", 1.0),
            ),
            ("riff", home / "riffs" / "hostile.json", ("/livevae/recall", "hostile")),
            (
                "checkpoint",
                home / "models" / "hostile.safetensors",
                ("/livevae/set", "lead", "model", "hostile"),
            ),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(damaged(random, target))
            self.ask(*words)
            path.unlink(missing_ok=True)
        self.ask("/livevae/scene", "scene")
        self.answers("after broken files")
        self.plays_on("after broken files")

    def do_files(self, random: random.Random) -> None:
        """Give another livevae a broken file, beside the music."""
        words, wrong = give(random, self.soak.home, self.soak.environment())
        self.soak.say(f"gave a broken file to {words}")
        if wrong:
            self.soak.found("bad end", f"{words}: {wrong}")

    def do_hour(self, random: random.Random) -> None:
        """A quarter of an hour in virtual time, twice: whole, and the same bytes."""
        out, made = self.soak.home / "hour.mid", set()
        seed = str(random.randrange(1 << 20))
        words = [
            "render",
            str(self.soak.home / "scene.toml"),
            "--bars",
            "450",
            "--seed",
            seed,
            "--out",
            str(out),
        ]
        for _ in range(2):
            subprocess.run(
                [sys.executable, "-m", "livevae", *words],
                env=self.soak.environment(), check=False, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                check(out)
            except Exception as error:  # noqa: BLE001  (whatever mido or the law says)
                self.soak.found("broken file", f"{' '.join(words)}: {error!r}")
            made.add(out.read_bytes() if out.exists() else b"")
            out.unlink(missing_ok=True)
        if len(made) > 1:
            self.soak.found("other bytes", " ".join(words))

    def do_jack(self, _: random.Random) -> None:
        """JACK crashes, and is started again."""
        self.soak.restart_jack()
        self.ears.close()
        self.ears = Ears("soak")
        if not _wait(lambda: bool(self.ears.held()) or not self.runs, 30):
            self.soak.found("no answer", "after JACK's crash nothing is heard")

    def end(self, how: signal.Signals) -> None:
        """End the server; then nothing sounds, and nothing is left."""
        if self._server is None:
            return
        if how == signal.SIGKILL:
            self.soak.counts["killed: server"] += 1
        self.soak.say(f"end by {how.name}")
        self._server.send_signal(how)
        self._server.wait(60)
        if not _wait(lambda: not self.ears.held()):
            self.soak.found("hanging note", f"{sorted(self.ears.held())} after {how.name} of the server")
        if not _wait(lambda: not self.soak.processes(), 60):
            self.soak.found("left process", "; ".join(self.soak.processes().values()))

    def clear(self) -> None:
        """Whatever happened: nothing of this night runs on."""
        for pid in self.soak.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._server is not None:
            self._server.wait()

    def answers(self, why: str, ahead: float | None = None) -> None:
        """The server answers; to a request with a timetag so many seconds ahead, where one is asked for."""
        words: tuple[str, ...] = ("/livevae/status",)
        pairs: dict[str, Any] = {}
        if ahead is not None:
            words, pairs = ("/livevae/set", "lead"), {"gate": 1.0}
        told = ""

        def answered() -> bool:
            nonlocal told
            try:
                self.client_ask(*words, ahead=ahead, **pairs)
            except (LivevaeError, OSError) as error:
                told = str(error)
                return False
            return True

        if not self.until(answered):
            self.soak.found("no answer", f"{why}: {told}")

    def plays_on(self, why: str) -> None:
        """It is heard."""
        before = self.ears.ask("counts")["ons"]
        if not self.until(lambda: self.ears.ask("counts")["ons"] > before):
            self.soak.found("no answer", f"{why} nothing is heard")

    def until(self, what: Callable[[], object], seconds: float = SOON) -> bool:
        """Wait until something is so; False where it is not in time, True also where the server has ended."""
        return _wait(lambda: what() or not self.runs, seconds)

    def status(self, name: str) -> float:
        """A number of the server's status; nan where it does not answer."""
        with suppress(LivevaeError, OSError, ValueError):
            return float(self.client_ask("/livevae/status").get(name, "nan"))
        return float("nan")

    def client_ask(self, *words: Any, ahead: float | None = None, **pairs: Any) -> dict[str, Any]:
        """The answer to a request, of which each has a source of its own: answers are limited by source.

        Raises:
            LivevaeError: there is none, or it was refused.
        """
        with Client(port=self.port, patience=PATIENCE, wall=self.soak.wall.now) as client:
            return dict(client.ask(*words, ahead=ahead, **pairs))

    def ask(self, address: str, *words: Any, **pairs: Any) -> bool:
        """Whether a request was done."""
        with suppress(LivevaeError, OSError):
            self.client_ask(address, *words, **pairs)
            return True
        return False

    def resources(self) -> dict[str, int]:
        """What the server holds: kB of memory, threads, open files."""
        held: dict[str, int] = {}
        if self._server is not None:
            with suppress(OSError):
                folder = Path(f"/proc/{self._server.pid}")
                lines = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
                held = {"kB": int(lines["VmRSS"].split()[0]), "threads": int(lines["Threads"])}
                held["files"] = len(list((folder / "fd").iterdir()))
        return held

    def scenes(self, dice: random.Random, count: int) -> None:
        """Nothing but scenes, a tenth of them before what the server holds is looked at for the first time."""
        for part, share in (("a tenth", count // 10), ("all", count - count // 10)):
            soak_scenes.ask_for(self, dice, share)
            held = self.resources()
            self.soak.say(f"resources of the server after {part}: {held}")
            print(f"after {part}: {held}", flush=True)
            if part == "a tenth":
                before = held
        if any(held[what] > before[what] + SLACK for what in ("threads", "files")):
            self.soak.found("leak", f"{before}, then {held}")


def _wait(what: Callable[[], Any], seconds: float = SOON) -> bool:
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
