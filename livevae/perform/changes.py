"""Changes of settings that can be taken back: what is set, blended and rolled."""

from collections.abc import Mapping
from dataclasses import replace

from livevae.errors import RequestError
from livevae.music.notes import TICKS_PER_BEAT
from livevae.perform import requests as ask
from livevae.perform.alarms import Alarms
from livevae.perform.cast import Cast
from livevae.perform.checks import Checks
from livevae.perform.history import History
from livevae.perform.hub import Hub
from livevae.perform.mixer import Mixer
from livevae.perform.requests import Reply
from livevae.perform.scene import bad_name
from livevae.perform.settings import in_meter
from livevae.perform.supply import derived_seed


class Changes:
    """Requests that change the settings of voices. Lives on the session's loop; not thread-safe.

    Args:
        cast: the voices.
        history: told what was set before.
        checks: what can be played here.
        alarms: does what a timetag puts off.
        hub: told what is rolled.
    """

    def __init__(self, cast: Cast, history: History, checks: Checks, alarms: Alarms, hub: Hub) -> None:
        self._cast, self._clock, self._history = cast, cast.clock, history
        self._checks, self._alarms, self._hub = checks, alarms, hub
        self._mixer = Mixer(cast, cast.clock, checks.persona)
        self._rolls = 0

    def do(self, request: ask.Set | ask.Blend | ask.Latent | ask.Reroll) -> Reply:
        """Change settings, so that it can be taken back.

        Raises:
            LivevaeError: it cannot be done; nothing was changed.
        """
        before = self._history.state()
        match request:
            case ask.Set():
                reply = self._set(request)
                kind = f"set {request.voice} {' '.join(request.settings)}"
            case ask.Reroll():
                reply = self._reroll(request)
                kind = ""  # each is one of its own
            case _:
                reply = self._mixer.do(request)
                kind = f"{type(request).__name__} {request.voice}"
        self._history.changed(before, kind)
        return reply

    def _set(self, request: ask.Set) -> Reply:
        old = self._cast.get(request.voice)
        if old is None:
            if not request.new:
                raise RequestError(f"{self._cast.unknown(request.voice)} (new 1 makes one)")
            if wrong := bad_name(request.voice):
                raise RequestError(wrong)
            self._cast.check_room(request.voice)
        changed = self._checks.changed(old.settings if old else in_meter(self._clock.meter), request.settings)
        if old is None or self._clock.future_tick(request.at) is None:
            # a new voice waits for `play`, whenever it is made: what follows in its bundle finds it
            self._cast.change(request.voice, changed)
        else:
            self._alarms.when(request.at, self._change_by, request.voice, request.settings)
        pairs = changed.pairs()
        return Reply(pairs=(("voice", request.voice), *pairs), beat=self._clock.beat_at(request.at))

    def _reroll(self, request: ask.Reroll) -> Reply:
        voice = self._cast[request.voice]
        self._rolls += 1
        seed = derived_seed(self._cast.seed, f"{voice.name} rolled {self._rolls}")
        self._cast.change(voice.name, replace(voice.settings, seed=seed))
        self._hub.log("seed", f"{voice.name} has seed {seed} from its next riff on")
        return Reply(pairs=(("voice", voice.name), ("seed", seed)), beat=self._clock.tick() / TICKS_PER_BEAT)

    def _change_by(self, name: str, values: Mapping[str, object]) -> None:
        if (voice := self._cast.get(name)) is None:  # it was taken away meanwhile
            return
        before = self._history.state()
        self._cast.change(name, voice.settings.changed(values))
        self._history.changed(before, f"set {name} {' '.join(values)}")
