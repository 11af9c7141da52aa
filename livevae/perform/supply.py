"""What the model gives a voice: from its settings to a recipe, and from the recipe to a riff, once a turn."""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Protocol

from livevae.errors import LivevaeError
from livevae.latent.recipe import NORMAL, Recipe
from livevae.music import form
from livevae.music.meter import COMMON, Meter
from livevae.music.notes import Riff
from livevae.perform.clock import TickClock
from livevae.perform.engine import Engine
from livevae.perform.memory import Played
from livevae.perform.settings import VoiceSettings
from livevae.perform.timing import EARLIEST, HANDOVER, Timing, ahead


@dataclass(slots=True)
class Counters:
    """What happened to a voice since it was made."""

    riffs: int = 0
    late: int = 0
    repeats: int = 0


def recipe(
    settings: VoiceSettings,
    *,
    voice: str,
    index: int,
    session_seed: int,
    prior: str = NORMAL,
    tick: float = 0,
    meter: Meter = COMMON,
    context: Played = (),
    beside: Played = (),
) -> Recipe:
    """What the voice's riff at a tick is made from. Seed 0 is the session's choice, by the voice's name."""
    seed = settings.seed or derived_seed(session_seed, voice)
    if form.parse(settings.form):
        place = form.place(settings.form, int(tick // (settings.bars * meter.bar)))
        seed, index = derived_seed(seed, f"{place.letter}/{place.round}"), place.before
    return Recipe(
        seed=seed,
        temperature=settings.temp,
        bars=settings.bars * meter.model_bars,
        index=index,
        drift=settings.drift,
        model=settings.model,
        blend=settings.blend.at(tick),
        position=settings.place.at(tick),
        attributes=settings.attributes,
        prior=settings.prior or prior,
        context=context,
        beside=beside,
        top=settings.top,
    )


def derived_seed(session_seed: int, name: str) -> int:
    """A seed that depends on both and looks like neither, from 1 to 2**24 - 1.

    24 bits are what a float32 holds, so every host can send back the seed of a riff that it liked.
    """
    digest = hashlib.blake2b(f"{session_seed}/{name}".encode(), digest_size=3).digest()
    return int.from_bytes(digest, "big") or 1


@dataclass(frozen=True, slots=True)
class Decoded:
    """A riff as the model gave it, and what it was made from."""

    riff: Riff
    recipe: Recipe
    settings: VoiceSettings


@dataclass(frozen=True, slots=True)
class Decoding:
    """A riff that was asked for."""

    recipe: Recipe
    settings: VoiceSettings
    coming: "asyncio.Future[Riff]"


@dataclass(slots=True)
class Walk:
    """Where a voice is on its way through the latent space: riff by riff, from its seed's own point.

    Attributes:
        spare: decoded for a turn that a kept riff took; the next turn of the voice's own plays it.
    """

    seed: int = 0
    index: int = 0
    spare: Decoded | None = None

    def step(self, seed: int) -> int:
        """The next riff's index; another seed begins at its own point."""
        if seed != self.seed:
            self.seed, self.index = seed, 0
        self.index += 1
        return self.index - 1


class ModelStage(Protocol):
    """What a voice's supply needs of its session."""

    clock: TickClock
    engine: Engine
    timing: Timing
    seed: int
    prior: str

    def failed(self, voice: str, error: LivevaeError | None) -> None:
        """The voice's model gives no riff, and its last one is repeated; None where there is no such error."""

    def context(self, voice: str, settings: VoiceSettings, start: int) -> tuple[Played, Played]:
        """What the voice's riff on a tick continues, and what others play beside it; () where its model hears none."""


@dataclass(slots=True)
class Supply:
    """What the model gives a voice, a riff a turn.

    Attributes:
        voice: its name.
        walk: where it is in the latent space.
        stage: whose model is asked.
        counters: of its late and repeated riffs.
        last: the riff that it played last, as the model gave it; None before the first.
        asked: what the model is at.
    """

    voice: str
    walk: Walk
    stage: ModelStage
    counters: Counters
    last: Decoded | None = None
    asked: Decoding | None = None

    async def fresh(self, now: VoiceSettings, start: int, meter: Meter) -> Decoded | None:
        """The riff of the turn that begins at tick `start`; None if it is not there in time, and `last` plays again.

        One that is late is the next turn's.

        Raises:
            LivevaeError: the model gives none, and there is no last one.
        """
        spare, self.walk.spare = self.walk.spare, None
        if spare is not None and spare.settings == now and not now.form:
            return spare
        if self.asked is None:
            self.asked = self._ask(now, start, meter)
        # there is nothing to repeat yet, so the first riff may take until the last moment
        patience = HANDOVER if self.last is None else self.stage.timing.lookahead
        try:
            found = await ready(self.asked, start, patience + ahead(now), self.stage)
        except LivevaeError as error:  # a model or persona that was set just now, as a rule
            if self.last is None:
                raise
            self.asked = None
            self.stage.failed(self.voice, error)
            self.counters.repeats += 1
            return None
        self.stage.failed(self.voice, None)
        if found is not None:
            self.asked = None
            return found
        if self.last is not None:  # before the first one, whether it is late is seen when it is there
            self.counters.late += 1
            self.counters.repeats += 1
        return None

    def _ask(self, now: VoiceSettings, start: int, meter: Meter) -> Decoding:
        index = self.walk.step(now.seed)
        context, beside = self.stage.context(self.voice, now, start)
        wanted = recipe(
            now,
            voice=self.voice,
            index=index,
            session_seed=self.stage.seed,
            prior=self.stage.prior,
            tick=start,
            meter=meter,
            context=context,
            beside=beside,
        )
        return Decoding(wanted, now, self.stage.engine.submit(wanted))

    async def coming(self) -> None:
        """Wait for the riff that was asked for, however late it is."""
        if self.asked is not None:
            await self.asked.coming

    def leave(self) -> None:
        """Nobody waits for it any more."""
        if self.asked is not None:
            self.asked.coming.cancel()


async def ready(asked: Decoding, start: int, before: float, stage: ModelStage) -> Decoded | None:
    """The riff, or None when it is not there `before` seconds before its first note."""
    if not asked.coming.done():
        alarm = stage.clock.until(start - EARLIEST, before=before)
        deadline: asyncio.Future[None] = asyncio.ensure_future(alarm)
        try:
            await asyncio.wait((asked.coming, deadline), return_when=asyncio.FIRST_COMPLETED)
        finally:
            deadline.cancel()
    return Decoded(asked.coming.result(), asked.recipe, asked.settings) if asked.coming.done() else None
