"""What keys and clicks do: each asks the server for something, or changes what is shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from livevae.tui import commands, frame
from livevae.tui.state import Line, Scalar, UiState, Voice, with_line

if TYPE_CHECKING:
    from livevae.perform.settings import Setting

Answered = Callable[[bool, Mapping[str, Scalar]], None]
"""Hears an answer: whether it was done, and its pairs."""

FINE = 20
"""Steps from a setting's least to its most, by key."""


class Asking(Protocol):
    """What actions need of the app."""

    state: UiState

    def ask(self, address: str, *args: Scalar, answer: Answered | None = None) -> None:
        """Send a request, and show it in the log."""

    def draw(self) -> None:
        """Draw what changed."""


class Actions:
    """The actions of the keys, by Textual's names: `action_tap` and so on. Mixed into the app."""

    state: UiState
    settings: "Sequence[Setting]" = ()

    def ask(self, address: str, *args: Scalar, answer: Answered | None = None) -> None:
        """Send a request, and show it in the log."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw what changed."""
        raise NotImplementedError

    def say(self, text: str, level: str = "info") -> None:
        """A line of the log."""
        self.state = with_line(self.state, Line(text, level))
        self.draw()

    def _voice(self) -> Voice | None:
        if self.state.voice is None:
            self.say("there is no voice yet: load a scene (:), or make one", "warning")
        return self.state.voice

    # all

    def action_panic(self) -> None:
        """Stop everything, silence every port."""
        self.ask("/livevae/panic")

    def action_play_all(self) -> None:
        """Play all, or stop all."""
        self.ask("/livevae/stop" if self.state.playing else "/livevae/play")

    def action_tap(self) -> None:
        """A tap on the beat."""
        self.ask("/livevae/tap")

    def action_nudge(self, ms: float) -> None:
        """The music a little further on, or back."""
        self.ask("/livevae/nudge", "ms", float(ms))

    def action_tempo(self, by: float) -> None:
        """A beat a minute more or less."""
        bpm = round(self.state.bpm) + by
        self.state = replace(self.state, bpm=float(bpm))
        self.ask("/livevae/tempo", float(bpm))

    def action_undo(self) -> None:
        """The last change of settings is taken back."""
        self.ask("/livevae/undo")

    def action_redo(self) -> None:
        """And made again."""
        self.ask("/livevae/redo")

    def action_swap(self) -> None:
        """The other state of all settings."""
        self.ask("/livevae/state")

    def action_cue(self, which: str) -> None:
        """Another cue."""
        self.ask("/livevae/cue", which)

    # a voice

    def action_voice(self, index: int) -> None:
        """Select a voice; the one that is selected: mute it, or let it sound."""
        if index >= len(self.state.voices):
            self.say(f"there is no voice {index + 1}", "warning")
            return
        if index != self.state.selected:
            self.state = replace(self.state, selected=index)
            self.draw()
            return
        voice = self.state.voices[index]
        self._change(replace(voice, muted=not voice.muted, audible=voice.muted))
        self.ask("/livevae/mute", voice.name, "on", int(not voice.muted))

    def action_solo(self) -> None:
        """Only this voice, or all again."""
        if (voice := self._voice()) is not None:
            self._change(replace(voice, solo=not voice.solo))
            self.ask("/livevae/solo", voice.name, "on", int(not voice.solo))

    def action_start(self, index: int | None = None) -> None:
        """Start a voice, or stop it."""
        voice = self._voice() if index is None else self.state.voices[index]
        if voice is not None:
            self.ask("/livevae/stop" if voice.playing else "/livevae/play", voice.name)

    def action_reroll(self) -> None:
        """Another seed."""
        if (voice := self._voice()) is not None:
            self.ask("/livevae/reroll", voice.name, answer=self._rerolled)

    def _rerolled(self, done: bool, pairs: Mapping[str, Scalar]) -> None:
        if done:
            self.say(f"{pairs.get('voice')}: seed {pairs.get('seed')} from its next riff on")
        else:
            self.say(str(pairs.get("text", "")), "error")

    def action_keep(self) -> None:
        """Keep the riff that sounds, or release it."""
        if (voice := self._voice()) is not None:
            if voice.pinned:
                self.ask("/livevae/keep", voice.name, "on", 0)
            else:
                self.ask("/livevae/keep", voice.name, "on", 1, answer=self._kept)

    def _kept(self, done: bool, pairs: Mapping[str, Scalar]) -> None:
        if done:
            self.say(f"{pairs.get('name', 'it')} is kept: k releases the loop, l shows all that is kept")
            self.look_into_crib()
        else:
            self.say(str(pairs.get("text", "")), "error")

    def action_recall(self, name: str) -> None:
        """A kept riff again, by the selected voice."""
        if (voice := self._voice()) is not None:
            self.ask("/livevae/recall", name, "voice", voice.name)

    def action_turn(self, name: str, by: float) -> None:
        """A setting of the selected voice more or less."""
        voice = self._voice()
        if voice is None or name not in voice.settings:
            return
        row = next((row for row in self.settings if row.name == name), None)
        low, high, whole = (0.0, 4.0, False) if row is None else (row.low, row.high, row.kind is int)
        value = commands.turned(voice.settings[name], by, low, high, whole)
        self._change(replace(voice, settings={**voice.settings, name: value}))
        self.ask("/livevae/set", voice.name, name, value)

    def action_setting(self, by: int) -> None:
        """Choose another setting; on Personas, another persona."""
        if self.state.screen == "personas":
            names = [one.name for one in self.state.personas]
            if names:
                here = names.index(self.state.chosen)
                self.state = replace(self.state, persona=names[(here + by) % len(names)])
            self.draw()
        elif self.settings:
            self.state = replace(self.state, setting=(self.state.setting + by) % len(self.settings))
            self.draw()

    def action_choose(self, index: int) -> None:
        """Choose this setting."""
        self.state = replace(self.state, setting=index)
        self.draw()

    def action_nudge_setting(self, by: int) -> None:
        """The chosen setting a step more or less."""
        if self.state.screen != "voice":
            self.say("- and = turn the setting that is chosen on the Voice screen (v)", "warning")
            return
        self.action_turn_by(self.state.setting, by)

    def action_turn_by(self, index: int, by: int) -> None:
        """A setting a step more or less."""
        if index >= len(self.settings):
            return
        row = self.settings[index]
        if row.low is None or row.high is None:
            self.request_line(f"/livevae/set {self.state.voice.name if self.state.voice else ''} {row.name} ")
            return
        step = (row.high - row.low) / FINE
        if row.kind is int:
            step = max(1, round(step)) if row.high - row.low <= 200 else 1
        if row.choices:
            step = row.high - row.low
        self.action_choose(index)
        self.action_turn(row.name, by * step)

    def action_type_setting(self, index: int | None = None) -> None:
        """Type a setting's value; on Personas, blend to the one that is chosen; elsewhere, go where one is chosen."""
        if index is None and self.state.screen == "personas":
            if self.state.chosen:
                self.action_blend_to(self.state.chosen)
            return
        if index is None and self.state.screen != "voice":
            self.action_screen("voice")
            return
        voice = self.state.voice
        index = self.state.setting if index is None else index
        if voice is not None and index < len(self.settings):
            self.action_choose(index)
            self.request_line(f"/livevae/set {voice.name} {self.settings[index].name} ")

    def action_blend(self, by: float) -> None:
        """Toward the next persona, or back."""
        voice = self._voice()
        if voice is None:
            return
        names = tuple(persona.name for persona in self.state.personas if persona.state != "in training")
        if not names:
            self.say("there is no persona to blend toward: record (R) and train (T) one", "warning")
            return
        self._blend(voice, commands.toward(voice.blend, names, by))

    def action_blend_to(self, name: str) -> None:
        """All of one persona, within a bar."""
        if (voice := self._voice()) is not None:
            self._blend(voice, ((name, 1.0),), self.state.bar)

    def _blend(self, voice: Voice, weights: tuple[tuple[str, float], ...], over: float = 0.0) -> None:
        if not over:
            self._change(replace(voice, blend=weights))
        address, args = commands.blend(voice.name, weights, over)
        self.ask(address, *args)

    def _change(self, voice: Voice) -> None:
        """Show a change at once; the server's next snapshot has the last word."""
        voices = tuple(voice if old.name == voice.name else old for old in self.state.voices)
        self.state = replace(self.state, voices=voices)

    # personas and scenes

    def action_record(self) -> None:
        """Punch in, or out."""
        if self.state.takes.state:
            self.ask("/livevae/persona/record", "stop", 1)
        else:
            self.ask("/livevae/persona/record")

    def action_train(self) -> None:
        """Ask for a name, then train."""
        if not self.state.takes.takes:
            self.say(
                "no take yet: R records one from the MIDI input; : /livevae/persona/take adds a kept riff",
                "warning",
            )
            return
        self.request_line("/livevae/persona/train ", "a name for the new persona, then enter")

    def action_save(self) -> None:
        """Keep the chosen persona on disk."""
        if self.state.screen != "personas" or not self.state.chosen:
            self.say("S keeps the persona that is chosen on Personas (F4) on disk", "warning")
            return
        self.ask("/livevae/persona/save", self.state.chosen)

    def action_write(self) -> None:
        """Ask for a name, then write the scene."""
        self.request_line("/livevae/scene/write ", "a name for the scene, then enter")

    def action_load_scene(self, name: str) -> None:
        """Another scene."""
        self.ask("/livevae/scene", name)

    # screens

    def action_screen(self, name: str) -> None:
        """Another screen."""
        self.state = replace(self.state, screen=name)
        self.draw()

    def action_cycle(self, by: int) -> None:
        """The next screen, or the one before."""
        here = frame.SCREENS.index(self.state.screen)
        self.action_screen(frame.SCREENS[(here + by) % len(frame.SCREENS)])

    def look_into_crib(self) -> None:
        """Ask which riffs are kept, without a word in the log."""
        raise NotImplementedError

    def request_line(self, line: str, hint: str = "") -> None:
        """Open the line in which requests are typed; `hint` says what is to be typed first."""
        raise NotImplementedError
