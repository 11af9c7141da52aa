"""Going to cues: each takes effect on a bar line, just before the riffs of that bar are begun."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from livevae.errors import LivevaeError, RequestError
from livevae.music.meter import Meter
from livevae.music.notes import TICKS_PER_BEAT
from livevae.perform import requests as ask
from livevae.perform.blend import Tour
from livevae.perform.cast import Cast, Voice
from livevae.perform.clock import TickClock
from livevae.perform.cue import Cue, CueVoice
from livevae.perform.history import History
from livevae.perform.hub import Hub
from livevae.perform.protocols import Player
from livevae.perform.requests import Reply
from livevae.perform.settings import VoiceSettings
from livevae.perform.timing import ahead
from livevae.tempo.timeline import next_grid

AHEAD = 0.02
"""Seconds before a bar's riffs are begun that a cue changes what they are begun with."""


class House(Protocol):
    """What cues need of their session."""

    cast: Cast
    clock: TickClock
    player: Player
    hub: Hub
    history: History

    def changed(self, settings: VoiceSettings, values: Mapping[str, object]) -> VoiceSettings:
        """Settings with values laid over them, checked."""

    def change_meter(self, meter: Meter, tick: float) -> int:
        """Another length of bars; gives its first line at or after a tick."""


class Cues:
    """The cues of the scene that plays. Lives on the session's loop; not thread-safe.

    Args:
        house: the session.

    Attributes:
        cues: in the scene's order.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self.cues: Sequence[Cue] = ()
        self._here = -1
        self._task: asyncio.Task[None] | None = None

    def use(self, cues: Sequence[Cue]) -> None:
        """Another scene's cues: none has been gone to."""
        self.cues, self._here = tuple(cues), -1
        self.stop()

    @property
    def names(self) -> tuple[str, str]:
        """The cue that was last gone to, and the one that is next; "" where there is none."""
        here = self.cues[self._here].name if 0 <= self._here < len(self.cues) else ""
        following = self.cues[self._here + 1].name if self._here + 1 < len(self.cues) else ""
        return here, following

    def stop(self) -> None:
        """A cue that waits for its bar line is not done."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def close(self) -> None:
        """Stop, and wait until it has."""
        task = self._task
        self.stop()
        if task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def do(self, request: ask.GoCue) -> Reply:
        """Go to a cue on the next bar line that can be met.

        Raises:
            RequestError: there is no such cue.
        """
        number = self._number(request.where.strip())
        cue, house = self.cues[number], self._house
        clock, cast = house.clock, house.cast
        early = cast.timing.lead + AHEAD + max((ahead(voice.settings) for voice in cast), default=0.0)
        soonest = max(clock.timeline.tick_at(clock.now() + early), clock.line_of(request.at))
        bar = next_grid(soonest, clock.meter.bar)
        self.stop()
        self._here = number
        self._task = asyncio.get_running_loop().create_task(self._go(cue, bar, early), name=f"cue {cue.name}")
        house.hub.log("cue", f"{cue.name} from beat {bar / TICKS_PER_BEAT:g} on")
        pairs = (("cue", cue.name), ("number", number + 1), ("next", self.names[1]))
        return Reply(pairs=pairs, beat=bar / TICKS_PER_BEAT)

    def _number(self, where: str) -> int:
        """Which cue `next`, `back`, a name or a number from 1 is."""
        if not self.cues:
            raise RequestError("this scene has no cues: a scene file has them under [[cue]]")
        names = [cue.name for cue in self.cues]
        if where in names:
            return names.index(where)
        if where in ("next", "back"):
            number = self._here + (1 if where == "next" else -1)
            if not 0 <= number < len(names):
                raise RequestError(f"there is no cue {'after' if where == 'next' else 'before'} this one")
            return number
        if where.isascii() and where.isdecimal() and 1 <= int(where[:9]) <= len(names):
            return int(where) - 1
        raise RequestError(
            f"there is no cue {where[:40]!r}; there are: next, back, {', '.join(names)}, and 1 to {len(names)}"
        )

    async def _go(self, cue: Cue, bar: int, early: float) -> None:
        house = self._house
        await house.clock.until(bar, before=early)
        before = house.history.state()
        if cue.tempo is not None:
            house.player.set_tempo(cue.tempo, tick=bar, over=round(cue.ramp * TICKS_PER_BEAT))
        if cue.meter is not None and cue.meter != house.clock.meter:
            self._change_meter(cue.meter, bar)
        over = round(cue.over * house.clock.meter.bar)
        for name, change in cue.voices.items():
            voice = house.cast.get(name)
            if voice is None:
                continue
            try:
                house.cast.change(name, self._settings(voice, change, bar, over))
            except LivevaeError as error:
                house.hub.log("cue", f"{cue.name}: {name} stays as it is: {error}", "warning")
            if change.play is True and not voice.playing:
                house.cast.begin(voice, bar)
            elif change.play is False and voice.playing:
                house.cast.end(voice, bar)
        house.history.changed(before, "")
        await house.clock.until(bar)
        for name, change in cue.voices.items():
            if change.muted is not None and (voice := house.cast.get(name)) is not None:
                house.cast.fade(voice, muted=change.muted)

    def _settings(self, voice: Voice, change: CueVoice, bar: int, over: int) -> VoiceSettings:
        settings = self._house.changed(voice.settings, change.settings)
        if isinstance(change.blend, Tour):
            settings = replace(settings, blend=change.blend)
        elif change.blend is not None:
            settings = replace(settings, blend=settings.blend.to(change.blend, bar, over))
        if change.place is not None:
            settings = replace(settings, place=settings.place.to(change.place or None, bar, over))
        return settings

    def _change_meter(self, meter: Meter, bar: int) -> None:
        """Voices that began on bar lines begin on the new ones, and what they play is cut there."""
        cast, old = self._house.cast, self._house.clock.meter
        first = self._house.change_meter(meter, bar)
        for voice in cast:
            if voice.settings.quantum == old.quarters:
                cast.change(
                    voice.name, replace(voice.settings, quantum=meter.quarters), only_shots=voice.only_shots
                )
            if voice.playing:
                cast.end(voice, first)
                cast.begin(voice, first)
