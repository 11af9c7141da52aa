"""A scene as the text of its file. Law: `parse(text(scene)) == scene`, for every scene that `parse` can give."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import tomli_w

from livevae.music.meter import COMMON
from livevae.music.notes import TICKS_PER_BEAT
from livevae.perform.arc import STILL
from livevae.perform.blend import BASE_ALONE, BASE_WORD, Blend, Place, Tour, Weights
from livevae.perform.controls import Binding, MidiMap
from livevae.perform.cue import Cue, CueVoice
from livevae.perform.scene import Scene, SceneVoice
from livevae.perform.settings import VoiceSettings, in_meter


def text(scene: Scene) -> str:
    """The scene as TOML. Blends and positions that glide are written as where they go."""
    usual = in_meter(scene.meter)
    table: dict[str, Any] = {"title": scene.title, "tempo": scene.tempo}
    if scene.meter != COMMON:
        table["meter"] = str(scene.meter)
    table["voice"] = {name: _voice(one, usual) for name, one in scene.voices.items()}
    if scene.mqtt:
        table["mqtt"] = scene.mqtt
    if scene.midi is not None:
        table["midi"] = _midi(scene.midi)
    if scene.cues:
        table["cue"] = [_cue(cue) for cue in scene.cues]
    return tomli_w.dumps(table)


def _voice(one: SceneVoice, usual: VoiceSettings) -> dict[str, Any]:
    table: dict[str, Any] = {} if one.play else {"play": False}
    if one.muted:
        table["muted"] = True
    before = dict(usual.pairs())
    table |= {name: value for name, value in one.settings.pairs() if value != before[name]}
    blend, place = one.settings.blend, one.settings.place.after
    if isinstance(blend, Tour):
        table["tour"] = _tour(blend)
    elif (after := Blend(blend.after)) != BASE_ALONE:
        table["blend"] = _weights(after.after)
    if place is not None:
        table["latent"] = list(place)
    if (arc := one.settings.arc) != STILL:
        table["arc"] = {"beats": arc.leg / TICKS_PER_BEAT, **{name: list(held) for name, held in arc.values}}
    return table


def _weights(weights: Weights) -> dict[str, float]:
    return {name or BASE_WORD: weight for name, weight in weights or (("", 1.0),)}


def _tour(tour: Tour) -> dict[str, Any]:
    return {"stops": [_weights(stop) for stop in tour.stops], "beats": tour.leg / TICKS_PER_BEAT}


def _midi(midi: MidiMap) -> dict[str, Any]:
    knobs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in midi.bindings:
        knobs[str(one.controller)].append(_binding(one))
    table: dict[str, Any] = {"map": {key: _alone(values) for key, values in knobs.items()}}
    table["scenes"] = {str(program): name for program, name in midi.scenes.items()}
    return table


def _binding(one: Binding) -> dict[str, Any]:
    table: dict[str, Any] = {"to": one.target, "least": one.least, "most": one.most}
    return table | ({"channel": one.channel} if one.channel else {})


def _alone(values: list[dict[str, Any]]) -> Any:
    return values[0] if len(values) == 1 else values


def _cue(cue: Cue) -> dict[str, Any]:
    table: dict[str, Any] = {"name": cue.name}
    if cue.tempo is not None:
        table["tempo"] = cue.tempo
    if cue.ramp:
        table["ramp"] = cue.ramp
    if cue.meter is not None:
        table["meter"] = str(cue.meter)
    if cue.over:
        table["over"] = cue.over
    if cue.voices:
        table["voice"] = {name: dict(_changes(change)) for name, change in cue.voices.items()}
    return table


def _changes(change: CueVoice) -> Iterable[tuple[str, Any]]:
    if change.play is not None:
        yield "play", change.play
    if change.muted is not None:
        yield "muted", change.muted
    yield from change.settings.items()
    if isinstance(change.blend, Tour):
        yield "tour", _tour(change.blend)
    elif change.blend is not None:
        yield "blend", _weights(change.blend)
    if change.place is not None:
        yield "latent", list(change.place)


def settled(settings: VoiceSettings) -> VoiceSettings:
    """Settings whose blend and position are where they glide to."""
    blend, place = settings.blend, settings.place
    if not isinstance(blend, Tour):
        blend = Blend(blend.after)
    return replace(settings, blend=blend, place=Place(place.after))
