"""Tap tempo: the moments of taps as a frozen value, and the tempo that they mean.

The tempo is the median of the slopes between all pairs of taps (Theil and Sen's estimator), so that a tap that came
early or late moves it little. A beat that was left out is counted; a tap that fits no beat begins anew, and so does
one after a long pause.
"""

from dataclasses import dataclass
from itertools import combinations
from statistics import median

from livevae.tempo.timeline import MAX_BPM, MIN_BPM

PAUSE = 60 / MIN_BPM
"""Seconds after which a tap is the first of a new row: a beat of the slowest tempo."""

BOUNCE = 60 / MAX_BPM
"""Seconds within which a second tap is the same one: a beat of the fastest tempo."""

ENOUGH = 3
"""Taps from which a tempo is taken: with two, a finger that slips would be a tempo."""

MOST = 9
"""Taps that count, the latest: two bars of four and the downbeat that ends them."""

OFF = 0.3
"""The part of a beat by which a tap may miss and still be that beat."""


@dataclass(frozen=True, slots=True)
class Taps:
    """A row of taps.

    Attributes:
        marks: (beat counted from the first, seconds) of each.
    """

    marks: tuple[tuple[int, float], ...] = ()

    @property
    def count(self) -> int:
        """How many taps the row holds."""
        return len(self.marks)

    @property
    def bpm(self) -> float | None:
        """Beats a minute to a tenth, or None while there are too few taps to say."""
        if self.count < ENOUGH:
            return None
        return min(MAX_BPM, max(MIN_BPM, round(60 / self._beat(), 1)))

    def tapped(self, time: float) -> "Taps":
        """The row with a tap at `time`, in seconds of any steady clock."""
        if not self.marks:
            return Taps(((0, time),))
        index, last = self.marks[-1]
        gap = time - last
        if 0 <= gap < BOUNCE:
            return self
        if not 0 < gap <= PAUSE:
            return Taps(((0, time),))
        beats = 1
        if self.count > 1:
            beat = self._beat()
            beats = round(gap / beat)
            if not 1 <= beats <= 2 or abs(gap / beat - beats) > OFF:
                return Taps(((0, last), (1, time)))
        return Taps((*self.marks, (index + beats, time))[-MOST:])

    def _beat(self) -> float:
        """Seconds of a beat; two taps at least."""
        return median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(self.marks, 2))
