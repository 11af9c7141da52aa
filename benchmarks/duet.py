"""`benchmarks duet`: a script plays melodies into a real MIDI graph, and a voice trades fours with it. Is it an answer?

A whole server listens to a keyboard that is a process of its own, and plays to a receiver that is another. Each turn
the keyboard plays four bars of a tune that comes with livevae. How near an answer is to its own call and to the others,
is the total variation of where in the bar notes begin and of their pitch classes, as in `livevae evaluate`.
"""

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from benchmarks.graph import jack_graph
from benchmarks.jitter import quantiles
from benchmarks.night import CLIENT, Ears, sent_ons, verdict
from livevae.children import environment
from livevae.corpus import midi
from livevae.corpus.score import band, fullest, notes_of
from livevae.errors import LivevaeError
from livevae.models import stepwise
from livevae.models.checkpoints import shelf
from livevae.models.live import LiveDecoder
from livevae.models.midime.shipped.make import RIFFS
from livevae.music.notes import TICKS_PER_BAR, Note
from livevae.perform import requests as ask
from livevae.perform.events import RiffEvent
from livevae.perform.protocols import Decoder
from livevae.perform.scene import Scene, SceneVoice
from livevae.perform.settings import LATENT, VoiceSettings
from livevae.server import Models, Options, Server, running
from livevae.tempo.timeline import Timeline

BARS = 4
LEAST_NOTES = 10
"""Of a call."""

KEYBOARD = "livevae-duet"
PORT = f"{CLIENT}-1"
VOICE = "lead"

Say = Callable[[str], None]
Played = tuple[tuple[int, int, int, int], ...]
"""Notes as (start, length, pitch, velocity) in ticks."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call, and what the voice made of it.

    Attributes:
        call: as the server heard it, on the grid.
        answer: from the bar line after it.
        late: whether the answer was not ready in time.
    """

    call: Played
    answer: Played
    late: bool


def calls(notes: Sequence[Note]) -> Iterator[Played]:
    """Stretches of four bars that have enough notes; each begins at tick 0, and its notes end with it."""
    length = BARS * TICKS_PER_BAR
    bars = max((note.start for note in notes), default=0) // TICKS_PER_BAR + 1
    for first in range(0, bars * TICKS_PER_BAR, length):
        inside = tuple(
            (n.start - first, min(n.length, first + length - n.start), n.pitch, n.velocity)
            for n in notes
            if first <= n.start < first + length
        )
        if len(inside) >= LEAST_NOTES:
            yield inside


def tunes(folder: Path) -> list[Played]:
    """Calls of the melodies in a folder of MIDI files, of one file after the other in turn."""
    found = []
    for path in sorted(folder.rglob("*.mid")):
        players = band(midi.read(path).parts)
        line = fullest([*players.lines, *players.chords])
        found.append(list(calls(notes_of([(part, 0) for part in line]))))
    turns = itertools.zip_longest(*found)
    return [call for turn in turns for call in turn if call is not None]


def nearness(apart: np.ndarray) -> dict[str, float]:
    """What the distances of answers (rows) from calls (columns) say; an answer's own call has its number.

    Args:
        apart: `[N, N]`.
    """
    own = np.diag(apart)
    others = apart[~np.eye(len(apart), dtype=bool)].reshape(len(apart), -1)
    return {
        "to its own call": float(own.mean()),
        "to another's call": float(others.mean()),
        "nearer to its own than to another's": float((own[:, None] < others).mean()),
        "nearest to its own of all calls": float((own < others.min(1)).mean()),
    }


class Keyboard:
    """A virtual MIDI output in a process of its own; see `tests/stage/test_stage_midi_in.py` for why."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.duet", KEYBOARD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        if self._process.stdout is None or not self._process.stdout.readline():
            raise LivevaeError("the keyboard on JACK does not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def send(self, *data: int) -> None:
        """Play a message now."""
        assert self._process.stdin is not None  # noqa: S101  (for the type checker)
        self._process.stdin.write(bytes(data).hex() + "\n")
        self._process.stdin.flush()


async def play_call(keyboard: Keyboard, call: Played, start: int, line: Timeline) -> None:
    """Play a call from a tick on, in time; a key's off comes before its next on."""
    messages: list[tuple[int, int, tuple[int, int, int]]] = []
    for begin, length, pitch, velocity in call:
        messages.append((start + begin, 1, (0x90, pitch, velocity)))
        messages.append((start + begin + max(1, length - 10), 0, (0x80, pitch, 0)))
    loop = asyncio.get_running_loop()
    for tick, _, data in sorted(messages):
        await asyncio.sleep(max(0.0, line.time_at(tick) - loop.time()))
        keyboard.send(*data)


def load(name: str) -> Decoder:
    """A model's decoder."""
    return stepwise.decoder(name) or LiveDecoder.open(name)


async def play(
    arguments: argparse.Namespace, keyboard: Keyboard, recording: Path, say: Say
) -> tuple[list[Exchange], int, Timeline, dict[str, float]]:
    """The duet itself: its exchanges, how many turns there were, the line that was kept, and some figures."""
    voice = SceneVoice(VoiceSettings(model=arguments.model, channel=1, bars=BARS), play=False)
    planned = Scene("Duet", arguments.bpm, {VOICE: voice})
    models = Models(
        lambda name: load(name or arguments.model),
        lambda name: name in ("", arguments.model),
        arguments.model,
        takes=lambda name: stepwise.takes(name or arguments.model) or LATENT,
    )
    options = Options(
        planned, shelf=lambda _: planned, port=0, midi=(PORT,), midi_in=(KEYBOARD,), record=recording, seed=1
    )
    async with running(options, models, say) as server:
        listener = server.session.hub.listen(RiffEvent, size=1 << 12)
        await server.engine.warm(arguments.model)
        turns = await _trade(server, keyboard, arguments)
        events = [event for event in listener.drain() if isinstance(event, RiffEvent)]
        times = server.engine.times
        figures = {
            "decode ms p50": 1000 * times.p50,
            "decode ms p99": 1000 * times.p99,
            "late (the server's count)": float(sum(one.late for one in server.session.snapshot().voices)),
        }
        exchanges = [
            Exchange(
                event.recipe.call,
                tuple((n.start, n.length, n.pitch, n.velocity) for n in event.notes),
                event.late,
            )
            for event in events
        ]
        return exchanges, turns, server.player.timeline, figures


async def _trade(server: Server, keyboard: Keyboard, arguments: argparse.Namespace) -> int:
    """Play calls until time is over; how many."""
    reply = server.session.do(ask.Trade(BARS, VOICE, arguments.distance))
    if not reply.ok or reply.beat is None:
        raise LivevaeError(f"no trade: {reply.text}")
    line, first = server.player.timeline, round(reply.beat * 960)
    loop, turn = asyncio.get_running_loop(), BARS * TICKS_PER_BAR
    end = loop.time() + 60 * arguments.minutes
    found = tunes(arguments.calls)
    if not found:
        raise LivevaeError(f"no melody of {BARS} bars is in {arguments.calls}")
    count = 0
    for call in itertools.cycle(found):
        if line.time_at(first + 2 * turn) > end and count:
            break
        await play_call(keyboard, call, first, line)
        first, count = first + 2 * turn, count + 1
    await asyncio.sleep(max(0.0, line.time_at(first) - loop.time() + 0.5))
    server.session.do(replace(ask.Trade(), bars=0))
    return count


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command line of this measurement."""
    text = "a script and a voice trade fours on a real MIDI graph: is an answer late, and is it one?"
    command = commands.add_parser("duet", help=text, description=text[0].upper() + text[1:])
    command.add_argument("--minutes", type=float, default=10, help="how long it lasts (10)")
    command.add_argument("--model", default=shelf.DEFAULT_STEPWISE, metavar="NAME", help="(%(default)s)")
    command.add_argument("--bpm", type=float, default=120, help="the tempo (120)")
    command.add_argument(
        "--distance", type=float, default=1, help="how little of the call an answer repeats; 1 is nothing (1)"
    )
    command.add_argument("--calls", type=Path, default=RIFFS, metavar="DIR", help="MIDI files of melodies")
    command.add_argument("--json", type=Path, help="also write what was played to this file")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Play, and say what the answers are; 1 where one was late or missing."""

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    shelf.find(arguments.model)
    with (
        tempfile.TemporaryDirectory() as folder,
        jack_graph() as graph,
        Ears(1) as ears,
        Keyboard() as keyboard,
    ):
        say(f"graph: {graph}")
        recording = Path(folder) / "duet.mid"
        exchanges, turns, line, figures = asyncio.run(play(arguments, keyboard, recording, say))
        heard = ears.heard()
        tracks = sent_ons(recording.read_bytes())
    if arguments.json:
        arguments.json.write_text(json.dumps([(one.call, one.answer, one.late) for one in exchanges]) + "\n")
    late = sum(one.late for one in exchanges)
    silent = sum(not one.answer for one in exchanges)
    say(f"{turns} calls, {len(exchanges)} answers, {late} of them late, {silent} silent")
    found = verdict(heard, {0: tracks.get(VOICE, [])}, line)
    p50, p99, _, most = quantiles(found.late)
    say(
        f"at the receiver: {found.ons} notes, {found.missing} missing;"
        f" late, ms: p50 {p50:.2f} p99 {p99:.2f} max {most:.2f}"
    )
    pairs = [one for one in exchanges if one.answer and one.call]
    for name, value in (*figures.items(), *_distances(pairs).items()):
        say(f"{name:<40}{value:9.3f}")
    return int(bool(late) or len(exchanges) < turns)


def _distances(pairs: Iterable[Exchange]) -> dict[str, float]:
    # torch is slow to import, and would have been in the way of the music
    from livevae.models.training.evaluate_steps import apart, features

    said = [(features(one.answer, "songs"), features(one.call, "songs")) for one in pairs]
    if len(said) < 2:
        return {}
    return nearness(np.array([[apart(answer, call) for _, call in said] for answer, _ in said]))


def _keys(name: str) -> None:
    import rtmidi

    out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=name)
    out.open_virtual_port("keys")
    sys.stdout.write("here\n")
    sys.stdout.flush()
    for line in sys.stdin:
        out.send_message(bytes.fromhex(line))
    out.close_port()
    out.delete()


if __name__ == "__main__":
    _keys(sys.argv[1])
