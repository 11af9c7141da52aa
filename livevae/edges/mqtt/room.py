"""A room: one server in its ensemble. What it does of what the others say; what it says itself is in `publisher`.

It knows no broker: messages come in through `arrived`, and go out through a `Sender` that takes them at once or drops
them. Lives on the server's loop. Nothing here waits for MQTT, and nothing that plays waits for this.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from livevae import __version__
from livevae.edges.mqtt import commands, payloads
from livevae.edges.mqtt.census import Census
from livevae.edges.mqtt.dispatcher import Dispatcher
from livevae.edges.mqtt.intake import Allowance
from livevae.edges.mqtt.messages import Arrived, Sender
from livevae.edges.mqtt.payloads import LONGEST_DOCUMENT, PayloadError
from livevae.edges.mqtt.publisher import Publisher
from livevae.edges.mqtt.shared_time import SharedTime
from livevae.edges.mqtt.topics import Place
from livevae.edges.mqtt.values import GONE, LOST, READY, Line, RiffAhead, RoomState
from livevae.edges.osc.codec import Message
from livevae.latent.recipe import Recipe
from livevae.music.notes import Note, Riff
from livevae.perform.events import Beat, RiffEvent, Snapshot
from livevae.perform.incoming import Ahead
from livevae.perform.session import Session
from livevae.perform.standing import MOST_MEMBERS, EnsembleState, MemberState
from livevae.tempo.timeline import Timeline

logger = logging.getLogger(__name__)

STEP = 0.05
"""Seconds between two looks at what is due."""

APART_EVERY = 0.25

BIRTHS, MOST_BIRTHS = 1.0, 10.0
"""Times that a room contradicts who says that it is gone: so many a second, and so many at once."""

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
        refused: payloads that could not be read.
        on_decoded: called with what decode workers send back; None where none are asked.
    """

    def __init__(self, setup: Setup, session: Session, sender: Sender) -> None:
        self.place = setup.place
        self.time = SharedTime(setup.place, setup.boot, self, sender.send)
        self.refused = 0
        self.on_decoded: Callable[[Mapping[str, Any]], None] | None = None
        self._setup, self._session, self._sender = setup, session, sender
        session.cast.incoming.open, session.cast.incoming.room = True, setup.place.room
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self._online = False
        self._apart_at = 0.0
        self._conductor = ""
        self._twin = False
        self._contradict = False
        self._births = Allowance(BIRTHS, MOST_BIRTHS, self._loop.time())
        self._census = Census()
        self._dispatcher = Dispatcher(session, self.time, self._reply, setup.say, setup.log)
        self._publisher = Publisher(setup.place, session, self.time, sender, setup.identity, setup.describe)

    @property
    def repeated(self) -> int:
        """Commands that came again and were not done again."""
        return self._dispatcher.repeated

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

    @property
    def apart(self) -> tuple[str, ...]:
        """What is subscribed to over a connection of its own: what is due at a moment, and comes seldom."""
        return self.place.topic("+", "riff", "+"), self.place.own("decoded")

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
        self._publisher.connected()
        self._census.rooms.clear()
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
                    self._dispatcher.do(commands.strudel(voice, payloads.read(message.payload)))
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
                        self._publisher.riff(event)
                    case Beat():
                        self._publisher.beat(event)
                    case Snapshot():
                        self._publisher.snapshot(event, self.refused, self.repeated)
        finally:
            listener.close()
            stepping.cancel()
            self._dispatcher.close()

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
            if self._contradict:
                self._birth_again()
            self.time.step(now)
            self._publisher.describe(now)
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

    def _birth_again(self) -> None:
        """Contradict who has said otherwise: soon, and not as often as anybody may say it."""
        self._contradict = self._births.left(now := self._loop.time()) < 1
        if not self._contradict:
            self._births.use(1, now)
            self._birth()

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
                    self._dispatcher.do(commands.read(payloads.read(message.payload)))
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
                self._birth_again()
            return
        state = RoomState.read(payloads.read(message.payload))
        self._census.state(room, state)
        if room != self.place.room:
            self.time.state(room, state, message.at)
        elif state.boot == self._setup.boot:
            if state.state != READY and self._online:
                self._birth_again()  # the will of an earlier connection of ours came late
        elif state.state == READY and not message.retained and not self._twin:
            self._twin = True
            self._setup.say(
                f"mqtt    another livevae is called {room} in this ensemble: rename one of the two"
            )
        elif state.state != READY and self._online:
            self._birth_again()

    def _cue(self, table: Mapping[str, Any]) -> None:
        """A cue for all: `{"go": "chorus", "beat": 64}`; a scene's, or a scene of that name."""
        name = payloads.text(table, "go")
        beat = payloads.number(table, "beat", -1e9, 1e9) if table.get("beat") is not None else None
        ours = {"next", "back", *(cue.name for cue in self._session.cues.cues)}
        address = "/livevae/cue" if name in ours else "/livevae/scene"
        self._dispatcher.do(commands.Command(Message(address, (name,)), beat))

    def _reply(self, name: str, table: Mapping[str, object]) -> None:
        if self._online:
            self._publisher.send(self.place.own("reply", name), table)
