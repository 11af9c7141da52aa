"""What happens in a performance, as frozen values. The hub tells them, and the OSC feed is made from them.

beat, bar     ahead of time, with the moment they sound
riff          when its notes are committed, which is before they sound
snapshot      how everything stands, some times a second
training      each step of a training
log           a line that the performer should see
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from livevae.latent.recipe import Recipe
from livevae.music.notes import Note
from livevae.perform.standing import CueState, EnsembleState, MemberState, OtherSlot

Scalar: TypeAlias = int | float | str


@dataclass(frozen=True, slots=True)
class Beat:
    """A beat (a quarter), told ahead. Beats are counted from the bar line: 7/8 has four, the last of them short.

    Attributes:
        beat: its place on the timeline, in beats from 0.
        bar: which bar it is in, from 1.
        in_bar: which beat of the bar it is, from 1.
        bpm: the tempo.
        at: when it sounds, seconds of the session's clock.
    """

    beat: float
    bar: int
    in_bar: int
    bpm: float
    at: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar line, told ahead.

    Attributes:
        bar: which bar begins, from 1.
        beat: its place on the timeline, in beats from 0.
        beats: the meter's upper number.
        unit: the meter's lower number.
        bpm: the tempo.
        at: when it sounds, seconds of the session's clock.
    """

    bar: int
    beat: float
    beats: int
    unit: int
    bpm: float
    at: float


@dataclass(frozen=True, slots=True)
class RiffEvent:
    """A riff that was committed: handed to the player, or kept from it by a mute.

    Attributes:
        voice: who plays it.
        start: the tick of its first downbeat; 960 ticks are a beat.
        length: ticks.
        notes: as they are played, feel included; starts are ticks from `start`, the first may be negative.
        recipe: what it was decoded from; its seed is the seed of the riff.
        at: when `start` sounds, seconds of the session's clock, at the tempo of now.
        port: livevae's name of the MIDI port.
        channel: 1 to 16.
        late: it was not ready in time: what is played is the last riff again, or this one on a later grid point.
        pinned: it is kept, and loops until it is released.
        muted: the voice walks on without being heard.
        once: a sample, not a turn of the voice's own.
    """

    voice: str
    start: int
    length: int
    notes: tuple[Note, ...]
    recipe: Recipe
    at: float = 0.0
    port: str = ""
    channel: int = 1
    late: bool = False
    pinned: bool = False
    muted: bool = False
    once: bool = False

    @property
    def end(self) -> int:
        """The tick after its last."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Transport:
    """Where the music is, and by whose clock.

    Attributes:
        playing: whether any voice plays.
        beat: where the music is at `at`, in beats from 0.
        at: seconds of the session's clock; a player of the picture goes on from here by `bpm`.
        bpm: the tempo.
        beats: the meter's upper number.
        unit: the meter's lower number.
        title: the scene's.
        cue: the name of the cue that was last gone to; "" where there is none.
        next_cue: the name of the cue that `next` goes to.
        cues: how many the scene has.
        clock: whose clock it is: internal, midi or link.
        peers: how many others go by it.
        why: a sentence, where a clock that was asked for cannot be followed or is gone.
        slot: which of the two states, a or b, is heard.
        undos: how many changes can be taken back.
        redos: how many that were taken back can be made again.
    """

    playing: bool = False
    beat: float = 0.0
    at: float = 0.0
    bpm: float = 120.0
    beats: int = 4
    unit: int = 4
    title: str = ""
    cue: str = ""
    next_cue: str = ""
    cues: int = 0
    clock: str = "internal"
    peers: int = 0
    why: str = ""
    slot: str = "a"
    undos: int = 0
    redos: int = 0


@dataclass(frozen=True, slots=True)
class VoiceState:
    """One voice.

    Attributes:
        name: its name.
        playing: whether it walks.
        muted: whether it was muted.
        solo: whether it was soloed; then only voices that are so are heard.
        audible: whether it is heard, all mutes and solos considered.
        pinned: whether a riff is kept and loops.
        riffs: how many it has played.
        late: how many decodes were not ready in time.
        repeats: how often the last riff was played again for that.
        seed: the seed of the riff that sounds, or was last committed; 0 before the first.
        fault: a sentence, where it stopped for a fault.
        missing: personas of its blend that are gone; the base model stands in for them.
        settings: every setting by name, in the table's order.
        blend: weights by persona now, "" being the base model; () is the base model alone.
        target: where the blend glides to; the same as `blend` when it stands still.
        position: where it is held inside the personas' own space; () where it walks.
    """

    name: str
    playing: bool = False
    muted: bool = False
    solo: bool = False
    audible: bool = True
    pinned: bool = False
    riffs: int = 0
    late: int = 0
    repeats: int = 0
    seed: int = 0
    fault: str = ""
    missing: tuple[str, ...] = ()
    settings: tuple[tuple[str, Scalar], ...] = ()
    blend: tuple[tuple[str, float], ...] = ()
    target: tuple[tuple[str, float], ...] = ()
    position: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PersonaState:
    """One persona.

    Attributes:
        name: its name.
        state: `here`, `on disk` or `in training`.
        windows: how many windows it was trained on; 0 where that is not known.
        progress: of a training, from 0 to 1.
        source: the takes or files that it was trained on, in words; "" where that is not known.
        base: the model that it was trained over.
        trained: when, in ISO 8601, UTC; "" where that is not known.
        licence: what others may do with it; "" where nobody said.
        loss: at the end of its training; 0 where that is not known.
        saved: whether it is on disk; else it ends with the server.
        voices: voices that blend it.
    """

    name: str
    state: str = "here"
    windows: int = 0
    progress: float = 0.0
    source: str = ""
    base: str = ""
    trained: str = ""
    licence: str = ""
    loss: float = 0.0
    saved: bool = True
    voices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Takes:
    """What was recorded from the MIDI input.

    Attributes:
        takes: whole ones.
        state: `` (nothing is recorded), `armed` (until the bar line) or `recording`.
        start: the beat of the punch; 0 where nothing is recorded.
        bars: how long the take will be; 0 is until it is stopped.
        notes: of the take that is open, so far.
    """

    takes: int = 0
    state: str = ""
    start: float = 0.0
    bars: int = 0
    notes: int = 0


@dataclass(frozen=True, slots=True)
class PortState:
    """One MIDI port.

    Attributes:
        name: livevae's name for it; of an input, `in` and what it was asked for by.
        system: the system's name; "" where it is not open.
        open: whether it is.
        why: a sentence, where it is not.
        input: whether notes come in there; else they leave.
    """

    name: str
    system: str = ""
    open: bool = True
    why: str = ""
    input: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """How well it keeps time.

    Attributes:
        lead_ms: how early riffs are begun; a decode may take that long.
        decode_ms_p50: how long decodes take, half of them at most.
        decode_ms_p99: the same for 99 of 100.
        late_ms_p50: lateness of messages at send, in the player, lately.
        late_ms_p99: the same.
        late_ms_max: the same.
        sent: messages sent since the start.
        dropped: notes that were far too late and left out, since the start.
        sounding: notes that sound now.
        waiting: messages on the player's agenda.
        realtime: whether the player has real-time priority.
        requests: how many came.
        errors: how many of them were refused.
        subscribers: listeners over the network.
        lost: values that listeners did not read in time, since the start.
    """

    lead_ms: float = 0.0
    decode_ms_p50: float = 0.0
    decode_ms_p99: float = 0.0
    late_ms_p50: float = 0.0
    late_ms_p99: float = 0.0
    late_ms_max: float = 0.0
    sent: int = 0
    dropped: int = 0
    sounding: int = 0
    waiting: int = 0
    realtime: bool = False
    requests: int = 0
    errors: int = 0
    subscribers: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How everything stood at one moment, `transport.at`."""

    transport: Transport = field(default_factory=Transport)
    health: Health = field(default_factory=Health)
    takes: Takes = field(default_factory=Takes)
    voices: tuple[VoiceState, ...] = ()
    personas: tuple[PersonaState, ...] = ()
    ports: tuple[PortState, ...] = ()
    cues: tuple[CueState, ...] = ()
    other: OtherSlot = field(default_factory=OtherSlot)
    ensemble: EnsembleState = field(default_factory=EnsembleState)
    rooms: tuple[MemberState, ...] = ()


@dataclass(frozen=True, slots=True)
class Training:
    """A step of a training.

    Attributes:
        persona: what is trained.
        state: `training`, `ready` or `failed`.
        epoch: how many passes over the takes are done.
        epochs: of how many.
        loss: at the end of that epoch; smaller is nearer to the takes.
        beat: from which it can be played, when `ready`.
        text: a sentence, when `failed`.
    """

    persona: str
    state: str = "training"
    epoch: int = 0
    epochs: int = 0
    loss: float = 0.0
    beat: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line for the performer: `recording`, `tempo`, `scene`, ... and what happened.

    Attributes:
        about: one word for what it is about; lines of one kind stand below each other.
        text: one sentence.
        level: `info`, `warning` or `error`.
        at: when, seconds of the session's clock.
    """

    about: str
    text: str
    level: str = "info"
    at: float = 0.0


Event: TypeAlias = Beat | Bar | RiffEvent | Snapshot | Training | LogLine

TOPICS: Mapping[str, type[Event]] = MappingProxyType(
    {
        "beat": Beat,
        "bar": Bar,
        "riff": RiffEvent,
        "snapshot": Snapshot,
        "training": Training,
        "log": LogLine,
    }
)
"""What can be listened to, and the values that come."""
