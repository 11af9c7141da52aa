"""How far ahead of its sound a riff is begun, and how early its notes have to be with the player."""

from dataclasses import dataclass

from livevae.music.notes import TICKS_PER_STEP
from livevae.perform.clock import TickClock
from livevae.perform.settings import VoiceSettings

MOST_LEAD = 60.0
"""Seconds. What is asked for is heard so much later; and no log of a night says more."""

EARLIEST = TICKS_PER_STEP // 2
"""Microtiming reaches half a step before its step, so a riff is due at the player that much earlier."""

HANDOVER = 0.003
"""Seconds that notes need from the server to the player's agenda, with room to spare."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How far ahead of its sound the work is done, in seconds.

    Attributes:
        lead: how early a riff is begun.
        lookahead: how early its notes are handed to the player; then a decode that is not ready is late.
    """

    lead: float = 0.5
    lookahead: float = 0.06

    def __post_init__(self) -> None:
        if not 0 <= self.lookahead <= self.lead <= MOST_LEAD:
            raise ValueError(
                f"lead {self.lead} must be at least lookahead {self.lookahead}, neither negative, and"
                f" {MOST_LEAD:.0f} at most"
            )


def ahead(settings: VoiceSettings) -> float:
    """How early a note may come by the voice's feel, in seconds; its riffs are due that much earlier."""
    return (settings.humanise + max(0.0, -settings.shift)) / 1000


def handed_over(clock: TickClock, early: float = 0.0) -> float:
    """The first tick for which notes that leave now are in time; a grid point before it would be heard late.

    Args:
        clock: the session's.
        early: seconds by which notes may come before their ticks.
    """
    return clock.timeline.tick_at(clock.now() + HANDOVER + early)
