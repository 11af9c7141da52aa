"""A room: what a server says to its ensemble, and what it does of what the ensemble says.

It knows no broker: messages come in through `arrived`, and go out through a `Line` that takes them at once or drops
them. Lives on the server's loop. Nothing here waits for MQTT, and nothing that plays waits for this.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from livevae import __version__
from livevae.edges.mqtt import commands, payloads
from livevae.edges.mqtt.census import Census
from livevae.edges.mqtt.payloads import LONGEST_DOCUMENT, PayloadError, write
from livevae.edges.mqtt.repeats import Repeats
from livevae.edges.mqtt.shared_time import SharedTime
from livevae.edges.mqtt.topics import Place
from livevae.edges.mqtt.values import GONE, LOST, READY, Line, RiffAhead, RoomState
from livevae.edges.osc.addresses import ADDRESSES
from livevae.edges.osc.asking import ask
from livevae.edges.osc.codec import Message
from livevae.errors import LivevaeError
from livevae.latent.recipe import Recipe
from livevae.music.notes import Note, Riff
from livevae.perform.events import Beat, RiffEvent, Snapshot, VoiceState
from livevae.perform.incoming import Ahead
from livevae.perform.requests import Reply
from livevae.perform.session import Session
from livevae.perform.standing import MOST_MEMBERS, EnsembleState, MemberState
from livevae.tempo.timeline import TICKS_PER_BEAT, Timeline

logger = logging.getLogger(__name__)

STEP = 0.05
"""Seconds between two looks at what is due."""

VOICES_EVERY = 0.2
"""Seconds between two pictures of a voice, at least."""

HEALTH_EVERY = 1.0
APART_EVERY = 0.25

HELD = 256
"""Commands that wait for their beat; more are refused."""

EARLY = 0.05
"""Seconds before a voice's lead at which a command for a beat is done."""

HAIR = 1e-7
"""Seconds by which a beat's moment is put earlier, so that rounding never makes it the next tick."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it came.

    Attributes:
        topic: where.
        payload: its bytes.
        retained: whether the broker had kept it, from before we subscribed.
        at: when it came, in seconds of the loop's clock.
    """

    topic: str
    payload: bytes
    retained: bool
    at: float


class Sender(Protocol):
    """What a room needs of its connection."""

    def send(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Send it, or drop it where the broker is gone or does not keep up; returns at once."""


Lead = Callable[[Timeline | None, bool | None, float, int], None]
"""Lets the player follow a line; see `shared_time.Music.lead`."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What else a room is made of.

    Attributes:
        place: ensemble and room.
        boot: which life of the room this is.
        lead: lets the player follow a line.
        playing: whether all are meant to play.
        say: shows the performer a line.
        identity: of a model by name; "" where that is not known.
        describe: lists for `$description`, such as models and personas.
        topics: topics of others, each mapped to the voice that plays what Strudel sends there.
        log: keeps a command that was done, with its session time, for replay.
    """

    place: Place
    boot: str
    lead: Lead
    playing: Callable[[], bool] = lambda: True
    say: Callable[[str], None] = logger.info
    identity: Callable[[str], str] = lambda _: ""
    describe: Callable[[], Mapping[str, object]] = dict
    topics: Mapping[str, str] = field(default_factory=dict)
    log: Callable[[Message, float | None], None] = lambda _, __: None


class Room:
    """One server in its ensemble.

    Attributes:
        time: the ensemble's time here.
        handlers: what else takes messages, by their parts' first; for workers and voices of other rooms.
        refused: payloads that could not be read.
        repeated: commands that came again and were not done again.
    """

    def __init__(self, setup: Setup, session: Session, sender: Sender) -> None:
        self.place = setup.place
        self.time = SharedTime(setup.place, setup.boot, self, sender.send)
        self.refused = 0
        self.repeated = 0
        self.on_decoded: Callable[[Mapping[str, Any]], None] | None = None
        self._setup, self._session, self._sender = setup, session, sender
        session.cast.incoming.open = True
        self._loop = asyncio.get_running_loop()
        self._repeats: Repeats[Mapping[str, object]] = Repeats()
        self._held: set[asyncio.Task[None]] = set()
        self._number = 0
        self._online = False
        self._voices: dict[str, tuple[VoiceState | None, float]] = {}
        self._health_at = 0.0
        self._apart_at = 0.0
        self._description: object = None
        self._described_at = 0.0
        self._conductor = ""
        self._twin = False
        self._census = Census()

    # shared_time.Music

    @property
    def timeline(self) -> Timeline:
        """The player's line now."""
        return self._session.clock.timeline

    @property
    def grid(self) -> int:
        """Ticks on which rooms agree: the quantum of `/livevae/clock mqtt`, else a bar."""
        return self._session.conductor.quantum or self._session.clock.meter.bar

    @property
    def meter(self) -> str:
        """The bars."""
        return str(self._session.clock.meter)

    @property
    def playing(self) -> bool:
        """Whether all are meant to play."""
        return self._setup.playing()

    def lead(self, line: Timeline | None, playing: bool | None, since: float, peers: int) -> None:
        """Let the player follow a line."""
        self._setup.lead(line, playing, since, peers)

    # the connection's side

    @property
    def filters(self) -> tuple[tuple[str, int], ...]:
        """What to subscribe to, each with its QoS."""
        topic, own = self.place.topic, self.place.own
        return (
            (topic("+", "$state"), 1),
            (topic("clock"), 1),
            (topic("clock", "ping", "+"), 0),
            (topic("+", "voice", "+"), 1),
            (topic("+", "riff", "+"), 0),
            (topic("+", "health"), 0),
            (own("pong"), 0),
            (own("decoded"), 0),
            (own("do"), 1),
            (topic("all", "do"), 1),
            (topic("cue"), 1),
            *((name, 1) for name in self._setup.topics),
        )

    def will(self) -> tuple[str, bytes]:
        """Topic and payload of the last will of the connection that comes next; retained."""
        return self.place.own("$state"), self._state(LOST, self._number + 1)

    def farewell(self) -> tuple[str, bytes]:
        """Topic and payload of a room that leaves; retained."""
        return self.place.own("$state"), self._state(GONE, self._number)

    def connected(self) -> None:
        """The broker is here, and what we want is subscribed: everything is said anew."""
        self._number += 1
        self._online = True
        self._voices.clear()
        self._census.rooms.clear()
        self._description, self._described_at = None, 0.0
        self.time.connected(self._loop.time())
        self._birth()
        self.step()

    def disconnected(self) -> None:
        """The broker is gone; the music is not."""
        self._online = False
        self.time.disconnected()

    def arrived(self, message: Arrived) -> None:
        """A message came. Whatever is in it, this returns soon and raises nothing."""
        try:
            if (voice := self._setup.topics.get(message.topic)) is not None:
                if not message.retained:
                    self._do(commands.strudel(voice, payloads.read(message.payload)))
                return
            parts = self.place.parts(message.topic)
            if parts:
                self._arrived(parts, message)
        except PayloadError as error:
            self.refused += 1
            logger.debug("mqtt: %s: %s", message.topic[:100], error)
        except Exception:
            self.refused += 1
            logger.exception("mqtt: a fault in a message to %s", message.topic[:100])

    # what others see

    @property
    def ensemble(self) -> EnsembleState:
        """The ensemble, as this room has it."""
        apart = self.time.apart(self._loop.time())
        place = self.place
        count = sum(view.state is not None for view in self._census.rooms.values())
        return EnsembleState(
            place.ensemble, place.room, self._online, apart.conductor, apart.ms, apart.within_ms, count
        )

    @property
    def members(self) -> tuple[MemberState, ...]:
        """The rooms of the ensemble, `MOST_MEMBERS` of them: who conducts and this one first."""
        conductor, own = self.time.election.conductor, self.place.room
        plays = " ".join(sorted(voice.name for voice in self._session.cast if voice.playing))
        found = [
            replace(one, plays=plays) if one.name == own else one for one in self._census.members(conductor)
        ]
        found.sort(key=lambda one: (one.name != conductor, one.name != own, one.name))
        return tuple(found[:MOST_MEMBERS])

    # what goes on by itself

    async def run(self) -> None:
        """Say what happens, until cancelled."""
        listener = self._session.hub.listen(Beat, RiffEvent, Snapshot)
        stepping = asyncio.create_task(self._step_on(), name="mqtt time")
        try:
            while True:
                event = await listener.get()
                if not self._online:
                    continue
                match event:
                    case RiffEvent():
                        self._riff(event)
                    case Beat():
                        self._beat(event)
                    case Snapshot():
                        self._snapshot(event)
        finally:
            listener.close()
            stepping.cancel()
            for task in self._held:
                task.cancel()

    def timeline_changed(self) -> None:
        """The player has another line: whoever follows us hears of it soon."""
        if self._online and self.time.active:
            self.time.conduct(self._loop.time())

    def step(self) -> None:
        """Do what is due."""
        now = self._loop.time()
        conductor = self._session.conductor
        active = conductor.followed.source == "mqtt"
        if active != self.time.active:
            self.time.activate(active)
            if self._online:
                self._birth()
        if conductor.take_wish():
            self.time.election.wished = True
        if self._online:
            self.time.step(now)
            self._describe(now)
        if not active or now < self._apart_at:
            return
        self._apart_at = now + APART_EVERY
        apart = self.time.apart(now)
        conductor.detail(apart.conductor, self.time.election.conducting, apart.ms)
        if apart.conductor != self._conductor:
            self._conductor = apart.conductor
            self._say_conductor(apart.conductor)

    async def _step_on(self) -> None:
        while True:
            self.step()
            await asyncio.sleep(STEP)

    def _say_conductor(self, conductor: str) -> None:
        if conductor == self.place.room:
            self._setup.say("mqtt    this room conducts")
        elif conductor:
            self._setup.say(f"mqtt    {conductor} conducts")
        elif self.time.election.denied:
            self._setup.say(
                "mqtt    the broker does not let this room conduct (its ACL); we keep our own time"
            )

    def _birth(self) -> None:
        self._sender.send(self.place.own("$state"), self._state(READY, self._number), 1, True)

    def _state(self, state: str, session: int) -> bytes:
        return RoomState(
            state, self._setup.boot, max(1, session), __version__, follows=self.time.active
        ).payload()

    # what comes

    def _arrived(self, parts: tuple[str, ...], message: Arrived) -> None:
        own = self.place.room
        match parts:
            case ("all", "do") | (_, "do"):
                if parts[0] in ("all", own) and not message.retained:
                    self._do(commands.read(payloads.read(message.payload)))
            case ("cue",):
                if not message.retained:
                    self._cue(payloads.read(message.payload))
            case ("clock",):
                self.time.line(Line.read(payloads.read(message.payload)), message.at)
            case ("clock", "ping", room) if room != own:
                table = payloads.read(message.payload)
                self.time.ping({**table, "room": room}, message.at, self._loop.time)
            case (room, "pong") if room == own:
                self.time.pong(payloads.read(message.payload), message.at)
            case (room, "decoded") if room == own:
                if self.on_decoded is not None:
                    self.on_decoded(payloads.read(message.payload, LONGEST_DOCUMENT))
            case (room, "$state"):
                self._room_state(room, message)
            case (room, "riff", voice) if room != own and not message.retained:
                ahead = RiffAhead.read(payloads.read(message.payload, LONGEST_DOCUMENT))
                self._session.cast.incoming.put(f"{room}/{voice}", self._ours(ahead))
            case (room, "health"):
                self._census.health(room, payloads.read(message.payload))
            case (room, "voice", voice) if room != own:
                table = payloads.read(message.payload, LONGEST_DOCUMENT) if message.payload else {}
                self._census.voice(room, voice, table)
                self._session.cast.incoming.playing(f"{room}/{voice}", payloads.flag(table, "playing"))
            case _:
                pass

    def _ours(self, ahead: RiffAhead) -> Ahead:
        """A riff of another room, in our ticks."""
        notes = tuple(
            Note(start, length, pitch, velocity) for start, length, pitch, velocity, _ in ahead.notes
        )
        recipe = ahead.recipe or Recipe(seed=0)
        return Ahead(ahead.tick + self.time.base, Riff(notes, ahead.length), recipe)

    def _room_state(self, room: str, message: Arrived) -> None:
        if not message.payload:
            self._census.state(room, None)
            self.time.election.forget(room, message.at)
            if room == self.place.room and self._online:
                self._birth()
            return
        state = RoomState.read(payloads.read(message.payload))
        self._census.state(room, state)
        if room != self.place.room:
            self.time.state(room, state, message.at)
        elif state.boot == self._setup.boot:
            if state.state != READY and self._online:
                self._birth()  # the will of an earlier connection of ours came late
        elif state.state == READY and not message.retained and not self._twin:
            self._twin = True
            self._setup.say(
                f"mqtt    another livevae is called {room} in this ensemble: rename one of the two"
            )
        elif state.state != READY and self._online:
            self._birth()

    def _cue(self, table: Mapping[str, Any]) -> None:
        """A cue for all: `{"go": "chorus", "beat": 64}`; a scene's, or a scene of that name."""
        name = payloads.text(table, "go")
        beat = payloads.number(table, "beat", -1e9, 1e9) if table.get("beat") is not None else None
        ours = {"next", "back", *(cue.name for cue in self._session.cues.cues)}
        address = "/livevae/cue" if name in ours else "/livevae/scene"
        self._do(commands.Command(Message(address, (name,)), beat))

    def _do(self, command: commands.Command) -> None:
        """Do a command: now, or so early that it sounds on its beat whatever the tempo does until then."""
        if command.key is not None:
            if command.key in self._repeats:
                self.repeated += 1
                if known := self._repeats.get(command.key):
                    self._answer(command, known)
                return
            self._repeats.keep(command.key, {})
        try:
            asked = ask(command.message)
            asked.request(None)
        except LivevaeError as error:
            self._came_of(command, Reply(ok=False, text=str(error)))
            return
        if command.at_beat is None:
            self._now(command)
        elif len(self._held) >= HELD:
            refusal = f"{HELD} commands already wait for their beat; send fewer, or later"
            self._came_of(command, Reply(ok=False, text=refusal))
        else:
            task = self._loop.create_task(self._later(command, command.at_beat))
            self._held.add(task)
            task.add_done_callback(self._held.discard)

    async def _later(self, command: commands.Command, beat: float) -> None:
        early = self._session.cast.timing.lead + EARLY
        # the base may change while we wait, where we join the ensemble or its meter changes
        while True:
            base = self.time.base
            await self._session.clock.until(beat * TICKS_PER_BEAT + base, before=early)
            if base == self.time.base:
                break
        self._now(command)

    def _now(self, command: commands.Command) -> None:
        at = None
        if command.at_beat is not None:
            at = self.timeline.time_at(command.at_beat * TICKS_PER_BEAT + self.time.base) - HAIR
        ignored: tuple[str, ...] = ()
        try:
            asked = ask(command.message)
            ignored = asked.ignored
            self._setup.log(command.message, at)
            reply = self._session.do(
                asked.request(at), lambda later: self._answer(command, self._table(command, later, ignored))
            )
        except LivevaeError as error:
            reply = Reply(ok=False, text=str(error))
        except Exception as fault:
            logger.exception("mqtt: a fault while doing %s", command.message.address)
            reply = Reply(ok=False, text=f"livevae stumbled over this: {type(fault).__name__}: {fault}")
        self._came_of(command, reply, ignored)

    def _came_of(self, command: commands.Command, reply: Reply, ignored: tuple[str, ...] = ()) -> None:
        table = self._table(command, reply, ignored)
        if command.key is not None:
            self._repeats.keep(command.key, table)
        if not reply.ok:
            self._setup.say(f"mqtt    {command.message.address[:100]}: {reply.text}")
        self._answer(command, table)

    def _table(self, command: commands.Command, reply: Reply, ignored: tuple[str, ...]) -> dict[str, object]:
        return commands.answer(command, reply, self.time.base / TICKS_PER_BEAT, ignored)

    def _answer(self, command: commands.Command, table: Mapping[str, object]) -> None:
        if command.reply and self._online:
            self._send(self.place.own("reply", command.reply), table)

    # what goes out

    def _send(self, topic: str, table: Mapping[str, object], qos: int = 0, retain: bool = False) -> None:
        try:
            self._sender.send(topic, write(table, LONGEST_DOCUMENT), qos, retain)
        except PayloadError as error:
            logger.debug("mqtt: %s: %s", topic, error)

    def _riff(self, event: RiffEvent) -> None:
        if event.muted:
            return
        notes = tuple((n.start, n.length, n.pitch, n.velocity, event.channel) for n in event.notes)
        ahead = RiffAhead(
            event.start - self.time.base,
            event.length,
            notes,
            event.recipe,
            self._setup.identity(event.recipe.model),
        )
        try:
            self._sender.send(self.place.own("riff", event.voice), ahead.payload(), 0, False)
        except PayloadError as error:
            logger.debug("mqtt: a riff of %s was not sent: %s", event.voice, error)

    def _beat(self, event: Beat) -> None:
        beat = event.beat - self.time.base / TICKS_PER_BEAT
        table = {"beat": beat, "bar": event.bar, "in_bar": event.in_bar, "bpm": event.bpm, "at": event.at}
        self._send(self.place.own("beat"), table)

    def _snapshot(self, event: Snapshot) -> None:
        now = self._loop.time()
        for voice in event.voices:
            known, since = self._voices.get(voice.name, (None, 0.0))
            if voice != known and now - since >= VOICES_EVERY:
                self._voices[voice.name] = voice, now
                payload = write(voice_table(voice), LONGEST_DOCUMENT)
                self._sender.send(self.place.own("voice", voice.name), payload, 1, True)
        for gone in self._voices.keys() - {voice.name for voice in event.voices}:
            del self._voices[gone]
            self._sender.send(self.place.own("voice", gone), b"", 1, True)
        if now - self._health_at >= HEALTH_EVERY:
            self._health_at = now
            health, apart = event.health, self.time.apart(now)
            table = {
                "decode_ms_p50": health.decode_ms_p50,
                "decode_ms_p99": health.decode_ms_p99,
                "late_ms_p50": health.late_ms_p50,
                "late_ms_p99": health.late_ms_p99,
                "late_ms_max": health.late_ms_max,
                "dropped": health.dropped,
                "lost": health.lost,
                "bpm": event.transport.bpm,
                "beat": event.transport.beat - self.time.base / TICKS_PER_BEAT,
                "clock": event.transport.clock,
                "conductor": apart.conductor,
                "apart_ms": round(apart.ms, 3),
                "within_ms": round(apart.within_ms, 3),
                "refused": self.refused,
                "repeated": self.repeated,
            }
            self._send(self.place.own("health"), table, 0, True)

    def _describe(self, now: float) -> None:
        """The address table, voices, models and personas, where they changed; looked at once a second."""
        if self._description and now - self._described_at < HEALTH_EVERY:
            return
        self._described_at = now
        cast, more = self._session.cast, self._setup.describe()
        seen = (cast.names, cast.ports, self.meter, more)
        if self._description == seen:
            return
        self._description = seen
        addresses = {row.address: {"help": row.help, "names": list(row.names)} for row in ADDRESSES}
        table = {
            "v": __version__,
            "voices": list(cast.names),
            "ports": list(cast.ports),
            "meter": self.meter,
            **more,
            "addresses": addresses,
        }
        try:
            payload = write(table, LONGEST_DOCUMENT)
        except PayloadError:  # thousands of personas
            payload = write({**table, "personas": [], "models": []}, LONGEST_DOCUMENT)
        self._sender.send(self.place.own("$description"), payload, 1, True)


def voice_table(voice: VoiceState) -> dict[str, object]:
    """A voice for `voice/NAME`: how it stands, its settings, its blend."""
    return {
        "playing": voice.playing,
        "audible": voice.audible,
        "riffs": voice.riffs,
        "late": voice.late,
        "seed": voice.seed,
        "fault": voice.fault[:500],
        "settings": dict(voice.settings),
        "blend": dict(voice.blend),
    }
