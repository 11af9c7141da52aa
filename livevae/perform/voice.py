"""A voice: one coroutine that walks from tick to riff to player, once a riff.

Between its awaits there are only pure functions; it awaits time and the model, nothing else. The functions are here in
the order in which a riff passes through them, so it is one file.
"""

import asyncio
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from livevae.errors import LivevaeError
from livevae.latent.recipe import NORMAL, Recipe
from livevae.music import fills, harmony, keys, meter as meters, shape
from livevae.music.meter import COMMON, Meter
from livevae.music.notes import TICKS_PER_BEAT, TICKS_PER_STEP, Note, Riff
from livevae.perform.clock import TickClock
from livevae.perform.engine import Engine
from livevae.perform.events import RiffEvent
from livevae.perform.memory import Memory, Played
from livevae.perform.settings import VoiceSettings
from livevae.perform.sounds import Sounds
from livevae.tempo.events import PlayNote
from livevae.tempo.feel import Feel, felt
from livevae.tempo.timeline import next_grid

if TYPE_CHECKING:
    from livevae.perform.incoming import Incoming


MOST_LEAD = 60.0
"""Seconds. What is asked for is heard so much later; and no log of a night says more."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How far ahead of its sound the work is done, in seconds.

    Attributes:
        lead: how early a riff is begun.
        lookahead: how early its notes are handed to the player; then a decode that is not ready is late.
    """

    lead: float = 0.5
    lookahead: float = 0.06

    def __post_init__(self) -> None:
        if not 0 <= self.lookahead <= self.lead <= MOST_LEAD:
            raise ValueError(
                f"lead {self.lead} must be at least lookahead {self.lookahead}, neither negative, and"
                f" {MOST_LEAD:.0f} at most"
            )


@dataclass(slots=True)
class Counters:
    """What happened to a voice since it was made."""

    riffs: int = 0
    late: int = 0
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class Decoded:
    """A riff as the model gave it, and what it was made from."""

    riff: Riff
    recipe: Recipe
    settings: VoiceSettings


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


@dataclass(frozen=True, slots=True)
class Committed:
    """A riff that a voice plays, whole.

    Attributes:
        event: as others are told of it.
        notes: as the player gets them.
        settings: those that it was shaped by.
        decoded: what the model gave; None for a riff that is kept, or repeated for a late one.
    """

    event: RiffEvent
    notes: tuple[PlayNote, ...]
    settings: VoiceSettings
    decoded: Decoded | None = None


class Stage(Protocol):
    """What a voice needs of its session."""

    clock: TickClock
    engine: Engine
    timing: Timing
    seed: int
    ports: tuple[str, ...]
    sounds: Sounds
    incoming: "Incoming"
    prior: str
    memory: Memory

    def commit(self, riff: Committed) -> None:
        """Play it, if its voice is to be heard."""

    def failed(self, voice: str, error: LivevaeError | None) -> None:
        """The voice's model gives no riff, and its last one is repeated; None where there is no such error."""

    def context(self, voice: str, settings: VoiceSettings, start: int) -> tuple[Played, Played]:
        """What the voice's riff on a tick continues, and what others play beside it; () where its model hears none."""


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
    return Recipe(
        seed=settings.seed or derived_seed(session_seed, voice),
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


def shaped(riff: Riff, settings: VoiceSettings, meter: Meter = COMMON, start: int = 0) -> Riff:
    """The decoded riff as the voice's settings want it where it begins, in so many bars of the meter."""
    riff = meters.fitted(riff, meter, settings.bars)
    if settings.fill:
        crash, fill = settings.arc.turns(start) and start > 0, settings.arc.turns(start + riff.length)
        riff = fills.filled(riff, settings.fill if fill else 0.0, crash=crash, meter=meter)
    key = keys.parse(settings.key) if settings.key else None
    if key is not None:
        riff = keys.moved(riff, key)
    if settings.chords:

        def chord_of(bar: int) -> harmony.Chord | None:  # the arc may change it in the middle of a riff
            return harmony.chord_of(settings.at(bar * meter.bar).chords, bar)

        riff = harmony.fitted(riff, chord_of, settings.pull, start=start, meter=meter, key=key)
    riff = shape.folded(shape.transposed(riff, settings.transpose), settings.low, settings.high)
    return shape.gated(shape.dynamics(riff, settings.velocity), settings.gate)


def feel(settings: VoiceSettings, start: int, bpm: float, meter: Meter = COMMON) -> Feel:
    """How the voice plays a riff that begins at tick `start`, at a tempo: its milliseconds become ticks.

    Swing goes by the session's beats, so that voices swing together; off the grid, by the riff's own. In a bar that
    no whole pairs of steps fill, such as 7/8, they begin anew with each bar.
    """
    ticks_per_ms = bpm * TICKS_PER_BEAT / 60_000
    step = 4 * TICKS_PER_BEAT // settings.swing_at
    odd = meter.bar % (2 * step) != 0
    return Feel(
        swing=settings.swing,
        step=step,
        scatter=settings.humanise * ticks_per_ms,
        touch=settings.touch,
        shift=round(settings.shift * ticks_per_ms),
        origin=start - start % (meter.bar if odd else 2 * step) if settings.quantum else start,
        bar=meter.bar if odd else 0,
    )


def ahead(settings: VoiceSettings) -> float:
    """How early a note may come by the voice's feel, in seconds; its riffs are due that much earlier."""
    return (settings.humanise + max(0.0, -settings.shift)) / 1000


def placed(riff: Riff, tick: int, settings: VoiceSettings, voice: str, port: str) -> tuple[PlayNote, ...]:
    """The riff's notes with their first downbeat on `tick`; microtiming never reaches before tick 0."""
    return tuple(
        PlayNote(
            max(0, tick + note.start),
            note.length,
            port,
            settings.channel,
            note.pitch,
            note.velocity,
            voice,
        )
        for note in riff.notes
    )


def grid(settings: VoiceSettings) -> int:
    """The voice's quantum in ticks; 1 (every tick) for quantum 0."""
    return max(1, round(settings.quantum * TICKS_PER_BEAT))


EARLIEST = TICKS_PER_STEP // 2
"""Microtiming reaches half a step before its step, so a riff is due at the player that much earlier."""


async def play(
    name: str,
    start: int,
    settings: Callable[[], VoiceSettings],
    kept: Callable[[], Committed | None],
    walk: Walk,
    stage: Stage,
    counters: Counters,
) -> int:
    """Play riff after riff from tick `start`, until cancelled, or until the settings name another room's voice.

    Never late, never silent: a riff that is not ready when the player must have it is replaced by the last one, and
    serves the next turn. Only before the first riff there is nothing to repeat: then the voice begins on the first
    grid point after it is ready. After a stall of the whole server, turns that are past are left out. A riff that is
    kept takes every turn until it is released.

    So is one that the model cannot give, where there was one before it.

    Returns:
        The tick where the other room's voice is to be heard.
    """
    now = settings()
    stage.sounds.forget(now.port or stage.ports[0], now.channel)
    supply = Supply(name, walk, stage, counters)
    try:
        while True:
            await stage.clock.until(start, before=stage.timing.lead + ahead(settings()))
            now = settings().at(start)
            if now.source:
                return start
            meter = stage.clock.meter
            pinned = kept()
            turn = now.bars * meter.bar if pinned is None else pinned.event.length
            if (behind := stage.clock.tick() - start) > 0:
                missed = math.ceil(behind / turn)
                counters.late += missed
                start += missed * turn
                continue
            fresh: Decoded | None = None
            if pinned is None:
                fresh = await supply.fresh(now, start, meter)
                if fresh is None and supply.last is None:
                    await supply.coming()
                    start = next_grid(max(start, handed_over(stage, ahead(now))), grid(now))
                    continue
                if (pinned := kept()) is not None:  # it was kept while the next one was decoded
                    walk.spare = fresh
            if pinned is not None:
                done = again(pinned, start, now, stage)
            else:
                supply.last = decoded = fresh or supply.last
                assert decoded is not None  # noqa: S101  (without a last one the loop has gone on above)
                riff = shaped(decoded.riff, now, meter, start)
                late = fresh is None
                done = committed(riff, start, now, walk.index, name, stage, decoded, late=late)
            stage.commit(done)
            counters.riffs += 1
            start += done.event.length
    finally:
        supply.leave()


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
    stage: Stage
    counters: Counters
    last: Decoded | None = None
    asked: "Decoding | None" = None

    async def fresh(self, now: VoiceSettings, start: int, meter: Meter) -> Decoded | None:
        """The riff of the turn that begins at tick `start`; None if it is not there in time, and `last` plays again.

        One that is late is the next turn's.

        Raises:
            LivevaeError: the model gives none, and there is no last one.
        """
        spare, self.walk.spare = self.walk.spare, None
        if spare is not None and spare.settings == now:
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
        self.counters.late += 1
        self.counters.repeats += self.last is not None
        return None

    def _ask(self, now: VoiceSettings, start: int, meter: Meter) -> "Decoding":
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


async def play_once(
    name: str, at: float, settings: VoiceSettings, recipe_: Recipe, stage: Stage, counters: Counters
) -> None:
    """One riff on the first grid point at or after tick `at` for which it is ready."""
    decoded = Decoded(await stage.engine.submit(recipe_), recipe_, settings)
    earliest = handed_over(stage, ahead(settings))
    start = next_grid(at, grid(settings))
    late = start < earliest
    if late:
        counters.late += 1
        start = next_grid(earliest, grid(settings))
    if recipe_.call and recipe_.distance <= 0:  # the call itself: not moved, not folded
        riff = meters.fitted(decoded.riff, stage.clock.meter, settings.bars)
    else:
        riff = shaped(decoded.riff, settings, stage.clock.meter, start)
    await stage.clock.until(start - EARLIEST, before=stage.timing.lookahead + ahead(settings))
    seeded = replace(settings, seed=recipe_.seed)
    stage.commit(committed(riff, start, seeded, 0, name, stage, decoded, late=late, once=True))
    counters.riffs += 1


HANDOVER = 0.003
"""Seconds that notes need from the server to the player's agenda, with room to spare."""


def handed_over(stage: Stage, early: float = 0.0) -> float:
    """The first tick for which notes that leave now are in time; a grid point before it would be heard late.

    Args:
        stage: whose clock it is.
        early: seconds by which notes may come before their ticks.
    """
    return stage.clock.timeline.tick_at(stage.clock.now() + HANDOVER + early)


def committed(
    riff: Riff,
    start: int,
    settings: VoiceSettings,
    turn: int,
    voice: str,
    stage: Stage,
    decoded: Decoded,
    *,
    late: bool = False,
    once: bool = False,
) -> Committed:
    """A shaped riff at its place, its first downbeat on `start`, with the voice's feel."""
    port = settings.port or stage.ports[0]
    seed = settings.seed or derived_seed(stage.seed, voice)
    played = feel(settings, start, stage.clock.timeline.bpm, stage.clock.meter)
    notes = tuple(felt(placed(riff, start, settings, voice, port), played, seed, turn))
    event = RiffEvent(
        voice,
        start,
        riff.length,
        tuple(Note(note.tick - start, note.length, note.pitch, note.velocity) for note in notes),
        decoded.recipe,
        stage.clock.timeline.time_at(start),
        port,
        settings.channel,
        late=late,
        once=once,
    )
    return Committed(event, notes, settings, None if late and not once else decoded)


def again(kept: Committed, start: int, settings: VoiceSettings, stage: Stage) -> Committed:
    """A riff that was kept, at another place: the same notes, on the port and channel that the voice has now."""
    old = kept.event
    port = settings.port or stage.ports[0]
    riff = Riff(old.notes, old.length)
    notes = placed(riff, start, settings, old.voice, port)
    at = stage.clock.timeline.time_at(start)
    event = replace(
        old, start=start, at=at, port=port, channel=settings.channel, late=False, once=False, pinned=True
    )
    return Committed(event, notes, settings)


@dataclass(frozen=True, slots=True)
class Decoding:
    """A riff that was asked for."""

    recipe: Recipe
    settings: VoiceSettings
    coming: "asyncio.Future[Riff]"


async def ready(asked: Decoding, start: int, before: float, stage: Stage) -> Decoded | None:
    """The riff, or None when it is not there `before` seconds before its first note."""
    if not asked.coming.done():
        alarm = stage.clock.until(start - EARLIEST, before=before)
        deadline: asyncio.Future[None] = asyncio.ensure_future(alarm)
        try:
            await asyncio.wait((asked.coming, deadline), return_when=asyncio.FIRST_COMPLETED)
        finally:
            deadline.cancel()
    return Decoded(asked.coming.result(), asked.recipe, asked.settings) if asked.coming.done() else None
