"""`benchmarks families`: an hour of four voices of four families, in virtual time, with decodes as long as they are.

Time is virtual, so an hour passes in the time that decoding takes; but each batch is decoded and timed for real, and
the riffs come so many virtual seconds later, as they would from the one worker thread of a server. The lead is what
`livevae doctor` and `serve` would set for the slowest of the models, measured at the start. On a machine that others
compute on, `--processor-time` says how it is with a core of one's own.
"""

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from time import perf_counter, thread_time

from livevae.errors import LivevaeError
from livevae.latent.recipe import Recipe
from livevae.models import stepwise
from livevae.models.checkpoints import shelf
from livevae.models.live import LiveDecoder
from livevae.music.notes import TICKS_PER_BAR, Riff
from livevae.perform.engine import Engine
from livevae.perform.events import VoiceState
from livevae.perform.protocols import Decoder
from livevae.perform.scene import Scene, SceneVoice
from livevae.perform.session import Session
from livevae.perform.settings import LATENT, VoiceSettings
from livevae.perform.timing import Timing
from livevae.player.client.local import LocalPlayer
from livevae.server import LOOKAHEAD, lead_for
from livevae.tempo.timeline import Timeline
from livevae.virtual_time import virtual_time

MODELS = ("cat-mel_2bar_small", "lookback_rnn", "attention_rnn", "drum_rnn", "note_rnn")
"""Of different families; the first four that are here play."""

VOICES = 4
WARM = 20
"""Decodes of each model from which the lead follows."""


class TimedEngine(Engine):
    """An engine on virtual time: a batch is decoded at once, and takes as long as that really took.

    Args:
        models: are loaded at once.
        clock: by which decodes are timed.

    Attributes:
        took: seconds of every batch, by model.
    """

    def __init__(self, models: Sequence[str], clock: Callable[[], float]) -> None:
        super().__init__(opened, inline=True)
        self._clock = clock
        self.took: dict[str, list[float]] = defaultdict(list)
        for model in models:
            self._decoders[model] = opened(model)

    @property
    def expected(self) -> float:
        """Seconds within which a decode can be counted on."""
        return self.times.p99

    async def _call(self, model: str, recipes: list[Recipe]) -> list[Riff]:
        began = self._clock()
        riffs, _, _ = self._work(model, recipes)
        seconds = self._clock() - began
        self._took.append(seconds)
        self.took[model].append(seconds)
        await asyncio.sleep(seconds)
        return riffs


def opened(model: str) -> Decoder:
    """A model's decoder, on the CPU."""
    return stepwise.decoder(model) or LiveDecoder.open(model, device="cpu")


def scene(models: Sequence[str], bpm: float) -> Scene:
    """A voice a model, of two bars; those that continue follow themselves, and the last one the first."""
    voices = {}
    for number, model in enumerate(models):
        takes = stepwise.takes(model)
        follow = "v1" if number == len(models) - 1 and "context" in takes else "self"
        settings = VoiceSettings(model=model, channel=number + 1, bars=2, follow=follow)
        voices[f"v{number + 1}"] = SceneVoice(settings)
    return Scene("Families", bpm, voices)


async def play(
    models: Sequence[str], minutes: float, bpm: float, lead: float, clock: Callable[[], float] = perf_counter
) -> tuple[tuple[VoiceState, ...], TimedEngine]:
    """Play so long, in the loop's time; how the voices stand when all is over, and the engine.

    Raises:
        LivevaeError: a voice failed.
    """
    engine = TimedEngine(models, clock)
    # the first downbeat is as far away as every later one when its riffs are begun
    player = LocalPlayer(bpm, timeline=Timeline(0, asyncio.get_running_loop().time() + lead, bpm))
    session = Session(
        player,
        engine,
        timing=Timing(lead=lead, lookahead=LOOKAHEAD),
        seed=1,
        has_model=lambda name: name in models,
        takes=lambda name: stepwise.takes(name) or LATENT,
        strict=True,
    )
    player.on_timeline = session.timeline_changed
    session.load(scene(models, bpm))
    until = 60 * minutes
    while (now := asyncio.get_running_loop().time()) < until and not session.cast.faults:
        await asyncio.sleep(min(60.0, until - now))
        player.sent.clear()  # an hour of notes is of no use here
    if session.cast.faults:
        raise LivevaeError(f"a voice failed: {session.cast.faults[0]}")
    voices = session.snapshot().voices
    await session.close()
    return voices, engine


def lead_of(models: Sequence[str], clock: Callable[[], float]) -> tuple[float, dict[str, float]]:
    """The lead that a server would set, and each model's p99 of a riff, both in seconds."""
    worst: dict[str, float] = {}
    together = 0.0
    for model in models:
        decoder, took = opened(model), []
        for seed in range(WARM + 1):
            context = tuple((-4 * TICKS_PER_BAR + i * 480, 480, 60 + (seed * i) % 12, 90) for i in range(32))
            continues = "context" in decoder.takes if hasattr(decoder, "takes") else False
            began = clock()
            decoder.decode([Recipe(seed, context=context if continues else (), model=model)])
            took.append(clock() - began)
        ranked = sorted(took[1:])
        worst[model] = ranked[len(ranked) * 99 // 100]
        together += ranked[len(ranked) // 2]
    return lead_for(max(*worst.values(), together)), worst


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command line of this measurement."""
    text = "an hour of voices of different families, in virtual time with real decodes: is a riff late?"
    command = commands.add_parser("families", help=text, description=text[0].upper() + text[1:])
    command.add_argument(
        "models", nargs="*", metavar="MODEL", help=f"default: {VOICES} of {', '.join(MODELS)}"
    )
    command.add_argument("--minutes", type=float, default=60, help="of virtual time (60)")
    command.add_argument("--bpm", type=float, default=120, help="the tempo (120)")
    command.add_argument("--processor-time", action="store_true", help="as if nobody else computed here")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Play, and show what was late; 1 where something was."""
    models = arguments.models or [name for name in MODELS if shelf.exists(name)][:VOICES]
    for model in models:
        shelf.find(model)
    clock = thread_time if arguments.processor_time else perf_counter
    lead, worst = lead_of(models, clock)
    sys.stdout.write(f"lead {1000 * lead:.0f} ms, for p99 of a riff: ")
    sys.stdout.write(", ".join(f"{model} {1000 * took:.1f} ms" for model, took in worst.items()) + "\n")
    began = perf_counter()
    with virtual_time() as loop:
        voices, engine = loop.run_until_complete(play(models, arguments.minutes, arguments.bpm, lead, clock))
    sys.stdout.write(f"{arguments.minutes:g} minutes of music in {perf_counter() - began:.0f} s\n")
    sys.stdout.write(
        f"{'voice':<28}{'riffs':>7}{'late':>6}{'repeats':>9}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}\n"
    )
    for voice, model in zip(voices, models, strict=True):
        ranked = sorted(1000 * seconds for seconds in engine.took[model])
        figures = "".join(
            f"{ranked[min(len(ranked) - 1, len(ranked) * q // 100)]:>9.1f}" for q in (50, 99, 100)
        )
        sys.stdout.write(f"{model:<28}{voice.riffs:>7}{voice.late:>6}{voice.repeats:>9}{figures}\n")
    return int(any(voice.late or voice.repeats for voice in voices))
