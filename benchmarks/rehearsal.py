"""A rehearsal that nobody plays: the values that a server would tell, for pictures and tests of the UI."""

import math
from collections.abc import Iterator

from livevae.latent.recipe import Recipe
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_BEAT, Note
from livevae.perform.hub import (
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
            PersonaState("arcade", windows=64, voices=("tenor",)),
            PersonaState("fiddle", windows=160, voices=("lead", "tenor")),
            PersonaState("lied", windows=96, voices=("lead", "tenor", "pad")),
            PersonaState("nora", "in training", progress=0.62),
        ),
        (PortState("livevae", "livevae:out"), PortState("drumbox", "DrumBox MIDI 1")),
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
