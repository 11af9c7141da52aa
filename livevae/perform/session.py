"""The session: the one home of the settings. Requests come in at `do`; voices read when their next riff is due."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace

from livevae import __version__
from livevae.errors import LivevaeError, RequestError
from livevae.latent.recipe import NORMAL
from livevae.music.meter import Meter
from livevae.music.notes import TICKS_PER_BEAT, Riff
from livevae.perform import requests as ask, snapshot
from livevae.perform.alarms import Alarms
from livevae.perform.cast import Cast
from livevae.perform.changes import Changes
from livevae.perform.checks import Checks
from livevae.perform.clock import TickClock
from livevae.perform.conductor import OURS, Conductor
from livevae.perform.controls import Controls
from livevae.perform.crib import Crib, MemoryCrib
from livevae.perform.cues import Cues
from livevae.perform.disk import Disk
from livevae.perform.engine import Engine
from livevae.perform.events import Snapshot
from livevae.perform.history import History
from livevae.perform.hub import Hub
from livevae.perform.keeping import Keeping
from livevae.perform.personas import Book, Desk
from livevae.perform.protocols import Player
from livevae.perform.recording import Recording
from livevae.perform.reporter import Reporter
from livevae.perform.requests import Later, Reply, Request, nobody
from livevae.perform.samples import Samples
from livevae.perform.scene import Scene
from livevae.perform.scenes import Scenes
from livevae.perform.settings import LATENT, VoiceSettings, in_meter
from livevae.perform.timing import Timing
from livevae.perform.trading import Trading
from livevae.tempo.timeline import TempoError, Timeline

PUT_OFF = (
    *(ask.Undo, ask.Redo, ask.Swap, ask.Reroll, ask.WriteScene, ask.TakeKept, ask.Map, ask.Learn),
    *(ask.PersonaTrain, ask.PersonaSave, ask.PersonaLoad, ask.PersonaRemove, ask.PersonaUndo),
)
"""Requests that wait for their timetag as a whole, and are answered once more then. Others know what to do ahead of it;
questions, taps and panic wait for nothing."""


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
        disk: where scenes and personas are written; None writes them at once, on the loop.
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
        disk: Disk | None = None,
        strict: bool = False,
    ) -> None:
        self.player = player
        self.engine = engine
        self.clock = TickClock(player.timeline)
        self.seed = seed
        timing = timing or Timing()
        self.hub = Hub()
        self.disk = Disk() if disk is None else disk
        self.reporter = Reporter(self.hub, self.clock, self.snapshot)
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
        self._inputs = inputs
        self.recording = Recording()
        self.cast.takes, self.cast.played = takes, self.recording.before
        self._trading = Trading(self.cast, self.recording, seed)
        self._desk: Desk | None = None
        if personas is not None:
            self._desk = Desk(personas, self.clock, timing, self._blending, self._takes, self.hub, self.disk)
        self._checks = Checks(self.cast, has_model, self._desk)
        self._alarms = Alarms(self.clock)
        self.conductor = Conductor(player, self.clock, clocks, self._alarms.at, self.hub)
        self.controls = Controls(self.do, self.clock, lambda: self.cast.names)
        self.controls.listeners.append(self._recorded)
        self.history = History(self.cast, self.clock, self.hub)
        self._changes = Changes(self.cast, self.history, self._checks, self._alarms, self.hub)
        self.cues = Cues(self)
        self._scenes = Scenes(self, self._checks, scenes, writes)
        self._keeping = Keeping(
            self.cast,
            self.clock,
            MemoryCrib() if crib is None else crib,
            self.recording,
            self.hub,
            self._alarms.at,
            self._checks.changed,
        )
        self._samples = Samples(self.cast, self._checks, self.recording, self._keeping)
        self._requests = 0
        self._errors = 0

    def timeline_changed(self, timeline: Timeline) -> None:
        """The player has a new timeline; whoever waits looks at it."""
        self.clock.replace(timeline)

    # Requests

    def do(self, request: Request, later: Later = nobody) -> Reply:
        """Answer a request at once; what it changes is heard from the next riff on.

        A request that cannot be done is answered with `ok` False and a sentence, and changes nothing.

        Args:
            request: what is asked for.
            later: hears what is known only afterwards: which knob was learned, how a training goes; and the answer
                itself, where `PENDING` is what comes at once.
        """
        self._requests += 1
        self._alarms.catch_up()
        try:
            return self._do(request, later)
        except (LivevaeError, TempoError) as error:
            self._errors += 1
            return Reply(ok=False, text=str(error))

    def _do(self, request: Request, later: Later) -> Reply:
        if isinstance(request, PUT_OFF) and self.clock.future_tick(request.at) is not None:
            self._alarms.when(request.at, self._due, replace(request, at=None), later)
            return Reply(pairs=(("waits", 1),), beat=self.clock.beat_at(request.at))
        match request:
            case ask.Ping():
                return Reply(
                    pairs=(("version", __version__), ("bpm", self.clock.timeline.bpm)), beat=self.beat
                )
            case ask.Status():
                return Reply(pairs=snapshot.status(self.snapshot(), self.conductor.followed), beat=self.beat)
            case ask.Play():
                return self._play(request)
            case ask.Stop():
                return self._stop(request)
            case ask.Sample() | ask.Call():
                return self._samples.do(request)
            case ask.Set() | ask.Blend() | ask.Latent() | ask.Reroll():
                return self._changes.do(request)
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
            case ask.LoadScene() | ask.WriteScene():
                return self._scenes.do(request, later)
            case ask.GoCue():
                return self.cues.do(request)
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

    def _due(self, request: Request, later: Later) -> None:
        """The time of a request that was put off has come."""

        def answer(reply: Reply) -> None:
            if not reply.ok:
                self.hub.log("late", f"what was asked for this moment is not done: {reply.text}", "warning")
            later(reply)

        if not (reply := self.do(request, answer)).pending:
            answer(reply)

    def _play(self, request: ask.Play) -> Reply:
        starting = [self.cast[request.voice]] if request.voice else self.cast.players
        if not starting:
            raise RequestError(
                "there is no voice to play; load a scene, or make one: /livevae/set NAME new 1"
            )
        tick = self.clock.tick_of(request.at)
        first = min(self.cast.begin(voice, tick) for voice in starting)
        if not request.voice:
            self.player.set_playing(True)
        return Reply(pairs=(("playing", len(starting)),), beat=first / TICKS_PER_BEAT)

    def _stop(self, request: ask.Stop) -> Reply:
        stopping = [self.cast[request.voice]] if request.voice else list(self.cast)
        tick = self.clock.future_tick(request.at)
        if not request.voice:
            self._alarms.at(request.at, self.player.set_playing, False)
        for voice in stopping:
            self._alarms.at(request.at, self.cast.end, voice, tick)
            if voice.name == self._trading.voice:
                self._alarms.at(request.at, self._trading.end)
        if not request.voice:
            self._alarms.at(request.at, self.cast.end_leaving, tick)
        beat = self.beat if tick is None else tick / TICKS_PER_BEAT
        return Reply(pairs=(("stopped", len(stopping)),), beat=beat)

    def _record(self, request: ask.PersonaRecord) -> Reply:
        if not (self._inputs or request.stop or request.clear):
            raise RequestError(
                "there is no MIDI input to record: start with --midi-in NAME, or --midi-in virtual"
            )
        reply = self.recording.do(request, self.clock.line_of(request.at), self.beat)
        if request.clear:
            self.hub.log("take", "all takes are forgotten")
        elif request.stop:
            count = len(self.recording.takes)
            self.hub.log("take", f"stopped; {count} take{'' if count == 1 else 's'} in all")
        else:
            how_long = f"for {request.bars:g} bars" if request.bars else "until it is stopped"
            self.hub.log("take", f"is recorded from beat {reply.beat:g} on, {how_long}")
        return reply

    def _trade(self, request: ask.Trade) -> Reply:
        if request.bars:
            return self._trading.begin(request, self.clock.tick_of(request.at))
        voice = self._trading.voice
        self._alarms.at(request.at, self._trading.end)
        return Reply(pairs=(("voice", voice), ("bars", 0)), beat=self.clock.beat_at(request.at))

    def transport(self, playing: bool, tick: float) -> None:
        """Whoever leads the clock plays since `tick`, or has stopped: all voices do as they do."""
        if playing:
            for voice in self.cast.players:
                self.cast.begin(voice, tick)
        else:
            for voice in self.cast:
                self.cast.end(voice)
            self.cast.end_leaving()

    def scene(self) -> Scene:
        """What is set now, as a scene; blends and positions that glide are where they go."""
        return self._scenes.now()

    # Personas

    @property
    def desk(self) -> Desk:
        """The personas of this session.

        Raises:
            RequestError: it has none.
        """
        return self._checks.desk

    def receive_midi(self, data: bytes, when: float) -> None:
        """One whole MIDI message from an input, which came at `when` (seconds of the session's clock)."""
        self.controls.receive(data, when)

    def _recorded(self, tick: float, data: bytes) -> None:
        if (take := self.recording.receive(tick, data)) is not None:
            self.hub.log("take", f"{take.bars:g} bars with {len(take.notes)} notes were recorded")

    def _takes(self) -> tuple[Riff, ...]:
        self.recording.due(self.clock.tick())
        return self.recording.takes

    def _blending(self, persona: str) -> list[str]:
        return [voice.name for voice in self.cast if persona in voice.settings.blend.names]

    # Scenes

    def load(self, scene: Scene, *, at: float | None = None) -> float:
        """Make the session play `scene`; gives the beat on which its first voice begins.

        Voices that play and are in both scenes go on, with their new settings from the next riff; others stop. In
        another meter they go on from its first bar line, where what they play is cut.

        Raises:
            RequestError: the scene names a model or port that is not there. Nothing is changed.
        """
        return self._scenes.load(scene, at=at)

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
        """How everything stands now, as the hub tells it; what only the server knows is left out."""
        tick, times = self.clock.tick(), self.engine.times
        playing = any(voice.playing for voice in self.cast)
        where = snapshot.transport(self.clock, self.conductor.followed, self._scenes.title, playing=playing)
        return Snapshot(
            replace(
                where,
                cue=self.cues.names[0],
                next_cue=self.cues.names[1],
                cues=len(self.cues.cues),
                slot=self.history.slot,
                undos=self.history.undos,
                redos=self.history.redos,
            ),
            snapshot.health(
                self.cast.timing.lead, times.p50, times.p99, self._requests, self._errors + self.disk.refused
            ),
            snapshot.takes(self.recording, tick),
            snapshot.voices(self.cast, tick, self._checks.missing),
            self._desk.states if self._desk is not None else (),
            cues=snapshot.cues(self.cues.cues, self.cues.names[0]),
            other=snapshot.other_slot(self.history.state(), self.history.other),
        )

    def panic(self) -> None:
        """Stop everything and silence every port."""
        self.hub.log("panic", "everything is silenced", "warning")
        for voice in self.cast:
            self.cast.end(voice)
        self._trading.end()
        self._alarms.clear()
        self._scenes.drop()
        self.cues.stop()
        self.player.panic()
        self.controls.panicked()

    async def close(self) -> None:
        """Stop all voices; the engine and the player are closed by whoever made them.

        Raises:
            BaseException: the first fault of a voice, when the session is strict.
        """
        self._alarms.clear()
        self._scenes.drop()
        await self.reporter.close()
        await self.cues.close()
        self._trading.end()
        await self.cast.close()
        if self._desk is not None:
            await self._desk.close()
        if self.cast.faults:
            raise self.cast.faults[0]

    def changed(self, settings: VoiceSettings, values: Mapping[str, object]) -> VoiceSettings:
        """Settings with values laid over them, which can be played here.

        Raises:
            RequestError: they cannot.
        """
        return self._checks.changed(settings, values)
