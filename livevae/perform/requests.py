"""Requests: what a performer can ask for, as frozen values. Read top to bottom, this file is the protocol.

An edge (OSC, MQTT, the terminal) makes requests; `Session.do` answers each with a `Reply`, and some with more of them
later (`learn`, `persona/train`), which go to whoever was passed beside the request. What has to wait for the disk is
answered only then, and `PENDING` until then. A request never makes notes: it changes what the next riff will be.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

LEASE = 30.0
"""Seconds that a subscription lasts after the last packet of its client, unless it asks for others."""

LONGEST_LEASE = 3_600.0


@dataclass(frozen=True, slots=True)
class Request:
    """What every request has.

    Attributes:
        at: when it should sound, in seconds of the session's clock (a bundle's timetag); None is now.
    """

    at: float | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Ping(Request):
    """Are you there? Answered with the version and the beat."""


@dataclass(frozen=True, slots=True)
class Status(Request):
    """The snapshot: tempo, beat, voices and counters, as flat pairs."""


@dataclass(frozen=True, slots=True)
class Play(Request):
    """Start a voice (or all voices, when `voice` is empty) on its next quantum."""

    voice: str = ""


@dataclass(frozen=True, slots=True)
class Stop(Request):
    """Stop a voice (or all): waiting notes are dropped, sounding ones released."""

    voice: str = ""


@dataclass(frozen=True, slots=True)
class Sample(Request):
    """One riff, once: a short-lived voice with `settings` laid over those of `voice` (or of the defaults).

    Attributes:
        voice: whose settings.
        settings: what is laid over them.
        recipe: what to decode, as text (see `recipes`); "" makes a recipe from the settings.
    """

    voice: str = ""
    settings: dict[str, object] = field(default_factory=dict)
    recipe: str = ""


@dataclass(frozen=True, slots=True)
class Set(Request):
    """Change settings of a voice.

    Attributes:
        voice: its name.
        settings: what changes.
        new: make the voice where there is none of that name; it waits for `play`.
    """

    voice: str
    settings: dict[str, object] = field(default_factory=dict)
    new: bool = False


@dataclass(frozen=True, slots=True)
class Tempo(Request):
    """Beats a minute, from now on, at once or in a straight ramp.

    Attributes:
        bpm: the new tempo.
        over: beats that the ramp takes; 0 is at once.
    """

    bpm: float
    over: float = 0.0


@dataclass(frozen=True, slots=True)
class Nudge(Request):
    """Put the music further on than it would be, as a hand on a record does; negative is back.

    Attributes:
        beats: how far, in beats.
        ms: how far, in milliseconds of the present tempo; added to `beats`.
        over: beats that it takes, more where that would bend the tempo by over a half; 0 is at once.
    """

    beats: float = 0.0
    ms: float = 0.0
    over: float = 1.0


@dataclass(frozen=True, slots=True)
class Tap(Request):
    """A tap of the finger on a beat; from the third on, the tempo is that of the taps."""


@dataclass(frozen=True, slots=True)
class Clock(Request):
    """Whose clock to go by; nothing that plays jumps. Without a source, say whose it is.

    Attributes:
        source: `internal`, `midi`, `link` or `mqtt`.
        quantum: beats of the grid on which we agree with it; None is a bar, also when the meter changes.
        device: of a MIDI clock, part of the name of the output that sends it; "" is a port of our own.
        conduct: with `mqtt`, take the conductor's place at the next bar line, whoever has it.
    """

    source: str = ""
    quantum: float | None = None
    device: str = ""
    conduct: bool = False


@dataclass(frozen=True, slots=True)
class Map(Request):
    """Let a MIDI controller turn a setting; without a setting, free it; without a controller, say what is mapped.

    Attributes:
        controller: 0 to 119.
        voice: whose setting; "" for the tempo.
        setting: a voice's setting, or `tempo`.
        least: the value at 0; None is the setting's usual least.
        most: the value at 127; None is the setting's usual most.
        channel: 1 to 16; 0 is every channel.
    """

    controller: int | None = None
    voice: str = ""
    setting: str = ""
    least: float | None = None
    most: float | None = None
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Learn(Request):
    """Let the next MIDI controller that moves turn a setting; without a setting, no longer wait for one.

    Attributes:
        voice: whose setting; "" for the tempo.
        setting: a voice's setting, or `tempo`.
        least: the value at 0; None is the setting's usual least.
        most: the value at 127; None is the setting's usual most.
    """

    voice: str = ""
    setting: str = ""
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Panic(Request):
    """Stop everything and silence every channel of every port."""


@dataclass(frozen=True, slots=True)
class LoadScene(Request):
    """Replace the scene by the named one: a file, or one that comes with livevae."""

    name: str


@dataclass(frozen=True, slots=True)
class GoCue(Request):
    """Go to a cue on the next bar line that can be met: `next`, `back`, its name, or its number from 1."""

    where: str = "next"


@dataclass(frozen=True, slots=True)
class WriteScene(Request):
    """Write what is set now as a scene of the performer's; `replace` also over one of that name."""

    name: str
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Blend(Request):
    """Move a voice to other weights over personas, within `over` beats; `base` is the base model."""

    voice: str
    weights: tuple[tuple[str, float], ...]
    over: float = 0.0


@dataclass(frozen=True, slots=True)
class Latent(Request):
    """Hold a voice at a position inside its personas' own space, reached within `over` beats; () lets it walk."""

    voice: str
    position: tuple[float, ...] = ()
    over: float = 0.0


@dataclass(frozen=True, slots=True)
class Call(Request):
    """Answer what was just played in, once: encode it, and play it in the manner of a voice's personas.

    Attributes:
        voice: who answers.
        distance: 0 a copy, 0.5 in the personas' manner, 1 free.
        bars: how much of what was played is the call, and how long the answer is.
        kept: a riff of the crib that is the call, in place of what was played.
    """

    voice: str
    distance: float = 0.5
    bars: int = 2
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Mute(Request):
    """Let a voice walk on without being heard, at once; `on` None turns it over."""

    voice: str
    on: bool | None = None


@dataclass(frozen=True, slots=True)
class Solo(Request):
    """Hear only this voice, and others that are soloed; `on` None turns it over."""

    voice: str
    on: bool | None = None


@dataclass(frozen=True, slots=True)
class Keep(Request):
    """Let the riff that sounds take every turn of its voice, and put it into the crib; or release it.

    Attributes:
        voice: whose riff.
        on: whether to keep or to release; None turns it over.
        name: what to call it in the crib; "" is a name from its voice and its seed.
    """

    voice: str
    on: bool | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Recall(Request):
    """Play a riff of the crib, note for note.

    Attributes:
        name: its name there.
        voice: who plays it; "" is the voice that it was kept from.
        once: play it once, on the next grid point; else it takes every turn until it is released.
    """

    name: str
    voice: str = ""
    once: bool = False


@dataclass(frozen=True, slots=True)
class ListCrib(Request):
    """Which riffs there are in the crib."""


@dataclass(frozen=True, slots=True)
class TakeKept(Request):
    """Add a riff of the crib to the takes that personas are trained on."""

    name: str


@dataclass(frozen=True, slots=True)
class ShowRiff(Request):
    """Which riff of a voice sounds: its seed and its recipe."""

    voice: str


@dataclass(frozen=True, slots=True)
class Reroll(Request):
    """Give a voice a new seed, from its next riff on."""

    voice: str


@dataclass(frozen=True, slots=True)
class Undo(Request):
    """Take back the last change of voices' settings."""


@dataclass(frozen=True, slots=True)
class Redo(Request):
    """Make the change again that was taken back last."""


@dataclass(frozen=True, slots=True)
class Swap(Request):
    """Hear the other of two states, a and b, each with its own settings of all voices; or the named one."""

    slot: str = ""


@dataclass(frozen=True, slots=True)
class Trade(Request):
    """Trade bars: so many of the player, so many of a voice that answers them, in turn; 0 bars ends it.

    Attributes:
        bars: of each turn.
        voice: who answers; "" is the first voice.
        distance: of the answers, as in `Call`.
    """

    bars: int = 4
    voice: str = ""
    distance: float = 0.75


@dataclass(frozen=True, slots=True)
class PersonaRecord(Request):
    """Punch in on the next bar, for so many bars; 0 is until stopped. `stop` punches out; `clear` forgets all takes."""

    bars: float = 0.0
    stop: bool = False
    clear: bool = False


@dataclass(frozen=True, slots=True)
class PersonaTrain(Request):
    """Train a persona on the takes that were recorded, beside the music; it can be played from a bar line on.

    Attributes:
        name: what to call it; one of that name is replaced.
        model: whose z it speaks; "" is the default model.
        epochs: of a MidiMe; 0 is what is usual (for melodies, where there is a learned prior, none).
    """

    name: str
    model: str = ""
    epochs: int = 0


@dataclass(frozen=True, slots=True)
class PersonaSave(Request):
    """Keep a persona of this session in the performer's folder."""

    name: str


@dataclass(frozen=True, slots=True)
class PersonaLoad(Request):
    """Take a persona from the performer's folder, anew where it is here already."""

    name: str


@dataclass(frozen=True, slots=True)
class PersonaList(Request):
    """Which personas there are: here, and in the folder."""


@dataclass(frozen=True, slots=True)
class PersonaRemove(Request):
    """Take a persona out of this session; its file stays. Voices that blend it fall back to the base model."""

    name: str


@dataclass(frozen=True, slots=True)
class PersonaUndo(Request):
    """Take back the last training, loading or removal of a persona."""


@dataclass(frozen=True, slots=True)
class Subscribe(Request):
    """Be sent what happens. The edge that it comes through does it.

    Attributes:
        topics: `beat`, `bar`, `riff`, `snapshot`, `training`, `log`; added to those that the client has.
        port: where to send it on the client's machine; 0 is the port that it asks from.
        seconds: how long the lease is.
        token: from beyond this machine, the number that the first answer brought.
    """

    topics: tuple[str, ...] = ()
    port: int = 0
    seconds: float = LEASE
    token: int = 0


@dataclass(frozen=True, slots=True)
class Unsubscribe(Request):
    """Be sent some of it no longer; without topics, nothing.

    Attributes:
        topics: as for `Subscribe`.
        port: as for `Subscribe`.
    """

    topics: tuple[str, ...] = ()
    port: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request.

    Attributes:
        ok: False when nothing was done.
        text: one sentence for the performer when `ok` is False.
        pairs: names and values, flat: ints, floats and strings.
        beat: on which beat it will sound, where it sounds at all.
        pending: nothing is known yet: this is no answer, and one comes later.
    """

    ok: bool = True
    text: str = ""
    pairs: tuple[tuple[str, int | float | str], ...] = ()
    beat: float | None = None
    pending: bool = False


PENDING = Reply(pending=True)
"""Stands in for an answer that comes later."""

Later: TypeAlias = Callable[[Reply], None]
"""Takes what is known of a request only after it was answered."""


def nobody(_: Reply) -> None:
    """A `Later` for who does not want to know."""
