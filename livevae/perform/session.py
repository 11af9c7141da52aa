"""The session: the one home of the settings. Requests come in at `do`; voices read when their next riff is due."""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from livevae import __version__
from livevae.errors import LivevaeError, RequestError
from livevae.music.notes import TICKS_PER_BEAT, Riff
from livevae.perform import blend
from livevae.perform import requests as ask
from livevae.perform import voice as voices
from livevae.perform.clock import TickClock
from livevae.perform.conductor import OURS, Conductor
from livevae.perform.controls import Controls
from livevae.perform.engine import DecodeTimes, Engine
from livevae.perform.personas import Book, Desk
from livevae.perform.protocols import Player
from livevae.perform.recording import Recording
from livevae.perform.requests import Reply, Request
from livevae.perform.scene import VOICE_NAME, Scene, bad_name
from livevae.perform.settings import VoiceSettings
from livevae.perform.voice import Counters, Timing
from livevae.tempo.timeline import TempoError, Timeline, next_grid

logger = logging.getLogger(__name__)

ONE_SHOT = "sample"
"""The voice of a `/livevae/sample` that names none."""

SLACK = 0.005
"""Seconds by which a timetag may miss the grid point that it means; clocks of two programs differ by less."""

MOST_VOICES = 64
"""More voices than this are a typing error or a flood."""

MOST_ONE_SHOTS = 256
"""Samples that may wait at once; beyond it the oldest would sound when nobody remembers asking."""


@dataclass(frozen=True, slots=True)
class VoiceView:
    """One voice in a snapshot."""

    name: str
    playing: bool
    settings: VoiceSettings
    riffs: int
    late: int
    repeats: int
    fault: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen picture of the session, for the terminal, MQTT and replies."""

    title: str
    bpm: float
    beat: float
    voices: tuple[VoiceView, ...]
    decode: DecodeTimes
    requests: int
    errors: int
    training: tuple[tuple[str, float], ...] = ()
    """Personas that are being trained, and how far they are, from 0 to 1."""


@dataclass(slots=True)
class Voice:
    """What the session keeps of a voice."""

    settings: VoiceSettings
    counters: Counters = field(default_factory=Counters)
    walk: voices.Walk = field(default_factory=voices.Walk)
    task: asyncio.Task[None] | None = None
    shots: set[asyncio.Task[None]] = field(default_factory=set)
    fault: str = ""
    only_shots: bool = False

    @property
    def playing(self) -> bool:
        """Whether its coroutine runs."""
        return self.task is not None and not self.task.done()


class Session:
    """Settings of all voices, and the voices that play. Lives on one event loop; not thread-safe.

    Args:
        player: where notes go.
        engine: where riffs come from.
        timing: lead and lookahead.
        seed: the night's random numbers; the same seed and the same requests give the same music.
        scenes: finds a scene by name (raises LivevaeError).
        has_model: whether a model of that name can be loaded; asked before a setting names it.
        ports: names of the MIDI ports; the first is where voices play that name none.
        clocks: clocks that can be followed, each with the reason why not here; empty where it can.
        personas: the personas that voices can blend; None where there are none.
        strict: faults of voices are raised again when the session closes (tests), not only logged.

    Attributes:
        controls: what MIDI that comes in does.
        conductor: tempo, and whose clock we go by.
    """

    def __init__(
        self,
        player: Player,
        engine: Engine,
        *,
        timing: Timing | None = None,
        seed: int = 0,
        scenes: Callable[[str], Scene] | None = None,
        has_model: Callable[[str], bool] = lambda name: name == "",
        ports: Sequence[str] = ("main",),
        clocks: Mapping[str, str] = OURS,
        personas: Book | None = None,
        strict: bool = False,
    ) -> None:
        self.player = player
        self.engine = engine
        self.clock = TickClock(player.timeline)
        self.timing = timing or Timing()
        self.seed = seed
        self._scenes = scenes
        self._has_model = has_model
        self.ports = tuple(ports)
        self.recording = Recording()
        self._desk: Desk | None = None
        if personas is not None:
            self._desk = Desk(personas, self.clock, self.timing, self._blending, self._takes)
        self._strict = strict
        self._voices: dict[str, Voice] = {}
        self.conductor = Conductor(player, self.clock, clocks, self._at)
        self.controls = Controls(self.do, self.clock, self._voices.keys)
        self.controls.listeners.append(self.recording.heard)
        self._title = ""
        self._shots = 0
        self._requests = 0
        self._errors = 0
        self._later: set[asyncio.TimerHandle] = set()
        self.faults: list[BaseException] = []

    def timeline_changed(self, timeline: Timeline) -> None:
        """The player has a new timeline; whoever waits looks at it."""
        self.clock.replace(timeline)

    # Requests

    def do(self, request: Request) -> Reply:
        """Answer a request at once; what it changes is heard from the next riff on.

        A request that cannot be done is answered with `ok` False and a sentence, and changes nothing.
        """
        self._requests += 1
        try:
            return self._do(request)
        except (LivevaeError, TempoError) as error:
            self._errors += 1
            return Reply(ok=False, text=str(error))

    def _do(self, request: Request) -> Reply:
        match request:
            case ask.Ping():
                return Reply(
                    pairs=(("version", __version__), ("bpm", self.clock.timeline.bpm)), beat=self.beat
                )
            case ask.Status():
                return Reply(pairs=self._status(), beat=self.beat)
            case ask.Play():
                return self._play(request)
            case ask.Stop():
                return self._stop(request)
            case ask.Sample():
                return self._sample(request)
            case ask.Set():
                return self._set(request)
            case ask.Tempo() | ask.Nudge() | ask.Tap() | ask.Clock():
                return self.conductor.do(request)
            case ask.Map():
                return self.controls.map(request)
            case ask.Learn():
                return self.controls.learn(request)
            case ask.Panic():
                self.panic()
                return Reply(beat=self.beat)
            case ask.LoadScene():
                return self._scene(request)
            case ask.Blend():
                return self._blend(request)
            case ask.Call():
                return self._call(request)
            case ask.Latent():
                return self._latent(request)
            case ask.PersonaRecord():
                return self.recording.do(request, self._tick(request.at), self.beat)
            case (
                ask.PersonaTrain()
                | ask.PersonaSave()
                | ask.PersonaLoad()
                | ask.PersonaList()
                | ask.PersonaRemove()
                | ask.PersonaUndo()
            ):
                return self.desk.do(request)
            case _:
                raise RequestError(f"{type(request).__name__} is not a request that a session knows")

    def _play(self, request: ask.Play) -> Reply:
        names = (
            [request.voice] if request.voice else [n for n, one in self._voices.items() if not one.only_shots]
        )
        if not names:
            raise RequestError("there is no voice to play; load a scene, or make one with /livevae/set")
        for name in names:
            self._voice(name)
        first = min(self._begin(name, request.at) for name in names)
        if not request.voice:
            self.player.set_playing(True)
        return Reply(pairs=(("playing", len(names)),), beat=first / TICKS_PER_BEAT)

    def _stop(self, request: ask.Stop) -> Reply:
        names = [request.voice] if request.voice else list(self._voices)
        stopping = [(name, self._voice(name)) for name in names]
        tick = self.clock.future_tick(request.at)
        if not request.voice:
            self._at(request.at, self.player.set_playing, False)
        for name, one in stopping:
            if tick is None:
                self._end(name, one)
            else:
                self._when(request.at, self._end, name, one, tick)
        beat = self.beat if tick is None else tick / TICKS_PER_BEAT
        return Reply(pairs=(("stopped", len(names)),), beat=beat)

    def _call(self, request: ask.Call) -> Reply:
        heard = self.recording.last(self._tick(request.at), request.bars)
        if not heard:
            raise RequestError(
                f"nothing was played in the last {request.bars} bars that could be answered (see --midi-in)"
            )
        reply = self._sample(
            ask.Sample(request.voice, {"bars": request.bars}, at=request.at), heard, request.distance
        )
        return replace(reply, pairs=(*reply.pairs, ("notes", len(heard))))

    def _sample(
        self, request: ask.Sample, call: tuple[tuple[int, int, int, int], ...] = (), distance: float = 1.0
    ) -> Reply:
        if request.voice:
            base = self._voice(request.voice)
            name, settings = request.voice, base.settings
        else:
            name, settings = ONE_SHOT, VoiceSettings(quantum=1.0)
            base = self._voices.get(name) or Voice(settings, only_shots=True)
        settings = self._changed(settings, request.settings)
        if sum(len(one.shots) for one in self._voices.values()) >= MOST_ONE_SHOTS:
            raise RequestError(
                f"{MOST_ONE_SHOTS} samples already wait for their beat; stop some, or send fewer"
            )
        self._voices.setdefault(name, base)
        self._shots += 1
        # a voice's own seed would make every sample of it the same riff; only a seed that was asked for does
        seeded = settings if "seed" in request.settings else replace(settings, seed=0)
        at = self._tick(request.at)
        start = self._first(at, settings)
        called = f"{name}#{self._shots}"
        recipe = voices.recipe(seeded, voice=called, index=0, session_seed=self.seed, tick=start)
        recipe = replace(recipe, call=call, distance=distance)
        shot = self._start(name, base, voices.play_once(name, start, settings, recipe, self, base.counters))
        base.shots.add(shot)
        shot.add_done_callback(base.shots.discard)
        return Reply(pairs=(("voice", name), ("seed", _shown(recipe.seed))), beat=start / TICKS_PER_BEAT)

    def _set(self, request: ask.Set) -> Reply:
        if not VOICE_NAME.fullmatch(request.voice):
            raise RequestError(bad_name(request.voice))
        old = self._voices.get(request.voice)
        if old is None and len(self._voices) >= MOST_VOICES:
            raise RequestError(f"{MOST_VOICES} voices are the most; {request.voice} would be one more")
        changed = self._changed(old.settings if old else VoiceSettings(), request.settings)
        if self.clock.future_tick(request.at) is None:
            self._change(request.voice, changed)
        else:
            self._when(request.at, self._change_by, request.voice, request.settings)
        pairs = changed.pairs()
        return Reply(pairs=(("voice", request.voice), *pairs), beat=self.clock.beat_at(request.at))

    def transport(self, playing: bool, tick: float) -> None:
        """Whoever leads the clock plays since `tick`, or has stopped: all voices do as they do."""
        at = self.clock.timeline.time_at(tick)
        if playing:
            for name, one in self._voices.items():
                if not one.only_shots:
                    self._begin(name, at)
        else:
            for name, one in self._voices.items():
                self._end(name, one)

    def _scene(self, request: ask.LoadScene) -> Reply:
        if self._scenes is None:
            raise RequestError("this session has no scenes to load")
        scene = self._scenes(request.name)
        first = self.load(scene, at=request.at)
        return Reply(pairs=(("scene", scene.title or request.name),), beat=first)

    def _status(self) -> tuple[tuple[str, int | float | str], ...]:
        picture = self.snapshot()
        pairs: list[tuple[str, int | float | str]] = [
            ("title", picture.title),
            ("bpm", picture.bpm),
            ("voices", len(picture.voices)),
            ("decode_ms_p99", round(picture.decode.p99 * 1000, 3)),
            ("errors", picture.errors),
            *self.conductor.followed.pairs,
        ]
        for one in picture.voices:
            names = one.settings.blend.names
            if self._desk is not None and (gone := self._desk.gone(names, one.settings.model)):
                pairs.append((f"{one.name}.base_model_for", " ".join(gone)))
            state = f"fault: {one.fault}" if one.fault else "playing" if one.playing else "stopped"
            pairs += [
                (f"{one.name}", state),
                (f"{one.name}.riffs", one.riffs),
                (f"{one.name}.late", one.late),
            ]
        return tuple(pairs)

    # Personas

    @property
    def desk(self) -> Desk:
        """The personas of this session.

        Raises:
            RequestError: it has none.
        """
        if self._desk is None:
            raise RequestError("this session has no personas")
        return self._desk

    def _blend(self, request: ask.Blend) -> Reply:
        one = self._voice(request.voice)
        weights = blend.weights(request.weights)
        tick, over = self._glide(request.at, request.over)
        for persona, _ in weights:
            if persona:
                self.desk.check(persona, one.settings.model)
        self._change(request.voice, replace(one.settings, blend=one.settings.blend.to(weights, tick, over)))
        pairs = ((name or blend.BASE_WORD, round(weight, 6)) for name, weight in weights or (("", 1.0),))
        return Reply(pairs=(("voice", request.voice), *pairs), beat=self.clock.beat_at(request.at))

    def _latent(self, request: ask.Latent) -> Reply:
        one = self._voice(request.voice)
        position = blend.position(request.position)
        if position is not None and not one.settings.blend.names:
            raise RequestError(f"{request.voice} blends no persona to move inside of: /livevae/blend first")
        tick, over = self._glide(request.at, request.over)
        self._change(request.voice, replace(one.settings, place=one.settings.place.to(position, tick, over)))
        pairs = tuple((f"u{i}", value) for i, value in enumerate(position or (), 1))
        return Reply(pairs=(("voice", request.voice), *pairs), beat=self.clock.beat_at(request.at))

    def _glide(self, at: float | None, beats: float) -> tuple[int, int]:
        """The tick on which a glide begins, and how many it takes; what is to come takes one at least."""
        tick = self.clock.future_tick(at)
        if tick is None:
            return math.floor(self.clock.tick()), round(beats * TICKS_PER_BEAT)
        return tick, max(1, round(beats * TICKS_PER_BEAT))

    def heard(self, data: bytes, when: float) -> None:
        """One whole MIDI message from an input, which came at `when` (seconds of the session's clock)."""
        self.controls.hear(data, when)

    def _takes(self) -> tuple[Riff, ...]:
        self.recording.due(self.clock.tick())
        return self.recording.takes

    def _blending(self, persona: str) -> list[str]:
        return [name for name, one in self._voices.items() if persona in one.settings.blend.names]

    # Scenes

    def load(self, scene: Scene, *, at: float | None = None) -> float:
        """Make the session play `scene`; gives the beat on which its first voice begins.

        Voices that play and are in both scenes go on, with their new settings from the next riff; others stop.

        Raises:
            RequestError: the scene names a model or port that is not there. Nothing is changed.
        """
        for name, planned in scene.voices.items():
            try:
                self._check(planned.settings)
            except RequestError as error:
                raise RequestError(f"voice {name}: {error}") from None
            self._look_for_personas(name, planned.settings)
        for name in [name for name in self._voices if name not in scene.voices]:
            self._end(name, self._voices[name])
            del self._voices[name]
        self._title = scene.title
        if scene.midi is not None:
            self.controls.use(scene.midi)
        if scene.tempo != self.clock.timeline.bpm:
            self.player.set_tempo(scene.tempo, tick=self.clock.future_tick(at))
        starts = []
        for name, planned in scene.voices.items():
            self._change(name, planned.settings)
            one = self._voices[name]
            if planned.play and not one.playing:
                starts.append(self._begin(name, at))
            elif not planned.play and one.playing:
                self._end(name, one)
        return min(starts) / TICKS_PER_BEAT if starts else self.beat

    # What others see

    @property
    def beat(self) -> float:
        """Where the music is now, in beats."""
        return self.clock.tick() / TICKS_PER_BEAT

    def snapshot(self) -> Snapshot:
        """A frozen picture of now."""
        return Snapshot(
            title=self._title,
            bpm=self.clock.timeline.bpm,
            beat=self.beat,
            voices=tuple(
                VoiceView(
                    name,
                    one.playing,
                    one.settings,
                    one.counters.riffs,
                    one.counters.late,
                    one.counters.repeats,
                    one.fault,
                )
                for name, one in self._voices.items()
            ),
            decode=self.engine.times,
            requests=self._requests,
            errors=self._errors,
            training=self._desk.training if self._desk is not None else (),
        )

    def panic(self) -> None:
        """Stop everything and silence every port."""
        for name, one in self._voices.items():
            self._end(name, one)
        for alarm in self._later:
            alarm.cancel()
        self._later.clear()
        self.player.panic()
        self.controls.panicked()

    async def close(self) -> None:
        """Stop all voices; the engine and the player are closed by whoever made them.

        Raises:
            BaseException: the first fault of a voice, when the session is strict.
        """
        tasks = [task for one in self._voices.values() for task in (one.task, *one.shots) if task is not None]
        for name, one in self._voices.items():
            self._end(name, one)
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._desk is not None:
            await self._desk.close()
        if self._strict and self.faults:
            raise self.faults[0]

    # Voices

    def _voice(self, name: str) -> Voice:
        one = self._voices.get(name)
        if one is None:
            there = ", ".join(self._voices) or "none yet"
            raise RequestError(f"there is no voice {name[:40]!r}; there are: {there}")
        return one

    def _look_for_personas(self, voice: str, settings: VoiceSettings) -> None:
        """A scene plays without the personas that are not here: the base model stands in, and that is said."""
        for persona in settings.blend.names:
            try:
                self.desk.check(persona, settings.model)
            except LivevaeError as error:
                logger.warning("voice %s plays the base model for %s: %s", voice, persona, error)

    def _changed(self, settings: VoiceSettings, values: Mapping[str, object]) -> VoiceSettings:
        changed = settings.changed(values)
        self._check(changed)
        return changed

    def _check(self, settings: VoiceSettings) -> None:
        if not self._has_model(settings.model):
            raise RequestError(
                f"there is no model {settings.model[:40]!r} here; `livevae model list` shows them"
            )
        if settings.attributes and self._desk is not None:
            there = self._desk.attributes(settings.model)
            for name, _ in settings.attributes:
                if name not in there:
                    raise RequestError(
                        f"this model has no direction for {name}: `livevae attributes` finds them"
                    )
        if settings.port and settings.port not in self.ports:
            there = ", ".join(self.ports)
            raise RequestError(
                f"there is no MIDI port {settings.port[:40]!r}; there are: {there} (see --midi)"
            )

    def _change(self, name: str, settings: VoiceSettings) -> None:
        one = self._voices.get(name)
        if one is None:
            self._voices[name] = Voice(settings)
        else:
            one.settings, one.only_shots = settings, False

    def _change_by(self, name: str, values: Mapping[str, object]) -> None:
        one = self._voices.get(name)
        self._change(name, (one.settings if one else VoiceSettings()).changed(values))

    def _begin(self, name: str, at: float | None) -> int:
        """Start a voice's coroutine, unless it plays already; gives the tick on which it is heard."""
        one = self._voices[name]
        start = self._first(self._tick(at), one.settings)
        if not one.playing:
            one.fault = ""
            if one.settings.seed:  # a seed that was chosen plays the same music again; else the walk goes on
                one.walk = voices.Walk()
            one.task = self._start(
                name, one, voices.play(name, start, lambda: one.settings, one.walk, self, one.counters)
            )
        return start

    def _end(self, name: str, one: Voice, tick: int | None = None) -> None:
        for task in (one.task, *one.shots):
            if task is not None:
                task.cancel()
        one.task = None
        self.player.cancel(name, tick)

    def _start(self, name: str, one: Voice, line: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(line, name=f"voice {name}")
        task.add_done_callback(lambda done: self._ended(name, one, done))
        return task

    def _ended(self, name: str, one: Voice, task: asyncio.Task[None]) -> None:
        """A fault stays in its voice: logged, silenced, shown; the show goes on."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        one.fault = str(error) or type(error).__name__
        if self._strict:
            self.faults.append(error)
        self.player.cancel(name)
        known = isinstance(error, LivevaeError)
        logger.error("voice %s stopped: %s", name, one.fault, exc_info=None if known else error)

    # Time

    def _tick(self, at: float | None) -> float:
        return self.clock.timeline.tick_at(self.clock.now() if at is None else at)

    def _first(self, tick: float, settings: VoiceSettings) -> int:
        """The first grid point at or after `tick` for which a riff can be ready.

        A tick that is a hair past a grid point means that point: clocks of two programs never quite agree.
        """
        grid = voices.grid(settings)
        slack = SLACK / self.clock.timeline.seconds_per_tick if grid > 1 else 0.0
        return next_grid(max(tick - slack, self._soonest()), grid)

    def _soonest(self) -> float:
        """The first tick for which a riff that is asked for now can be ready."""
        expected = self.engine.expected
        margin = expected * 1.5 + voices.HANDOVER * 2 if expected else 0.0
        return self.clock.timeline.tick_at(self.clock.now() + margin)

    def _at(self, at: float | None, act: Callable[..., None], *args: object) -> None:
        """Do it at the time of a timetag; now, where that is past or none."""
        if self.clock.future_tick(at) is None:
            act(*args)
        else:
            self._when(at, act, *args)

    def _when(self, at: float | None, act: Callable[..., None], *args: object) -> None:
        alarm: asyncio.TimerHandle

        def run() -> None:
            self._later.discard(alarm)
            act(*args)

        alarm = asyncio.get_running_loop().call_at(at or 0.0, run)
        self._later.add(alarm)


def _shown(seed: int) -> int | str:
    """A seed as OSC can carry it back: 31 bits as an int, more as text."""
    return seed if seed < 2**31 else str(seed)
