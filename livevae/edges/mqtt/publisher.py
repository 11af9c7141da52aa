"""What a room publishes of itself: riffs, beats, voices, health and its description."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from livevae import __version__
from livevae.edges.mqtt.messages import Sender
from livevae.edges.mqtt.payloads import LONGEST_DOCUMENT, PayloadError, write
from livevae.edges.mqtt.shared_time import SharedTime
from livevae.edges.mqtt.topics import Place
from livevae.edges.mqtt.values import RiffAhead
from livevae.edges.osc.addresses import ADDRESSES
from livevae.perform.events import Beat, RiffEvent, Snapshot, VoiceState
from livevae.perform.session import Session
from livevae.tempo.timeline import TICKS_PER_BEAT

logger = logging.getLogger(__name__)

VOICES_EVERY = 0.2
"""Seconds between two pictures of a voice, at least."""

HEALTH_EVERY = 1.0


class Publisher:
    """Says how a room stands. Lives on the server's loop; its methods are called while the broker is here."""

    def __init__(
        self,
        place: Place,
        session: Session,
        time: SharedTime,
        sender: Sender,
        identity: Callable[[str], str],
        describe: Callable[[], Mapping[str, object]],
    ) -> None:
        """Nothing is published yet.

        Args:
            place: ensemble and room.
            session: what is described.
            time: the ensemble's time here.
            sender: the connection.
            identity: of a model by name; "" where that is not known.
            describe: lists for `$description`, such as models and personas.
        """
        self._place, self._session, self._time, self._sender = place, session, time, sender
        self._identity, self._more = identity, describe
        self._loop = asyncio.get_running_loop()
        self._voices: dict[str, tuple[VoiceState | None, float]] = {}
        self._health_at = 0.0
        self._description: object = None
        self._described_at = 0.0

    def connected(self) -> None:
        """The broker is here: everything is said anew."""
        self._voices.clear()
        self._description, self._described_at = None, 0.0

    def send(self, topic: str, table: Mapping[str, object], qos: int = 0, retain: bool = False) -> None:
        """Send an object to a topic, where it fits into a payload."""
        try:
            self._sender.send(topic, write(table, LONGEST_DOCUMENT), qos, retain)
        except PayloadError as error:
            logger.debug("mqtt: %s: %s", topic, error)

    def riff(self, event: RiffEvent) -> None:
        """A riff for voices of other rooms, unless it is muted."""
        if event.muted:
            return
        notes = tuple((n.start, n.length, n.pitch, n.velocity, event.channel) for n in event.notes)
        ahead = RiffAhead(
            event.start - self._time.base,
            event.length,
            notes,
            event.recipe,
            self._identity(event.recipe.model),
        )
        try:
            self._sender.send(self._place.own("riff", event.voice), ahead.payload(), 0, False)
        except PayloadError as error:
            logger.debug("mqtt: a riff of %s was not sent: %s", event.voice, error)

    def beat(self, event: Beat) -> None:
        """A beat, in the ensemble's beats."""
        beat = event.beat - self._time.base / TICKS_PER_BEAT
        table = {"beat": beat, "bar": event.bar, "in_bar": event.in_bar, "bpm": event.bpm, "at": event.at}
        self.send(self._place.own("beat"), table)

    def snapshot(self, event: Snapshot, refused: int, repeated: int) -> None:
        """Voices that have changed, and once a second how well the room does; the two numbers are the room's."""
        now = self._loop.time()
        for voice in event.voices:
            known, since = self._voices.get(voice.name, (None, 0.0))
            if voice != known and now - since >= VOICES_EVERY:
                self._voices[voice.name] = voice, now
                self.send(self._place.own("voice", voice.name), voice_table(voice), 1, True)
        for gone in self._voices.keys() - {voice.name for voice in event.voices}:
            del self._voices[gone]
            self._sender.send(self._place.own("voice", gone), b"", 1, True)
        if now - self._health_at >= HEALTH_EVERY:
            self._health_at = now
            health, apart = event.health, self._time.apart(now)
            table = {
                "decode_ms_p50": health.decode_ms_p50,
                "decode_ms_p99": health.decode_ms_p99,
                "late_ms_p50": health.late_ms_p50,
                "late_ms_p99": health.late_ms_p99,
                "late_ms_max": health.late_ms_max,
                "dropped": health.dropped,
                "lost": health.lost,
                "bpm": event.transport.bpm,
                "beat": event.transport.beat - self._time.base / TICKS_PER_BEAT,
                "clock": event.transport.clock,
                "conductor": apart.conductor,
                "apart_ms": round(apart.ms, 3),
                "within_ms": round(apart.within_ms, 3),
                "refused": refused,
                "repeated": repeated,
            }
            self.send(self._place.own("health"), table, 0, True)

    def describe(self, now: float) -> None:
        """The address table, voices, models and personas, where they changed; looked at once a second."""
        if self._description and now - self._described_at < HEALTH_EVERY:
            return
        self._described_at = now
        cast, more = self._session.cast, self._more()
        seen = (cast.names, cast.ports, str(self._session.clock.meter), more)
        if self._description == seen:
            return
        self._description = seen
        addresses = {row.address: {"help": row.help, "names": list(row.names)} for row in ADDRESSES}
        table = {
            "v": __version__,
            "voices": list(cast.names),
            "ports": list(cast.ports),
            "meter": str(self._session.clock.meter),
            **more,
            "addresses": addresses,
        }
        try:
            payload = write(table, LONGEST_DOCUMENT)
        except PayloadError:  # thousands of personas
            payload = write({**table, "personas": [], "models": []}, LONGEST_DOCUMENT)
        self._sender.send(self._place.own("$description"), payload, 1, True)


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
