"""What is handed to a player: notes at their place on the timeline. perform makes them, player plays them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlayNote:
    """One note at its place on the timeline. The player makes the off itself, so no on exists without an off.

    Attributes:
        tick: when the on is sent, in absolute ticks.
        length: ticks until the off, at least 1.
        port: the port's own name in livevae (not the system's name of it).
        channel: 1 to 16.
        pitch: 0 to 127.
        velocity: 1 to 127.
        voice: who plays it; `cancel` goes by this name.
    """

    tick: int
    length: int
    port: str
    channel: int
    pitch: int
    velocity: int
    voice: str = ""

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"a note lasts at least one tick, not {self.length}")
        if not 1 <= self.channel <= 16:
            raise ValueError(f"a MIDI channel is 1 to 16, not {self.channel}")
        if not 0 <= self.pitch <= 127:
            raise ValueError(f"a MIDI pitch is 0 to 127, not {self.pitch}")
        if not 1 <= self.velocity <= 127:
            raise ValueError(f"a note's velocity is 1 to 127, not {self.velocity}")

    @property
    def end(self) -> int:
        """The tick of its off."""
        return self.tick + self.length
