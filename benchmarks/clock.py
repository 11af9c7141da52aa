"""`benchmarks clock`: MIDI clock in, from simulated and real masters, and MIDI clock out against the ideal grid."""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Callable

from benchmarks.clock_jack import Followed, follow_livevae, follow_loop, taped
from benchmarks.graph import jack_graph
from benchmarks.jitter import quantiles
from benchmarks.masters import Master, Night, follow, random_steps
from livevae.player.client.process import PlayerProcess
from livevae.player.clocks.midi_out import PULSE
from livevae.player.wire.commands import PortSpec
from livevae.tempo.events import PlayNote
from livevae.tempo.pulses import TICKS_PER_PULSE
from livevae.tempo.timeline import TICKS_PER_BEAT

FIRST_SEED = 20_000
"""Nights of the table; the follower's constants were chosen with others (0 to 1999)."""

STEPS = (
    (0, 120),
    (60, 121),
    (120, 140),
    (180, 90),
    (240, 92),
    (300, 174),
    (360, 87),
    (420, 180),
    (480, 60),
    (540, 123),
)

PERIOD = 1024 / 48_000
"""Seconds of a sound card's long period."""

LOADS = 2
"""Processes that compute without a pause, for the loaded row of clock out."""

Say = Callable[[str], None]


def masters(seconds: float, seed: int) -> tuple[Master, ...]:
    """The clocks of the table, in a night of so many seconds."""
    anything, slower = random_steps(seed, seconds), random_steps(seed, seconds, least=60, most=140)
    return (
        Master("steady"),
        Master("small steps", steps=tuple((30.0 * i, 120 + (i % 5)) for i in range(20))),
        Master("large steps", steps=STEPS),
        Master("any steps, 40 to 240 bpm", steps=anything),
        Master("the same, between pulses", steps=anything, between=True),
        Master("the same, USB, none lost", steps=anything, between=True, jitter=1e-4, lost=0),
        Master("10 % lost", lost=0.1),
        Master("sender stalls", lost=0, stalls=0.1),
        Master("3 ms jitter", jitter=3e-3),
        Master("100 bpm in steps of 21.3 ms", jitter=2e-4, lost=0, steps=((0, 100),), card=PERIOD),
        Master("any tempo in steps of 21.3 ms", jitter=2e-4, lost=0, steps=slower, card=PERIOD),
    )


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command line of this measurement."""
    text = "MIDI clock in, against simulated and real masters, and MIDI clock out, against the ideal grid"
    command = commands.add_parser("clock", help=text, description=text + ".")
    command.add_argument("--minutes", type=float, default=10, help="of virtual time for each master (10)")
    command.add_argument("--nights", type=int, default=3, help="nights of each master (3)")
    command.add_argument("--seed", type=int, default=FIRST_SEED, help="of the first night (%(default)s)")
    command.add_argument("--seconds", type=float, default=30, help="of real time for each row over JACK (30)")
    command.add_argument("--bpm", type=float, default=125, help="tempo of the rows over JACK (125)")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, and show the table."""

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    if arguments.nights:
        say_simulated(arguments, say)
    if arguments.seconds:
        with jack_graph() as graph:
            say(f"graph: {graph}")
            say_real(arguments, say)
            say_out(arguments, say)
    return 0


COLUMNS = f"{'p50':>8} {'p99':>8} {'p99.9':>8} {'max':>8}"


def say_simulated(arguments: argparse.Namespace, say: Say) -> None:
    """Simulated masters: phase errors, pulses that were miscounted included, two beats after a step and later."""
    say(
        f"{'clock in, phase error, ms':<28} {'pulses':>7} {COLUMNS}  locked after beats: p50, max; steps miscounted"
    )
    for number in range(len(masters(1.0, 0))):
        nights: list[Night] = []
        for seed in range(arguments.seed, arguments.seed + arguments.nights):
            seconds = 60 * arguments.minutes
            nights.append(follow(masters(seconds, seed)[number], seconds, seed))
        errors = [error for night in nights for error in night.errors]
        locks = sorted(lock for night in nights for lock in night.locks)
        wrong = sum(night.miscounted for night in nights)
        beside = sum(night.miscounted_beside_losses for night in nights)
        said = f"{wrong} of {len(locks)}, {beside} of them beside a loss" if wrong else f"0 of {len(locks)}"
        title = masters(1.0, 0)[number].title
        say(
            f"{title:<28} {len(errors):>7} {_row(errors)}  {locks[len(locks) // 2]:.2f}, {locks[-1]:.2f}; {said}"
        )


def say_real(arguments: argparse.Namespace, say: Say) -> None:
    """Masters over JACK, each a process of its own."""
    say(f"{'clock in over JACK, ms':<28} {'pulses':>7} {COLUMNS}  on average; locked after beats; miscounted")
    ways = (("a loop that sleeps", follow_loop), ("another livevae", follow_livevae))
    for title, way in ways:
        found: Followed = asyncio.run(way(arguments.seconds, arguments.bpm))
        mean = sum(found.off) / max(1, len(found.off))
        around = [abs(off - mean) for off in found.off]
        say(
            f"{title:<28} {len(around):>7} {_row(around)}  {1000 * mean:+.3f}; {found.lock:.2f}; {found.miscounted}"
        )


def say_out(arguments: argparse.Namespace, say: Say) -> None:
    """Our own clock against the ideal grid, beside notes of the same run."""
    say(f"{'clock out, lateness, ms':<28} {'sent':>7} {COLUMNS}")
    for title, loads in (("quiet", 0), ("loaded", LOADS)):
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loads)]
        try:
            pulses, notes = asyncio.run(send(arguments.seconds, arguments.bpm))
        finally:
            for process in busy:
                process.kill()
                process.wait()
        say(f"{title + ', pulses':<28} {len(pulses):>7} {_row(pulses)}")
        say(f"{title + ', notes':<28} {len(notes):>7} {_row(notes)}")


async def send(seconds: float, bpm: float) -> tuple[list[float], list[float]]:
    """Lateness at send of every pulse of our clock, and of notes half way between them, in seconds."""
    loop = asyncio.get_running_loop()
    with taped() as (tape, messages):
        player = await PlayerProcess.start(bpm, [PortSpec("clock", "virtual", clock=True)], tape=tape)
        player.begin(loop.time() + 0.2)
        ticks = round(seconds * bpm / 60 * TICKS_PER_BEAT)
        for tick in range(TICKS_PER_PULSE // 2, ticks, TICKS_PER_PULSE):
            if tick % TICKS_PER_BEAT < TICKS_PER_PULSE:
                await asyncio.sleep(max(0.0, player.timeline.time_at(tick) - 1.0 - loop.time()))
            player.play([PlayNote(tick, TICKS_PER_PULSE // 4, "clock", 1, 60, 96, "bench")])
        await asyncio.sleep(max(0.0, player.timeline.time_at(ticks) - loop.time()))
        await player.close()
    sent = [one for one in messages() if 0 <= one.tick < ticks]
    return (
        [one.late for one in sent if one.data == PULSE],
        [one.late for one in sent if one.data[0] == 0x90],
    )


def _row(values: list[float]) -> str:
    return " ".join(f"{value:>8.3f}" for value in quantiles(values))
