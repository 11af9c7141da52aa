"""A clock that is fed: the server hands over the line of an ensemble's conductor, and the player goes there."""

from livevae.player.clocks.clock import Told
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

    def lead(self, line: FollowLine) -> None:
        """From now on this line."""
        if line.line is None:
            self.shift = 0.0
        self._line = line

    def look(self, now: float, pace: Pace) -> Told:
        """The line, moved by our nudges."""
        del now, pace
        given = self._line
        line = None if given.line is None else given.line.moved(self.shift)
        return Told(line, playing=given.playing, since=given.since + self.shift, peers=given.peers)

    def play(self, playing: bool, now: float) -> None:
        """The server tells the ensemble itself."""

    def close(self) -> None:
        """There is nothing to close."""
