"""What keys ask the server for: pure functions from the state to OSC messages."""

from typing import TypeAlias

from livevae.edges.osc.words import typed as as_value
from livevae.tui.state import Scalar

Ask: TypeAlias = tuple[str, tuple[Scalar, ...]]
"""An address and its arguments."""

BASE = "base"
"""The base model in a blend."""

LEAST = 0.005
"""Weights below are left out of a blend."""


def turned(value: Scalar, by: float, low: float | None, high: float | None, whole: bool) -> Scalar:
    """A setting's value turned by so much, inside its range."""
    new = float(value) + by
    if low is not None:
        new = max(low, new)
    if high is not None:
        new = min(high, new)
    return round(new) if whole else round(new, 4)


def toward(
    blend: tuple[tuple[str, float], ...], names: tuple[str, ...], by: float
) -> tuple[tuple[str, float], ...]:
    """A blend moved along the ring base, first persona, second ..., and round again; negative is back.

    A blend of two neighbours of the ring lies on that way. Any other is gathered into its heaviest part first,
    whichever way it is moved.
    """
    ring = [BASE, *(name for name in names if name != BASE)]
    for name, _ in blend:
        if name not in ring:
            ring.append(name)
    if len(ring) < 2:
        return blend
    weights = {name: weight for name, weight in blend if weight >= LEAST} or {BASE: 1.0}
    size = len(ring)
    places = sorted(ring.index(name) for name in weights)
    on_way = len(places) == 1 or (len(places) == 2 and (places[1] - places[0]) in (1, size - 1))
    if on_way:
        low = places[0] if len(places) == 1 or places[1] - places[0] == 1 else places[1]
        here = low + (weights.get(ring[(low + 1) % size], 0.0) if len(places) == 2 else 0.0)
        there = round(here + by, 4) % size
        i, share = int(there), there - int(there)
        mixed = {ring[i]: 1 - share, ring[(i + 1) % size]: share}
    else:
        heaviest = max(weights, key=lambda name: weights[name])
        more = min(1.0, weights[heaviest] + abs(by))
        rest = sum(weights.values()) - weights[heaviest]
        mixed = {name: weight * (1 - more) / rest for name, weight in weights.items()}
        mixed[heaviest] = more
    return tuple((name, round(weight, 4)) for name, weight in mixed.items() if weight >= LEAST)


def blend(voice: str, weights: tuple[tuple[str, float], ...], over: float = 0.0) -> Ask:
    """The request that moves a voice to other weights."""
    flat: list[Scalar] = [voice]
    for name, weight in weights:
        flat += [name, float(weight)]
    if over:
        flat += ["over", float(over)]
    return "/livevae/blend", tuple(flat)


def typed(line: str) -> Ask:
    """A line as it is typed in the palette, as a message: numbers become numbers."""
    address, *words = line.split()
    return address, tuple(as_value(word) for word in words)


def as_line(ask: Ask) -> str:
    """A message as it would be typed."""
    address, args = ask
    return " ".join([address, *(f"{arg:g}" if isinstance(arg, float) else str(arg) for arg in args)])
