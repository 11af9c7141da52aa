"""The composition root: player, engine, session and edges, put together and taken apart in order."""

import asyncio
import contextlib
import logging
import resource
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from livevae import __version__, terminal
from livevae.edges.midi_in import MidiInputs
from livevae.edges.mqtt.workers import SharedEngine
from livevae.edges.osc.limits import is_local
from livevae.edges.osc.subscriptions import Subscriptions
from livevae.edges.osc.timetags import Timetags
from livevae.edges.osc.udp import OPEN, Door, UdpEdge, bound, open_udp
from livevae.ensemble import Mqtt, joined
from livevae.errors import LivevaeError
from livevae.latent.recipe import LEARNED
from livevae.log_writer import LogWriter
from livevae.models.fingerprint import Fingerprint
from livevae.perform import downbeat
from livevae.perform.crib import Crib
from livevae.perform.disk import Disk, Writer
from livevae.perform.engine import Engine
from livevae.perform.personas import Book
from livevae.perform.protocols import Decoder
from livevae.perform.requests import Clock
from livevae.perform.scene import Scene
from livevae.perform.session import Session
from livevae.perform.settings import LATENT
from livevae.perform.timing import EARLIEST, MOST_LEAD, Timing
from livevae.played_models import PlayedModels
from livevae.player.client.process import PlayerProcess
from livevae.player.clocks.clock import INTERNAL
from livevae.player.clocks.opening import why_not
from livevae.player.wire.commands import PortSpec
from livevae.player.wire.reports import Report
from livevae.reports import follow, lines_of
from livevae.tempo.timeline import TICKS_PER_BEAT
from livevae.terminal import backstage
from livevae.trainings import logged

logger = logging.getLogger(__name__)

LOOKAHEAD = 0.06
"""Seconds before their sound that notes are handed to the player: what a busy server may stall for."""

PRELUDE = 0.15
"""Seconds from the moment when everything is ready to the first downbeat, at least."""

PATIENCE = 0.0005
"""Seconds that Python's lock is kept by a thread that computes while the server's loop waits for it; 5 ms is usual."""

LEAST_FILES, MANY_FILES = 64, 256
"""How many files have to be allowed to be open, and how many we ask for: the MIDI systems take some tens of them."""

LEAST_LEAD = 0.25
"""Seconds before its sound that a riff is begun, at least, however fast the model is."""


SLOWEST = 60.0
"""Beats a minute, below which it may be too late to decode what a worker left."""

ASKING = 0.1
"""Seconds that a worker has, where the lead is not given."""

RESERVE = 0.03
"""Seconds that are kept back when workers are waited for."""

OUR_CLOCK = Clock(INTERNAL)
"""Our own clock."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `livevae serve` was asked for.

    Attributes:
        scene: what to play.
        shelf: finds the scenes that OSC may change to.
        host: address to hear OSC on.
        port: UDP port to hear OSC on.
        midi: outputs: `virtual`, `none`, or part of a port's name; the first is the default.
        midi_in: inputs: `virtual`, or part of a port's name.
        clock: whose clock to go by.
        record: MIDI file that gets what is sent.
        door: whose packets are read.
        log: file that gets what comes in, for `livevae replay`.
        seed: the night's random numbers.
        prior: what riffs are drawn from, where a voice does not say.
        lead: seconds before its sound that a riff is begun; None follows from the decode time measured at the start.
        crib: where riffs are kept; None forgets them when the server ends.
        writes: writes a scene's text under a name; None where there is no place for it.
        mqtt: the ensemble to take part in; None for none.
    """

    scene: Scene
    shelf: Callable[[str], Scene]
    host: str = "127.0.0.1"
    port: int = 7770
    midi: tuple[str, ...] = ("virtual",)
    midi_in: tuple[str, ...] = ()
    clock: Clock = OUR_CLOCK
    record: Path | None = None
    door: Door = OPEN
    log: Path | None = None
    seed: int = 0
    prior: str = LEARNED
    lead: float | None = None
    crib: Crib | None = None
    writes: Callable[[str, str, bool], str] | None = None
    mqtt: Mqtt | None = None


@dataclass(frozen=True, slots=True)
class Models:
    """Where decoders come from.

    Attributes:
        load: the decoder of a model by name; slow, called in the decoder's thread.
        known: whether a model of that name is there.
        title: what to call the default model.
        personas: those that voices can blend, and who trains more.
        takes: the parts of a recipe that have an effect on a model, by its name.
        fingerprint: what a model is, by name; slow. None where nobody can say.
    """

    load: Callable[[str], Decoder]
    known: Callable[[str], bool]
    title: str
    personas: Book | None = None
    takes: Callable[[str], Container[str]] = lambda _: LATENT
    fingerprint: Callable[[str], Fingerprint] | None = None


def lead_for(p99: float, lookahead: float = LOOKAHEAD) -> float:
    """How early a riff should be begun, in seconds, when a decode takes `p99` at the worst: four times that.

    On a machine that is too slow, or too busy, for the scene that would be minutes.
    """
    return min(MOST_LEAD, max(LEAST_LEAD, lookahead + 4 * p99))


def prelude_for(p99: float, lookahead: float = LOOKAHEAD) -> float:
    """How long the first riffs have, in seconds: those that come later begin a bar later."""
    return max(PRELUDE, lookahead + 4 * p99)


def alone_for(batch: float, lookahead: float = LOOKAHEAD) -> float:
    """How early it has to be given up that a worker answers, in seconds, when a batch takes that long here.

    Notes may sound up to `EARLIEST` ticks before their riff begins: at `SLOWEST` bpm that is 0.12 s.
    """
    return lookahead + EARLIEST * 60 / (TICKS_PER_BEAT * SLOWEST) + 2 * batch + RESERVE


class Server:
    """A running server, for whoever composes it into something larger.

    Attributes:
        session: requests go to its `do`.
        player: the real-time process.
        engine: the decoder's thread.
        osc: the UDP edge.
    """

    def __init__(self, session: Session, player: PlayerProcess, engine: Engine, osc: UdpEdge) -> None:
        self.session = session
        self.player = player
        self.engine = engine
        self.osc = osc


@contextlib.asynccontextmanager
async def running(options: Options, models: Models, say: Callable[[str], None]) -> AsyncIterator[Server]:
    """A server that plays, for as long as the block lasts.

    The player starts while the model loads. Leaving the block, however it is left, silences every note.

    Args:
        options: what to play and where.
        models: where decoders come from.
        say: shows the performer a line.

    Raises:
        LivevaeError: the model does not load, the OSC port does not open, the scene asks for what is not there.
    """
    names = port_names(options.midi)

    def show(report: Report) -> None:
        for line in lines_of(report):
            say(line)

    specs = [PortSpec(name, target) for name, target in zip(names, options.midi, strict=True)]
    decodes_elsewhere = options.mqtt is not None and options.mqtt.decode
    played = PlayedModels(
        models.load, models.fingerprint if decodes_elsewhere or options.log is not None else None
    )
    shared = SharedEngine(played.load) if decodes_elsewhere else None
    engine = shared or Engine(played.load)
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        # what has to be on the disk is waited for last, when nothing sounds any more
        last = await stack.enter_async_context(contextlib.AsyncExitStack())
        disk = Disk(Writer("disk"))
        last.push_async_callback(_written, disk, say)
        # where another server has the port, its recording and its log are not touched
        sock = await bound(options.host, options.port)
        stack.callback(sock.close)
        stack.push_async_callback(engine.close)
        warm = asyncio.ensure_future(engine.warm())
        player = await PlayerProcess.start(options.scene.tempo, specs, record=options.record, on_report=show)
        stack.push_async_callback(player.close)
        await warm
        times = engine.times
        # voices due on the same bar are one batch, which takes no longer than one after the other
        batch = max(times.p99, times.p50 * len(options.scene.voices))
        player.begin(loop.time() + prelude_for(batch))
        lead = _lead(options, batch, shared)
        log = None
        if options.log is not None:
            log = LogWriter(options.log, loop.time)
            last.push_async_callback(asyncio.to_thread, log.close)
        book = models.personas
        if log is not None and book is not None:
            book = logged(book, log)
        session = Session(
            player,
            engine,
            timing=Timing(lead=max(lead, LOOKAHEAD), lookahead=LOOKAHEAD),
            seed=options.seed,
            prior=options.prior,
            scenes=options.shelf,
            writes=options.writes,
            disk=disk,
            has_model=models.known,
            takes=models.takes,
            personas=book,
            crib=options.crib,
            clocks=why_not(ensemble=options.mqtt is not None),
            ports=names,
            inputs=bool(options.midi_in),
        )
        if log is not None:
            stack.callback(log.end)
        stack.push_async_callback(session.close)
        player.on_timeline = session.timeline_changed
        if log is not None:
            played.tell(log.model)

        def reported(report: Report) -> None:
            if log is not None:
                log.reported(report)
            show(report)
            follow(session, report)

        player.on_report = reported
        osc = await open_udp(
            session.do,
            sock=sock,
            on_error=lambda text: say(f"osc: {text}"),
            on_request=None if log is None else log.request,
            door=options.door,
        )
        stack.callback(osc.close)
        subscriptions = Subscriptions(session.hub, Timetags(loop.time), loop.time)
        subscriptions.standing = lambda: session.cast.standing
        osc.serve(subscriptions)
        on_message = session.receive_midi if log is None else log.logged(session.receive_midi)
        inputs = MidiInputs(options.midi_in, on_message, say, player.look_at_ports)
        player.on_ports, player.on_system_gone = inputs.seen, inputs.ended
        session.reporter.backstage = lambda: backstage(player, subscriptions, inputs)
        lines = loop.create_task(terminal.follow(session.hub, say), name="terminal")
        stack.callback(lines.cancel)
        if options.clock.source != INTERNAL and not (followed := session.do(options.clock)).ok:
            raise LivevaeError(f"--clock: {followed.text}")
        session.cast.incoming.open = options.mqtt is not None
        first = session.load(options.scene)
        line = player.timeline
        if options.clock.source == INTERNAL:
            line = await downbeat.settled(session, first, player.begin)
        if log is not None:
            log.head(options.seed, session.cast.timing, line, names, options.prior)
        if options.mqtt is not None:
            ensemble = joined(options.mqtt, session, player, models.personas, played, log, say)
            await stack.enter_async_context(ensemble)
        stack.push_async_callback(inputs.close)
        await inputs.open()
        say(
            f"model   {models.title}: {times.p50 * 1000:.1f} ms a riff, begun {lead * 1000:.0f} ms before it sounds"
        )
        for words in _opening(options, *osc.address):
            say(words)
        yield Server(session, player, engine, osc)


def _lead(options: Options, batch: float, shared: SharedEngine | None) -> float:
    """How early riffs are begun where a batch takes so long here; and how long the engine waits for its workers."""
    lead = lead_for(batch) if options.lead is None else options.lead
    if shared is not None:
        if options.lead is None:
            lead = max(lead, min(MOST_LEAD, ASKING + alone_for(batch)))
        # so that what nobody answers is decoded here in time, as it would have been without workers
        shared.patience = max(0.0, lead - alone_for(batch))
    return lead


def _opening(options: Options, host: str, port: int) -> Iterator[str]:
    """Where the server is, who reaches it, and what it plays."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    yield f"osc     {where}; try: {_program()} send /livevae/status --osc {where}"
    if not is_local((host,)) and options.door == OPEN:
        yield (
            f"osc     {host} can be reached from other machines, and whoever reaches it plays:"
            " --allow ADDRESS/PREFIX lets in a network alone, --secret-file FILE those who know a word"
        )
    playing = [name for name, voice in options.scene.voices.items() if voice.play]
    title = options.scene.title or "the scene"
    what = ", ".join(playing) or "no voice yet"
    yield f"playing {title}: {what}, at {options.scene.tempo:g} bpm. Ctrl-C stops. (livevae {__version__})"


async def _written(disk: Disk, say: Callable[[str], None]) -> None:
    """Wait until what was to be saved is on the disk, but not for ever."""
    if disk.waiting:
        say("disk    writing what was saved last")
    if left := await disk.close():
        say(f"disk    it does not answer: {left} of what was to be saved may not be there")


def allow_files() -> None:
    """Let the process open as many files as it may, and see that those are enough.

    Raises:
        LivevaeError: they are not. Without this, the player's process would not start, and nobody would know why.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= MANY_FILES:
        return
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft < LEAST_FILES:
        raise LivevaeError(
            f"this shell lets a program open {soft} files, and livevae needs {LEAST_FILES}: `ulimit -n {MANY_FILES}`"
            " in a new shell, then again"
        )


async def serve(options: Options, models: Models, say: Callable[[str], None]) -> None:
    """Play until SIGINT or SIGTERM."""
    sys.setswitchinterval(PATIENCE)
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    async with running(options, models, say):
        await over.wait()
        say("stopping: every note is released")


def port_names(targets: tuple[str, ...]) -> tuple[str, ...]:
    """What voices call the ports: a virtual one `livevae`, others by the words that --midi found them with."""
    if len(set(targets)) != len(targets):
        raise LivevaeError(f"--midi names the same port twice: {', '.join(targets)}")
    return tuple("livevae" if target == "virtual" else target for target in targets)


def _program() -> str:
    """What to type to run livevae: its name where the shell finds it, else the way to it."""
    return "livevae" if shutil.which("livevae") else sys.argv[0]
