"""The session: the one home of the settings. Requests come in at `do`; voices read when their next riff is due."""

import asyncio
import logging
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace

from livevae import __version__
from livevae.errors import LivevaeError, RequestError
from livevae.latent.recipe import NORMAL, Recipe
from livevae.music.meter import Meter
from livevae.music.notes import TICKS_PER_BEAT, Riff
from livevae.perform import picture, recipes, requests as ask, scene_text, voice as voices
from livevae.perform.cast import Cast
from livevae.perform.clock import TickClock
from livevae.perform.conductor import OURS, Conductor
from livevae.perform.controls import Controls, MidiMap
from livevae.perform.crib import Crib, MemoryCrib, checked_name as crib_name
from livevae.perform.cues import Cues
from livevae.perform.engine import Engine
from livevae.perform.history import History
from livevae.perform.hub import Hub, Snapshot as Picture
from livevae.perform.keeping import Keeping
from livevae.perform.mixer import Mixer
from livevae.perform.personas import Book, Desk
from livevae.perform.protocols import Player
from livevae.perform.recording import Recording
from livevae.perform.reporter import Reporter
from livevae.perform.requests import Later, Reply, Request, nobody
from livevae.perform.scene import Scene, SceneVoice, bad_name
from livevae.perform.scene_text import settled
from livevae.perform.settings import LATENT, VoiceSettings, check_takes, in_meter
from livevae.perform.snapshot import Snapshot
from livevae.perform.trading import Trading
from livevae.perform.voice import Timing
from livevae.tempo.timeline import TempoError, Timeline

logger = logging.getLogger(__name__)

ONE_SHOT = "sample"
"""The voice of a `/livevae/sample` that names none."""

ONE_SHOT_SETTINGS = VoiceSettings(quantum=1.0)


class Session:
    """Settings of all voices, and the voices that play. Lives on one event loop; not thread-safe.

    Args:
        player: where notes go.
        engine: where riffs come from.
        timing: lead and lookahead.
        seed: the night's random numbers; the same seed and the same requests give the same music.
        scenes: finds a scene by name (raises LivevaeError).
        has_model: whether a model of that name can be loaded; asked before a setting names it.
        takes: the parts of a recipe that have an effect on a model, by its name.
        ports: names of the MIDI ports; the first is where voices play that name none.
        clocks: clocks that can be followed, each with the reason why not here; empty where it can.
        personas: the personas that voices can blend; None where there are none.
        inputs: whether notes can come in at all, to be recorded.
        prior: what riffs are drawn from, where a voice does not say: `normal` or `learned` (see `Recipe`).
        crib: where riffs are kept; None forgets them with the session.
        writes: writes a scene's text under a name, also over another where told so; gives where it is. Raises
            LivevaeError.
        strict: faults of voices are raised again when the session closes (tests), not only logged.

    Attributes:
        cast: the voices.
        controls: what MIDI that comes in does.
        conductor: tempo, and whose clock we go by.
        hub: tells whoever listens what happens.
        reporter: tells the hub of beats, and how everything stands.
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
        takes: Callable[[str], Container[str]] = lambda _: LATENT,
        ports: Sequence[str] = ("main",),
        clocks: Mapping[str, str] = OURS,
        personas: Book | None = None,
        inputs: bool = True,
        prior: str = NORMAL,
        crib: Crib | None = None,
        writes: Callable[[str, str, bool], str] | None = None,
        strict: bool = False,
    ) -> None:
        self.player = player
        self.engine = engine
        self.clock = TickClock(player.timeline)
        self.seed = seed
        timing = timing or Timing()
        self.hub = Hub()
        self.reporter = Reporter(self.hub, self.clock, self.picture)
        self.cast = Cast(
            player,
            engine,
            self.clock,
            timing,
            seed=seed,
            ports=ports,
            prior=prior,
            hub=self.hub,
            strict=strict,
        )
        self._scenes, self._writes = scenes, writes
        self._has_model = has_model
        self._inputs = inputs
        self.recording = Recording()
        self.cast.takes, self.cast.played = takes, self.recording.before
        self._trading = Trading(self.cast, self.recording, seed)
        self._desk: Desk | None = None
        if personas is not None:
            self._desk = Desk(personas, self.clock, timing, self._blending, self._takes, self.hub)
        self._mixer = Mixer(self.cast, self.clock, self._check_persona)
        self.conductor = Conductor(player, self.clock, clocks, self._at, self.hub)
        self.controls = Controls(self.do, self.clock, lambda: self.cast.names)
        self.controls.listeners.append(self._recorded)
        self.history = History(self.cast, self.clock, self.hub)
        self.cues = Cues(self)
        self._keeping = Keeping(
            self.cast,
            self.clock,
            MemoryCrib() if crib is None else crib,
            self.recording,
            self.hub,
            self._at,
            self.changed,
        )
        self._title = self._mqtt = ""
        self._shots = 0
        self._rolls = 0
        self._requests = 0
        self._errors = 0
        self._later: set[asyncio.TimerHandle] = set()

    def timeline_changed(self, timeline: Timeline) -> None:
        """The player has a new timeline; whoever waits looks at it."""
        self.clock.replace(timeline)

    # Requests

    def do(self, request: Request, later: Later = nobody) -> Reply:
        """Answer a request at once; what it changes is heard from the next riff on.

        A request that cannot be done is answered with `ok` False and a sentence, and changes nothing.

        Args:
            request: what is asked for.
            later: hears what is known only afterwards: which knob was learned, how a training goes.
        """
        self._requests += 1
        try:
            return self._do(request, later)
        except (LivevaeError, TempoError) as error:
            self._errors += 1
            return Reply(ok=False, text=str(error))

    def _do(self, request: Request, later: Later) -> Reply:
        match request:
            case ask.Ping():
                return Reply(
                    pairs=(("version", __version__), ("bpm", self.clock.timeline.bpm)), beat=self.beat
                )
            case ask.Status():
                return Reply(pairs=self.snapshot().pairs, beat=self.beat)
            case ask.Play():
                return self._play(request)
            case ask.Stop():
                return self._stop(request)
            case ask.Sample():
                return self._sample(request)
            case ask.Set() | ask.Blend() | ask.Latent() | ask.Reroll():
                return self._change(request)
            case (
                ask.Mute()
                | ask.Solo()
                | ask.Keep()
                | ask.Recall()
                | ask.ListCrib()
                | ask.TakeKept()
                | ask.ShowRiff()
            ):
                return self._keeping.do(request)
            case ask.Undo() | ask.Redo() | ask.Swap():
                return self.history.do(request)
            case ask.Tempo() | ask.Nudge() | ask.Tap() | ask.Clock():
                return self.conductor.do(request, later)
            case ask.Map():
                return self.controls.map(request)
            case ask.Learn():
                return self.controls.learn(request, later)
            case ask.Panic():
                self.panic()
                return Reply(beat=self.beat)
            case ask.LoadScene():
                return self._scene(request)
            case ask.WriteScene():
                return self._write(request)
            case ask.GoCue():
                return self.cues.do(request)
            case ask.Call():
                return self._call(request)
            case ask.Trade():
                return self._trade(request)
            case ask.PersonaRecord():
                return self._record(request)
            case (
                ask.PersonaTrain()
                | ask.PersonaSave()
                | ask.PersonaLoad()
                | ask.PersonaList()
                | ask.PersonaRemove()
                | ask.PersonaUndo()
            ):
                return self.desk.do(request, later)
            case _:
                raise RequestError(f"{type(request).__name__} is not a request that a session knows")

    def _change(self, request: ask.Set | ask.Blend | ask.Latent | ask.Reroll) -> Reply:
        """Change settings, so that it can be taken back."""
        before = self.history.state()
        match request:
            case ask.Set():
                reply = self._set(request)
                kind = f"set {request.voice} {' '.join(request.settings)}"
            case ask.Reroll():
                reply = self._reroll(request)
                kind = ""  # each is one of its own
            case _:
                reply = self._mixer.do(request)
                kind = f"{type(request).__name__} {request.voice}"
        self.history.changed(before, kind)
        return reply

    def _reroll(self, request: ask.Reroll) -> Reply:
        one = self.cast[request.voice]
        self._rolls += 1
        seed = voices.derived_seed(self.seed, f"{one.name} rolled {self._rolls}")
        self.cast.change(one.name, replace(one.settings, seed=seed))
        self.hub.log("seed", f"{one.name} has seed {seed} from its next riff on")
        return Reply(pairs=(("voice", one.name), ("seed", seed)), beat=self.beat)

    def _play(self, request: ask.Play) -> Reply:
        starting = [self.cast[request.voice]] if request.voice else self.cast.players
        if not starting:
            raise RequestError("there is no voice to play; load a scene, or make one with /livevae/set")
        tick = self.tick_of(request.at)
        first = min(self.cast.begin(one, tick) for one in starting)
        if not request.voice:
            self.player.set_playing(True)
        return Reply(pairs=(("playing", len(starting)),), beat=first / TICKS_PER_BEAT)

    def _stop(self, request: ask.Stop) -> Reply:
        stopping = [self.cast[request.voice]] if request.voice else list(self.cast)
        tick = self.clock.future_tick(request.at)
        if not request.voice:
            self._at(request.at, self.player.set_playing, False)
        for one in stopping:
            self._at(request.at, self.cast.end, one, tick)
            if one.name == self._trading.voice:
                self._at(request.at, self._trading.end)
        beat = self.beat if tick is None else tick / TICKS_PER_BEAT
        return Reply(pairs=(("stopped", len(stopping)),), beat=beat)

    def _call(self, request: ask.Call) -> Reply:
        if request.kept:
            heard = self._keeping.call(request.kept)
        else:
            heard = self.recording.last(self.tick_of(request.at), request.bars)
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
        one = self.cast[request.voice] if request.voice else self.cast.get(ONE_SHOT)
        settings = one.settings if one is not None and request.voice else ONE_SHOT_SETTINGS
        settings = self.changed(settings, request.settings)
        if one is None:
            one = self.cast.change(ONE_SHOT, ONE_SHOT_SETTINGS, only_shots=True)
        self._shots += 1
        # a voice's own seed would make every sample of it the same riff; only a seed that was asked for does
        seeded = settings if "seed" in request.settings else replace(settings, seed=0)
        start = self.cast.first(self.tick_of(request.at), settings)
        called = f"{one.name}#{self._shots}"
        recipe = voices.recipe(
            seeded,
            voice=called,
            index=0,
            session_seed=self.seed,
            prior=self.cast.prior,
            tick=start,
            meter=self.clock.meter,
        )
        recipe = replace(recipe, call=call, distance=distance)
        if request.recipe:
            recipe = self._known(recipes.parse(request.recipe))
            if "bars" not in request.settings:
                settings = replace(settings, bars=-(-recipe.bars // self.clock.meter.model_bars))
        self.cast.shoot(one, start, settings, recipe)
        return Reply(pairs=(("voice", one.name), ("seed", _shown(recipe.seed))), beat=start / TICKS_PER_BEAT)

    def _known(self, recipe: Recipe) -> Recipe:
        """A recipe that can be decoded here.

        Raises:
            RequestError: its model or one of its personas is not here.
        """
        if not self._has_model(recipe.model):
            raise RequestError(f"the recipe's model, {recipe.model[:40]!r}, is not here")
        for persona, _ in recipe.blend:
            if persona:
                self.desk.check(persona, recipe.model)
        return recipe

    def _record(self, request: ask.PersonaRecord) -> Reply:
        if not (self._inputs or request.stop or request.clear):
            raise RequestError(
                "there is no MIDI input to record: start with --midi-in NAME, or --midi-in virtual"
            )
        reply = self.recording.do(request, self.tick_of(request.at), self.beat)
        if request.clear:
            self.hub.log("take", "all takes are forgotten")
        elif request.stop:
            self.hub.log("take", f"stopped; {len(self.recording.takes)} takes")
        else:
            how_long = f"for {request.bars:g} bars" if request.bars else "until it is stopped"
            self.hub.log("take", f"is recorded from beat {reply.beat:g} on, {how_long}")
        return reply

    def _trade(self, request: ask.Trade) -> Reply:
        if request.bars:
            return self._trading.begin(request, self.tick_of(request.at))
        voice = self._trading.voice
        self._at(request.at, self._trading.end)
        return Reply(pairs=(("voice", voice), ("bars", 0)), beat=self.clock.beat_at(request.at))

    def _set(self, request: ask.Set) -> Reply:
        if wrong := bad_name(request.voice):
            raise RequestError(wrong)
        self.cast.check_room(request.voice)
        old = self.cast.get(request.voice)
        changed = self.changed(old.settings if old else in_meter(self.clock.meter), request.settings)
        if self.clock.future_tick(request.at) is None:
            self.cast.change(request.voice, changed)
        else:
            self._when(request.at, self._change_by, request.voice, request.settings)
        pairs = changed.pairs()
        return Reply(pairs=(("voice", request.voice), *pairs), beat=self.clock.beat_at(request.at))

    def transport(self, playing: bool, tick: float) -> None:
        """Whoever leads the clock plays since `tick`, or has stopped: all voices do as they do."""
        if playing:
            for one in self.cast.players:
                self.cast.begin(one, tick)
        else:
            for one in self.cast:
                self.cast.end(one)

    def _scene(self, request: ask.LoadScene) -> Reply:
        if self._scenes is None:
            raise RequestError("this session has no scenes to load")
        scene = self._scenes(request.name)
        first = self.load(scene, at=request.at)
        self.hub.log("scene", f"{scene.title or request.name}: {', '.join(scene.voices) or 'no voice'}")
        return Reply(pairs=(("scene", scene.title or request.name),), beat=first)

    def _write(self, request: ask.WriteScene) -> Reply:
        if self._writes is None:
            raise RequestError("this session has nowhere to write scenes to")
        where = self._writes(crib_name(request.name), scene_text.text(self.scene()), request.replace)
        self.hub.log("scene", f"what is set now is written to {where}")
        return Reply(pairs=(("scene", request.name), ("file", where)), beat=self.beat)

    def scene(self) -> Scene:
        """What is set now, as a scene; blends and positions that glide are where they go."""
        bindings = tuple(sorted(self.controls.bindings, key=lambda one: one.controller))
        there = {one.name for one in self.cast.players}
        bindings = tuple(one for one in bindings if not one.voice or one.voice in there)
        cues = (
            replace(cue, voices={n: v for n, v in cue.voices.items() if n in there}) for cue in self.cues.cues
        )
        return Scene(
            self._title,
            self.clock.timeline.bpm,
            {
                one.name: SceneVoice(settled(one.settings), play=one.playing, muted=one.muted)
                for one in self.cast.players
            },
            MidiMap(bindings, dict(self.controls.scenes)),
            self.clock.meter,
            mqtt=self._mqtt,
            cues=tuple(cues),
        )

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

    def _check_persona(self, persona: str, model: str) -> None:
        self.desk.check(persona, model)

    def _missing(self, settings: VoiceSettings) -> tuple[str, ...]:
        return self._desk.gone(settings.blend.names, settings.model) if self._desk is not None else ()

    def heard(self, data: bytes, when: float) -> None:
        """One whole MIDI message from an input, which came at `when` (seconds of the session's clock)."""
        self.controls.hear(data, when)

    def _recorded(self, tick: float, data: bytes) -> None:
        if (take := self.recording.heard(tick, data)) is not None:
            self.hub.log("take", f"{take.bars:g} bars with {len(take.notes)} notes were recorded")

    def _takes(self) -> tuple[Riff, ...]:
        self.recording.due(self.clock.tick())
        return self.recording.takes

    def _blending(self, persona: str) -> list[str]:
        return [one.name for one in self.cast if persona in one.settings.blend.names]

    # Scenes

    def load(self, scene: Scene, *, at: float | None = None) -> float:
        """Make the session play `scene`; gives the beat on which its first voice begins.

        Voices that play and are in both scenes go on, with their new settings from the next riff; others stop. In
        another meter they go on from its first bar line, where what they play is cut.

        Raises:
            RequestError: the scene names a model or port that is not there. Nothing is changed.
        """
        for name, planned in scene.voices.items():
            try:
                self._check(planned.settings)
            except RequestError as error:
                raise RequestError(f"voice {name}: {error}") from None
            self._look_for_personas(name, planned.settings)
        for one in self.cast:
            if one.name not in scene.voices:
                self.cast.remove(one)
        self.history.forget()
        self.cues.use(scene.cues)
        self._title, self._mqtt = scene.title, scene.mqtt
        if scene.midi is not None:
            self.controls.use(scene.midi)
        if scene.tempo != self.clock.timeline.bpm:
            self.player.set_tempo(scene.tempo, tick=self.clock.future_tick(at))
        tick, anew = self.tick_of(at), scene.meter != self.clock.meter
        if anew:
            tick = self.change_meter(scene.meter, tick)
        starts = []
        for name, planned in scene.voices.items():
            one = self.cast.change(name, planned.settings)
            self.cast.fade(one, muted=planned.muted, solo=False)
            if anew and planned.play and one.playing:
                self.cast.end(one, round(tick))
            if planned.play and not one.playing:
                starts.append(self.cast.begin(one, tick))
            elif not planned.play and one.playing:
                self.cast.end(one)
        return min(starts) / TICKS_PER_BEAT if starts else self.beat

    def change_meter(self, meter: Meter, tick: float) -> int:
        """Another length of bars; gives the first line of theirs at or after `tick` that can still be met."""
        self.clock.meter = self.recording.meter = meter
        first = self.cast.first(tick, in_meter(meter))
        self.player.set_meter(first, meter.beats, meter.unit)
        self.conductor.meter_changed()
        return first

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
            voices=tuple(one.view for one in self.cast),
            decode=self.engine.times,
            requests=self._requests,
            errors=self._errors,
            training=self._desk.training if self._desk is not None else (),
            meter=self.clock.meter,
            followed=self.conductor.followed,
            missing=tuple((one.name, names) for one in self.cast if (names := self._missing(one.settings))),
        )

    def picture(self) -> Picture:
        """How everything stands now, as the hub tells it; what only the server knows is left out."""
        tick, times = self.clock.tick(), self.engine.times
        playing = any(one.playing for one in self.cast)
        where = picture.transport(self.clock, self.conductor.followed, self._title, playing=playing)
        return Picture(
            replace(
                where,
                cue=self.cues.names[0],
                next_cue=self.cues.names[1],
                cues=len(self.cues.cues),
                slot=self.history.slot,
                undos=self.history.undos,
                redos=self.history.redos,
            ),
            picture.health(self.cast.timing.lead, times.p50, times.p99, self._requests, self._errors),
            picture.takes(self.recording, tick),
            picture.voices(self.cast, tick, self._missing),
            picture.personas(self._desk.states, self._blending) if self._desk is not None else (),
        )

    def panic(self) -> None:
        """Stop everything and silence every port."""
        self.hub.log("panic", "everything is silenced", "warning")
        for one in self.cast:
            self.cast.end(one)
        self._trading.end()
        for alarm in self._later:
            alarm.cancel()
        self._later.clear()
        self.cues.stop()
        self.player.panic()
        self.controls.panicked()

    async def close(self) -> None:
        """Stop all voices; the engine and the player are closed by whoever made them.

        Raises:
            BaseException: the first fault of a voice, when the session is strict.
        """
        await self.reporter.close()
        await self.cues.close()
        self._trading.end()
        await self.cast.close()
        if self._desk is not None:
            await self._desk.close()
        if self.cast.faults:
            raise self.cast.faults[0]

    # Settings

    def _look_for_personas(self, voice: str, settings: VoiceSettings) -> None:
        """A scene plays without the personas that are not here: the base model stands in, and that is said."""
        for persona in settings.blend.names:
            try:
                self.desk.check(persona, settings.model)
            except LivevaeError as error:
                logger.warning("voice %s plays the base model for %s: %s", voice, persona, error)

    def changed(self, settings: VoiceSettings, values: Mapping[str, object]) -> VoiceSettings:
        """Settings with values laid over them, which can be played here.

        Raises:
            RequestError: they cannot.
        """
        changed = settings.changed(values)
        self._check(changed)
        return changed

    def _check(self, settings: VoiceSettings) -> None:
        if not self._has_model(settings.model):
            raise RequestError(
                f"there is no model {settings.model[:40]!r} here; `livevae model list` shows them"
            )
        if settings.source and not self.cast.incoming.open:
            raise RequestError(
                f"{settings.source} is another room's voice, and this server is in no ensemble: start it with --mqtt"
            )
        check_takes(settings, self.cast.takes(settings.model))
        if settings.attributes and self._desk is not None:
            there = self._desk.attributes(settings.model)
            for name, _ in settings.attributes:
                if name not in there:
                    raise RequestError(
                        f"this model has no direction for {name}: `livevae model attributes` finds them"
                    )
        if settings.port and settings.port not in self.cast.ports:
            there = ", ".join(self.cast.ports)
            raise RequestError(
                f"there is no MIDI port {settings.port[:40]!r}; there are: {there} (see --midi)"
            )

    def _change_by(self, name: str, values: Mapping[str, object]) -> None:
        one, before = self.cast.get(name), self.history.state()
        self.cast.change(name, (one.settings if one else in_meter(self.clock.meter)).changed(values))
        self.history.changed(before, f"set {name} {' '.join(values)}")

    # Time

    def tick_of(self, at: float | None) -> float:
        """The tick of a timetag; of now, where there is none."""
        return self.clock.timeline.tick_at(self.clock.now() if at is None else at)

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
