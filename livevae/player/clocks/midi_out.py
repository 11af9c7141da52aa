"""MIDI clock out, as messages on an agenda: pulses all the time, and where the song is when it starts or goes on.

Source: MIDI 1.0 Detailed Specification, System Real Time and Song Position Pointer. The first pulse after a start
or continue is the place that it means; the messages that announce it go half a pulse before it, which gives a
follower 10 ms at 120 beats a minute to get ready.
"""

from livevae.tempo.follower import PULSES_PER_SIXTEENTH, TICKS_PER_PULSE
from livevae.tempo.timeline import TICKS_PER_BEAT, next_grid

PULSE, START, CONTINUE, STOP = b"\xf8", b"\xfa", b"\xfb", b"\xfc"
ANNOUNCED = TICKS_PER_PULSE // 2
"""Ticks before its pulse that a start or continue is sent."""

POSITIONS = 1 << 14
"""Sixteenths that a song position can say: 1024 bars of 4/4, after which it begins anew."""


def next_entry(tick: float) -> int:
    """The first beat that can still be announced at `tick`; the song's beginning at the earliest."""
    return max(0, next_grid(tick + ANNOUNCED, TICKS_PER_BEAT))


def announcement(entry: int) -> tuple[bytes, ...]:
    """What says that the song goes on at the beat `entry` (ticks) with the pulse that follows."""
    if entry == 0:
        return (START,)
    sixteenths = entry // (PULSES_PER_SIXTEENTH * TICKS_PER_PULSE) % POSITIONS
    return (bytes((0xF2, sixteenths & 0x7F, sixteenths >> 7)), CONTINUE)


def next_pulse(tick: float) -> int:
    """The first pulse at or after `tick`."""
    return next_grid(tick, TICKS_PER_PULSE)
