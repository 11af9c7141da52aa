"""One-shot samples: a riff that is decoded once, also as the answer to a call."""

from dataclasses import replace

from livevae.errors import RequestError
from livevae.music.notes import TICKS_PER_BEAT
from livevae.perform import recipes, requests as ask
from livevae.perform.cast import Cast
from livevae.perform.checks import Checks
from livevae.perform.keeping import Keeping
from livevae.perform.recording import Recording
from livevae.perform.requests import Reply
from livevae.perform.settings import VoiceSettings
from livevae.perform.supply import recipe as recipe_of

ONE_SHOT = "sample"
"""The voice of a `/livevae/sample` that names none."""

ONE_SHOT_SETTINGS = VoiceSettings(quantum=1.0)


class Samples:
    """Samples and calls of one session. Lives on the session's loop; not thread-safe.

    Args:
        cast: the voices.
        checks: what can be played here.
        recording: what came in over MIDI, to be answered.
        keeping: kept riffs, to be answered.
    """

    def __init__(self, cast: Cast, checks: Checks, recording: Recording, keeping: Keeping) -> None:
        self._cast, self._clock, self._checks = cast, cast.clock, checks
        self._recording, self._keeping = recording, keeping
        self._shots = 0

    def do(self, request: ask.Sample | ask.Call) -> Reply:
        """Answer a request.

        Raises:
            LivevaeError: it cannot be done; nothing was changed.
        """
        return self._call(request) if isinstance(request, ask.Call) else self._sample(request)

    def _call(self, request: ask.Call) -> Reply:
        if request.kept:
            heard = self._keeping.call(request.kept)
        else:
            heard = self._recording.last(self._clock.tick_of(request.at), request.bars)
        if not heard:
            raise RequestError(
                f"nothing was played in the last {request.bars} bars that could be answered (see --midi-in)"
            )
        reply = self._sample(
            ask.Sample(request.voice, {"bars": request.bars}, at=request.at), heard, request.distance
        )
        return replace(reply, pairs=(*reply.pairs, ("notes", len(heard))))

    def _sample(
        self, request: ask.Sample, call: tuple[tuple[int, int, int, int], ...] = (), distance: float = 1.0
    ) -> Reply:
        voice = self._cast[request.voice] if request.voice else self._cast.get(ONE_SHOT)
        settings = voice.settings if voice is not None and request.voice else ONE_SHOT_SETTINGS
        settings = self._checks.changed(settings, request.settings)
        start = self._cast.first(self._clock.tick_of(request.at), settings)
        settings = settings.once(start)
        # a voice's own seed would make every sample of it the same riff; only a seed that was asked for does
        seed = settings.seed if "seed" in request.settings else 0
        called = f"{request.voice or ONE_SHOT}#{self._shots + 1}"
        recipe = recipe_of(
            replace(settings, seed=seed, form=""),  # a riff on its own comes back to nothing
            voice=called,
            index=0,
            session_seed=self._cast.seed,
            prior=self._cast.prior,
            tick=start,
            meter=self._clock.meter,
        )
        recipe = replace(recipe, call=call, distance=distance)
        if request.recipe:
            recipe = self._checks.known(recipes.parse(request.recipe))
            if "bars" not in request.settings:
                settings = replace(settings, bars=-(-recipe.bars // self._clock.meter.model_bars))
        if voice is None:
            voice = self._cast.change(ONE_SHOT, ONE_SHOT_SETTINGS, only_shots=True)
        self._cast.shoot(voice, start, settings, recipe)
        self._shots += 1
        return Reply(
            pairs=(("voice", voice.name), ("seed", _shown(recipe.seed))), beat=start / TICKS_PER_BEAT
        )


def _shown(seed: int) -> int | str:
    """A seed as OSC can carry it back: 31 bits as an int, more as text."""
    return seed if seed < 2**31 else str(seed)
