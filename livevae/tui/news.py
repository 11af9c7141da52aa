"""What the server tells, laid into the state. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from livevae.latent.recipe import Recipe
from livevae.perform.blend import BASE_WORD
from livevae.perform.events import Bar, Beat, Event, LogLine, RiffEvent, Snapshot, Training, VoiceState
from livevae.tui.roll import RollNote
from livevae.tui.state import (
    Line,
    Riff,
    Scalar,
    UiState,
    Voice,
    with_line,
    with_riff,
    with_training,
    with_voices,
)

TICKS_PER_BEAT = 960
LATELY = 64.0
"""Beats for which a voice is marked after a riff of it was late."""


def advance(state: UiState, event: Event) -> UiState:
    """The state after an event."""
    match event:
        case Beat():
            return replace(state, bpm=event.bpm, anchor=(event.beat, event.at))
        case Bar():
            meter, bar = f"{event.beats}/{event.unit}", 4.0 * event.beats / event.unit
            return replace(state, bpm=event.bpm, anchor=(event.beat, event.at), meter=meter, bar=bar)
        case RiffEvent():
            return with_riff(state, riff(event))
        case Snapshot():
            return _snapshot(state, event)
        case Training():
            return _training(state, event)
        case LogLine():
            return with_line(state, Line(f"{event.about:<9} {event.text}", event.level))


def riff(event: RiffEvent) -> Riff:
    """A riff as it is drawn."""
    notes = tuple(
        RollNote(note.start / TICKS_PER_BEAT, note.length / TICKS_PER_BEAT, note.pitch, note.velocity)
        for note in event.notes
    )
    return Riff(
        event.voice,
        event.start / TICKS_PER_BEAT,
        event.length / TICKS_PER_BEAT,
        notes,
        made_from(event.recipe),
    )


def made_from(recipe: Recipe) -> Mapping[str, Scalar]:
    """A recipe in the words of `/livevae/sample`."""
    made: dict[str, Scalar] = {"seed": recipe.seed, "temp": round(recipe.temperature, 4)}
    if recipe.model:
        made["model"] = recipe.model
    for name, weight in recipe.blend:
        made[name or BASE_WORD] = f"{100 * weight:.0f} %"
    if recipe.position is not None:
        made["at"] = " ".join(f"{u:.2f}" for u in recipe.position)
    made.update({name: round(amount, 2) for name, amount in recipe.attributes})
    if recipe.call:
        made["call"] = f"{len(recipe.call)} notes"
    return made


def _snapshot(state: UiState, picture: Snapshot) -> UiState:
    transport = picture.transport
    before = {voice.name: voice.late for voice in state.voices}
    late = {v.name: transport.beat for v in picture.voices if v.late > before.get(v.name, v.late)}
    late = {**state.late_beats, **late}
    voices = tuple(
        replace(_voice(v), lately=0 <= transport.beat - late.get(v.name, -LATELY) < LATELY)
        for v in picture.voices
    )
    state = replace(
        with_voices(state, voices),
        late_beats=late,
        title=transport.title,
        bpm=transport.bpm,
        anchor=(transport.beat, transport.at),
        meter=f"{transport.beats}/{transport.unit}",
        bar=4.0 * transport.beats / transport.unit,
        clock=transport.clock,
        peers=transport.peers,
        why=transport.why,
        cue=transport.cue,
        next_cue=transport.next_cue,
        cues=transport.cues,
        setlist=picture.cues,
        other=picture.other,
        ensemble=picture.ensemble,
        rooms=picture.rooms,
        letter=transport.slot.upper(),
        undos=transport.undos,
        redos=transport.redos,
        takes=picture.takes,
        health=picture.health,
        personas=picture.personas,
        ports=picture.ports,
    )
    for persona in picture.personas:
        known = any(training.persona == persona.name for training in state.training)
        if persona.state == "in training" and not known:
            state = with_training(state, persona.name, round(100 * persona.progress), 100, None, "training")
    return state


def _voice(voice: VoiceState) -> Voice:
    return Voice(
        name=voice.name,
        playing=voice.playing,
        muted=voice.muted,
        solo=voice.solo,
        audible=voice.audible,
        pinned=voice.pinned,
        late=voice.late,
        seed=voice.seed,
        fault=voice.fault,
        missing=voice.missing,
        settings=dict(voice.settings),
        blend=_named(voice.blend),
        target=_named(voice.target),
    )


def _named(weights: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    return tuple((name or BASE_WORD, weight) for name, weight in weights) or ((BASE_WORD, 1.0),)


def _training(state: UiState, event: Training) -> UiState:
    known = next((training for training in state.training if training.persona == event.persona), None)
    epoch, epochs = event.epoch, event.epochs
    if event.state != "training" and known is not None:
        epoch, epochs = epoch or known.epochs, epochs or known.epochs
    state = with_training(
        state,
        event.persona,
        epoch,
        epochs,
        event.loss if event.state == "training" and event.loss else None,
        event.state,
    )
    if event.state == "ready":
        state = replace(state, persona=event.persona)
        return with_line(
            state, Line(f"persona   {event.persona} is ready: enter on Personas blends a voice to it")
        )
    if event.state == "failed":
        return with_line(state, Line(f"training  {event.text}", "error"))
    return state
