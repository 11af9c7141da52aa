"""A rehearsal that nobody plays: the values that a server would tell, for pictures and tests of the UI."""

import asyncio
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from livevae.edges.osc.codec import Message, Value, decode, encode
from livevae.edges.osc.feed import packets
from livevae.edges.osc.timetags import Timetags
from livevae.latent.recipe import Recipe
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_BEAT, Note
from livevae.perform.events import (
    Beat,
    Event,
    Health,
    LogLine,
    PersonaState,
    PortState,
    RiffEvent,
    Snapshot,
    Takes,
    Training,
    Transport,
    VoiceState,
)
from livevae.perform.settings import VoiceSettings
from livevae.perform.standing import CueState, EnsembleState, MemberState, OtherSlot

BPM = 112.0
NAMES = ("lead", "tenor", "bass", "drums", "pad", "bells", "answer", "drone")
BLENDS: tuple[tuple[tuple[str, float], ...], ...] = (
    (("fiddle", 0.62), ("lied", 0.38)),
    (("arcade", 0.2), ("fiddle", 0.3), ("lied", 0.5)),
    (),
    (),
    (("lied", 1.0),),
    (("", 0.4), ("arcade", 0.15), ("fiddle", 0.25), ("nora", 0.2)),
    (("nora", 1.0),),
    (("", 0.5), ("lied", 0.5)),
)
SCALE = (0, 2, 3, 5, 7, 9, 10)


def pitch(degree: int, root: int) -> int:
    """A degree of the Dorian mode."""
    return root + 12 * (degree // 7) + SCALE[degree % 7]


def riff(index: int, number: int, bars: int) -> RiffEvent:
    """A riff of a voice: waves in a mode, so that it looks like music and is always the same."""
    root = (62, 50, 38, 36, 57, 74, 62, 38)[index % 8]
    step = (240, 480, 960, 240, 1920, 480, 480, 3840)[index % 8]
    notes = []
    for i in range(bars * TICKS_PER_BAR // step):
        degree = round(4 + 4 * math.sin(i * 0.7 + number + index) + 2 * math.sin(i * 2.3 + number))
        if (i * 7 + number + index) % 5 == 0 and step < 1920:
            continue
        key = (36, 42, 38, 42)[i % 4] if index % 8 == 3 else pitch(degree, root)
        notes.append(Note(i * step, step * (1 if (i + number) % 3 else 2) - 30, key, 70 + 10 * (i % 4)))
    blend = BLENDS[index % 8]
    recipe = Recipe(184_000 + 97 * number + index, 0.7, bars=bars, index=number, drift=0.35, blend=blend)
    start = number * bars * TICKS_PER_BAR
    name = NAMES[index % 8]
    return RiffEvent(
        name, start, bars * TICKS_PER_BAR, tuple(notes), recipe, start / TICKS_PER_BEAT * 60 / BPM
    )


def length(index: int) -> int:
    """Bars of a voice's riffs."""
    return (4, 2, 4, 2, 4, 2, 2, 4)[index % 8]


def voice(index: int, at: float) -> VoiceState:
    """How a voice stands."""
    usual = VoiceSettings(
        channel=index + 1, bars=length(index), temp=(0.7, 0.5, 0.3, 0.9)[index % 4], drift=0.35, key="Dm"
    )
    blend = BLENDS[index % 8]
    if index == 0:
        share = round(0.5 + 0.4 * math.sin(at / 7), 2)
        blend = (("fiddle", share), ("lied", 1 - share))
    return VoiceState(
        NAMES[index % 8],
        playing=index != 6,
        muted=index == 4,
        audible=index != 4,
        pinned=index == 1,
        riffs=12,
        late=1 if index == 3 else 0,
        seed=184_000 + 97 * 3 + index,
        fault="the model does not load: drums.safetensors is not there" if index == 6 else "",
        settings=usual.pairs(),
        blend=blend,
        target=blend,
    )


CUES = (
    CueState("intro", 1, changes="drums stops; pad heard"),
    CueState("verse", 2, over=4.0, changes="lead temp 0.7, blend fiddle 0.6 lied 0.4; drums plays"),
    CueState("chorus", 3, 128.0, 16.0, over=8.0, changes="lead blend lied 1; bass density 0.5; pad muted"),
    CueState("waltz", 4, meter="3/4", changes="drums stops; tenor transpose 12"),
)


def persona(
    name: str, windows: int, loss: float, source: str, licence: str, voices: tuple[str, ...]
) -> PersonaState:
    """A persona with all that is known of it."""
    return PersonaState(
        name,
        "here",
        windows,
        0.0,
        source,
        "cat-mel_2bar_small",
        "2026-05-01T20:00+00:00",
        licence,
        loss,
        True,
        voices,
    )


def snapshot(voices: int, at: float) -> Snapshot:
    """How everything stands at a moment."""
    return Snapshot(
        Transport(
            playing=True,
            beat=at * BPM / 60,
            at=at,
            bpm=BPM,
            title="First light",
            cue="verse",
            next_cue="chorus",
            cues=4,
            clock="link",
            peers=2,
            undos=3,
        ),
        Health(250.0, 11.2, 23.5, 0.1, 0.4, 1.6, 4812, 0, 9, 24, True, 310, 2, 2, 0),
        Takes(2, "recording", 32.0, 16, 21),
        tuple(voice(i, at) for i in range(voices)),
        (
            persona("arcade", 173, 22.0, "8 files: d_dm12, d_dm26, d_e3m3 ...", "BSD-3-Clause", ("tenor",)),
            persona("fiddle", 191, 26.3, "8 files: BrazenMaskReel ...", "public domain", ("lead", "tenor")),
            persona("lied", 145, 23.8, "6 files: An-die-Musik, Op-59 ...", "CC0", ("lead", "tenor", "pad")),
            PersonaState("nora", "in training", progress=0.62),
        ),
        (
            PortState("livevae", "livevae:out"),
            PortState("drumbox", "DrumBox MIDI 1"),
            PortState("in virtual", "livevae-in:in", input=True),
        ),
        CUES,
        OtherSlot(True, 2, (("lead.temp", "1.2"), ("bass.density", "-0.5"))),
        EnsembleState("trio", "desk", True, "rack", 0.21, 0.4, 3),
        (
            MemberState("rack", "ready", "conducts", BPM, 37.0, late_ms_p99=0.3, plays="lead bass"),
            MemberState("desk", "ready", "follows", BPM, 37.0, 0.21, 0.4, 0.4, "lead tenor"),
            MemberState("hall", "lost"),
        ),
    )


LINES = (
    ("midi", "livevae:out"),
    ("clock", "link, 2 others"),
    ("scene", "First light: lead, tenor, bass, drums, pad, bells, answer, drone"),
    ("recording", "take 1: 16 bars, 142 notes"),
    ("training", "nora: 2 takes, 48 windows"),
    ("cue", "verse, from bar 9 on"),
)


def beginning(voices: int, at: float) -> Iterator[Event]:
    """What a new subscriber is told: enough to draw every screen."""
    yield snapshot(voices, at)
    beat = at * BPM / 60
    for i in range(voices):
        number = int(beat // (4 * length(i)))
        yield riff(i, number, length(i))
        if (number + 1) * 4 * length(i) - beat < 4:
            yield riff(i, number + 1, length(i))
    for epoch in range(1, 63):
        yield Training(
            "nora", "training", epoch, 100, 2.4 * math.exp(-epoch / 18) + 0.35 + 0.05 * math.sin(epoch * 1.7)
        )
    for about, text in LINES:
        yield LogLine(about, text)
    yield LogLine("voice", "drums: a riff came 12 ms too late; the riff before plays again", "warning")
    yield Beat(beat, int(beat // 4) + 1, int(beat % 4) + 1, BPM, at)


class FakeServer(asyncio.DatagramProtocol):
    """Something that answers like a server, and tells subscribers of the rehearsal in real time. No music is made.

    Args:
        voices: how many.
        a_second: snapshots a second.
    """

    def __init__(self, voices: int = 8, a_second: float = 5.0) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.subscribers: set[tuple[str, int]] = set()
        self.port = 0
        self._voices, self._a_second = voices, a_second
        self._transport: asyncio.DatagramTransport | None = None
        self._timetags = Timetags(lambda: asyncio.get_running_loop().time())
        self._began = 0.0
        self._numbers = itertools.count(1)
        self._task: asyncio.Task[None] | None = None

    async def open(self, port: int = 0) -> None:
        """Listen on a port of this machine."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", port))
        self._began = loop.time()
        self._task = loop.create_task(self._play())

    def close(self) -> None:
        """Go away."""
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: open."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """asyncio: a request."""
        for timed in decode(data):
            message = timed.message
            pairs = dict(zip(message.args[-2::-2][::-1], message.args[::-2][::-1], strict=False))
            answer: list[Value] = ["address", message.address]
            if "id" in pairs:
                answer += ["id", pairs["id"]]
            if message.address == "/livevae/subscribe":
                self.subscribers.add(addr)
                at = asyncio.get_running_loop().time() - self._began
                for event in beginning(self._voices, at):
                    self._tell(event)
            elif message.address != "/livevae/ping":
                self.asked.append((message.address, *message.args))
            if self._transport is not None:
                self._transport.sendto(encode(Message("/livevae/reply", tuple(answer))), addr)

    def _tell(self, event: Event) -> None:
        """Send an event whose moment is counted from the beginning."""
        if isinstance(event, Snapshot):
            event = replace(event, transport=replace(event.transport, at=event.transport.at + self._began))
        elif hasattr(event, "at"):
            event = replace(event, at=event.at + self._began)  # type: ignore[arg-type]
        for data in packets(event, self._timetags, next(self._numbers)):
            for where in self.subscribers:
                if self._transport is not None:
                    self._transport.sendto(data, where)

    def log(self, lines: int) -> None:
        """Tell so many lines of the log at once."""
        for i in range(lines):
            self._tell(LogLine("flood", f"line {i}"))

    async def _play(self) -> None:
        loop = asyncio.get_running_loop()
        committed = [0] * self._voices
        beats, pictures = 0, 0
        while True:
            now = loop.time() - self._began
            beat = now * BPM / 60
            if now * self._a_second >= pictures:
                self._tell(snapshot(self._voices, now))
                pictures += 1
            while beats <= beat + 1:
                self._tell(Beat(float(beats), beats // 4 + 1, beats % 4 + 1, BPM, beats * 60 / BPM))
                beats += 1
            for i in range(self._voices):
                if (committed[i] * 4 * length(i)) <= beat + 1:
                    self._tell(riff(i, committed[i], length(i)))
                    committed[i] += 1
            await asyncio.sleep(0.05)
