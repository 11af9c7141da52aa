"""A MIDI clock as the player's clock: another machine's tempo, downbeat, start, stop and song position.

What arrives is looked for every two milliseconds, but each message carries the time of its arrival: rtmidi notes the
time between two messages on its own thread, and the shortest way from there to us that was ever seen says when the
first of them came. Nothing here waits for anything.
"""

from contextlib import suppress
from typing import Any

from livevae.errors import PortError
from livevae.midi import open_input
from livevae.player.clocks.clock import ClockError, Reading
from livevae.tempo.arrivals import Arrivals
from livevae.tempo.follower import TICKS_PER_PULSE, ClockFollower
from livevae.tempo.pace import Pace
from livevae.tempo.timeline import TICKS_PER_BEAT, Timeline, next_grid

CLIENT = "livevae-clock"
"""What ALSA, JACK and CoreMIDI call the input."""

BACK = TICKS_PER_BEAT // 4
"""Ticks that the present may go back to agree with a master that starts, rather than on to the next bar."""

TELL = 2e-4
"""Seconds by which an estimate must differ, now or a beat later, to be told: half of what it wanders anyway."""

MOST_AT_ONCE = 64
"""Messages that are taken at one look; a flood waits in rtmidi's queue, which drops what is too much."""


class ClockIn:
    """What a MIDI clock's messages say of our ticks. Pure: time comes in.

    Attributes:
        shift: ticks by which we were nudged away from the master.
        quantum: ticks of the grid on one of whose lines a master starts.
    """

    def __init__(self, quantum: int) -> None:
        self.shift = 0.0
        self.quantum = quantum
        self._follower = ClockFollower()
        self._base: float | None = None
        self._reported: Timeline | None = None
        self._since = 0.0

    def receive(self, data: bytes, time: float) -> None:
        """A message that arrived at `time`, in seconds; what is no clock message is passed over."""
        match tuple(data):
            case (0xF8,):
                self._follower.pulse(time)
            case (0xFA,):
                self._follower.start()
            case (0xFB,):
                self._follower.resume()
            case (0xFC,):
                self._follower.stop()
            case (0xF2, low, high) if low < 0x80 and high < 0x80:
                self._follower.position(low | high << 7)

    def read(self, now: float, pace: Pace) -> Reading:
        """What it all says at `now`.

        A master that starts takes us to its downbeat at once: to the next bar of ours, or back by a sixteenth at
        most. One that was running when we came is followed pulse by pulse, in the phase nearest to ours, for it
        does not say where its bars are.
        """
        follower, playing = self._follower, self._follower.running
        anew = follower.anew
        line = follower.line()
        if anew:
            if line is None:
                line = Timeline(0, follower.last, pace.bpm)
            here, there = pace.timeline.tick_at(now), line.tick_at(now)
            self._base = float(next_grid(here - there - BACK, self.quantum))
            self.shift = 0.0
            self._since = line.tick + self._base
        elif line is None or not follower.locked:
            return Reading(None, playing=playing, since=self._since)
        elif self._base is None:
            apart = pace.timeline.tick_at(now) - line.tick_at(now)
            self._base = round(apart / TICKS_PER_PULSE) * float(TICKS_PER_PULSE)
        base = (self._base or 0.0) + self.shift
        ours = Timeline(line.tick + base, line.time, line.bpm)
        if not playing and self._reported is not None:
            self._since = self._reported.tick_at(now)
        if not anew and not self._worth_telling(ours, now):
            return Reading(None, playing=playing, since=self._since)
        self._reported = ours
        return Reading(ours, at_once=anew, playing=playing, since=self._since)

    def _worth_telling(self, line: Timeline, now: float) -> bool:
        if self._reported is None:
            return True
        later = now + TICKS_PER_BEAT * line.seconds_per_tick
        apart = max(abs(line.tick_at(time) - self._reported.tick_at(time)) for time in (now, later))
        return apart * line.seconds_per_tick > TELL


class MidiClock:
    """`ClockIn` on an input of rtmidi's.

    Attributes:
        every: seconds between two looks at it.
    """

    every = 0.002

    def __init__(self, target: str, quantum: int) -> None:
        """Listen to an output that exists, by part of its name, or open a port of our own (`virtual`).

        Raises:
            ClockError: there is no such output, or no MIDI system opens.
        """
        try:
            self._input, self.name = open_input(target, CLIENT, "clock")
        except PortError as error:
            raise ClockError(f"no MIDI clock: {error}") from error
        self._input.ignore_types(sysex=True, timing=False, active_sense=True)
        self._clock_in = ClockIn(quantum)
        self._arrivals = Arrivals()

    @property
    def shift(self) -> float:
        """Ticks by which we were nudged away from the master."""
        return self._clock_in.shift

    @shift.setter
    def shift(self, ticks: float) -> None:
        self._clock_in.shift = ticks

    @property
    def quantum(self) -> int:
        """Ticks of the grid on one of whose lines a master starts."""
        return self._clock_in.quantum

    @quantum.setter
    def quantum(self, ticks: int) -> None:
        self._clock_in.quantum = ticks

    def look(self, now: float, pace: Pace) -> Reading:
        """What has arrived since the last time, and what it says at `now`."""
        with suppress(Exception):  # a port that is gone says nothing: the tempo is held
            for _ in range(MOST_AT_ONCE):
                event: Any = self._input.get_message()
                if event is None:
                    break
                data, since_last = event
                self._clock_in.receive(bytes(data), self._arrivals.at(now, since_last))
        return self._clock_in.read(now, pace)

    def play(self, playing: bool, now: float) -> None:
        """A MIDI clock leads; it cannot be told anything."""

    def close(self) -> None:
        """Stop listening; a second time is no error."""
        client, self._input = self._input, None
        if client is not None:
            for end in (client.close_port, client.delete):
                with suppress(Exception):
                    end()
