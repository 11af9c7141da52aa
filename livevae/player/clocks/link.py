"""Ableton Link as the player's clock: tempo both ways, phase on the quantum, start and stop.

Link's own time is another clock of the machine (CLOCK_MONOTONIC_RAW on Linux, which drifts from ours by what NTP
corrects); it is mapped to ours by an offset that is measured anew at every look.

LinkPython-extern, which this needs, contains Ableton Link: GPL version 2 or later. Nothing imports this module unless
Link is asked for.
"""

import time
from typing import Any

from livevae.player.clocks.clock import NO_LINK, ClockError, Reading
from livevae.tempo.pace import Pace
from livevae.tempo.timeline import MAX_BPM, MIN_BPM, TICKS_PER_BEAT, Timeline

SAME_TEMPO = 1e-4
"""Beats a minute; Link sends the length of a beat in whole microseconds, which is this much of 120 or less."""

READINGS = 3
"""Pairs of readings of the two clocks at a look, of which the closest counts."""

WIDE = 1e-4
"""Seconds between the readings of a pair beyond which it says nothing: we were interrupted."""


class LinkClock:
    """A peer of a Link session. Used from one thread, as Link's audio thread.

    Attributes:
        every: seconds between two looks at it.
        shift: ticks by which we were nudged away from the others.
        quantum: ticks of the grid on which all peers agree.
    """

    every = 0.01

    def __init__(self, now: float, pace: Pace, quantum: int) -> None:
        """Join the session that is there, or begin one with our tempo and phase.

        Args:
            now: the present, in seconds of CLOCK_MONOTONIC.
            pace: our timeline.
            quantum: ticks of the grid on which all peers agree.

        Raises:
            ClockError: LinkPython-extern is not installed, or it finds no network.
        """
        try:
            import link  # noqa: PLC0415  (an optional extra)
        except ImportError:
            raise ClockError(NO_LINK) from None
        self.shift = 0.0
        self.quantum = quantum
        self._bpm = pace.bpm
        try:
            self._link: Any = link.Link(pace.bpm)
            self._clock: Any = self._link.clock()
            self._offset = _reading(self._clock)[1]
            self._link.startStopSyncEnabled = True
            self._link.enabled = True
        except RuntimeError as error:
            raise ClockError(f"Ableton Link does not start: {error}") from error
        state = self._link.captureSessionState()
        state.requestBeatAtTime(
            pace.timeline.tick_at(now) / TICKS_PER_BEAT, self._micros(now), self.quantum / TICKS_PER_BEAT
        )
        self._link.commitSessionState(state)

    def look(self, now: float, pace: Pace) -> Reading:
        """The session's tempo and phase at `now`; a tempo that was changed here becomes the session's."""
        self._measure()
        micros = self._micros(now)
        state = self._link.captureSessionState()
        if pace.bpm != self._bpm:
            state.setTempo(pace.bpm, micros)
            self._link.commitSessionState(state)
            self._bpm = pace.bpm
        bpm = min(MAX_BPM, max(MIN_BPM, state.tempo()))
        if abs(bpm - self._bpm) < SAME_TEMPO:
            bpm = self._bpm
        self._bpm = bpm
        here = pace.timeline.tick_at(now)
        there = state.beatAtTime(micros, self.quantum / TICKS_PER_BEAT) * TICKS_PER_BEAT
        line = Timeline(here + nearest(there + self.shift - here, self.quantum), now, bpm)
        return Reading(
            line,
            playing=state.isPlaying(),
            since=line.tick_at(state.timeForIsPlaying() / 1e6 + self._offset),
            peers=self._link.numPeers(),
        )

    def play(self, playing: bool, now: float) -> None:
        """Tell the other peers that we play, or stop."""
        state = self._link.captureSessionState()
        if state.isPlaying() != playing:
            state.setIsPlaying(playing, self._micros(now))
            self._link.commitSessionState(state)

    def close(self) -> None:
        """Leave the session; its other peers go on."""
        self._link.enabled = False

    def _measure(self) -> None:
        width, offset = min(_reading(self._clock) for _ in range(READINGS))
        if width < WIDE:
            self._offset = offset

    def _micros(self, seconds: float) -> int:
        return round((seconds - self._offset) * 1e6)


def nearest(ticks: float, quantum: int) -> float:
    """`ticks` less as many quanta as bring it nearest to 0: from -quantum/2 up to quantum/2."""
    return (ticks + quantum / 2) % quantum - quantum / 2


def _reading(clock: Any) -> tuple[float, float]:
    """(seconds that it took, our seconds less Link's)."""
    before = time.monotonic()
    micros = clock.micros()
    after = time.monotonic()
    return after - before, (before + after) / 2 - micros / 1e6
