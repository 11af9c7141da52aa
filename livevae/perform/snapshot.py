"""How everything stands, as the hub's frozen values, read off the parts of a session."""

from collections.abc import Callable, Sequence

from livevae.latent.recipe import BASE
from livevae.music.notes import TICKS_PER_BEAT
from livevae.perform.blend import BASE_WORD, Tour, Weights
from livevae.perform.cast import Cast, Voice
from livevae.perform.clock import TickClock
from livevae.perform.conductor import Followed
from livevae.perform.cue import Cue, CueVoice
from livevae.perform.events import Health, Scalar, Snapshot, Takes, Transport, VoiceState
from livevae.perform.history import State
from livevae.perform.recording import Recording
from livevae.perform.settings import VoiceSettings
from livevae.perform.standing import MOST_CUES_TOLD, MOST_DIFFERENCES, CueState, OtherSlot


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
    return tuple(_voice(voice, cast, tick, missing(voice.settings)) for voice in cast)


def _voice(voice: Voice, cast: Cast, tick: float, missing: tuple[str, ...]) -> VoiceState:
    settings = voice.settings
    riff = cast.sounding(voice, tick) or (voice.commits[-1] if voice.commits else None)
    weights = settings.blend.at(tick)
    return VoiceState(
        name=voice.name,
        playing=voice.playing,
        muted=voice.muted,
        solo=voice.solo,
        audible=cast.audible(voice),
        pinned=voice.pin is not None,
        riffs=voice.counters.riffs,
        late=voice.counters.late,
        repeats=voice.counters.repeats,
        seed=riff.event.recipe.seed if riff is not None else 0,
        fault=voice.fault,
        missing=missing,
        settings=settings.pairs(),
        blend=weights,
        target=getattr(settings.blend, "after", weights),
        position=settings.place.at(tick) or (),
    )


def status(now: Snapshot, followed: Followed) -> tuple[tuple[str, Scalar], ...]:
    """For `/livevae/status`: a snapshot in a few flat pairs, three a voice."""
    where = now.transport
    pairs: list[tuple[str, Scalar]] = [
        ("title", where.title),
        ("bpm", where.bpm),
        ("meter", f"{where.beats}/{where.unit}"),
        ("voices", len(now.voices)),
        ("decode_ms_p99", round(now.health.decode_ms_p99, 3)),
        ("errors", now.health.errors),
        *followed.pairs,
    ]
    for voice in now.voices:
        if voice.missing:
            pairs.append((f"{voice.name}.base_model_for", " ".join(voice.missing)))
        state = f"fault: {voice.fault}" if voice.fault else "playing" if voice.playing else "stopped"
        pairs += [
            (voice.name, state),
            (f"{voice.name}.riffs", voice.riffs),
            (f"{voice.name}.late", voice.late),
        ]
    return tuple(pairs)


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


def cues(all_of_them: Sequence[Cue], here: str) -> tuple[CueState, ...]:
    """The cues around the one that is current, `MOST_CUES_TOLD` at most."""
    names = [cue.name for cue in all_of_them]
    current = names.index(here) if here in names else 0
    first = max(0, min(current - MOST_CUES_TOLD // 4, len(names) - MOST_CUES_TOLD))
    told = enumerate(all_of_them[first : first + MOST_CUES_TOLD], first + 1)
    return tuple(
        CueState(
            cue.name,
            number,
            cue.tempo or 0.0,
            cue.ramp,
            str(cue.meter) if cue.meter is not None else "",
            cue.over,
            "; ".join(changes(name, voice) for name, voice in cue.voices.items()),
        )
        for number, cue in told
    )


def changes(name: str, voice: CueVoice) -> str:
    """What a cue changes of a voice, in words."""
    words = [f"{key} {_plain(value)}" for key, value in voice.settings.items()]
    if isinstance(voice.blend, Tour):
        words.append(f"a tour of {len(voice.blend.stops)} blends")
    elif voice.blend is not None:
        words.append(f"blend {blend_words(voice.blend)}")
    if voice.place is not None:
        words.append("a position" if voice.place else "walks")
    if voice.muted is not None:
        words.append("muted" if voice.muted else "heard")
    if voice.play is not None:
        words.append("plays" if voice.play else "stops")
    return f"{name} {', '.join(words)}"


def blend_words(weights: Weights) -> str:
    """`nora 0.7 base 0.3`."""
    return " ".join(f"{name or BASE_WORD} {weight:.4g}" for name, weight in weights or ((BASE, 1.0),))


def other_slot(now: State, other: State | None) -> OtherSlot:
    """The state of the settings that is not heard, against the one that is."""
    if other is None:
        return OtherSlot()
    found: list[tuple[str, str]] = []
    for name, there in other.items():
        here = now.get(name)
        if here is None or here == there:
            continue
        before = dict(here.pairs())
        found += [(f"{name}.{key}", _plain(value)) for key, value in there.pairs() if value != before[key]]
        if there.blend != here.blend:
            target = there.blend.stops[0] if isinstance(there.blend, Tour) else there.blend.after
            found.append((f"{name}.blend", blend_words(target)))
        if there.place != here.place:
            found.append((f"{name}.position", "held" if there.place.after else "walks"))
    return OtherSlot(True, len(found), tuple(found[:MOST_DIFFERENCES]))


def _plain(value: Scalar) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
