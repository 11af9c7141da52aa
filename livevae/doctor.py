"""`livevae doctor`: what works on this machine, measured, and what follows from it for a performance."""

import asyncio
from collections.abc import Callable, Sequence

from livevae.errors import LivevaeError
from livevae.latent.recipe import Recipe
from livevae.midi import list_ports, midi_systems
from livevae.perform.engine import Engine
from livevae.player.client.process import PlayerProcess
from livevae.player.wire.commands import PortSpec
from livevae.player.wire.reports import Counters, Hello, Report
from livevae.server import LOOKAHEAD, Models, lead_for
from livevae.tempo.events import PlayNote

DECODES = 60
BATCH = 4
NOTES = 400
EVERY = 10
"""Milliseconds between the notes that lateness is measured with."""

Say = Callable[[str], None]


def examine(models: Models, say: Say) -> int:
    """Look at MIDI, model and timing, and say what was found; gives the exit status (1: nothing can be played)."""
    _midi(say)
    fine = asyncio.run(_examine(models, say))
    return 0 if fine else 1


def _midi(say: Say) -> None:
    try:
        systems = midi_systems()
        ports = list_ports()
    except LivevaeError as error:
        say(f"midi      {error}")
        return
    for name, opens in systems:
        say(f"midi      {name}: {'opens' if opens else 'does not open'}")
    if not any(opens for _, opens in systems):
        say("          without ALSA or JACK nothing can be sent; `--record` and `render` work all the same")
    for system, port in ports:
        say(f"port      {port} ({system})")


async def _examine(models: Models, say: Say) -> bool:
    await _timing(say)
    engine = Engine(models.load)
    try:
        await engine.warm(repeats=3)
        alone = await _decode(engine, 1)
        together = await _decode(engine, BATCH)
    except LivevaeError as error:
        say(f"model     {error}")
        return False
    finally:
        await engine.close()
    say(f"model     {models.title}")
    say(f"decode    one voice {_ms(alone)}; {BATCH} voices together {_ms(together)}")
    lead = lead_for(_rank(together, 99))
    say(
        f"lead      {lead * 1000:.0f} ms before it sounds a riff is begun, and {LOOKAHEAD * 1000:.0f} ms before it"
    )
    say("          its notes are with the player: `livevae serve` sets this by itself, --lead overrides it")
    return True


async def _decode(engine: Engine, voices: int) -> list[float]:
    took = []
    for turn in range(DECODES):
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(engine.submit(Recipe(seed=turn * voices + voice)) for voice in range(voices)))
        took.append(asyncio.get_running_loop().time() - began)
    return took


async def _timing(say: Say) -> None:
    """Lateness at send of the player's own loop, with `NOTES` notes to no port."""
    done = asyncio.Event()
    last: list[Counters] = []

    def hear(report: Report) -> None:
        match report:
            case Hello(realtime=realtime, why=why):
                say(f"priority  {f'real-time {why}'.rstrip() if realtime else why}")
            case Counters():
                last.append(report)
                if report.sent >= 2 * NOTES and not report.waiting:
                    done.set()

    player = await PlayerProcess.start(60, (PortSpec("main", "none"),), on_report=hear)
    try:
        tick = round(player.timeline.tick_at(asyncio.get_running_loop().time() + 0.3))
        step = EVERY * 960 // 1000
        player.play([PlayNote(tick + i * step, step // 2, "main", 1, 60, 64, "doctor") for i in range(NOTES)])
        await asyncio.wait_for(done.wait(), NOTES * EVERY / 1000 + 10)
        worst = max(last, key=lambda counters: counters.late_p99)
        say(
            f"timer     notes leave {worst.late_p50:.3f} ms late at p50, {worst.late_p99:.3f} ms at p99 (worst second)"
        )
    except TimeoutError:
        say("timer     the player did not answer; that is a defect, please report it")
    finally:
        await player.close()


def _rank(values: Sequence[float], percent: int) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, len(ranked) * percent // 100)]


def _ms(seconds: Sequence[float]) -> str:
    return f"p50 {_rank(seconds, 50) * 1000:.1f} ms, p99 {_rank(seconds, 99) * 1000:.1f} ms"
