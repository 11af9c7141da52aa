"""What is asked about time: tempo, nudges, taps, and whose clock to go by. The player does it, this understands it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from livevae.errors import RequestError
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_BEAT
from livevae.perform import requests as ask
from livevae.perform.clock import TickClock
from livevae.perform.hub import Hub
from livevae.perform.protocols import Player
from livevae.perform.requests import Later, Reply, Request, nobody
from livevae.tempo.taps import Taps
from livevae.tempo.timeline import checked_bpm

FARTHEST_NUDGE = TICKS_PER_BAR // 2
"""Ticks; in four quarters the nearest bar is never farther away."""

OURS: Mapping[str, str] = MappingProxyType({"internal": ""})
"""The clocks that there always are: our own."""


@dataclass(frozen=True, slots=True)
class Followed:
    """The clock that we go by, and how many others do."""

    source: str
    peers: int = 0
    why: str = ""
    conductor: str = ""
    apart_ms: float = 0.0

    @property
    def pairs(self) -> tuple[tuple[str, int | float | str], ...]:
        """For answers; `why` is empty unless a clock that was asked for cannot be followed, or is gone.

        In an ensemble, also the room that conducts ("" while there is none), and how far we are ahead of it.
        """
        pairs = (("clock", self.source), ("peers", self.peers), ("why", self.why))
        if self.source != "mqtt":
            return pairs
        return (*pairs, ("conductor", self.conductor), ("apart_ms", round(self.apart_ms, 3)))


OURSELVES = Followed("internal")
"""We go by our own clock."""


class Conductor:
    """The time of one session. Lives on the session's loop; not thread-safe.

    Args:
        player: who keeps the time.
        clock: the session's copy of it.
        clocks: clocks that can be followed, each with the reason why not here; empty where it can.
        later: does something at the time of a timetag, at once where that is past or None.
        hub: told of tempos.

    Attributes:
        followed: whose clock we go by.
    """

    def __init__(
        self,
        player: Player,
        clock: TickClock,
        clocks: Mapping[str, str],
        later: Callable[..., None],
        hub: Hub,
    ) -> None:
        self._player = player
        self._clock = clock
        self._clocks = clocks
        self._later = later
        self._hub = hub
        self._taps = Taps()
        self.followed = OURSELVES
        self._asked: Later = nobody
        self._by_bars = True
        self._target = "virtual"
        self._wish = False
        self._quantum = 0
        self._led = False

    def do(self, request: Request, later: Later = nobody) -> Reply:
        """Answer a request about time; whether a clock could be opened is for `later`.

        Raises:
            LivevaeError: it cannot be done; nothing was changed.
            TempoError: a tempo that nobody plays at.
        """
        match request:
            case ask.Tempo():
                return self._tempo(request)
            case ask.Nudge():
                return self._nudge(request)
            case ask.Tap():
                return self._tap(request)
            case ask.Clock():
                return self._follow(request, later)
            case _:
                raise RequestError(f"{type(request).__name__} is not a request about time")

    def changed(self, source: str, peers: int, why: str = "") -> None:
        """The player goes by this clock now, and so do so many others; `why` not by the one that was asked for."""
        known = self.followed if source == self.followed.source else OURSELVES
        self.followed = Followed(source, peers, why, known.conductor, known.apart_ms)
        asked, self._asked = self._asked, nobody
        asked(Reply(ok=not why, text=why, pairs=self.followed.pairs, beat=self._clock.beat_at(None)))

    def detail(self, conductor: str, ours: bool, apart_ms: float) -> None:
        """In an ensemble: which room conducts, whether that is ours, and how far our line is ahead of it."""
        self._led = bool(conductor) and not ours
        self.followed = replace(self.followed, conductor=conductor, apart_ms=apart_ms)

    def take_wish(self) -> bool:
        """Whether a performer asked us to conduct the ensemble since this was last asked."""
        wish, self._wish = self._wish, False
        return wish

    @property
    def quantum(self) -> int:
        """Ticks of the grid on which we agree with the clock that we go by; 0 where that is a bar."""
        return 0 if self._by_bars else self._quantum

    def meter_changed(self) -> None:
        """Bars are of another length: agree on them with the clock that we go by, unless on a quantum of its own."""
        if self._by_bars and self.followed.source != "internal":
            self._player.set_clock(self.followed.source, self._clock.meter.bar, self._target)

    def _tempo(self, request: ask.Tempo) -> Reply:
        bpm = checked_bpm(request.bpm)
        self._check_ours()
        tick = self._clock.future_tick(request.at)
        self._player.set_tempo(bpm, tick=tick, over=round(request.over * TICKS_PER_BEAT))
        self._hub.log("tempo", f"{bpm:g} bpm" + (f" over {request.over:g} beats" if request.over else ""))
        return Reply(pairs=(("bpm", bpm),), beat=self._clock.beat_at(request.at))

    def _nudge(self, request: ask.Nudge) -> Reply:
        ticks = request.beats * TICKS_PER_BEAT + request.ms / 1000 / self._clock.timeline.seconds_per_tick
        if not ticks:
            raise RequestError(
                "a nudge is some beats or some ms: send /livevae/nudge 0.1 or /livevae/nudge ms 20"
            )
        if abs(ticks) > FARTHEST_NUDGE:
            raise RequestError(
                f"a nudge is at most {FARTHEST_NUDGE // TICKS_PER_BEAT} beats, not {ticks / TICKS_PER_BEAT:g}"
            )
        self._later(request.at, self._player.nudge, ticks, round(request.over * TICKS_PER_BEAT))
        return Reply(pairs=(("beats", ticks / TICKS_PER_BEAT),), beat=self._clock.beat_at(request.at))

    def _check_ours(self) -> None:
        """See that the tempo is ours to change.

        Raises:
            RequestError: another room conducts.
        """
        if self._led and self.followed.source == "mqtt":
            raise RequestError(
                f"{self.followed.conductor} conducts this ensemble: ask it for the tempo, or take its place with"
                " /livevae/clock mqtt conduct 1"
            )

    def _tap(self, request: ask.Tap) -> Reply:
        self._check_ours()
        self._taps = self._taps.tapped(self._clock.now() if request.at is None else request.at)
        bpm = self._taps.bpm
        if bpm is not None:
            self._player.set_tempo(bpm)
            self._hub.log("tempo", f"{bpm:.1f} bpm, tapped")
        pairs = (("bpm", bpm or self._clock.timeline.bpm), ("taps", self._taps.count))
        return Reply(pairs=pairs, beat=self._clock.beat_at(None))

    def _follow(self, request: ask.Clock, later: Later) -> Reply:
        if request.source:
            if (why := self._clocks.get(request.source)) is None:
                there = ", ".join(self._clocks)
                raise RequestError(f"there is no clock {request.source[:40]!r}; there are: {there}")
            if why:
                raise RequestError(why)
            if request.device and request.source != "midi":
                raise RequestError(f"only a MIDI clock comes from a device; {request.source} has none")
            if request.conduct and request.source != "mqtt":
                raise RequestError("only an ensemble has a conductor: /livevae/clock mqtt conduct 1")
            self._wish = request.conduct
            self._by_bars = request.quantum is None
            quantum = self._clock.meter.bar
            if request.quantum is not None:
                quantum = max(1, round(request.quantum * TICKS_PER_BEAT))
            self._target, self._quantum = request.device or "virtual", quantum
            self._asked = later if request.source != "internal" else nobody
            self._later(request.at, self._player.set_clock, request.source, quantum, self._target)
            if request.source != self.followed.source:
                self.followed = Followed(request.source)
                self._led = False
            if request.device:
                opening = (
                    f"{request.device[:40]} is being looked for: another answer says whether it is there"
                )
                return Reply(pairs=replace(self.followed, why=opening).pairs, beat=self._clock.beat_at(None))
        return Reply(pairs=self.followed.pairs, beat=self._clock.beat_at(None))
