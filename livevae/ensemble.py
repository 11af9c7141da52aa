"""A server in its ensemble: the room, its connection to the broker, and the player that follows, put together."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from livevae.edges.mqtt.connection import Connection
from livevae.edges.mqtt.room import Room, Setup
from livevae.edges.mqtt.topics import Address
from livevae.edges.mqtt.workers import SharedEngine, Worker, naming
from livevae.edges.osc.asking import ask
from livevae.edges.osc.codec import Message, encode, encode_bundle
from livevae.edges.osc.timetags import Timetags
from livevae.errors import LivevaeError
from livevae.latent.recipe import Recipe
from livevae.log_writer import LogWriter
from livevae.models.checkpoints import shelf
from livevae.models.fingerprint import Fingerprint
from livevae.perform.engine import Engine
from livevae.perform.personas import Book
from livevae.perform.protocols import Decoder
from livevae.perform.session import Session
from livevae.played_models import PlayedModels
from livevae.player.client.process import PlayerProcess

if TYPE_CHECKING:
    from livevae.server import Models


@dataclass(frozen=True, slots=True)
class Mqtt:
    """How a server takes part in an ensemble.

    Attributes:
        address: the broker, the ensemble and the room.
        ca: certificates that sign the broker's; None for the system's.
        topics: topics of others, each mapped to the voice that plays Strudel's events from it.
        decode: whether the ensemble's workers are asked to decode.
    """

    address: Address
    ca: Path | None = None
    topics: Mapping[str, str] = field(default_factory=dict)
    decode: bool = False


@contextlib.asynccontextmanager
async def joined(
    mqtt: Mqtt,
    session: Session,
    player: PlayerProcess,
    book: Book | None,
    played: PlayedModels,
    log: LogWriter | None,
    say: Callable[[str], None],
) -> AsyncIterator[Room]:
    """In the ensemble, for as long as the block lasts; without a broker, on its way there.

    Raises:
        LivevaeError: aiomqtt is not installed, or a password or certificate cannot be read.
    """
    boot = secrets.token_hex(6)
    place = mqtt.address.place
    connection = Connection(
        mqtt.address, f"livevae-{place.ensemble}-{place.room}-{boot}", ca=mqtt.ca, say=say
    )
    identities: dict[str, str] = {}

    def identity(model: str) -> str:
        if model not in identities:
            try:
                identities[model] = book.identity(model) if book is not None else ""
            except LivevaeError:
                identities[model] = ""
        return identities[model]

    timetags = Timetags(asyncio.get_running_loop().time)

    def keep(message: Message, at: float | None) -> None:
        if log is not None and ask(message).row.changes:
            packet = encode(message)
            log.request(packet if at is None else encode_bundle([packet], timetags.timetag(at)))

    setup = Setup(
        place,
        boot,
        player.follow_line,
        playing=lambda: player.playing,
        say=say,
        identity=identity,
        describe=lambda: {"personas": list(session.desk.on_disk) if book is not None else []},
        topics=mqtt.topics,
        log=keep,
    )
    room = Room(setup, session, connection)
    if isinstance(session.engine, SharedEngine) and book is not None:
        session.engine.join(place, connection, naming(speaking(played.known), book.personas), say)
        room.on_decoded = session.engine.arrived
    changed = player.on_timeline

    def timeline_changed(timeline: object) -> None:
        if changed is not None:
            changed(timeline)  # type: ignore[arg-type]  # it is the player's
        room.timeline_changed()

    player.on_timeline = timeline_changed
    behind = session.reporter.backstage
    session.reporter.backstage = lambda: replace(behind(), ensemble=room.ensemble, rooms=room.members)
    tasks = [
        asyncio.create_task(connection.keep(room, room.apart), name="mqtt"),
        asyncio.create_task(room.run(), name="mqtt room"),
    ]
    try:
        yield room
    finally:
        player.on_timeline = changed
        session.reporter.backstage = behind
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def work(address: Address, ca: Path | None, models: "Models", say: Callable[[str], None]) -> None:
    """Decode for an ensemble, until cancelled.

    Raises:
        LivevaeError: aiomqtt is not installed, the model does not load, a password cannot be read.
    """
    book = models.personas
    if book is None:
        raise LivevaeError("a worker needs to know its models' identities")
    ours = await asyncio.to_thread(_fingerprints, models)
    engine = Engine(unchanged(models, ours))
    # of two that are the same the first, which is the default one
    found = {one.digest: name for name, one in reversed(ours.items())}
    known = book.personas
    named = naming(speaking(ours), known)

    def names(recipe: Recipe) -> tuple[str, tuple[tuple[str, str], ...]] | None:
        for name, _ in recipe.blend:
            if name and name not in known:
                with contextlib.suppress(LivevaeError):
                    known.put(name, book.find(name))
        return named(recipe)

    try:
        await engine.warm()
        connection = Connection(address, f"livevae-worker-{secrets.token_hex(6)}", ca=ca, say=say)
        worker = Worker(address.place, engine, connection, found.get, names)
        say(f"worker  {models.title}: {engine.times.p50 * 1000:.1f} ms a riff. Ctrl-C stops.")
        await connection.keep(worker)
    finally:
        await engine.close()


def speaking(known: Mapping[str, Fingerprint]) -> Callable[[str], str]:
    """What a model by name says of itself to other machines; "" where it is not known, or has no latent space."""

    def words(name: str) -> str:
        found = known.get(name)
        return found.digest if found is not None and found.identity else ""

    return words


def unchanged(models: "Models", ours: Mapping[str, Fingerprint]) -> Callable[[str], Decoder]:
    """Loads models of which fingerprints are known by the names that they are loaded by, as long as they are those.

    What it gives raises a LivevaeError for a model that is another one by now.
    """

    def load(name: str) -> Decoder:
        decoder = models.load(name)
        # looked at afterwards: a file may have been replaced just before it was read
        if models.fingerprint is None or models.fingerprint(name) != ours.get(name):
            raise LivevaeError(f"{name or models.title} is another one than when this worker began")
        return decoder

    return load


def _fingerprints(models: "Models") -> dict[str, Fingerprint]:
    """Of the models that can decode for others, the default one first, which is called ""; broken ones are left out."""
    found: dict[str, Fingerprint] = {}
    for name in ("", *shelf.with_latent()):
        if models.fingerprint is not None:
            with contextlib.suppress(LivevaeError):
                found[name] = models.fingerprint(name)
    return found
