"""Following a MIDI clock: tempo and place estimated over many pulses, holding over lost ones and jitter. Pure.

Source: MIDI 1.0 Detailed Specification, System Real Time: F8 24 times a beat; the first F8 after FA (start) or FB
(continue) is the downbeat or the place of the song; F2 gives that place in sixteenths, six pulses each.

Which pulse is which, and the line through them, is the work of pulses.py; of uneven.py, where they arrive in steps as
long as their intervals.
"""

import math

from livevae.tempo.pulses import PULSES_PER_BEAT, SILENCE, TICKS_PER_PULSE, Counter, Guess
from livevae.tempo.timeline import MAX_BPM, MIN_BPM, Timeline
from livevae.tempo.uneven import Beginning, Uneven

__all__ = ["PULSES_PER_BEAT", "PULSES_PER_SIXTEENTH", "TICKS_PER_PULSE", "ClockFollower"]

PULSES_PER_SIXTEENTH = 6

TRUSTED = 4e-3
"""Seconds by which the next beat may be off, as a deviation, where a line is played to: what few can hear."""

OTHER, DOUBTED = 0.02, 3.0
"""Another tempo differs by this part; where one is as likely as one to twenty (a logarithm), none is trusted yet."""


class ClockFollower:
    """A MIDI clock's line, from its pulses. Not thread-safe; every `time` is in seconds and does not run backwards.

    Attributes:
        running: whether the master plays: after start or continue, until stop.
        anew: whether the place jumped (start, continue) since `line` was last asked for; `line` makes it False.
        last: when the last pulse came; minus infinity before the first.
    """

    def __init__(self) -> None:
        self.running = False
        self.anew = False
        self.last = -math.inf
        self._counter = Counter()
        self._uneven = Uneven()
        self._beginning = Beginning()
        self._place = 0
        self._waits = False

    # what arrives

    def start(self) -> None:
        """FA: the next pulse is the downbeat."""
        self._place = 0
        self.running, self._waits = True, True

    def resume(self) -> None:
        """FB: the next pulse is where the song stands."""
        self.running, self._waits = True, True

    def stop(self) -> None:
        """FC: pulses may go on, the song does not."""
        here = self._here()
        if self.running and not self._waits and here is not None:
            self._place = max(0, here[0])
        self.running, self._waits = False, False

    def position(self, sixteenths: int) -> None:
        """F2: where the song stands; senders give it while stopped."""
        self._place = sixteenths * PULSES_PER_SIXTEENTH
        if self.running:
            self._waits = True

    def pulse(self, time: float) -> None:
        """F8."""
        silent = time - self.last > SILENCE
        if silent:
            self._begin()
        self.last = time
        self._counter.pulse(time)
        best = self._counter.best
        if best is not None:
            self._count(best, time, anew=silent)
        if self._waits:
            self._counter.place(self._place)
            self._uneven.place(self._place)
            self._beginning.begin(self._place, time)
            self._waits, self.anew = False, True

    def _count(self, best: Guess, time: float, *, anew: bool) -> None:
        """What else a pulse may be than its finest estimate says."""
        uneven = self._uneven
        if anew:
            self._beginning.begin(best.number, time)
        elif (first := self._beginning.pulse(time, best.period, self._counter.jitter)) is not None:
            if uneven.line is None:
                uneven.place(uneven.number + first - best.number)
            if first != best.number:
                self._counter.place(first)
        followed, number = uneven.line is not None, uneven.number
        uneven.pulse(time, best.period, best.number)
        if followed and uneven.line is None:
            self._counter.place(number)
        elif uneven.line is not None and not followed:
            # before steps are known the count goes astray, and with it where their strip begins
            first = self._beginning.within(uneven.widest)
            if first is not None:
                uneven.place(first)

    # what is known

    @property
    def locked(self) -> bool:
        """Whether the line is sure enough to be played to."""
        if self._uneven.line is not None:
            return self._uneven.sure
        best = self._counter.best
        if best is None or not best.period or best.deviation(PULSES_PER_BEAT) > TRUSTED:
            return False
        return not any(
            guess.weight > -DOUBTED and abs(guess.period - best.period) > OTHER * best.period
            for guess in self._counter.guesses
        )

    @property
    def bpm(self) -> float | None:
        """The tempo; None before the second pulse."""
        here = self._here()
        return 60 / (here[2] * PULSES_PER_BEAT) if here is not None and here[2] > 0 else None

    def line(self) -> Timeline | None:
        """The master's timeline in ticks of its song; None while no tempo is known.

        While it stands, and before its first start, the line goes on from where it was.
        """
        here, bpm = self._here(), self.bpm
        if here is None or bpm is None:
            return None
        self.anew = False
        return Timeline(here[0] * TICKS_PER_PULSE, here[1], min(MAX_BPM, max(MIN_BPM, bpm)))

    def _here(self) -> tuple[int, float, float] | None:
        """The last pulse's number, its time by the line, and the seconds of a pulse; None before the first."""
        uneven, best = self._uneven, self._counter.best
        if uneven.line is not None:
            return uneven.number, uneven.line.time(uneven.number), uneven.line.slope
        return None if best is None else (best.number, best.time, best.period)

    def _begin(self) -> None:
        """A silence: the count of pulses that came in steps is held over as the other one is."""
        here = self._here()
        if here is not None and self._uneven.line is not None:
            for guess in self._counter.guesses:
                guess.number, guess.time, guess.period = here
        self._uneven.begin()
