"""`benchmarks packets`: a flood of OSC by the number: the music, memory, the log, and what is sent back.

A real server plays to a receiver on JACK, and what it would have played in silence is rendered: so the longest gap
between notes that the rhythm itself asks for is known. Valid messages ask, or set a voice that is not heard.
"""

import argparse
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from livevae.children import environment
from livevae.errors import LivevaeError

PORT = 7796
RATE = 6000
"""Packets a second."""

SOURCES = 4
"""Sockets that they come from."""

SCENE = """
tempo = 120
[voice.lead]
bars = 2
[voice.counter]
bars = 1
channel = 2
[voice.unheard]
play = false
"""

SEED = "1"

QUIET = 5.0
"""Seconds that an answer may take while no packets come."""

MOST_GAP = 0.1
"""Seconds by which the longest gap between notes may be longer than the one that the rhythm asks for."""

MOST_LATE = 0
"""Riffs that may be late."""

MOST_GROWTH = 3_000
"""kB by which the server may grow over the second half of the packets; an allocator's own noise is 1,000."""

MOST_LOGGED = 2.0
"""Bytes of log for each byte that came in, beside a line for each second."""

MOST_OUT = 0.25
"""Bytes of answers for each byte that came in."""


@dataclass
class Flood:
    """What was measured.

    Attributes:
        packets: that were sent.
        bytes_in: in them.
        bytes_out: of answers that came back.
        seconds: that it took.
        gap: the longest time between two note-ons.
        asked: the longest that the rhythm asks for.
        pings: round trips in seconds.
        lost: pings without an answer within half a second.
        memory: of the server in kB, as often as it was looked at, evenly over the packets; the first is before them.
        log: bytes of its log.
        late: riffs.
    """

    packets: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: float = 0.0
    gap: float = 0.0
    asked: float = 0.0
    pings: list[float] = field(default_factory=list)
    lost: int = 0
    memory: list[int] = field(default_factory=list)
    log: int = 0
    late: int = 0

    @property
    def growth(self) -> int:
        """Kilobytes between the middle and the end, each the middle one of a tenth of what was seen."""
        tenth = max(1, len(self.memory) // 10)
        half = len(self.memory) // 2
        middle, end = self.memory[half : half + tenth], self.memory[-tenth:]
        return sorted(end)[len(end) // 2] - sorted(middle)[len(middle) // 2] if middle else 0

    def found(self) -> list[str]:
        """What must not be, a sentence each; none where all is well."""
        sizes = (
            (
                self.gap - self.asked,
                MOST_GAP,
                "the music was silent {:.2f} s longer than the rhythm asks for",
            ),
            (self.late, MOST_LATE, "{:.0f} riffs were late"),
            (self.growth, MOST_GROWTH, "the server grew by {:.0f} kB over the second half"),
            (self.log / max(1, self.bytes_in), MOST_LOGGED, "the log has {:.2f} bytes for each that came in"),
            (
                self.bytes_out / max(1, self.bytes_in),
                MOST_OUT,
                "{:.2f} bytes were sent for each that came in",
            ),
        )
        return [f"{text.format(size)}, at most {most} may be" for size, most, text in sizes if size > most]

    def lines(self) -> list[str]:
        """For the reader."""
        pings = sorted(self.pings) or [float("nan")]
        memory = self.memory or [0]
        before, then, most = memory[0], memory[len(memory) // 10], max(memory)
        return [
            f"{self.packets:,} packets, {self.bytes_in / 1e6:.1f} MB, in {self.seconds:.0f} s",
            f"longest gap between notes {self.gap:.3f} s, the rhythm asks for {self.asked:.3f} s",
            f"late riffs {self.late}",
            f"ping p50 {pings[len(pings) // 2] * 1e3:.1f} ms, p99 {pings[len(pings) * 99 // 100] * 1e3:.1f} ms",
            f"pings without an answer {self.lost} of {self.lost + len(self.pings)}",
            f"memory {before / 1e3:.1f} MB before, {then / 1e3:.1f} MB after a tenth, {most / 1e3:.1f} MB at the most",
            f"memory {self.growth:+,} kB over the second half",
            f"log {self.log / 1e6:.2f} MB; {self.bytes_out / max(1, self.bytes_in):.3f} bytes out for each in",
            "found: " + ("; ".join(self.found()) or "nothing"),
        ]


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command line of this measurement."""
    text = "a flood of valid and broken packets at a server that plays, with a verdict; needs JACK"
    command = commands.add_parser("packets", help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("--count", type=int, default=1_000_000, help="packets (1,000,000)")
    command.add_argument("--seed", type=int, default=5, help="of what they are (%(default)s)")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Flood a server, and judge it."""
    return verdict(arguments.count, arguments.seed)


def verdict(count: int, seed: int) -> int:
    """Flood a server on a JACK server of our own; say what was measured; 1 where something was found."""
    from benchmarks.graph import jack_server

    with jack_server():
        done = flood(count, seed)
    print("\n".join([f"seed {seed}", *done.lines()]))
    return 1 if done.found() else 0


def flood(count: int, seed: int) -> Flood:
    """Send `count` packets to a server that plays, on the JACK server of this process."""
    import rtmidi

    done = Flood()
    notes: list[float] = []
    midi = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, "packets")
    midi.open_virtual_port("in")
    midi.set_callback(lambda event, _: notes.append(time.monotonic()) if event[0][0] & 0xF0 == 0x90 else None)
    with tempfile.TemporaryDirectory() as folder:
        scene, log = Path(folder) / "packets.toml", Path(folder) / "night.log"
        scene.write_text(SCENE)
        command = [
            *(sys.executable, "-m", "livevae", "serve", str(scene), "--osc", f"127.0.0.1:{PORT}"),
            *("--midi", "packets", "--seed", SEED, "--log", str(log)),
        ]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment())
        try:
            _until(lambda: len(notes) > 40 or server.poll() is not None)
            _measure(done, server, count, seed)
            began, ended = time.monotonic() - done.seconds, time.monotonic()
            done.log = sum(path.stat().st_size for path in Path(folder).glob("night.log*"))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
            midi.close_port()
            midi.delete()
        bars = int((ended - began) / 2) + 16
        done.asked = _asked(scene, Path(folder) / "asked.mid", bars)
    done.gap = max(
        b - a for a, b in pairwise([began, *(when for when in notes if began < when < ended), ended])
    )
    return done


def _measure(done: Flood, server: "subprocess.Popen[bytes]", count: int, seed: int) -> None:
    from livevae.edges.osc.client import Client
    from livevae.edges.osc.codec import OscError

    done.memory.append(_memory(server.pid))
    with Client(port=PORT, patience=QUIET) as client:
        first_late = _late(client)
    over = threading.Event()

    def end() -> None:
        process.wait()
        over.set()

    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.packets", str(count), str(seed)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    waiter = threading.Thread(target=end)
    waiter.start()
    began = time.monotonic()
    with Client(port=PORT, patience=0.5) as client:
        while not over.is_set():
            asked = time.monotonic()
            try:
                client.ask("/livevae/ping")
                done.pings.append(time.monotonic() - asked)
            except OscError:
                done.lost += 1
            done.memory.append(_memory(server.pid))
            over.wait(0.05)
        done.seconds = time.monotonic() - began
        waiter.join()
        if server.poll() is not None or process.returncode or process.stdout is None:
            raise LivevaeError("the server, or who floods it, ended")
        done.packets, done.bytes_in, done.bytes_out = map(int, process.stdout.read().split())
    with Client(port=PORT, patience=QUIET) as client:
        done.late = _late(client) - first_late


def _late(client: object) -> int:
    from benchmarks.flood import _late as late

    return late(client)


def _memory(pid: int) -> int:
    """Resident kB."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def _asked(scene: Path, out: Path, bars: int) -> float:
    """The longest gap between the note-ons of so many bars, as they are rendered."""
    import mido

    command = [
        sys.executable,
        "-m",
        "livevae",
        "render",
        str(scene),
        "--bars",
        str(bars),
        "--seed",
        SEED,
        "--out",
    ]
    subprocess.run([*command, str(out)], check=True, stdout=subprocess.DEVNULL, env=environment())
    now = 0.0
    ons: list[float] = []
    for message in mido.MidiFile(out):
        now += message.time
        if message.type == "note_on" and message.velocity:
            ons.append(now)
    return max(b - a for a, b in pairwise(ons))


def _until(what: Callable[[], object]) -> None:
    while not what():
        time.sleep(0.05)


# who floods: a process of its own


def _packet(dice: random.Random) -> bytes:
    """Half of them broken, the others valid; a tenth are bundles, of up to 60 kB."""
    from benchmarks.osc_codec import broken

    if dice.random() < 0.5:
        return broken(dice)
    if dice.random() < 0.2:
        return encode_bundle([dice.choice(VALID) for _ in range(dice.choice((2, 10, 100, 128, 400, 2000)))])[
            :60_000
        ]
    return dice.choice(VALID)


def _main(count: int, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311  (noise, not keys)
    packets = [_packet(dice) for _ in range(5000)]
    sockets = []
    for _ in range(SOURCES):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.connect(("127.0.0.1", PORT))
        one.setblocking(False)
        sockets.append(one)
    sent = went = back = 0
    began = time.monotonic()
    while sent < count:
        for _ in range(min(RATE // 100, count - sent)):
            packet = dice.choice(packets)
            with contextlib.suppress(OSError):
                went += dice.choice(sockets).send(packet)
            sent += 1
        for one in sockets:
            with contextlib.suppress(OSError):
                while True:
                    back += len(one.recv(1 << 16))
        time.sleep(max(0.0, began + sent / RATE - time.monotonic()))
    print(sent, went, back)


if __name__ == "__main__":
    from livevae.edges.osc.codec import Message, encode, encode_bundle

    VALID = [
        encode(Message(address, args))
        for address, args in (
            ("/livevae/status", ()),
            ("/livevae/ping", ()),
            ("/livevae/set", ("unheard", "temp", 0.5)),
            ("/livevae/set", ("lead",)),
            ("/livevae/persona/list", ()),
            ("/livevae/set", ("lead", "temp", "much")),
        )
    ]
    os.nice(5)
    _main(int(sys.argv[1]), int(sys.argv[2]))
