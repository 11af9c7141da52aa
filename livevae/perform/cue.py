"""Cues: what a scene changes on the way, in order, each from a bar line on.

[[cue]]
name = "lift"
tempo = 132                  # in a ramp of so many beats
ramp = 16
over = 4                     # blends and positions glide over so many bars
[cue.voice.lead]
temp = 1.2
blend = { nora = 1 }
[cue.voice.pads]
play = false                 # or muted = true
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from livevae.music.meter import Meter
from livevae.perform.blend import Tour, Weights
from livevae.perform.events import Scalar


@dataclass(frozen=True, slots=True)
class CueVoice:
    """What a cue changes of a voice.

    Attributes:
        settings: by name; those that are not named stay.
        blend: weights to glide to, or a tour; None leaves it.
        place: a position to glide to; () walks again, None leaves it.
        play: whether it plays from then on; None leaves it.
        muted: whether it is muted from then on; None leaves it.
    """

    settings: Mapping[str, Scalar] = field(default_factory=dict)
    blend: Weights | Tour | None = None
    place: tuple[float, ...] | None = None
    play: bool | None = None
    muted: bool | None = None


@dataclass(frozen=True, slots=True)
class Cue:
    """One cue of a scene.

    Attributes:
        name: what it is called.
        tempo: beats a minute; None leaves it.
        ramp: beats that the new tempo takes to be reached.
        meter: of the bars from then on; None leaves it.
        over: bars over which blends and positions glide.
        voices: what changes, by voice.
    """

    name: str
    tempo: float | None = None
    ramp: float = 0.0
    meter: Meter | None = None
    over: float = 0.0
    voices: Mapping[str, CueVoice] = field(default_factory=dict)
