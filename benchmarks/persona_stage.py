"""A persona on a real stage: riffs played into a MIDI input by a script, trained while voices play, and blended.

`benchmarks persona-stage` starts `livevae serve` on a real MIDI graph (JACK), measures when its notes arrive, plays
some bars into its input with human jitter, records them, trains on them over and over while measuring again, blends
what was trained, and at last plays calls that are answered. All of it goes by OSC, and the music never stops.
"""

import argparse
import itertools
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.graph import Arrival, Receiver, jack_graph
from livevae.children import environment
from livevae.edges.osc.client import Client
from livevae.errors import LivevaeError

VOICES = ("lead", "second", "third", "fourth")
SCENE = """
title = "Persona on stage"
tempo = {bpm}
"""
VOICE = """
[voice.{name}]
channel = {channel}
temp = 0.9
"""

TUNE = (62, 64, 65, 69, 67, 65, 64, 62, 60, 62, 64, 60, 57, 60, 62, 62)
"""What the script plays, in eighths, moved by some steps from bar to bar."""

JITTER = 0.012
"""Deviation in seconds of when the script plays a note: a good amateur's."""

STEPS_PER_BEAT = 4
ROUNDS = 4
"""Turns of playing alone and training."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """When notes arrived, against the straightest grid through them; milliseconds.

    Attributes:
        notes: how many.
        p50: from the earliest note's grid.
        p99: likewise.
        worst: likewise.
        longest_pause: seconds between two notes.
    """

    notes: int
    p50: float
    p99: float
    worst: float
    longest_pause: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened on stage.

    Attributes:
        alone: notes of the voices while nothing is trained.
        training: notes while personas are trained without a pause.
        blended: notes after the blend.
        trainings: how many were finished.
        seconds: from the request to `ready`, of the first.
        recorded: windows that the first persona was trained on.
        played: notes that the script played in.
        late_alone: riffs of the voices that were late or repeated while nothing was trained.
        late_training: and while personas were.
        riffs: riffs that they played.
        calling: notes while the script plays calls and voices answer.
        answers: notes of each answer, one a voice of two.
        late_calling: riffs that were late or repeated meanwhile.
    """

    alone: Lateness
    training: Lateness
    blended: Lateness
    trainings: int
    seconds: float
    recorded: int
    played: int
    late_alone: int
    late_training: int
    riffs: int
    calling: Lateness
    answers: tuple[int, ...]
    late_calling: int


def add_command(below: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The measurement `persona-stage`."""
    text = "play riffs in, train and blend them on a real MIDI graph, while notes are timed"
    command = below.add_parser("persona-stage", help=text, description=__doc__)
    command.add_argument("--bars", type=int, default=16, help="played in (default: %(default)s)")
    command.add_argument("--bpm", type=float, default=97.0)
    command.add_argument("--seconds", type=float, default=30.0, help="of each measurement")
    command.add_argument("--model", default="")
    command.add_argument("--json", type=Path, help="write the outcome there")
    command.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    console = Console(highlight=False)
    outcome = perform(bars=args.bars, bpm=args.bpm, seconds=args.seconds, model=args.model, say=console.print)
    for name in ("alone", "training", "blended", "calling"):
        one: Lateness = getattr(outcome, name)
        console.print(
            f"{name:<9} {one.notes:>5} notes, late p50 {one.p50:.2f} ms, p99 {one.p99:.2f} ms, worst {one.worst:.2f} ms"
        )
    console.print(
        f"{outcome.trainings} trainings, the first {outcome.seconds:.2f} s on {outcome.recorded} windows of"
        f" {outcome.played} notes; {outcome.riffs} riffs; late or repeated: {outcome.late_alone} alone,"
        f" {outcome.late_training} training, {outcome.late_calling} calling"
    )
    console.print(f"{len(outcome.answers)} calls, answered with {', '.join(map(str, outcome.answers))} notes")
    if args.json is not None:
        args.json.write_text(json.dumps(asdict(outcome), indent=1) + "\n")


def perform(
    *, bars: int, bpm: float, seconds: float, model: str = "", say: Callable[[str], object] = lambda _: None
) -> Outcome:
    """The whole of it.

    Raises:
        LivevaeError: there is no MIDI graph, or the server does not do what it is asked.
    """
    with tempfile.TemporaryDirectory() as folder, jack_graph() as how:
        say(f"on {how}")
        receiver = Receiver("persona-rx")
        try:
            with serving(Path(folder), bpm, model) as (client, said):
                _connect("livevae:", "persona-rx:")
                with keyboard() as send:
                    return _perform(client, receiver, send, said, bars, bpm, seconds)
        finally:
            receiver.close()


def _perform(
    client: Client,
    receiver: Receiver,
    send: Callable[[bytes], object],
    said: Callable[[], str],
    bars: int,
    bpm: float,
    seconds: float,
) -> Outcome:
    armed = client.ask("/livevae/persona/record", bars)
    played = play_in(client, send, float(armed["beat"]), bars, bpm)
    time.sleep(60 / bpm)
    before = _late(client)
    heard: dict[bool, list[Arrival]] = {True: [], False: []}
    late = {True: 0, False: 0}
    first, trainings = 0.0, 0
    receiver.take()
    # alone and training take turns, so that whatever else this machine does falls on both
    for trains in (False, True) * ROUNDS:
        until = time.monotonic() + seconds / ROUNDS
        while time.monotonic() < until:
            if not trains:
                time.sleep(seconds / ROUNDS)
                continue
            began = time.monotonic()
            client.ask("/livevae/persona/train", "stage")
            while "training" in str(client.ask("/livevae/persona/list").get("stage", "in training")):
                time.sleep(0.05)
            trainings += 1
            first = first or time.monotonic() - began
            client.ask("/livevae/persona/undo")
        heard[trains] += receiver.take()
        late[trains] += -before + (before := _late(client))
    alone, training = lateness(heard[False], bpm), lateness(heard[True], bpm)
    client.ask("/livevae/persona/train", "stage")
    while "here" not in (there := str(client.ask("/livevae/persona/list").get("stage", ""))):
        time.sleep(0.05)
    for name in VOICES:
        client.ask("/livevae/blend", name, "stage", 1.0, "over", 8)
    client.ask("/livevae/persona/save", "stage")
    receiver.take()
    time.sleep(max(seconds / 2, 16 * 60 / bpm))
    blended = lateness(receiver.take(), bpm)
    before = _late(client)
    answers = []
    for name in VOICES[:2]:  # two bars played in, answered by a voice in the persona's manner
        beat = float(client.ask("/livevae/ping")["beat"])
        play_in(client, send, beat - beat % 4 + 8, 2, bpm)
        answers.append(int(client.ask("/livevae/call", name, "distance", 0.5)["notes"]))
    time.sleep(16 * 60 / bpm)
    calling = lateness(receiver.take(), bpm)
    late_calling = _late(client) - before
    status = client.ask("/livevae/status")
    if stopped := [name for name in VOICES if status.get(name) != "playing"]:
        raise LivevaeError(f"{', '.join(stopped)} plays no longer: {said()}")
    windows = int(there.split()[1])
    riffs = _sum(status, "riffs")
    return Outcome(
        alone,
        training,
        blended,
        trainings,
        first,
        windows,
        played,
        late[False],
        late[True],
        riffs,
        calling,
        tuple(answers),
        late_calling,
    )


def _late(client: Client) -> int:
    return _sum(client.ask("/livevae/status"), "late")


def _sum(status: Mapping[str, int | float | str], what: str) -> int:
    return sum(int(status.get(f"{name}.{what}", 0)) for name in VOICES)


def lateness(arrivals: list[Arrival], bpm: float) -> Lateness:
    """How far notes lie behind the straightest grid of sixteenths through the earliest of them."""
    if len(arrivals) < 2:
        raise LivevaeError(f"{len(arrivals)} notes arrived: nothing to time")
    step = 60 / bpm / STEPS_PER_BEAT
    times = [when for when, _, _ in arrivals]
    # the phase whose notes lie closest: offsets from the first note, each to its nearest step
    offsets = [(when - times[0] + step / 2) % step - step / 2 for when in times]
    early = min(offsets)
    late = sorted(1000 * (offset - early) for offset in offsets)
    pauses = [b - a for a, b in itertools.pairwise(times)]
    return Lateness(
        len(late),
        late[len(late) // 2],
        late[min(len(late) - 1, len(late) * 99 // 100)],
        late[-1],
        max(pauses),
    )


def play_in(client: Client, send: Callable[[bytes], object], beat: float, bars: int, bpm: float) -> int:
    """Play `bars` bars of a tune into the keyboard's port from a beat on, as a human would; how many notes."""
    chance = random.Random(7)  # noqa: S311  (a player's hand, not a secret)
    now = float(client.ask("/livevae/ping")["beat"])
    start = time.monotonic() + (beat - now) * 60 / bpm
    eighth = 30 / bpm
    count = 0
    for bar in range(bars):
        for i in range(8):
            pitch = TUNE[(i + 3 * bar + (bar % 3) * i) % len(TUNE)]
            due = start + (8 * bar + i) * eighth + chance.gauss(0, JITTER)
            time.sleep(max(0.0, due - time.monotonic()))
            send(bytes((0x90, pitch, chance.randint(60, 100))))
            time.sleep(eighth * 0.7)
            send(bytes((0x80, pitch, 0)))
            count += 1
    return count


@contextmanager
def keyboard() -> Iterator[Callable[[bytes], object]]:
    """A MIDI output of our own, connected to the server's input."""
    import rtmidi

    out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="persona-keys")
    out.open_virtual_port("out")
    try:
        _connect("persona-keys:", "livevae")
        yield out.send_message
    finally:
        out.close_port()
        out.delete()


def _ports(kind: str) -> list[str]:
    listed = subprocess.run(
        ["jack_lsp", "-p"], capture_output=True, text=True, check=True, env=environment()
    ).stdout
    lines = listed.splitlines()
    return [
        name
        for name, properties in zip(lines[::2], lines[1::2], strict=False)
        if kind in properties.split(",")[0]
    ]


def _connect(source: str, target: str) -> None:
    """Connect the output that begins so to the input that begins so.

    Raises:
        LivevaeError: there is none of them.
    """
    until = time.monotonic() + 10
    while True:
        outs = [name for name in _ports("output") if name.startswith(source)]
        ins = [name for name in _ports("input") if name.startswith(target)]
        if outs and ins:
            break
        if time.monotonic() > until:
            raise LivevaeError(f"no way from {source} to {target} on JACK: {_ports('put')}")
        time.sleep(0.05)
    subprocess.run(["jack_connect", outs[0], ins[0]], check=True, capture_output=True, env=environment())


@contextmanager
def serving(folder: Path, bpm: float, model: str) -> Iterator[tuple[Client, Callable[[], str]]]:
    """`livevae serve` with a port of its own, a MIDI input, and a home that is thrown away.

    Raises:
        LivevaeError: it does not start.
    """
    scene = folder / "stage.toml"
    voices = [VOICE.format(name=name, channel=channel) for channel, name in enumerate(VOICES, 1)]
    scene.write_text(SCENE.format(bpm=bpm) + "".join(voices))
    words = [sys.executable, "-m", "livevae", "serve", str(scene), "--osc", "127.0.0.1:0"]
    words += ["--midi", "virtual", "--midi-in", "virtual", "--seed", "5"]
    words += ["--model", model] if model else []
    lines: list[str] = []
    server = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**environment(), "LIVEVAE_HOME": str(folder / "home")},
    )
    ready = threading.Event()

    def listen() -> None:
        for line in server.stdout or ():
            lines.append(line.rstrip())
            if line.startswith("playing"):
                ready.set()
        ready.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        ready.wait(60)
        port = next(
            (line.split()[1].rpartition(":")[2].rstrip(";") for line in lines if line.startswith("osc ")), ""
        )
        if not port:
            raise LivevaeError(f"the server does not start: {' / '.join(lines[-3:])}")
        with Client("127.0.0.1", port) as client:
            yield client, lambda: " / ".join(lines[-5:])
    finally:
        server.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            server.wait(15)
        server.kill()
        server.wait()
        listener.join(5)
        if server.stdout is not None:
            server.stdout.close()
