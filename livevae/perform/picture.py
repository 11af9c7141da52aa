"""How everything stands, as the hub's frozen values, read off the parts of a session."""

from collections.abc import Callable

from livevae.latent.recipe import BASE
from livevae.music.notes import TICKS_PER_BEAT
from livevae.perform.cast import Cast, Voice
from livevae.perform.clock import TickClock
from livevae.perform.conductor import Followed
from livevae.perform.hub import Health, PersonaState, Takes, Transport, VoiceState
from livevae.perform.recording import Recording
from livevae.perform.settings import VoiceSettings


def transport(clock: TickClock, followed: Followed, title: str, *, playing: bool) -> Transport:
    """Where the music is, without cues and undos."""
    now, timeline = clock.now(), clock.timeline
    return Transport(
        playing=playing,
        beat=timeline.beat_at(now),
        at=now,
        bpm=timeline.bpm,
        beats=clock.meter.beats,
        unit=clock.meter.unit,
        title=title,
        clock=followed.source,
        peers=followed.peers,
        why=followed.why,
    )


def voices(
    cast: Cast, tick: float, missing: Callable[[VoiceSettings], tuple[str, ...]]
) -> tuple[VoiceState, ...]:
    """Every voice at a tick.

    Args:
        cast: the voices.
        tick: now.
        missing: personas of a voice's settings that are gone.
    """
    return tuple(_voice(one, cast, tick, missing(one.settings)) for one in cast)


def _voice(one: Voice, cast: Cast, tick: float, missing: tuple[str, ...]) -> VoiceState:
    settings = one.settings
    riff = cast.sounding(one, tick) or (one.commits[-1] if one.commits else None)
    weights = settings.blend.at(tick)
    return VoiceState(
        name=one.name,
        playing=one.playing,
        muted=one.muted,
        solo=one.solo,
        audible=cast.audible(one),
        pinned=one.pin is not None,
        riffs=one.counters.riffs,
        late=one.counters.late,
        repeats=one.counters.repeats,
        seed=riff.event.recipe.seed if riff is not None else 0,
        fault=one.fault,
        missing=missing,
        settings=settings.pairs(),
        blend=weights,
        target=getattr(settings.blend, "after", weights),
        position=settings.place.at(tick) or (),
    )


def takes(recording: Recording, tick: float) -> Takes:
    """What was recorded, and the take that is open at a tick."""
    take = recording.open
    if take is None:
        return Takes(len(recording.takes))
    return Takes(
        len(recording.takes),
        "armed" if tick < take.start else "recording",
        take.start / TICKS_PER_BEAT,
        take.length // take.meter.bar,
        len(take.notes),
    )


def health(lead: float, p50: float, p99: float, requests: int, errors: int) -> Health:
    """What of a session's health is known to itself; times in seconds."""
    return Health(
        lead_ms=lead * 1000,
        decode_ms_p50=p50 * 1000,
        decode_ms_p99=p99 * 1000,
        requests=requests,
        errors=errors,
    )


def personas(
    states: tuple[tuple[str, str, int, float], ...], users: Callable[[str], list[str]]
) -> tuple[PersonaState, ...]:
    """Personas from (name, state, windows, progress), and who blends them."""
    return tuple(PersonaState(*state, voices=tuple(users(state[0]))) for state in states if state[0] != BASE)
