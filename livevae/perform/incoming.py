"""Voices of other rooms: riffs that come from elsewhere before they sound, played here in time.

Laws: what comes too late for its place is not played; then the last riff is repeated, while its room goes on playing;
nothing here waits for the network without a moment at which it goes on by itself.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from livevae.latent.recipe import Recipe
from livevae.music import shape
from livevae.music.notes import Note, Riff
from livevae.perform.events import RiffEvent
from livevae.perform.settings import VoiceSettings
from livevae.perform.supply import Counters
from livevae.perform.timing import EARLIEST, ahead, handed_over
from livevae.perform.voice import Committed, Stage, placed

KEPT = 8
"""Riffs of one source that wait; a room is at most two ahead."""

MOST_SOURCES = 256


@dataclass(frozen=True, slots=True)
class Ahead:
    """A riff from elsewhere.

    Attributes:
        tick: where its first downbeat is, in our ticks.
        riff: its notes as they were played there, feel included.
        recipe: what it was made from.
    """

    tick: int
    riff: Riff
    recipe: Recipe


class Incoming:
    """Riffs of other rooms, by source. Lives on the session's loop; not thread-safe.

    Attributes:
        open: whether there is an ensemble at all.
        room: what this server is called in it.
    """

    def __init__(self) -> None:
        self.open = False
        self.room = ""
        self._riffs: dict[str, list[Ahead]] = {}
        self._stopped: set[str] = set()
        self._waiters: dict[str, dict[asyncio.Future[None], None]] = {}

    def put(self, source: str, ahead: Ahead) -> None:
        """A riff of a source came; only those that a voice waits for are kept."""
        if source in self._riffs:
            riffs = [one for one in self._riffs[source] if one.tick != ahead.tick]
            self._riffs[source] = sorted([*riffs, ahead], key=lambda one: one.tick)[-KEPT:]
            self._stopped.discard(source)
            self._wake(source)

    def playing(self, source: str, playing: bool) -> None:
        """Whether the source plays there, as its room says."""
        if playing:
            self._stopped.discard(source)
        elif len(self._stopped) < MOST_SOURCES:
            self._stopped.add(source)
            self._riffs.pop(source, None)
        self._wake(source)

    def stopped(self, source: str) -> bool:
        """Whether the source's room said that it does not play."""
        return source in self._stopped

    def first(self, source: str, after: float, soonest: float) -> Ahead | None:
        """The first riff after the tick `after` that can still be played, at `soonest` or later."""
        riffs = self._riffs.setdefault(source, [])
        return next((one for one in riffs if one.tick > after and one.tick >= soonest), None)

    async def news(self, source: str) -> None:
        """Wait until something of the source is new."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(source, {})[waiter] = None
        try:
            await waiter
        finally:
            self._waiters[source].pop(waiter, None)

    def _wake(self, source: str) -> None:
        for waiter in tuple(self._waiters.get(source, ())):
            if not waiter.done():
                waiter.set_result(None)


async def play_from(
    name: str,
    start: int,
    settings: Callable[[], VoiceSettings],
    stage: Stage,
    counters: Counters,
    hush: Callable[[], None],
) -> int:
    """Play the riffs of the source that the voice's settings name, until they name none or another.

    Args:
        name: the voice's.
        start: the tick from which on it should be heard.
        settings: those of now.
        stage: its session.
        counters: what happened to it.
        hush: drops what waits and sounds of the voice.

    Returns:
        The tick from which on the voice goes on otherwise.
    """
    source = settings().source
    incoming = stage.incoming
    last: Ahead | None = None
    reached = float(start - 1)
    while (now := settings()).source == source:
        early = ahead(now)
        coming = incoming.first(source, reached, handed_over(stage.clock, early))
        if coming is None and incoming.stopped(source):
            if last is not None:
                hush()
                last = None
            await incoming.news(source)
            continue
        if coming is None:
            if await _news(source, None if last is None else start, early, stage):
                continue
            if last is None:
                continue
            counters.late += 1
            counters.repeats += 1
            coming = replace(last, tick=start)
        late = last is not None and coming.riff is last.riff
        stage.commit(_committed(coming, now, name, stage, late=late))
        counters.riffs += 1
        last, reached, start = coming, coming.tick, coming.tick + coming.riff.length
    return start


async def _news(source: str, start: int | None, early: float, stage: Stage) -> bool:
    """Wait for news of a source, until the last moment for the tick `start`; gives whether there are any."""
    if start is None:
        await stage.incoming.news(source)
        return True
    coming = asyncio.ensure_future(stage.incoming.news(source))
    alarm = stage.clock.until(start - EARLIEST, before=stage.timing.lookahead + early)
    due: asyncio.Future[None] = asyncio.ensure_future(alarm)
    try:
        await asyncio.wait((coming, due), return_when=asyncio.FIRST_COMPLETED)
        return coming.done()
    finally:
        coming.cancel()
        due.cancel()


def _committed(ahead: Ahead, settings: VoiceSettings, name: str, stage: Stage, *, late: bool) -> Committed:
    """The riff as our voice plays it: transposed, in its register, on its port and channel."""
    riff = shape.folded(shape.transposed(ahead.riff, settings.transpose), settings.low, settings.high)
    port = settings.port or stage.ports[0]
    notes = placed(riff, ahead.tick, settings, name, port)
    event = RiffEvent(
        name,
        ahead.tick,
        riff.length,
        tuple(Note(n.tick - ahead.tick, n.length, n.pitch, n.velocity) for n in notes),
        ahead.recipe,
        stage.clock.timeline.time_at(ahead.tick),
        port,
        settings.channel,
        late=late,
    )
    return Committed(event, notes, settings)
