"""More of how everything stands, as the hub tells it: cues, the two states of the settings, and the ensemble."""

from dataclasses import dataclass

MOST_CUES_TOLD = 32
"""Cues of a snapshot: those around the one that is current."""

MOST_DIFFERENCES = 32
"""Settings of the other state that a snapshot tells."""

MOST_MEMBERS = 32
"""Rooms of an ensemble that a snapshot tells."""


@dataclass(frozen=True, slots=True)
class CueState:
    """One cue of the scene.

    Attributes:
        name: what it is called.
        number: its place in the scene, from 1.
        bpm: the tempo it brings; 0 leaves it.
        ramp: beats that the tempo takes to be reached.
        meter: of the bars from then on; "" leaves it.
        over: bars over which blends and positions glide.
        changes: what becomes of each voice, in words: `lead temp 1.2, blend nora 1; pads stops`.
    """

    name: str
    number: int = 1
    bpm: float = 0.0
    ramp: float = 0.0
    meter: str = ""
    over: float = 0.0
    changes: str = ""


@dataclass(frozen=True, slots=True)
class OtherSlot:
    """The state of the settings that is not heard: B while A is.

    Attributes:
        heard: whether it was ever heard; until then it is as the one that is.
        count: in how many settings it is different.
        values: those settings as `voice.setting`, each with its value in the other state; the first ones, where
            there are many.
    """

    heard: bool = False
    count: int = 0
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EnsembleState:
    """The ensemble that the server takes part in (`--mqtt`).

    Attributes:
        name: the ensemble's; "" where the server is in none.
        room: what this server is called there.
        online: whether the broker is here.
        conductor: the room that conducts; "" where none does.
        apart_ms: milliseconds that we are ahead of the conductor; negative is behind.
        within_ms: what that may be wrong by.
        rooms: how many rooms are known.
    """

    name: str = ""
    room: str = ""
    online: bool = False
    conductor: str = ""
    apart_ms: float = 0.0
    within_ms: float = 0.0
    rooms: int = 0


@dataclass(frozen=True, slots=True)
class MemberState:
    """One room of the ensemble, as it says of itself.

    Attributes:
        name: its name.
        state: `ready`, `disconnected`, or `lost` when the broker missed it.
        time: `conducts`, `follows`, or `own clock`; "" where it is not here.
        bpm: its tempo.
        beat: the ensemble's beat there, when it last said so.
        apart_ms: milliseconds that it is ahead of the conductor.
        within_ms: what that may be wrong by.
        late_ms_p99: lateness of its messages at send.
        plays: its voices that play, separated by spaces.
    """

    name: str
    state: str = ""
    time: str = ""
    bpm: float = 0.0
    beat: float = 0.0
    apart_ms: float = 0.0
    within_ms: float = 0.0
    late_ms_p99: float = 0.0
    plays: str = ""
