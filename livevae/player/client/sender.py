"""What the server can ask of a player, as calls: each makes one command of the wire (wire/commands.py)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from livevae.player.wire.commands import (
    TICKS_PER_BAR,
    Cancel,
    Command,
    FollowLine,
    Nudge,
    Panic,
    Play,
    Send,
    SetClock,
    SetMeter,
    SetPlaying,
    SetTempo,
)
from livevae.tempo.events import PlayNote
from livevae.tempo.timeline import Timeline


class CommandSender(ABC):
    """The calls of a player, wherever it runs: `perform.protocols.Player`. Every call returns at once."""

    @abstractmethod
    def _do(self, *commands: Command) -> None:
        """Hand commands over, in order."""

    def play(self, notes: Sequence[PlayNote]) -> None:
        """Put notes on the agenda; each on brings its own off."""
        self._do(Play(tuple(notes)))

    def send(self, tick: int, port: str, data: bytes, voice: str = "") -> None:
        """Another message at its tick: a controller, a program change."""
        self._do(Send(tick, port, data, voice))

    def cancel(self, voice: str = "", tick: int | None = None) -> None:
        """Drop what waits for a voice ("": all) from `tick` on; without a tick, release it at once too."""
        self._do(Cancel(voice, tick))

    def set_tempo(self, bpm: float, *, tick: int | None = None, over: int = 0) -> None:
        """Another tempo, from `tick` (None: now) on, reached over `over` ticks; the present does not move."""
        self._do(SetTempo(bpm, tick, over))

    def nudge(self, ticks: float, over: int = 0) -> None:
        """Put the music `ticks` further on (negative: back), over `over` ticks of it; 0 is at once."""
        self._do(Nudge(ticks, over))

    def set_clock(self, source: str, quantum: int = TICKS_PER_BAR, target: str = "virtual") -> None:
        """Go by another clock, on a grid of `quantum` ticks; see `SetClock`."""
        self._do(SetClock(source, quantum, target))

    def follow_line(
        self, line: Timeline | None, playing: bool | None = None, since: float = 0.0, peers: int = 0
    ) -> None:
        """For the clock `mqtt`: go along this line; None is along our own."""
        self._do(FollowLine(line, playing, since, peers))

    def set_meter(self, tick: int, beats: int, unit: int) -> None:
        """Another time signature from `tick` on, for the recording."""
        self._do(SetMeter(tick, beats, unit))

    def set_playing(self, playing: bool) -> None:
        """Tell whoever shares the clock that we play, or stop."""
        self._do(SetPlaying(playing))

    def panic(self) -> None:
        """Drop what waits, release what sounds, silence every channel of every port."""
        self._do(Panic())
