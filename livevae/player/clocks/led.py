"""A clock that is fed: the server hands over the line of an ensemble's conductor, and the player goes there."""

from livevae.player.clocks.clock import Reading
from livevae.player.wire.commands import FollowLine
from livevae.tempo.pace import Pace


class LedClock:
    """The last line that was handed over; without any, our own line goes on.

    Attributes:
        every: seconds between two looks at it.
        shift: ticks by which we were nudged away from it.
        quantum: ticks of the grid on which rooms agree; the server has reckoned with it.
    """

    every = 0.02

    def __init__(self, quantum: int) -> None:
        self.shift = 0.0
        self.quantum = quantum
        self._line = FollowLine()
        self._ours: bool | None = None

    def lead(self, line: FollowLine) -> None:
        """From now on this line."""
        if line.line is None:
            self.shift = 0.0
        if line.playing != self._line.playing:
            self._ours = None
        self._line = line

    def look(self, now: float, pace: Pace) -> Reading:
        """The line, moved by our nudges."""
        del now, pace
        given = self._line
        line = None if given.line is None else given.line.moved(self.shift)
        playing = given.playing if self._ours is None else self._ours
        return Reading(line, playing=playing, since=given.since + self.shift, peers=given.peers)

    def play(self, playing: bool, now: float) -> None:
        """We do, whatever the others do, until they begin or stop again; the server tells the ensemble itself."""
        del now
        if self._line.playing is not None:
            self._ours = playing

    def close(self) -> None:
        """There is nothing to close."""
