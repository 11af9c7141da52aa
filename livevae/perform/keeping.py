"""Mute and solo, keep and recall: requests about the riffs that voices play now, and about those in the crib."""

from collections.abc import Callable
from dataclasses import replace

from livevae.errors import RequestError
from livevae.music.meter import spread
from livevae.music.notes import TICKS_PER_BEAT, Riff
from livevae.perform import crib as cribs, recipes, requests as ask, voice as voices
from livevae.perform.cast import Cast, Voice
from livevae.perform.clock import TickClock
from livevae.perform.crib import Crib, KeptRiff
from livevae.perform.events import RiffEvent
from livevae.perform.hub import Hub
from livevae.perform.recording import Recording, quantised
from livevae.perform.requests import Reply, Request
from livevae.perform.settings import BY_NAME, VoiceSettings
from livevae.perform.voice import Committed


class Keeping:
    """What is kept of one session. Lives on the session's loop; not thread-safe.

    Args:
        cast: the voices.
        clock: the session's.
        crib: where riffs are kept.
        recording: takes, which kept riffs can be added to.
        hub: told what is done.
        later: does something at the time of a timetag, at once where that is past or None.
        changed: settings with values laid over them, checked.
    """

    def __init__(
        self,
        cast: Cast,
        clock: TickClock,
        crib: Crib,
        recording: Recording,
        hub: Hub,
        later: Callable[..., None],
        changed: Callable[[VoiceSettings, dict[str, object]], VoiceSettings],
    ) -> None:
        self._cast, self._clock, self._crib, self._hub = cast, clock, crib, hub
        self._recording, self._later, self._changed = recording, later, changed

    def do(self, request: Request) -> Reply:
        """Answer a request.

        Raises:
            LivevaeError: it cannot be done; nothing was changed.
        """
        match request:
            case ask.Mute() | ask.Solo():
                return self._fade(request)
            case ask.Keep():
                return self._keep(request)
            case ask.Recall():
                return self._recall(request)
            case ask.ListCrib():
                names = self._crib.names()
                return Reply(pairs=(("riffs", len(names)), ("names", " ".join(names))))
            case ask.TakeKept(name):
                return self._take(self._crib.find(name))
            case ask.ShowRiff(voice):
                return self._show(self._cast[voice])
            case _:
                raise RequestError(f"{type(request).__name__} is not a request about riffs")

    def call(self, name: str) -> tuple[tuple[int, int, int, int], ...]:
        """A kept riff as a call to be answered: (start, length, pitch, velocity), on the grid, as a model hears it."""
        kept = self._crib.find(name)
        riff = spread(Riff(tuple(quantised(kept.riff.notes)), kept.riff.length), kept.meter)
        return tuple((note.start, note.length, note.pitch, note.velocity) for note in riff.notes)

    def _fade(self, request: ask.Mute | ask.Solo) -> Reply:
        voice = self._cast[request.voice]
        solo = isinstance(request, ask.Solo)
        now = voice.solo if solo else voice.muted
        on = not now if request.on is None else request.on
        word = "solo" if solo else "muted"

        def fade() -> None:
            self._cast.fade(voice, **{word: on})
            self._hub.log("mute", f"{voice.name} is {'' if on else 'no longer '}{word}")

        self._later(request.at, fade)
        return Reply(pairs=(("voice", voice.name), (word, int(on))), beat=self._clock.beat_at(request.at))

    def _keep(self, request: ask.Keep) -> Reply:
        voice = self._cast[request.voice]
        name = cribs.checked_name(request.name) if request.name else ""
        if self._clock.future_tick(request.at) is not None:
            self._later(request.at, self._keep_now, voice, request.on, name)
            return Reply(pairs=(("voice", voice.name),), beat=self._clock.beat_at(request.at))
        return self._keep_now(voice, request.on, name)

    def _keep_now(self, voice: Voice, on: bool | None, name: str) -> Reply:
        beat = self._clock.tick() / TICKS_PER_BEAT
        if not (voice.pin is None if on is None else on):
            voice.pin = None
            self._hub.log("keep", f"{voice.name} goes on: what it kept is released")
            return Reply(pairs=(("voice", voice.name), ("kept", 0)), beat=beat)
        riff = self._cast.keep(voice)
        event = riff.event
        kept = self._crib.keep(
            KeptRiff(
                name or f"{_plain(voice.name)}-{event.recipe.seed}-{event.recipe.index}",
                voice.name,
                Riff(event.notes, event.length),
                event.recipe,
                riff.settings.pairs(),
                self._clock.timeline.bpm,
                self._clock.meter,
            )
        )
        self._hub.log("keep", f"{voice.name} keeps what it plays, in the crib as {kept.name}")
        first: tuple[tuple[str, int | str], ...] = (("voice", voice.name), ("kept", 1), ("name", kept.name))
        return Reply(pairs=(*first, *_origin(event)), beat=beat)

    def _recall(self, request: ask.Recall) -> Reply:
        kept = self._crib.find(request.name)
        name = request.voice or kept.voice
        voice = self._cast.get(name)
        if voice is None:
            if request.voice:
                voice = self._cast[name]
            self._cast.check_room(name)
            known: dict[str, object] = {
                key: value for key, value in kept.settings if key in BY_NAME and key not in ("port", "model")
            }
            voice = self._cast.change(name, self._changed(VoiceSettings(), known))
        riff = committed(kept, voice)
        tick = self._clock.timeline.tick_at(self._clock.now() if request.at is None else request.at)
        if request.once:
            start = self._cast.first(tick, voice.settings)
            done = voices.again(riff, start, voice.settings, self._cast)
            self._cast.commit(replace(done, event=replace(done.event, once=True, pinned=False)))
        elif voice.playing and (due := self._clock.future_tick(request.at)) is not None:
            self._later(request.at, self._cast.pin, voice, riff)
            start = due
        elif voice.playing:
            start = self._cast.pin(voice, riff)
        else:
            voice.pin = riff
            start = self._cast.begin(voice, tick)
        self._hub.log(
            "keep", f"{voice.name} plays {kept.name} from the crib{' once' if request.once else ''}"
        )
        pairs = (("voice", voice.name), ("name", kept.name), ("seed", _shown(kept.recipe.seed)))
        return Reply(pairs=pairs, beat=start / TICKS_PER_BEAT)

    def _take(self, kept: KeptRiff) -> Reply:
        riff = spread(Riff(tuple(quantised(kept.riff.notes)), kept.riff.length), kept.meter)
        self._recording.add(riff)
        self._hub.log("take", f"{kept.name} from the crib is one more take")
        return Reply(pairs=(("name", kept.name), ("takes", len(self._recording.takes))))

    def _show(self, voice: Voice) -> Reply:
        riff = self._cast.sounding(voice) or (voice.commits[-1] if voice.commits else None)
        if riff is None:
            raise RequestError(f"{voice.name} has played no riff yet")
        event = riff.event
        pairs = (
            ("voice", voice.name),
            *_origin(event),
            *((flag, int(getattr(event, flag))) for flag in _FLAGS),
        )
        return Reply(pairs=pairs, beat=event.start / TICKS_PER_BEAT)


_FLAGS = ("late", "pinned", "muted")


def committed(kept: KeptRiff, voice: Voice) -> Committed:
    """A kept riff as one that a voice loops."""
    event = RiffEvent(voice.name, 0, kept.riff.length, kept.riff.notes, kept.recipe, pinned=True)
    return Committed(event, (), voice.settings)


def _origin(event: RiffEvent) -> tuple[tuple[str, int | str], ...]:
    return (("seed", _shown(event.recipe.seed)), ("recipe", recipes.text(event.recipe)))


def _plain(name: str) -> str:
    """A voice's name at the head of a file's: it begins with a letter or a digit."""
    return name.lstrip(".-")[:40] or "riff"


def _shown(seed: int) -> int | str:
    """A seed as OSC can carry it back: 31 bits as an int, more as text."""
    return seed if seed < 2**31 else str(seed)
