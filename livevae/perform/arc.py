"""An arc: settings of a voice that take one value after another, so many beats each, and then the first again. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Arc:
    """What changes by itself as the music goes on.

    Attributes:
        values: by setting, the values in turn; of as many as each has, its own circle.
        leg: ticks that each value holds.
    """

    values: tuple[tuple[str, tuple[int | float | str, ...]], ...] = ()
    leg: int = 1

    def at(self, tick: float) -> Mapping[str, int | float | str]:
        """The values at a tick; tick 0 is at the first."""
        place = int(tick // self.leg)
        return {name: held[place % len(held)] for name, held in self.values}

    def turns(self, tick: float) -> bool:
        """Whether a leg begins at this tick."""
        return tick % self.leg == 0

    def turn(self, name: str, tick: float) -> tuple[int, int] | None:
        """Which of a setting's values holds at a tick, and how often it did before; None for one that is not here."""
        for own, held in self.values:
            if own == name:
                before, place = divmod(int(tick // self.leg), len(held))
                return place, before
        return None

    def without(self, names: Mapping[str, object]) -> "Arc":
        """The arc less some settings: those that a performer took into their own hands."""
        return replace(self, values=tuple(one for one in self.values if one[0] not in names))


STILL = Arc()
"""Nothing changes by itself."""
