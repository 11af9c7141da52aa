"""The cast: the voices of a session, those that play and those that wait. Each is one coroutine, see `voice`.

One class, as voices start, mute and end by the same table; what they play is made elsewhere.
"""

import asyncio
import difflib
import logging
from collections.abc import Callable, Container, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from livevae.errors import LivevaeError, RequestError
from livevae.latent.recipe import Recipe
from livevae.music.notes import Riff
from livevae.perform import voice as voices
from livevae.perform.clock import SLACK, TickClock
from livevae.perform.engine import Engine
from livevae.perform.events import RiffEvent
from livevae.perform.hub import Hub
from livevae.perform.incoming import Incoming, play_from
from livevae.perform.memory import MIDI, SELF, Memory, Played
from livevae.perform.protocols import Player
from livevae.perform.scene import MOST_VOICES
from livevae.perform.settings import LATENT, VoiceSettings
from livevae.perform.sounds import Sounds
from livevae.perform.supply import Counters, Walk
from livevae.perform.timing import HANDOVER, Timing, handed_over
from livevae.perform.voice import Committed
from livevae.tempo.timeline import next_grid

logger = logging.getLogger(__name__)

MOST_ONE_SHOTS = 256
"""Samples that may wait at once; beyond it the oldest would sound when nobody remembers asking."""


@dataclass(slots=True)
class Voice:
    """What the cast keeps of a voice.

    Attributes:
        pin: the riff that is kept, and takes every turn until it is released.
        muted: it walks on without being heard.
        solo: only voices that are so are heard.
        commits: riffs that the player was given, or would have been but for a mute, and that are not over.
    """

    name: str
    settings: VoiceSettings
    counters: Counters = field(default_factory=Counters)
    walk: Walk = field(default_factory=Walk)
    task: asyncio.Task[None] | None = None
    shots: set[asyncio.Task[None]] = field(default_factory=set)
    fault: str = ""
    only_shots: bool = False
    pin: Committed | None = None
    muted: bool = False
    solo: bool = False
    commits: list[Committed] = field(default_factory=list)

    @property
    def playing(self) -> bool:
        """Whether its coroutine runs."""
        return self.task is not None and not self.task.done()


class Cast:
    """Voices by name; also the stage that their coroutines play on. Lives on one loop; not thread-safe.

    Args:
        player: where notes go.
        engine: where riffs come from.
        clock: waits for ticks.
        timing: lead and lookahead.
        seed: the night's random numbers.
        ports: names of the MIDI ports; the first is where voices play that name none.
        hub: told each riff.
        prior: what riffs are drawn from, where a voice does not say (see `Recipe`).
        strict: keep the faults of voices, for whoever closes the session.

    Attributes:
        incoming: riffs of other rooms.
        faults: what voices stumbled over, where `strict`.
        memory: what voices played last.
        takes: the parts of a recipe that have an effect on a model, by its name.
        played: what came in over MIDI before a tick.
    """

    def __init__(
        self,
        player: Player,
        engine: Engine,
        clock: TickClock,
        timing: Timing,
        *,
        seed: int,
        ports: Sequence[str],
        hub: Hub,
        prior: str,
        strict: bool,
    ) -> None:
        self.player = player
        self.engine = engine
        self.clock = clock
        self.timing = timing
        self.seed = seed
        self.ports = tuple(ports)
        self.sounds = Sounds()
        self.incoming = Incoming()
        self.prior = prior
        self.memory = Memory()
        self.takes: Callable[[str], Container[str]] = lambda _: LATENT
        self.played: Callable[[int], Played] = lambda _: ()
        self.faults: list[BaseException] = []
        self._hub = hub
        self._strict = strict
        self._voices: dict[str, Voice] = {}
        self._leaving: dict[
            str, int
        ] = {}  # who was taken away, and the tick until which it may still be heard

    def __iter__(self) -> Iterator[Voice]:
        return iter(list(self._voices.values()))

    def __contains__(self, name: str) -> bool:
        return name in self._voices

    def __getitem__(self, name: str) -> Voice:
        """A voice by name.

        Raises:
            RequestError: there is none of that name; says which was probably meant, or which there are.
        """
        voice = self._voices.get(name)
        if voice is None:
            raise RequestError(self.unknown(name))
        return voice

    def unknown(self, name: str) -> str:
        """The sentence for a voice that is not there."""
        near = difflib.get_close_matches(name[:40], self._voices, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(self._voices) or 'none yet'}"
        return f"there is no voice {name[:40]!r}; {hint}"

    def get(self, name: str) -> Voice | None:
        """A voice by name, or None."""
        return self._voices.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Every voice's name, in the order of their making."""
        return tuple(self._voices)

    @property
    def players(self) -> list[Voice]:
        """The voices that play on their own; not those that only samples made."""
        return [voice for voice in self if not voice.only_shots]

    def change(self, name: str, settings: VoiceSettings, *, only_shots: bool = False) -> Voice:
        """Give a voice its settings, heard from its next riff on; a new name is a new voice."""
        voice = self._voices.get(name)
        if voice is None:
            voice = self._voices[name] = Voice(name, settings)
        voice.settings, voice.only_shots = settings, only_shots
        return voice

    def check_room(self, name: str) -> None:
        """Whether there can be a voice of that name.

        Raises:
            RequestError: it would be one too many.
        """
        if name not in self and len(self._voices) >= MOST_VOICES:
            raise RequestError(f"{MOST_VOICES} voices are the most; {name} would be one more")

    def begin(self, voice: Voice, tick: float) -> int:
        """Start a voice's coroutine, unless it plays already; gives the tick on which it is heard."""
        start = self.first(tick, voice.settings)
        if not voice.playing:
            voice.fault = ""
            # a seed that was chosen plays the same music again; else the walk goes on
            if voice.settings.seed:
                voice.walk = Walk()
            self._walk(voice, start)
        return start

    def _walk(self, voice: Voice, start: int) -> None:
        voice.task = self._start(voice, self._play(voice, start))

    async def _play(self, voice: Voice, start: int) -> None:
        """Play riffs of our own, or of another room, as the voice's settings say by then."""
        while True:
            if voice.settings.source:
                start = await play_from(
                    voice.name, start, lambda: voice.settings, self, voice.counters, lambda: self._hush(voice)
                )
            else:
                start = await voices.play(
                    voice.name,
                    start,
                    lambda: voice.settings,
                    lambda: voice.pin,
                    voice.walk,
                    self,
                    voice.counters,
                )

    def _hush(self, voice: Voice) -> None:
        """Drop what waits and sounds of a voice that goes on."""
        voice.commits = []
        self.player.cancel(voice.name)

    # riffs

    def commit(self, riff: Committed) -> None:
        """Play it, if its voice is to be heard; tell of it."""
        voice = self._voices.get(riff.event.voice)
        if voice is None:  # it was taken away a moment ago
            return
        now = self.clock.tick()
        if not (audible := self.audible(voice)):
            riff = replace(riff, event=replace(riff.event, muted=True))
        voice.commits = [*(other for other in voice.commits if other.event.end > now), riff]
        event, decoded = riff.event, riff.decoded
        self.memory.add(
            event.voice,
            event.start,
            decoded.riff if decoded is not None else None,
            Riff(event.notes if audible else (), event.length),
            riff.settings.bars * self.clock.meter.model_bars,
        )
        if audible:
            self._sound(riff)
            self.player.play(riff.notes)
        if self._hub.wants(RiffEvent):
            self._hub.tell(riff.event)

    def _sound(self, riff: Committed) -> None:
        """Tell the riff's channel of its sound, where that has changed."""
        event = riff.event
        first = min([event.start, *(note.tick for note in riff.notes)])
        for data in self.sounds.news(riff.settings, event.port):
            self.player.send(first, event.port, data, event.voice)

    @property
    def standing(self) -> list[RiffEvent]:
        """The riffs that sound and those that wait, of all voices."""
        now = self.clock.tick()
        return [riff.event for voice in self for riff in voice.commits if riff.event.end > now]

    def sounding(self, voice: Voice, tick: float | None = None) -> Committed | None:
        """The riff of the voice's own that sounds at a tick (None: now), or the last one before it, if any."""
        now = self.clock.tick() if tick is None else tick
        begun = [riff for riff in voice.commits if riff.event.start <= now and not riff.event.once]
        return begun[-1] if begun else None

    def keep(self, voice: Voice) -> Committed:
        """Let the riff that sounds take every turn of its voice until it is released; gives that riff.

        Raises:
            RequestError: nothing of the voice's own sounds.
        """
        riff = self.sounding(voice)
        if riff is None or riff.event.end <= self.clock.tick() or not voice.playing:
            raise RequestError(f"{voice.name} plays nothing now that could be kept; /livevae/play starts it")
        if not riff.event.notes:
            raise RequestError(f"{voice.name} rests now: there is no note to keep")
        self.pin(voice, riff)
        return riff

    def pin(self, voice: Voice, riff: Committed) -> int:
        """Let a riff take every turn of a voice from its next one on, even if that was handed over already.

        Gives the tick from which on it does.
        """
        voice.pin = riff
        now = self.clock.tick()
        mine = [other for other in voice.commits if not other.event.once]
        coming = [other for other in mine if other.event.start > now]
        if not voice.playing or not coming:
            return max((other.event.end for other in mine), default=round(now))
        following = coming[0]
        first = min((note.tick for note in following.notes), default=following.event.start)
        if first <= handed_over(self.clock):
            return following.event.end  # too late to take it back
        if following.decoded is not None:
            voice.walk.spare = following.decoded
        self._take_back(voice, following, first)
        if voice.task is not None:
            voice.task.cancel()
        self._walk(voice, following.event.start)
        return following.event.start

    def _take_back(self, voice: Voice, riff: Committed, first: int) -> None:
        """Drop a riff that has not begun; what else the voice plays from then on is handed over again."""
        voice.commits = [other for other in voice.commits if other is not riff]
        self.player.cancel(voice.name, first)
        self.sounds.forget(riff.event.port, riff.event.channel)
        if self.audible(voice):
            self.player.play([note for other in voice.commits for note in other.notes if note.tick >= first])

    # mute and solo

    def audible(self, voice: Voice) -> bool:
        """Whether a voice is heard."""
        return not voice.muted and (voice.solo or not any(other.solo for other in self._voices.values()))

    def fade(self, voice: Voice, *, muted: bool | None = None, solo: bool | None = None) -> None:
        """Mute or solo a voice: what may not be heard any longer stops at once, what may goes on where it is."""
        before = {other.name: self.audible(other) for other in self}
        if muted is not None:
            voice.muted = muted
        if solo is not None:
            voice.solo = solo
        for other in self:
            if before[other.name] and not self.audible(other):
                self.player.cancel(other.name)
                self.sounds.forget(other.settings.port or self.ports[0], other.settings.channel)
            elif not before[other.name] and self.audible(other):
                soonest = handed_over(self.clock)
                for riff in other.commits:
                    self._sound(riff)
                self.player.play(
                    [note for riff in other.commits for note in riff.notes if note.tick >= soonest]
                )

    def shoot(self, voice: Voice, start: int, settings: VoiceSettings, recipe: Recipe) -> None:
        """Play one riff, once, in the voice's name.

        Raises:
            RequestError: too many wait already.
        """
        if sum(len(other.shots) for other in self) >= MOST_ONE_SHOTS:
            raise RequestError(
                f"{MOST_ONE_SHOTS} samples already wait for their beat; stop some, or send fewer"
            )
        shot = self._start(voice, voices.play_once(voice.name, start, settings, recipe, self, voice.counters))
        voice.shots.add(shot)
        shot.add_done_callback(voice.shots.discard)

    def end(self, voice: Voice, tick: int | None = None) -> None:
        """Stop a voice: at once, with what sounds; or from `tick` on, and what sounds rings out."""
        for task in (voice.task, *voice.shots):
            if task is not None:
                task.cancel()
        voice.task = None
        voice.walk.spare = None
        voice.commits = [] if tick is None else [_cut(riff, tick) for riff in voice.commits]
        self.player.cancel(voice.name, tick)

    def failed(self, voice: str, error: LivevaeError | None) -> None:
        """Show that a voice repeats its last riff, as its model fails; see `ModelStage`."""
        one, why = self._voices.get(voice), "" if error is None else str(error)
        if one is None or one.fault == why:
            return
        one.fault = why
        if error is not None:
            if self._strict:
                self.faults.append(error)
            self._hub.log("voice", f"{voice} repeats its last riff: {why}", "error")
            logger.error("voice %s repeats its last riff: %s", voice, why)

    def context(self, voice: str, settings: VoiceSettings, start: int) -> tuple[Played, Played]:
        """What a voice's riff on a tick continues, and what others play beside it; see `ModelStage`."""
        takes, meter = self.takes(settings.model), self.clock.meter
        beside = (
            self.memory.beside(voice, start, settings.bars * meter.bar, meter) if "beside" in takes else ()
        )
        if "context" not in takes:
            return (), beside
        if settings.follow == SELF:
            return self.memory.own(voice), beside
        if settings.follow == MIDI:
            return self.played(start), beside
        return self.memory.before(settings.follow, start, meter), beside

    def remove(self, voice: Voice, tick: int | None = None) -> None:
        """Stop a voice, at once or from `tick` on, and forget it."""
        self.end(voice, tick)
        self._voices.pop(voice.name, None)
        now = self.clock.tick()
        self._leaving = {name: until for name, until in self._leaving.items() if until > now}
        if tick is not None:
            self._leaving[voice.name] = tick

    def end_leaving(self, tick: int | None = None) -> None:
        """Stop what is still heard of voices that were taken away: at once, or from `tick` on."""
        for name in self._leaving:
            if name not in self._voices:
                self.player.cancel(name, tick)

    async def close(self) -> None:
        """Stop all voices, and wait until they have."""
        tasks = [task for voice in self for task in (voice.task, *voice.shots) if task is not None]
        for voice in self:
            self.end(voice)
        await asyncio.gather(*tasks, return_exceptions=True)

    def first(self, tick: float, settings: VoiceSettings) -> int:
        """The first grid point from tick 0 on that is at or after `tick`, and for which a riff can be ready.

        A tick that is a hair past a grid point means that point: clocks of two programs never quite agree.
        """
        grid = voices.grid(settings)
        slack = SLACK / self.clock.timeline.seconds_per_tick if grid > 1 else 0.0
        return next_grid(max(0.0, tick - slack, self._soonest()), grid)

    def _soonest(self) -> float:
        """The first tick for which a riff that is asked for now can be ready."""
        expected = self.engine.expected
        margin = expected * 1.5 + HANDOVER * 2 if expected else 0.0
        return self.clock.timeline.tick_at(self.clock.now() + margin)

    def _start(self, voice: Voice, line: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(line, name=f"voice {voice.name}")
        task.add_done_callback(lambda done: self._ended(voice, done))
        return task

    def _ended(self, voice: Voice, task: asyncio.Task[None]) -> None:
        """A fault stays in its voice: logged, silenced, shown; the show goes on."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        voice.fault = str(error) or type(error).__name__
        if self._strict:
            self.faults.append(error)
        self.player.cancel(voice.name)
        known = isinstance(error, LivevaeError)
        self._hub.log("voice", f"{voice.name} stopped: {voice.fault}", "error")
        logger.error("voice %s stopped: %s", voice.name, voice.fault, exc_info=None if known else error)


def _cut(riff: Committed, tick: int) -> Committed:
    """The riff without what begins at or after a tick."""
    return replace(riff, notes=tuple(note for note in riff.notes if note.tick < tick))
