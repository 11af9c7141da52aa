"""Trading: so many bars of the player, so many of a voice, in turn, until it is stopped."""

import asyncio
from dataclasses import replace

from livevae.errors import RequestError
from livevae.music.notes import TICKS_PER_BEAT
from livevae.perform.cast import Cast
from livevae.perform.recording import Recording
from livevae.perform.requests import Reply, Trade
from livevae.perform.settings import in_meter
from livevae.perform.supply import recipe as recipe_of
from livevae.perform.timing import ahead

MARGIN = 0.06
"""Seconds before a bar line at which the player's turn is over: the answer needs them to be in time."""


class Trading:
    """One trade at a time, between what comes in over MIDI and a voice.

    A turn in which the player rests is not answered: the voice rests, too.

    Args:
        cast: the voices.
        recording: what the player plays.
        seed: the session's.

    Attributes:
        voice: who answers; "" while nobody trades.
    """

    def __init__(self, cast: Cast, recording: Recording, seed: int) -> None:
        self._cast, self._recording, self._seed = cast, recording, seed
        self._task: asyncio.Task[None] | None = None
        self._answers = 0
        self.voice = ""

    def begin(self, request: Trade, tick: float) -> Reply:
        """Trade from the first bar line at or after a tick on; a trade that goes on gives way.

        Raises:
            RequestError: there is no such voice.
        """
        cast = self._cast
        names = [request.voice] if request.voice else [voice.name for voice in cast.players]
        if not names:
            raise RequestError(
                "there is no voice to trade with; load a scene, or make one: /livevae/set NAME new 1"
            )
        voice = cast[names[0]]
        start = cast.first(tick, in_meter(cast.clock.meter))
        self.end()
        if voice.playing:
            cast.end(voice, start)
        self.voice = voice.name
        line = self._trade(voice.name, start, request.bars, request.distance)
        self._task = asyncio.get_running_loop().create_task(line, name="trade")
        return Reply(pairs=(("voice", voice.name), ("bars", request.bars)), beat=start / TICKS_PER_BEAT)

    def end(self) -> None:
        """Trade no longer; an answer that sounds goes on to its end."""
        if self._task is not None:
            self._task.cancel()
        self._task, self.voice = None, ""

    async def _trade(self, name: str, first: int, bars: int, distance: float) -> None:
        clock = self._cast.clock
        while (voice := self._cast.get(name)) is not None:
            turn = bars * clock.meter.bar
            line = first + turn
            expected = self._cast.timing.lookahead + 1.5 * self._cast.engine.expected
            await clock.until(line, before=max(MARGIN, expected) + ahead(voice.settings))
            if call := self._recording.between(first, bars):
                self._answer(name, line, call, bars, distance)
            await clock.until(line)
            first = line + turn
            while (
                first + turn < clock.tick()
            ):  # after a stall of the whole server, turns that are past are left out
                first += 2 * turn

    def _answer(
        self, name: str, start: int, call: tuple[tuple[int, int, int, int], ...], bars: int, distance: float
    ) -> None:
        if (voice := self._cast.get(name)) is None:
            return
        settings = replace(voice.settings.once(start), bars=bars)
        self._answers += 1
        recipe = recipe_of(
            replace(settings, seed=0, form=""),
            voice=f"{name}/{self._answers}",
            index=0,
            session_seed=self._seed,
            prior=self._cast.prior,
            tick=start,
            meter=self._cast.clock.meter,
        )
        self._cast.shoot(voice, start, settings, replace(recipe, call=call, distance=distance))
