"""`livevae bench clock`: MIDI clock in, against simulated masters, and MIDI clock out, against the ideal grid."""

import argparse
import asyncio
import os
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from livevae.bench.graph import jack_graph
from livevae.bench.jitter import quantiles
from livevae.player.clock_out import PULSE
from livevae.player.commands import PortSpec
from livevae.player.process import PlayerProcess
from livevae.player.tape import Message, parse
from livevae.tempo.follower import PULSES_PER_BEAT, TICKS_PER_PULSE, ClockFollower

LOCKED = 2 * PULSES_PER_BEAT
"""Pulses after a start or a tempo step from which errors count: two beats."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Master:
    """A simulated MIDI clock.

    Attributes:
        title: what the table calls it.
        jitter: seconds, the deviation of normal jitter.
        lost: the share of pulses that do not arrive.
        drift: how much faster than it says.
        steps: (seconds, bpm) of tempo changes, each at a pulse.
    """

    title: str
    jitter: float = 1e-3
    lost: float = 0.01
    drift: float = 200e-6
    steps: tuple[tuple[float, float], ...] = ((0, 120),)

    def pulses(self, seconds: float, seed: int) -> Iterator[tuple[float, float | None, bool]]:
        """(true time, time of arrival or None, whether the tempo changes here) of each pulse."""
        chance = random.Random(seed)  # noqa: S311  (a night that can be had again)
        time, steps, period = 0.0, list(self.steps), 0.0
        while time < seconds:
            changed = False
            while steps and steps[0][0] <= time:
                period = 60 / (steps.pop(0)[1] * (1 + self.drift) * PULSES_PER_BEAT)
                changed = True
            arrives = None if chance.random() < self.lost else time + chance.gauss(0, self.jitter)
            yield time, arrives, changed
            time += period


MASTERS = (
    Master("steady"),
    Master("small steps", steps=tuple((30.0 * i, 120 + (i % 5)) for i in range(20))),
    Master(
        "large steps",
        steps=(
            (0, 120),
            (60, 121),
            (120, 140),
            (180, 90),
            (240, 92),
            (300, 174),
            (360, 87),
            (420, 180),
            (480, 60),
        ),
    ),
    Master("3 ms jitter", jitter=3e-3),
    Master("10 % lost", lost=0.1),
)


def follow(master: Master, seconds: float, seed: int) -> tuple[list[float], int]:
    """Phase errors two beats and more after each step (seconds, modulo a pulse), and pulses miscounted at the end."""
    follower, errors, since = ClockFollower(), [], 0
    follower.start()
    off = 0.0
    for number, (true, arrives, changed) in enumerate(master.pulses(seconds, seed)):
        since = 0 if changed else since + 1
        if arrives is not None:
            follower.pulse(max(arrives, follower.last))
        line = follower.line()
        if line is not None:
            off = line.tick_at(true) / TICKS_PER_PULSE - number
            if since >= LOCKED:
                errors.append(abs(off - round(off)) * TICKS_PER_PULSE * line.seconds_per_tick)
    return errors, round(off)


async def send(target: str, seconds: float, bpm: float) -> list[float]:
    """Lateness at send of every pulse of our clock, in seconds."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    pieces: list[bytes] = []
    loop = asyncio.get_running_loop()
    loop.add_reader(reading, lambda: pieces.append(os.read(reading, 1 << 16)))
    player = await PlayerProcess.start(bpm, [PortSpec("clock", target, clock=True)], tape=writing)
    await asyncio.sleep(seconds)
    await player.close()
    loop.remove_reader(reading)
    os.close(reading)
    os.close(writing)
    entries = [parse(line) for line in b"".join(pieces).splitlines()]
    return [entry.late for entry in entries if isinstance(entry, Message) and entry.data == PULSE]


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command line of this measurement."""
    text = "MIDI clock in, against simulated masters, and MIDI clock out, against the ideal grid"
    command = commands.add_parser("clock", help=text, description=text + ".")
    command.add_argument("--minutes", type=float, default=10, help="of virtual time for each master (10)")
    command.add_argument("--seeds", type=int, default=3, help="nights of each master (3)")
    command.add_argument("--seconds", type=float, default=30, help="of real time for clock out (30)")
    command.add_argument("--bpm", type=float, default=125, help="tempo of clock out (125)")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, and show the table."""

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    columns = f"{'p50':>8} {'p99':>8} {'p99.9':>8} {'max':>8}"
    say(f"{'clock in, phase error, ms':<28} {'pulses':>7} {columns}  miscounted in the end")
    for master in MASTERS:
        errors: list[float] = []
        counts = []
        for seed in range(arguments.seeds):
            found, off = follow(master, 60 * arguments.minutes, seed)
            errors += found
            counts.append(off)
        say(f"{master.title:<28} {len(errors):>7} {_row(errors)}  {counts}")
    with jack_graph() as graph:
        late = asyncio.run(send("virtual", arguments.seconds, arguments.bpm))
        say(f"{'clock out, lateness, ms':<28} {'pulses':>7} {columns}")
        say(f"{f'{arguments.bpm:g} bpm':<28} {len(late):>7} {_row(late)}  {graph}")
    return 0


def _row(values: list[float]) -> str:
    return " ".join(f"{value:>8.3f}" for value in quantiles(values))
