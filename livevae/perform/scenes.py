"""Scenes come and go: what a session does with a whole scene, and the one that it is in now."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from livevae.errors import RequestError
from livevae.music.meter import Meter
from livevae.music.notes import TICKS_PER_BEAT
from livevae.perform import requests as ask, scene_text
from livevae.perform.cast import Cast
from livevae.perform.checks import Checks
from livevae.perform.clock import TickClock
from livevae.perform.controls import Controls, MidiMap
from livevae.perform.crib import checked_name
from livevae.perform.cues import Cues
from livevae.perform.disk import Disk
from livevae.perform.history import History
from livevae.perform.hub import Hub
from livevae.perform.protocols import Player
from livevae.perform.requests import Later, Reply
from livevae.perform.scene import Scene, SceneVoice
from livevae.perform.scene_text import settled


class House(Protocol):
    """What scenes need of their session."""

    cast: Cast
    clock: TickClock
    player: Player
    hub: Hub
    controls: Controls
    cues: Cues
    history: History
    disk: Disk

    def change_meter(self, meter: Meter, tick: float) -> int:
        """Another length of bars; gives its first line at or after a tick."""


class Scenes:
    """The scene of a session, read and written. Lives on the session's loop; not thread-safe.

    Args:
        house: the session.
        checks: what can be played here.
        finds: finds a scene by name (raises LivevaeError); None where there are none.
        writes: writes a scene's text under a name; None where there is no place for it.

    Attributes:
        title: of the scene that was loaded last.
    """

    def __init__(
        self,
        house: House,
        checks: Checks,
        finds: Callable[[str], Scene] | None,
        writes: Callable[[str, str, bool], str] | None,
    ) -> None:
        self._house, self._checks, self._finds, self._writes = house, checks, finds, writes
        self.title = self._mqtt = ""
        self._writing: Counter[str] = Counter()
        self._drops = 0

    def drop(self) -> None:
        """A scene that waits for the disk is not loaded any more."""
        self._drops += 1

    def do(self, request: ask.LoadScene | ask.WriteScene, later: Later) -> Reply:
        """Answer a request; whether a scene could be written is for `later`, and one that is read behind it.

        Raises:
            LivevaeError: it cannot be done; nothing was changed.
        """
        if isinstance(request, ask.LoadScene):
            return self._load(request, later)
        return self._write(request, later)

    def _load(self, request: ask.LoadScene, later: Later) -> Reply:
        if self._finds is None:
            raise RequestError("this session has no scenes to load")
        if self._writing[_stem(request.name)]:
            loaded = partial(self._loaded, request, self._drops)
            return self._house.disk.do(partial(self._finds, request.name), loaded, later)
        reply = self._loaded(request, self._drops, self._finds(request.name))
        self.drop()
        return reply

    def _loaded(self, request: ask.LoadScene, drops: int, scene: Scene) -> Reply:
        if drops != self._drops:
            raise RequestError(
                f"{request.name[:40]} is not loaded: before the disk gave it, another scene was, or all was stopped"
            )
        first = self.load(scene, at=request.at)
        self._house.hub.log(
            "scene", f"{scene.title or request.name}: {', '.join(scene.voices) or 'no voice'}"
        )
        return Reply(pairs=(("scene", scene.title or request.name),), beat=first)

    def _write(self, request: ask.WriteScene, later: Later) -> Reply:
        if self._writes is None:
            raise RequestError("this session has nowhere to write scenes to")
        name, text = checked_name(request.name), scene_text.text(self.now())
        beat = self._house.clock.tick() / TICKS_PER_BEAT

        def written(where: str) -> Reply:
            self._house.hub.log("scene", f"{name} is written to {where}")
            return Reply(pairs=(("scene", name), ("file", where)), beat=beat)

        def over(reply: Reply) -> None:
            self._writing[_stem(name)] -= 1
            later(reply)

        reply = self._house.disk.do(partial(self._writes, name, text, request.replace), written, over)
        self._writing[_stem(name)] += reply.pending
        return reply

    def now(self) -> Scene:
        """What is set now, as a scene; blends and positions that glide are where they go."""
        house = self._house
        bindings = tuple(sorted(house.controls.bindings, key=lambda binding: binding.controller))
        there = {voice.name for voice in house.cast.players}
        bindings = tuple(binding for binding in bindings if not binding.voice or binding.voice in there)
        cues = (
            replace(cue, voices={n: v for n, v in cue.voices.items() if n in there})
            for cue in house.cues.cues
        )
        return Scene(
            self.title,
            house.clock.timeline.bpm,
            {
                voice.name: SceneVoice(settled(voice.settings), play=voice.playing, muted=voice.muted)
                for voice in house.cast.players
            },
            MidiMap(bindings, dict(house.controls.scenes)),
            house.clock.meter,
            mqtt=self._mqtt,
            cues=tuple(cues),
        )

    def load(self, scene: Scene, *, at: float | None = None) -> float:
        """Make the session play `scene`; gives the beat on which its first voice begins.

        Voices that play and are in both scenes go on, with their new settings from the next riff; others stop, at the
        time of a timetag what they have begun. In another meter they go on from its first bar line, where what they
        play is cut.

        Raises:
            RequestError: the scene names a model or port that is not there. Nothing is changed.
        """
        house = self._house
        for name, planned in scene.voices.items():
            try:
                self._checks.check(planned.settings)
            except RequestError as error:
                raise RequestError(f"voice {name}: {error}") from None
            self._checks.look_for_personas(name, planned.settings)
        for voice in house.cast:
            if voice.name not in scene.voices:
                house.cast.remove(voice, house.clock.future_tick(at))
        house.history.forget()
        house.cues.use(scene.cues)
        self.title, self._mqtt = scene.title, scene.mqtt
        if scene.midi is not None:
            house.controls.use(scene.midi)
        if scene.tempo != house.clock.timeline.bpm:
            house.player.set_tempo(scene.tempo, tick=house.clock.future_tick(at))
        tick, anew = house.clock.tick_of(at), scene.meter != house.clock.meter
        if anew:
            tick = house.change_meter(scene.meter, tick)
        starts = []
        for name, planned in scene.voices.items():
            voice = house.cast.change(name, planned.settings)
            house.cast.fade(voice, muted=planned.muted, solo=False)
            if anew and planned.play and voice.playing:
                house.cast.end(voice, round(tick))
            if planned.play and not voice.playing:
                starts.append(house.cast.begin(voice, tick))
            elif not planned.play and voice.playing:
                house.cast.end(voice, house.clock.future_tick(at))
        return min(starts) / TICKS_PER_BEAT if starts else house.clock.tick() / TICKS_PER_BEAT


def _stem(name: str) -> str:
    return name.removesuffix(".toml")
