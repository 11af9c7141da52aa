"""What the UI knows, as one frozen value that events advance. Pure: no socket, no clock, no terminal."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from livevae.perform.events import Health, PersonaState, PortState, Takes
from livevae.perform.standing import CueState, EnsembleState, MemberState, OtherSlot
from livevae.tui.roll import RollNote

Scalar: TypeAlias = int | float | str

LOG_LINES = 1000
"""Lines of the log that are kept; the oldest go first."""

LOSSES = 400
"""Points of a training's loss curve that are kept."""

WAITING, UP, LOST = "waiting", "up", "lost"
"""The state of the link to the server: it never answered, it answers, it no longer does."""


@dataclass(frozen=True, slots=True)
class Riff:
    """A riff that a voice plays or is about to.

    Attributes:
        voice: whose.
        start: the beat on which it begins.
        beats: how long it is.
        notes: in beats from its beginning.
        recipe: what it was made from: `seed`, `temp`, `model` and whatever else the server tells.
    """

    voice: str
    start: float
    beats: float
    notes: tuple[RollNote, ...]
    recipe: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def end(self) -> float:
        """The beat on which it is over."""
        return self.start + self.beats


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice as the last snapshot shows it.

    Attributes:
        name: its name.
        playing: whether it walks from riff to riff.
        muted: whether it was muted.
        solo: whether it was soloed.
        audible: whether it is heard, all mutes and solos considered.
        pinned: whether its riff is kept and loops.
        late: riffs that came too late and were replaced by the one before.
        lately: whether that was of late.
        seed: of the riff that sounds.
        fault: why it stopped, or "".
        missing: personas of its blend that are gone.
        settings: by name.
        blend: (persona, weight) now; `base` is the base model.
        target: where the blend glides to.
    """

    name: str
    playing: bool = False
    muted: bool = False
    solo: bool = False
    audible: bool = True
    pinned: bool = False
    late: int = 0
    lately: bool = False
    seed: int = 0
    fault: str = ""
    missing: tuple[str, ...] = ()
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    blend: tuple[tuple[str, float], ...] = (("base", 1.0),)
    target: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Training:
    """How far the training of a persona is."""

    persona: str
    epoch: int = 0
    epochs: int = 0
    loss: tuple[float, ...] = ()
    state: str = "training"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log.

    Attributes:
        text: what it says.
        level: `info`, `warning` or `error`; `you` is what was asked for here.
    """

    text: str
    level: str = "info"


@dataclass(frozen=True, slots=True)
class UiState:
    """Everything that is drawn.

    Attributes:
        link: `WAITING`, `UP` or `LOST`.
        where: HOST:PORT of the server.
        title: the scene's.
        bpm: the tempo.
        bar: quarters of a bar.
        meter: as it is written.
        anchor: a beat, and the moment it sounds, in seconds of this program's clock.
        clock: whose clock it is.
        peers: others on the same clock.
        why: what is the matter with the clock, or "".
        voices: in the scene's order.
        riffs: by voice, the riffs that sound or come, in order; at most three.
        selected: the index of the voice that keys turn.
        setting: the index of the setting that is chosen on the Voice screen.
        persona: the persona that is chosen on the Personas screen, by its name.
        takes: what was and is recorded.
        personas: those that there are.
        training: the last trainings, by persona.
        scenes: names of scenes that can be loaded.
        cues: how many cues the scene has.
        setlist: those cues around the current one.
        other: the state of the settings that is not heard.
        ensemble: the ensemble that the server takes part in.
        rooms: the rooms of it.
        cue: the name of the cue that was last gone to.
        next_cue: the name of the one that comes.
        late_beats: by voice, the beat at which a riff was last seen to be late.
        crib: (name, what it is) of kept riffs.
        health: how well the server keeps time.
        ports: its MIDI ports.
        undos: how many changes can be taken back.
        redos: how many can be made again.
        log: newest last.
        screen: which screen is shown.
        letter: A or B: which of the two states of the settings plays.
    """

    link: str = WAITING
    where: str = ""
    title: str = ""
    bpm: float = 120.0
    bar: float = 4.0
    meter: str = "4/4"
    anchor: tuple[float, float] | None = None
    clock: str = "internal"
    peers: int = 0
    why: str = ""
    voices: tuple[Voice, ...] = ()
    riffs: Mapping[str, tuple[Riff, ...]] = field(default_factory=dict)
    selected: int = 0
    setting: int = 0
    persona: str = ""
    takes: Takes = field(default_factory=Takes)
    personas: tuple[PersonaState, ...] = ()
    training: tuple[Training, ...] = ()
    scenes: tuple[str, ...] = ()
    cues: int = 0
    setlist: tuple[CueState, ...] = ()
    other: OtherSlot = field(default_factory=OtherSlot)
    ensemble: EnsembleState = field(default_factory=EnsembleState)
    rooms: tuple[MemberState, ...] = ()
    cue: str = ""
    next_cue: str = ""
    late_beats: Mapping[str, float] = field(default_factory=dict)
    crib: tuple[tuple[str, str], ...] = ()
    health: Health = field(default_factory=Health)
    ports: tuple[PortState, ...] = ()
    undos: int = 0
    redos: int = 0
    log: tuple[Line, ...] = ()
    screen: str = "stage"
    letter: str = "A"

    @property
    def playing(self) -> bool:
        """Whether any voice plays."""
        return any(voice.playing for voice in self.voices)

    @property
    def chosen(self) -> str:
        """The persona that is chosen: the first, where nobody has."""
        names = [one.name for one in self.personas]
        return self.persona if self.persona in names else next(iter(names), "")

    @property
    def voice(self) -> Voice | None:
        """The voice that is selected, if there is any."""
        return self.voices[self.selected] if 0 <= self.selected < len(self.voices) else None

    def beat(self, now: float) -> float | None:
        """Where the music is at `now`, in beats; None as long as nobody has told."""
        if self.anchor is None:
            return None
        beat, moment = self.anchor
        return beat + (now - moment) * self.bpm / 60.0

    def sounding(self, voice: str, beat: float) -> Riff | None:
        """The riff of a voice that sounds at a beat."""
        return next((riff for riff in self.riffs.get(voice, ()) if riff.start <= beat < riff.end), None)

    def coming(self, voice: str, beat: float) -> Riff | None:
        """The riff of a voice that begins after a beat."""
        return next((riff for riff in self.riffs.get(voice, ()) if riff.start > beat), None)


def with_riff(state: UiState, riff: Riff) -> UiState:
    """A riff was committed: it takes the place of what it overlaps."""
    kept = [old for old in state.riffs.get(riff.voice, ()) if old.start < riff.start]
    return replace(state, riffs={**state.riffs, riff.voice: (*kept[-2:], riff)})


def with_line(state: UiState, *lines: Line) -> UiState:
    """Lines of the log, the oldest forgotten."""
    return replace(state, log=(*state.log, *lines)[-LOG_LINES:])


def with_training(
    state: UiState, persona: str, epoch: int, epochs: int, loss: float | None, now: str
) -> UiState:
    """A training went on, or ended."""
    old = next((t for t in state.training if t.persona == persona), None)
    curve = old.loss if old is not None and old.epoch <= epoch else ()
    if loss is not None:
        curve = (*curve, loss)[-LOSSES:]
    new = Training(persona, epoch, epochs, curve, now)
    others = tuple(t for t in state.training if t.persona != persona)
    return replace(state, training=(*others, new)[-8:])


def with_voices(state: UiState, voices: tuple[Voice, ...]) -> UiState:
    """The voices of a new snapshot; the selected one stays selected, by its name."""
    name = state.voice.name if state.voice is not None else ""
    index = next((i for i, voice in enumerate(voices) if voice.name == name), 0)
    names = {voice.name for voice in voices}
    riffs = {name: riffs for name, riffs in state.riffs.items() if name in names}
    return replace(state, voices=voices, selected=index, riffs=riffs)
