"""A voice: one coroutine that walks from tick to riff to player, once a riff.

Between its awaits there are only pure functions; it awaits time and the model (`supply`), nothing else.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from livevae.latent.recipe import Recipe
from livevae.music import cadence, fills, harmony, keys, meter as meters, pace, shape, turns
from livevae.music.meter import COMMON, Meter
from livevae.music.notes import TICKS_PER_BEAT, Note, Riff
from livevae.perform.events import RiffEvent
from livevae.perform.settings import VoiceSettings
from livevae.perform.sounds import Sounds
from livevae.perform.supply import Counters, Decoded, ModelStage, Supply, Walk, derived_seed
from livevae.perform.timing import EARLIEST, ahead, handed_over
from livevae.tempo.events import PlayNote
from livevae.tempo.feel import Feel, felt
from livevae.tempo.timeline import next_grid

if TYPE_CHECKING:
    from livevae.perform.incoming import Incoming


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


class Stage(ModelStage, Protocol):
    """What a voice needs of its session."""

    ports: tuple[str, ...]
    sounds: Sounds
    incoming: "Incoming"

    def commit(self, riff: Committed) -> None:
        """Play it, if its voice is to be heard."""


def shaped(
    riff: Riff,
    settings: VoiceSettings,
    meter: Meter = COMMON,
    start: int = 0,
    session_seed: int = 0,
    before: int | None = None,
) -> Riff:
    """The decoded riff as the voice's settings want it where it begins, in so many bars of the meter.

    Args:
        riff: as the model gave it.
        settings: as they are at tick `start`.
        meter: how long bars and beats are.
        start: where it begins.
        session_seed: what chooses among alternatives.
        before: the pitch that led out of the voice's riff before it, if one did.
    """
    riff = meters.fitted(riff, meter, settings.bars)
    seed, end = settings.seed or session_seed, start + riff.length
    if settings.fill:
        crash, fill = settings.arc.turns(start) and start > 0, settings.arc.turns(end)
        kind = fills.KINDS[turns.pick(len(fills.KINDS), end // max(settings.arc.leg, riff.length), str(seed))]
        riff = fills.filled(riff, settings.fill if fill else 0.0, crash=crash, meter=meter, kind=kind)
    if settings.notes_least or settings.notes_most:
        riff = pace.paced(riff, settings.notes_least, settings.notes_most, meter)
    key = keys.parse(settings.key) if settings.key else None
    if key is not None:
        riff = keys.moved(riff, key)

    def chord_of(bar: int) -> harmony.Chord | None:  # the arc may change it in the middle of a riff
        return settings.chord_of(bar, meter, session_seed)

    if settings.chords:
        riff = harmony.fitted(riff, chord_of, settings.pull, start=start, meter=meter, key=key)
    riff = shape.folded(shape.transposed(riff, settings.transpose), settings.low, settings.high)
    if settings.cadence >= cadence.LEADS:
        riff = _cadenced(riff, settings, meter, start, chord_of, key, before)
    if settings.accent:
        riff = pace.accented(riff, settings.accent, meter)
    return shape.gated(shape.dynamics(riff, settings.velocity), settings.gate)


def _cadenced(
    riff: Riff,
    settings: VoiceSettings,
    meter: Meter,
    start: int,
    chord_of: Callable[[int], harmony.Chord | None],
    key: keys.Key | None,
    before: int | None,
) -> Riff:
    """The riff with the cadences that its voice's settings ask for, at the pitches that are played."""
    up = settings.transpose
    ways = cadence.Harmony(
        lambda bar: chord.moved(up) if (chord := chord_of(bar)) is not None else None,
        None if key is None else key.moved(up),
        meter,
        start,
        settings.low,
        settings.high,
        bass=settings.pull >= harmony.ALL,
    )

    def ends(bar: int) -> bool:
        tick = (bar + 1) * meter.bar
        return settings.arc.turns(tick) if settings.arc.values else tick == start + riff.length

    riff = cadence.led(cadence.resolved(riff, ways, before), ways)
    return cadence.rested(riff, ways, ends) if settings.cadence >= cadence.RESTS else riff


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
    kept takes every turn until it is released. One that the model cannot give is replaced as a late one is.

    Returns:
        The tick where the other room's voice is to be heard.
    """
    now = settings()
    stage.sounds.forget(now.port or stage.ports[0], now.channel)
    supply = Supply(name, walk, stage, counters)
    before: int | None = None
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
                    soonest = next_grid(max(start, handed_over(stage.clock, ahead(now))), grid(now))
                    counters.late += soonest > start
                    start = soonest
                    continue
                if (pinned := kept()) is not None:  # it was kept while the next one was decoded
                    walk.spare = fresh
            if pinned is not None:
                done = again(pinned, start, now, stage)
            else:
                supply.last = decoded = fresh or supply.last
                assert decoded is not None  # noqa: S101  (without a last one the loop has gone on above)
                riff = shaped(decoded.riff, now, meter, start, stage.seed, before)
                late = fresh is None
                done = committed(riff, start, now, walk.index, name, stage, decoded, late=late)
            stage.commit(done)
            counters.riffs += 1
            before = cadence.last_pitch(done.event.notes, done.event.length, meter)
            start += done.event.length
    finally:
        supply.leave()


async def play_once(
    name: str, at: float, settings: VoiceSettings, recipe_: Recipe, stage: Stage, counters: Counters
) -> None:
    """One riff on the first grid point at or after tick `at` for which it is ready."""
    decoded = Decoded(await stage.engine.submit(recipe_), recipe_, settings)
    earliest = handed_over(stage.clock, ahead(settings))
    start = next_grid(at, grid(settings))
    late = start < earliest
    if late:
        counters.late += 1
        start = next_grid(earliest, grid(settings))
    if recipe_.call and recipe_.distance <= 0:  # the call itself: not moved, not folded
        riff = meters.fitted(decoded.riff, stage.clock.meter, settings.bars)
    else:
        riff = shaped(decoded.riff, settings, stage.clock.meter, start, stage.seed)
    await stage.clock.until(start - EARLIEST, before=stage.timing.lookahead + ahead(settings))
    seeded = replace(settings, seed=recipe_.seed)
    stage.commit(committed(riff, start, seeded, 0, name, stage, decoded, late=late, once=True))
    counters.riffs += 1


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
