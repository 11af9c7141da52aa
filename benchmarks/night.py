"""`benchmarks night`: a long evening on a real MIDI graph. Does it drift, does memory grow, does a note hang?

A whole server plays twelve voices to four ports. A receiver, which is a process of its own, notes when each message
arrives; afterwards its notes are laid beside the recording's ticks and the straight line that they should be on.
One measurement from the scene to the verdict, so one file.
"""

import argparse
import asyncio
import bisect
import dataclasses
import io
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import mido

from benchmarks.graph import jack_graph
from benchmarks.jitter import quantiles, share_stolen, stolen
from livevae.children import environment
from livevae.errors import LivevaeError
from livevae.models.checkpoints import shelf
from livevae.models.live import LiveDecoder
from livevae.music.notes import TICKS_PER_BAR
from livevae.perform.scene import Scene, SceneVoice
from livevae.perform.settings import VoiceSettings
from livevae.player.wire.reports import Counters, Report
from livevae.server import Models, Options, Server, running
from livevae.tempo.timeline import Timeline

CLIENT = "livevae-night"
EVERY = 10.0
"""Seconds between two looks at the processes' memory."""

SETTLED = 60.0
"""Seconds after which memory should be flat: models are loaded, caches are full."""

EARLY = 0.0005
"""Seconds that a message may seem to arrive too early: no clock is read at one moment by two."""

CHANNELS = 16

Say = Callable[[str], None]
Heard = tuple[float, int, int, int, int]
"""(seconds of the monotonic clock, port, status, first data byte, second) of a message at the receiver."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the receiver's ears say of the evening.

    Attributes:
        ons: note-ons that arrived.
        missing: note-ons that were sent and did not arrive.
        hanging: keys that sound when all is over.
        twice: note-ons of a key that sounded already.
        late: lateness of every note-on at the receiver, in seconds.
        first_downbeat: bar, and lateness of its first note in seconds.
        last_downbeat: likewise.
    """

    ons: int
    missing: int
    hanging: int
    twice: int
    late: tuple[float, ...]
    first_downbeat: tuple[int, float]
    last_downbeat: tuple[int, float]


def verdict(
    heard: Sequence[Heard], sent: Mapping[int, Sequence[tuple[int, bytes]]], line: Timeline
) -> Verdict:
    """The receiver's messages against what was sent.

    Args:
        heard: in the order of arrival.
        sent: (tick, message) of every note-on by port, in the order of sending.
        line: the timeline that was to be kept all the time.
    """
    late: list[tuple[int, float]] = []
    missing = 0
    due: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for port, messages in sent.items():
        for tick, data in messages:
            due[port, data].append(tick)
    arrived: dict[tuple[int, bytes], list[float]] = defaultdict(list)
    for one in heard:
        if is_on(one):
            arrived[one[1], bytes(one[2:])].append(one[0])
    for key, ticks in due.items():
        times = arrived[key]
        for tick, following in itertools.zip_longest(ticks, ticks[1:]):
            # a note is the one before the next of its kind is due, so that one that is lost confuses no other
            end = math.inf if following is None else line.time_at(following) - EARLY
            first = bisect.bisect_left(times, line.time_at(tick) - EARLY)
            if first < len(times) and times[first] < end:
                late.append((tick, times[first] - line.time_at(tick)))
            else:
                missing += 1
    late.sort()
    hanging, twice = still_sounding(heard)
    downbeats = [(tick // TICKS_PER_BAR, when) for tick, when in late if tick % TICKS_PER_BAR == 0]
    if not downbeats:
        raise LivevaeError("no note fell on a downbeat: play longer, or with more voices")
    return Verdict(
        ons=len(late),
        missing=missing,
        hanging=hanging,
        twice=twice,
        late=tuple(when for _, when in late),
        first_downbeat=downbeats[0],
        last_downbeat=next(one for one in downbeats if one[0] == downbeats[-1][0]),
    )


def is_on(message: Heard) -> bool:
    """Whether it is a note-on."""
    return message[2] & 0xF0 == 0x90 and message[4] > 0


def still_sounding(heard: Iterable[Heard]) -> tuple[int, int]:
    """(keys that sound at the end, ons of keys that sounded already)."""
    sounding: set[tuple[int, int, int]] = set()
    twice = 0
    for message in heard:
        _, port, status, pitch, _ = message
        key = (port, status & 0x0F, pitch)
        if is_on(message):
            twice += key in sounding
            sounding.add(key)
        elif status & 0xF0 in (0x80, 0x90):
            sounding.discard(key)
    return len(sounding), twice


def sent_ons(recording: bytes) -> dict[str, list[tuple[int, bytes]]]:
    """(tick, channel's status, pitch and velocity) of every note-on of each track of a MIDI file, by its name."""
    found: dict[str, list[tuple[int, bytes]]] = {}
    for track in mido.MidiFile(file=io.BytesIO(recording)).tracks:
        now, ons = 0, []
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity:
                ons.append((now, bytes(message.bytes())))
        found[track.name] = ons
    return found


def by_port(
    tracks: Mapping[str, list[tuple[int, bytes]]], voices: int, ports: int
) -> dict[int, list[tuple[int, bytes]]]:
    """Note-ons by the number of the port, from those by voice; see `scene` for who plays where."""
    return {
        number: [on for i in range(number, voices, ports) for on in tracks.get(f"v{i + 1}", ())]
        for number in range(ports)
    }


def resident(pid: int) -> float:
    """Memory of a process that is really there, in MB; 0 where the system does not say.

    Source: proc(5), the second number of /proc/PID/statm.
    """
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def scene(voices: int, ports: Sequence[str], bpm: float) -> Scene:
    """Voices of two bars, spread over the ports, each on a channel of its own."""
    return Scene(
        "Night",
        bpm,
        {
            f"v{i + 1}": SceneVoice(
                VoiceSettings(port=ports[i % len(ports)], channel=1 + i // len(ports), bars=2)
            )
            for i in range(voices)
        },
    )


async def play(
    voices: int, ports: Sequence[str], seconds: float, bpm: float, recording: Path, say: Say
) -> tuple[Timeline, dict[str, object]]:
    """The evening itself; the line that it should have kept, and its counters."""
    models = Models(
        lambda name: LiveDecoder.open(name or shelf.DEFAULT), lambda name: name == "", shelf.DEFAULT
    )
    planned = scene(voices, ports, bpm)
    options = Options(
        planned, shelf=lambda _: planned, port=0, midi=tuple(ports), record=recording, seed=1, lead=None
    )
    async with running(options, models, say) as server:
        loop = asyncio.get_running_loop()
        start, line = loop.time(), server.player.timeline
        pids = {"server": os.getpid(), "player": server.player.hello.pid}
        memory: dict[str, list[tuple[float, float]]] = {name: [] for name in pids}
        minute, worst, before = 0, _Worst(server.player.on_report), stolen()
        server.player.on_report = worst.hear
        while (elapsed := loop.time() - start) < seconds:
            for name, pid in pids.items():
                memory[name].append((elapsed, resident(pid)))
            if elapsed >= 60 * minute:
                share, before = share_stolen(before, stolen()), stolen()
                say(_progress(elapsed, memory, server, worst.since_last(), share))
                minute += 1
            await asyncio.sleep(min(EVERY, seconds - elapsed))
        for name, pid in pids.items():
            memory[name].append((seconds, resident(pid)))
        if server.player.timeline != line:
            raise LivevaeError("the tempo was changed meanwhile; nothing can be said of drift")
        return line, _counters(server, memory, seconds)


class _Worst:
    """The latest that anything was sent since somebody asked, in milliseconds."""

    def __init__(self, also: Callable[[Report], None] | None) -> None:
        self._also = also
        self._most = 0.0

    def hear(self, report: Report) -> None:
        if isinstance(report, Counters):
            self._most = max(self._most, report.late_max)
        if self._also is not None:
            self._also(report)

    def since_last(self) -> float:
        most, self._most = self._most, 0.0
        return most


def _progress(
    elapsed: float,
    memory: Mapping[str, list[tuple[float, float]]],
    server: Server,
    worst: float,
    share: float,
) -> str:
    there = ", ".join(f"{name} {samples[-1][1]:.1f} MB" for name, samples in memory.items())
    counters = server.player.counters
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{elapsed / 60:5.1f} min  {counters.sent} sent, {counters.dropped_ons} dropped, latest {worst:.3f} ms;"
        f" {there}; load {load}; hypervisor {100 * share:.1f} %"
    )


def _counters(
    server: Server, memory: Mapping[str, list[tuple[float, float]]], seconds: float
) -> dict[str, object]:
    picture = server.session.snapshot()
    settled = min(SETTLED, seconds / 2)
    found: dict[str, object] = {
        "riffs": sum(one.riffs for one in picture.voices),
        "late": sum(one.late for one in picture.voices),
        "repeats": sum(one.repeats for one in picture.voices),
        "faults": sum(bool(one.fault) for one in picture.voices),
        "decode_ms_p50": round(picture.health.decode_ms_p50, 2),
        "decode_ms_p99": round(picture.health.decode_ms_p99, 2),
        "dropped_ons": server.player.counters.dropped_ons,
    }
    for name, samples in memory.items():
        later = [size for when, size in samples if when >= settled]
        found[f"{name}_mb_settled"] = round(later[0], 2)
        found[f"{name}_mb_end"] = round(later[-1], 2)
        found[f"{name}_mb_most"] = round(max(size for _, size in samples), 2)
    return found


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command line of this measurement."""
    text = "a long evening on a real MIDI graph: drift, memory, hanging notes"
    command = commands.add_parser("night", help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("--minutes", type=float, default=20, help="how long it lasts (20)")
    command.add_argument("--voices", type=int, default=12, help="voices of two bars (12)")
    command.add_argument("--ports", type=int, default=4, help="MIDI ports that they share (4)")
    command.add_argument("--bpm", type=float, default=120, help="the tempo (120)")
    command.add_argument("--json", type=Path, help="also write the outcome to this file")
    command.add_argument(
        "--keep", type=Path, help="also keep what was heard, as JSON, and sent, as MIDI beside it"
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Play, listen, and show what was heard; 1 where a note hangs or is missing."""

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    if not 1 <= arguments.voices <= CHANNELS * arguments.ports:
        raise LivevaeError(f"voices are 1 to {CHANNELS} a port, not {arguments.voices}")
    ports = [f"{CLIENT}-{number + 1}" for number in range(arguments.ports)]
    with jack_graph() as graph, tempfile.TemporaryDirectory() as folder, Ears(len(ports)) as ears:
        say(f"graph: {graph}")
        recording = Path(folder) / "night.mid"
        line, counters = asyncio.run(
            play(arguments.voices, ports, 60 * arguments.minutes, arguments.bpm, recording, say)
        )
        heard = ears.heard()
        if arguments.keep:
            arguments.keep.write_text(json.dumps([line.time, heard]))
            arguments.keep.with_suffix(".mid").write_bytes(recording.read_bytes())
        tracks = sent_ons(recording.read_bytes())
    found = verdict(heard, by_port(tracks, arguments.voices, len(ports)), line)
    for text in lines(found, counters):
        say(text)
    if arguments.json:
        plain = {
            **counters,
            **{k: v for k, v in dataclasses.asdict(found).items() if k != "late"},
            "late_ms": quantiles(found.late),
        }
        arguments.json.write_text(json.dumps(plain, indent=1) + "\n")
    return 1 if found.hanging or found.missing or found.twice else 0


def lines(found: Verdict, counters: Mapping[str, object]) -> list[str]:
    """The outcome, for reading."""
    p50, p99, p999, most = quantiles(found.late)
    (first, first_late), (last, last_late) = found.first_downbeat, found.last_downbeat
    return [
        f"at the receiver: {found.ons} notes, {found.missing} missing, {found.twice} twice, {found.hanging} hanging",
        f"late at the receiver, ms: p50 {p50:.3f}  p99 {p99:.3f}  p99.9 {p999:.3f}  max {most:.3f}",
        (
            f"first downbeat, of bar {first + 1}: {1000 * first_late:+.3f} ms; last, of bar {last + 1}:"
            f" {1000 * last_late:+.3f} ms against the clock"
        ),
        *(f"{name:<20} {value}" for name, value in counters.items()),
    ]


class Ears:
    """The receiver: a process with some JACK inputs, that keeps what it hears."""

    def __init__(self, ports: int) -> None:
        self._ports = ports

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.night", str(self._ports)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(),
        )
        if self._process.stdout is None or not self._process.stdout.readline():
            raise LivevaeError("the receiver on JACK does not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def heard(self) -> list[Heard]:
        """All that it heard; it ends."""
        out, _ = self._process.communicate()
        return [(float(one[0]), *map(int, one[1:])) for one in json.loads(out)]  # type: ignore[misc]  # five of them


def _listen(ports: int) -> None:
    import rtmidi

    from livevae.player.realtime import become_realtime, quiet_collector

    arrivals: list[tuple[float, ...]] = []

    def ear(number: int) -> Callable[[tuple[list[int], float], object], None]:
        def hear(event: tuple[list[int], float], _: object) -> None:
            if len(event[0]) == 3:
                arrivals.append((time.monotonic(), number, *event[0]))

        return hear

    inputs = []
    for number in range(ports):
        port = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=f"{CLIENT}-{number + 1}", queue_size_limit=1 << 14)
        port.set_callback(ear(number))
        port.open_virtual_port("in")
        inputs.append(port)
    become_realtime()
    quiet_collector()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    sys.stdout.write(json.dumps(arrivals))


if __name__ == "__main__":
    _listen(int(sys.argv[1]))
