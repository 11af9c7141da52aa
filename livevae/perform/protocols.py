"""What perform needs from models and player: two protocols, which they fulfil and perform never imports."""

from collections.abc import Sequence
from typing import Protocol

from livevae.latent.recipe import Recipe
from livevae.music.notes import Riff
from livevae.tempo.events import PlayNote
from livevae.tempo.timeline import Timeline


class Decoder(Protocol):
    """One model, ready to decode. Called from one worker thread only."""

    @property
    def bars(self) -> int:
        """How many bars one decode gives."""

    def decode(self, recipes: Sequence[Recipe]) -> list[Riff]:
        """One riff a recipe, in order, in one batch. The same recipe gives the same riff."""


class Player(Protocol):
    """The real-time process as the session sees it. All calls return at once."""

    @property
    def timeline(self) -> Timeline:
        """The last copy of the player's timeline."""

    def play(self, notes: Sequence[PlayNote]) -> None:
        """Notes for the agenda; the player makes their offs."""

    def send(self, tick: int, port: str, data: bytes, voice: str = "") -> None:
        """Another message at its tick, such as a program change; at one tick it goes before the notes."""

    def cancel(self, voice: str = "", tick: int | None = None) -> None:
        """Drop a voice's waiting notes from `tick` on; without a tick all of them, and release what sounds."""

    def set_tempo(self, bpm: float, *, tick: int | None = None, over: int = 0) -> None:
        """A new tempo from `tick` on (None: now), reached over `over` ticks."""

    def nudge(self, ticks: float, over: int = 0) -> None:
        """The music `ticks` further on than it would be, over `over` ticks; 0 is at once."""

    def set_meter(self, tick: int, beats: int, unit: int) -> None:
        """Bars have another time signature from `tick` on, which is a bar line: for what is recorded."""

    def set_clock(self, source: str, quantum: int = 3840, target: str = "virtual") -> None:
        """Go by another clock, on a grid of `quantum` ticks; what comes of it is told later.

        A MIDI clock comes from `target`: part of an output's name, or `virtual`, a port of our own.
        """

    def set_playing(self, playing: bool) -> None:
        """Tell whoever shares the clock that all of us play, or stop."""

    def panic(self) -> None:
        """Silence every port; the agenda is emptied."""
