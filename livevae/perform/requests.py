"""Requests: what a performer can ask for, as frozen values. Read top to bottom, this file is the protocol.

An edge (OSC, MQTT, the terminal) makes requests; `Session.do` answers each with a `Reply`. A request never makes
notes: it changes what the next riff will be.
"""

from dataclasses import dataclass, field


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
    """One riff, once: a short-lived voice with `settings` laid over those of `voice` (or of the defaults)."""

    voice: str = ""
    settings: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Set(Request):
    """Change settings of a voice; a name that is new makes a new voice, which waits for `play`."""

    voice: str
    settings: dict[str, object] = field(default_factory=dict)


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
class Panic(Request):
    """Stop everything and silence every channel of every port."""


@dataclass(frozen=True, slots=True)
class LoadScene(Request):
    """Replace the scene by the named one: a file, or one that comes with livevae."""

    name: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request.

    Attributes:
        ok: False when nothing was done.
        text: one sentence for the performer when `ok` is False.
        pairs: names and values, flat: ints, floats and strings.
        beat: on which beat it will sound, where it sounds at all.
    """

    ok: bool = True
    text: str = ""
    pairs: tuple[tuple[str, int | float | str], ...] = ()
    beat: float | None = None
