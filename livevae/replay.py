"""Replaying: a log of what came in, played again under virtual time. The same log gives the same bytes."""

import asyncio
import logging
from collections.abc import Callable, Container
from dataclasses import dataclass, replace

from livevae.edges.osc.timetags import Timetags
from livevae.edges.osc.udp import UdpEdge
from livevae.errors import LivevaeError
from livevae.inputs import Log
from livevae.models.fingerprint import Fingerprint, differences
from livevae.perform.crib import Crib, MemoryCrib
from livevae.perform.engine import Engine
from livevae.perform.personas import Book
from livevae.perform.protocols import Decoder
from livevae.perform.requests import Later, Reply, Request, Set, nobody
from livevae.perform.scene import Scene
from livevae.perform.session import Session
from livevae.perform.settings import LATENT
from livevae.perform.timing import Timing
from livevae.player.client.local import LocalPlayer
from livevae.player.clocks.clock import CLOCKS
from livevae.player.core import Sent
from livevae.player.recorder.smf import MidiFile
from livevae.player.wire.reports import Report
from livevae.reports import follow
from livevae.scene_files import Overlay
from livevae.tempo.timeline import Timeline
from livevae.trainings import TrainedAgain
from livevae.virtual_time import virtual_time

logger = logging.getLogger(__name__)

SOURCE = ("log", 1)
"""Where OSC packets of a log come from; nobody is answered."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was sent when a log was played again.

    Attributes:
        sent: every message, in the order of sending; none where a file got them.
        tempos: (tick, beats a minute); none where a file got them.
        meters: (tick, beats, unit); none where a file got them.
        refused: how many requests were.
        notes: how many notes began.
    """

    sent: tuple[Sent, ...]
    tempos: tuple[tuple[float, float], ...]
    meters: tuple[tuple[int, int, int], ...]
    refused: int
    notes: int

    def midi(self) -> bytes:
        """As a MIDI file's bytes, a track a port."""
        file = MidiFile()
        for signature in self.meters:
            file.signature(*signature)
        for tempo in self.tempos:
            file.tempo(*tempo)
        for one in self.sent:
            file.message(one.tick, one.port, one.data)
        return file.encode()


def replay(
    log: Log,
    scene: Scene,
    load: Callable[[str], Decoder],
    *,
    scenes: Callable[[str], Scene] | None = None,
    has_model: Callable[[str], bool] = lambda name: name == "",
    takes: Callable[[str], Container[str]] = lambda _: LATENT,
    personas: Book | None = None,
    crib: Crib | None = None,
    on_report: Callable[[Report], object] | None = None,
    strict: bool = False,
    file: MidiFile | None = None,
    fingerprint: Callable[[str], Fingerprint] | None = None,
    say: Callable[[str], object] = logger.warning,
) -> Replayed:
    """Play a log's night again: `scene` from tick 0 on, and all that came in at its time.

    Riffs are there in no time, so where the night itself had late ones, this one has them on time.

    Args:
        log: what came in.
        scene: what was played from the start.
        load: the decoder of a model by name.
        scenes: finds a scene by name.
        has_model: whether a model of that name can be loaded.
        takes: the parts of a recipe that have an effect on a model, by its name.
        personas: those that voices can blend; nothing is written to them.
        crib: riffs that were kept before; nothing is written to it.
        on_report: hears what the player reports, when it does.
        strict: raise what a voice could not do.
        file: gets all that is sent as it is sent, so that a night of weeks needs no more memory than its music.
        fingerprint: what a model is here, by name; None where nobody can say.
        say: hears of each model that was another one in that night.
    """
    compared: set[str] = set()

    def compare(called: str, there: Fingerprint) -> None:
        if fingerprint is None or called in compared:
            return
        compared.add(called)
        try:
            other = differences(there, fingerprint(called))
        except LivevaeError:
            other = f"{there.name}, which is not here"
        if other:
            say(f"this night was played with {other}: riffs differ")

    with virtual_time() as loop:
        return loop.run_until_complete(
            _replay(
                log,
                scene,
                load,
                scenes,
                has_model,
                takes,
                personas,
                crib,
                on_report,
                strict=strict,
                file=file,
                compare=compare,
            )
        )


async def _replay(
    log: Log,
    scene: Scene,
    load: Callable[[str], Decoder],
    scenes: Callable[[str], Scene] | None,
    has_model: Callable[[str], bool],
    takes: Callable[[str], Container[str]],
    personas: Book | None,
    crib: Crib | None,
    on_report: Callable[[Report], object] | None,
    *,
    strict: bool,
    file: MidiFile | None,
    compare: Callable[[str, Fingerprint], None],
) -> Replayed:
    shelf = Overlay(scenes)
    head, loop = log.head, asyncio.get_running_loop()
    trainings = TrainedAgain(log)
    notes = 0

    def count(message: Sent) -> None:
        nonlocal notes
        notes += message.data[0] & 0xF0 == 0x90

    timeline = Timeline(0, head.zero, head.bpm or scene.tempo)
    player = LocalPlayer(timeline=timeline, on_sent=count, file=file)
    session = Session(
        player,
        Engine(load, inline=True),
        timing=Timing(head.lead, head.lookahead),
        seed=head.seed,
        prior=head.prior,
        scenes=shelf.find,
        writes=shelf.write,
        has_model=has_model,
        takes=takes,
        ports=head.ports,
        clocks=dict.fromkeys(CLOCKS, ""),
        personas=trainings.book(personas) if personas is not None else None,
        crib=MemoryCrib(crib),
        strict=strict,
    )
    player.on_timeline = session.timeline_changed

    def told(report: Report) -> None:
        if on_report is not None:
            on_report(report)
        follow(session, report)

    player.on_report = told

    def do(request: Request, later: Later = nobody) -> Reply:
        if isinstance(request, Set) and head.set_makes:
            request = replace(request, new=True)
        return session.do(request, later)

    edge = UdpEdge(do, Timetags(loop.time, lambda: loop.time() + head.wall), loop.time)
    session.load(scene)
    for one in log.inputs:
        await asyncio.sleep(max(0.0, one.time - loop.time()))
        match one.kind:
            case "osc":
                edge.datagram_received(one.data, SOURCE)
            case "midi":
                session.receive_midi(one.data, one.time if one.when is None else one.when)
            case "clock":
                player.receive_clock(one.data)
            case "line":
                player.lead(one.line)
            case "transport":
                session.transport(*one.transport)
            case "lost":
                player.lose_port(one.data.decode())
            case "trained":
                trainings.ready(one.data.decode())
                await asyncio.sleep(0)
            case "model":
                compare(*one.model)
            case "back":
                player.bring_port_back(one.data.decode())
    await session.close()
    await player.close()
    return Replayed(tuple(player.sent), tuple(player.tempos), tuple(player.meters), edge.counts.errors, notes)
