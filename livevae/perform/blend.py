"""Blends and positions that glide: what a voice's recipe holds at any tick. Pure.

Laws, for every blend `b`, weights `w` and tick `x`:

    b.to(w, x, over).at(x) == b.at(x)                 a glide begins where the music is
    b.to(w, x, over).at(y) == w  for y >= x + over    and ends where it was sent
    sum of b.at(x) == 1, or b.at(x) == ()             () is the base model alone
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from livevae.errors import RequestError
from livevae.latent.names import MAX_LATENT
from livevae.latent.recipe import BASE

Weights = tuple[tuple[str, float], ...]
"""(persona, weight) pairs by name, positive and of sum 1; () is the base model alone."""

BASE_WORD = "base"
"""What performers call the base model in a blend."""

MOST_PERSONAS = 16
"""More in one blend are no blend that anyone hears."""

NEARLY = 1e-12
"""How far from 1 a sum of weights may be by rounding."""

FURTHEST = 8.0
"""Deviations from a persona's middle; beyond, nothing was ever near."""


def weights(given: Iterable[tuple[str, object]]) -> Weights:
    """Weights as a performer gives them, normalised; names of weight 0 are left out.

    Raises:
        RequestError: no name, all weights 0, or one that is negative or no number.
    """
    found: dict[str, float] = {}
    for name, value in given:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
            or value < 0
        ):
            raise RequestError(
                f"the weight of {name[:40]!r} must be a number from 0 up, not {str(value)[:40]!r}"
            )
        key = BASE if name.lower() == BASE_WORD else name
        found[key] = found.get(key, 0.0) + min(float(value), 1e9)
    if not found:
        raise RequestError("a blend needs at least one name and weight, such as: nora 0.7 base 0.3")
    total = sum(found.values())
    if total <= 0:
        raise RequestError(f"the weights of {', '.join(named(found))[:200]} are all 0: one must be more")
    if len(found) > MOST_PERSONAS:
        raise RequestError(f"a blend has at most {MOST_PERSONAS} names, not {len(found)}")
    if abs(total - 1) > NEARLY:  # weights that were normalised before stay as they are, digit for digit
        found = {name: value / total for name, value in found.items()}
    return _plain(found)


def named(names: Iterable[str]) -> list[str]:
    """Names as performers say them: the base model is `base`."""
    return [name or BASE_WORD for name in names]


@dataclass(frozen=True, slots=True)
class Blend:
    """Weights over personas: where they go, and from where, from tick `start` on within `over` ticks."""

    after: Weights = ()
    before: Weights = ()
    start: int = 0
    over: int = 0

    def at(self, tick: float) -> Weights:
        """The weights at a tick."""
        t = _share(tick, self.start, self.over)
        if t >= 1:
            return self.after
        if t <= 0:
            return self.before
        before, after = dict(self.before or _ALONE), dict(self.after or _ALONE)
        return _plain(
            {name: (1 - t) * before.get(name, 0.0) + t * after.get(name, 0.0) for name in {*before, *after}}
        )

    def to(self, after: Weights, tick: int, over: int) -> "Blend":
        """The blend that glides from where this one is at `tick` to other weights."""
        return Blend(after, self.at(tick) if over > 0 else after, tick, over)

    @property
    def names(self) -> tuple[str, ...]:
        """Every persona in it, from now to its end; not the base model."""
        return tuple(sorted({name for name, _ in (*self.before, *self.after) if name != BASE}))


@dataclass(frozen=True, slots=True)
class Tour:
    """A blend that never stands still: from stop to stop in `leg` ticks each, and from the last to the first again."""

    stops: tuple[Weights, ...]
    leg: int

    def at(self, tick: float) -> Weights:
        """The weights at a tick; tick 0 is at the first stop."""
        leg = math.floor(tick / self.leg)
        here, there = (self.stops[(leg + more) % len(self.stops)] for more in (0, 1))
        return Blend(there, here, leg * self.leg, self.leg).at(tick)

    def to(self, after: Weights, tick: int, over: int) -> Blend:
        """The blend that leaves the tour where it is at `tick`, for other weights."""
        return Blend(after, self.at(tick) if over > 0 else after, tick, over)

    @property
    def names(self) -> tuple[str, ...]:
        """Every persona on the way; not the base model."""
        return tuple(sorted({name for stop in self.stops for name, _ in stop if name != BASE}))


_ALONE: Mapping[str, float] = {BASE: 1.0}
BASE_ALONE = Blend()
"""No persona."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position inside the personas' own small spaces, or None: the voice walks. It glides as a blend does."""

    after: tuple[float, ...] | None = None
    before: tuple[float, ...] | None = None
    start: int = 0
    over: int = 0

    def at(self, tick: float) -> tuple[float, ...] | None:
        """The position at a tick."""
        t = _share(tick, self.start, self.over)
        if self.after is None or self.before is None or t >= 1:
            return self.after if t > 0 or self.over == 0 else self.before
        size = max(len(self.before), len(self.after))
        pairs = zip(_filled(self.before, size), _filled(self.after, size), strict=True)
        return tuple((1 - max(t, 0.0)) * a + max(t, 0.0) * b for a, b in pairs)

    def to(self, after: tuple[float, ...] | None, tick: int, over: int) -> "Place":
        """The place that glides from where this one is at `tick`; from or to the walk there is no glide."""
        before = self.at(tick)
        if before is None or after is None or over <= 0:
            return Place(after, after, tick, 0)
        return Place(after, before, tick, over)


WALKING = Place()
"""No position: the voice walks."""


def position(values: Iterable[object]) -> tuple[float, ...] | None:
    """Coordinates as a performer gives them; none at all is the walk.

    Raises:
        RequestError: one is no number, or further out than anyone was; or there are too many.
    """
    found: list[float] = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= FURTHEST:
            raise RequestError(
                f"a coordinate must be a number from {-FURTHEST:g} to {FURTHEST:g}, not {str(value)[:40]!r}"
            )
        found.append(float(value))
    if len(found) > MAX_LATENT:
        raise RequestError(f"a persona has at most {MAX_LATENT} dimensions of its own, not {len(found)}")
    return tuple(found) or None


def _plain(shares: Mapping[str, float]) -> Weights:
    total = sum(shares.values())
    if abs(total - 1) <= NEARLY:
        total = 1.0
    pairs = tuple((name, shares[name] / total) for name in sorted(shares) if shares[name] > 0)
    return () if [name for name, _ in pairs] == [BASE] else pairs


def _share(tick: float, start: int, over: int) -> float:
    return 1.0 if over <= 0 else (tick - start) / over


def _filled(values: tuple[float, ...], size: int) -> tuple[float, ...]:
    return values + (0.0,) * (size - len(values))
