"""The mixer: requests that move voices between personas, and inside of them."""

import math
from collections.abc import Callable
from dataclasses import replace

from livevae.errors import RequestError
from livevae.music.notes import TICKS_PER_BEAT
from livevae.perform import blend, requests as ask
from livevae.perform.cast import Cast
from livevae.perform.clock import TickClock
from livevae.perform.requests import Reply


class Mixer:
    """Blends of one session's voices.

    Args:
        cast: the voices.
        clock: the session's.
        check: raises LivevaeError where a model has no persona of that name (persona, model).
    """

    def __init__(self, cast: Cast, clock: TickClock, check: Callable[[str, str], object]) -> None:
        self._cast, self._clock, self._check = cast, clock, check

    def do(self, request: ask.Blend | ask.Latent) -> Reply:
        """Answer a request.

        Raises:
            LivevaeError: it cannot be done; nothing was changed.
        """
        return self._blend(request) if isinstance(request, ask.Blend) else self._latent(request)

    def _blend(self, request: ask.Blend) -> Reply:
        voice = self._cast[request.voice]
        weights = blend.weights(request.weights)
        tick, over = self._glide(request.at, request.over)
        for persona, _ in weights:
            if persona:
                self._check(persona, voice.settings.model)
        glide = voice.settings.blend.to(weights, tick, over)
        self._cast.change(request.voice, replace(voice.settings, blend=glide))
        pairs = ((name or blend.BASE_WORD, round(weight, 6)) for name, weight in weights or (("", 1.0),))
        return Reply(pairs=(("voice", request.voice), *pairs), beat=self._clock.beat_at(request.at))

    def _latent(self, request: ask.Latent) -> Reply:
        voice = self._cast[request.voice]
        position = blend.position(request.position)
        if position is not None and not voice.settings.blend.names:
            raise RequestError(f"{request.voice} blends no persona to move inside of: /livevae/blend first")
        tick, over = self._glide(request.at, request.over)
        place = voice.settings.place.to(position, tick, over)
        self._cast.change(request.voice, replace(voice.settings, place=place))
        pairs = tuple((f"u{i}", value) for i, value in enumerate(position or (), 1))
        return Reply(pairs=(("voice", request.voice), *pairs), beat=self._clock.beat_at(request.at))

    def _glide(self, at: float | None, beats: float) -> tuple[int, int]:
        """The tick on which a glide begins, and how many it takes; what is to come takes one at least."""
        tick = self._clock.future_tick(at)
        if tick is None:
            return math.floor(self._clock.tick()), round(beats * TICKS_PER_BEAT)
        return tick, max(1, round(beats * TICKS_PER_BEAT))
