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
from livevae.perform.hub import Hub, RiffEvent
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
        one = self._cast[request.voice]
        solo = isinstance(request, ask.Solo)
        now = one.solo if solo else one.muted
        on = not now if request.on is None else request.on
        word = "solo" if solo else "muted"

        def fade() -> None:
            self._cast.fade(one, **{word: on})
            self._hub.log("mute", f"{one.name} is {'' if on else 'no longer '}{word}")

        self._later(request.at, fade)
        return Reply(pairs=(("voice", one.name), (word, int(on))), beat=self._clock.beat_at(request.at))

    def _keep(self, request: ask.Keep) -> Reply:
        one = self._cast[request.voice]
        name = cribs.checked_name(request.name) if request.name else ""
        if self._clock.future_tick(request.at) is not None:
            self._later(request.at, self._keep_now, one, request.on, name)
            return Reply(pairs=(("voice", one.name),), beat=self._clock.beat_at(request.at))
        return self._keep_now(one, request.on, name)

    def _keep_now(self, one: Voice, on: bool | None, name: str) -> Reply:
        beat = self._clock.tick() / TICKS_PER_BEAT
        if not (one.pin is None if on is None else on):
            one.pin = None
            self._hub.log("keep", f"{one.name} goes on: what it kept is released")
            return Reply(pairs=(("voice", one.name), ("kept", 0)), beat=beat)
        riff = self._cast.keep(one)
        event = riff.event
        kept = self._crib.keep(
            KeptRiff(
                name or f"{_plain(one.name)}-{event.recipe.seed}-{event.recipe.index}",
                one.name,
                Riff(event.notes, event.length),
                event.recipe,
                riff.settings.pairs(),
                self._clock.timeline.bpm,
                self._clock.meter,
            )
        )
        self._hub.log("keep", f"{one.name} keeps what it plays, in the crib as {kept.name}")
        first: tuple[tuple[str, int | str], ...] = (("voice", one.name), ("kept", 1), ("name", kept.name))
        return Reply(pairs=(*first, *_origin(event)), beat=beat)

    def _recall(self, request: ask.Recall) -> Reply:
        kept = self._crib.find(request.name)
        name = request.voice or kept.voice
        one = self._cast.get(name)
        if one is None:
            if request.voice:
                one = self._cast[name]
            self._cast.check_room(name)
            known: dict[str, object] = {
                key: value for key, value in kept.settings if key in BY_NAME and key not in ("port", "model")
            }
            one = self._cast.change(name, self._changed(VoiceSettings(), known))
        riff = committed(kept, one)
        tick = self._clock.timeline.tick_at(self._clock.now() if request.at is None else request.at)
        if request.once:
            start = self._cast.first(tick, one.settings)
            done = voices.again(riff, start, one.settings, self._cast)
            self._cast.commit(replace(done, event=replace(done.event, once=True, pinned=False)))
        elif one.playing and (due := self._clock.future_tick(request.at)) is not None:
            self._later(request.at, self._cast.pin, one, riff)
            start = due
        elif one.playing:
            start = self._cast.pin(one, riff)
        else:
            one.pin = riff
            start = self._cast.begin(one, tick)
        self._hub.log("keep", f"{one.name} plays {kept.name} from the crib{' once' if request.once else ''}")
        pairs = (("voice", one.name), ("name", kept.name), ("seed", _shown(kept.recipe.seed)))
        return Reply(pairs=pairs, beat=start / TICKS_PER_BEAT)

    def _take(self, kept: KeptRiff) -> Reply:
        riff = spread(Riff(tuple(quantised(kept.riff.notes)), kept.riff.length), kept.meter)
        self._recording.add(riff)
        self._hub.log("take", f"{kept.name} from the crib is one more take")
        return Reply(pairs=(("name", kept.name), ("takes", len(self._recording.takes))))

    def _show(self, one: Voice) -> Reply:
        riff = self._cast.sounding(one) or (one.commits[-1] if one.commits else None)
        if riff is None:
            raise RequestError(f"{one.name} has played no riff yet")
        event = riff.event
        pairs = (
            ("voice", one.name),
            *_origin(event),
            *((flag, int(getattr(event, flag))) for flag in _FLAGS),
        )
        return Reply(pairs=pairs, beat=event.start / TICKS_PER_BEAT)


_FLAGS = ("late", "pinned", "muted")


def committed(kept: KeptRiff, one: Voice) -> Committed:
    """A kept riff as one that a voice loops."""
    event = RiffEvent(one.name, 0, kept.riff.length, kept.riff.notes, kept.recipe, pinned=True)
    return Committed(event, (), one.settings)


def _origin(event: RiffEvent) -> tuple[tuple[str, int | str], ...]:
    return (("seed", _shown(event.recipe.seed)), ("recipe", recipes.text(event.recipe)))


def _plain(name: str) -> str:
    """A voice's name at the head of a file's: it begins with a letter or a digit."""
    return name.lstrip(".-")[:40] or "riff"


def _shown(seed: int) -> int | str:
    """A seed as OSC can carry it back: 31 bits as an int, more as text."""
    return seed if seed < 2**31 else str(seed)
