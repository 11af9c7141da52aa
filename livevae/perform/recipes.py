"""Recipes as text, for hosts and for the crib: JSON that reads back as the same recipe, digit for digit.

Law: `parse(text(recipe)) == recipe`, for every recipe that can be played.
"""

import json
import math
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

from livevae.errors import RequestError
from livevae.latent.recipe import PRIORS, Recipe
from livevae.music.notes import TICKS_PER_BAR
from livevae.perform import blend
from livevae.perform.settings import BY_NAME

MOST_BARS = 64
LONGEST = 40_000
"""Characters; a call of many bars is the longest part of a recipe."""

MOST_CALL = 2048
"""Notes of a call."""


def text(recipe: Recipe) -> str:
    """The recipe as JSON on one line, without what is as usual."""
    changed = {
        one.name: getattr(recipe, one.name)
        for one in fields(recipe)
        if one.default is MISSING or getattr(recipe, one.name) != one.default
    }
    return json.dumps(changed, separators=(",", ":"), ensure_ascii=False)


def parse(given: str) -> Recipe:
    """A recipe from its text.

    Raises:
        RequestError: it is none; says which part is wrong.
    """
    if len(given) > LONGEST:
        raise RequestError(f"a recipe has at most {LONGEST} characters, not {len(given)}")
    try:
        table = json.loads(given)
    except (ValueError, RecursionError):
        raise RequestError(
            f"this is no recipe, which is the JSON that a riff comes with: {given[:40]!r}"
        ) from None
    if not isinstance(table, dict) or "seed" not in table:
        raise RequestError("a recipe is a JSON object with a seed, such as " + '{"seed":7}')
    if unknown := [name for name in table if name not in _READERS]:
        raise RequestError(f"a recipe has no {unknown[0][:40]!r}; it may have: {', '.join(_READERS)}")
    values: dict[str, Any] = {}
    for name, value in table.items():
        try:
            values[name] = _READERS[name](value)
        except (TypeError, ValueError, RequestError) as error:
            raise RequestError(f"the recipe's {name} cannot be read: {error}") from None
    return Recipe(**values)


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high} was expected, not {str(value)[:40]!r}")
        return value

    return read


def _number(low: float, high: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if type(value) not in (int, float) or not math.isfinite(value) or not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g} was expected, not {str(value)[:40]!r}")
        return float(value)

    return read


def _name(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise ValueError("a name was expected")
    return value


def _pairs(number: Callable[[Any], float], most: int) -> Callable[[Any], tuple[tuple[str, float], ...]]:
    def read(value: Any) -> tuple[tuple[str, float], ...]:
        if not isinstance(value, list) or len(value) > most:
            raise ValueError(f"at most {most} pairs of a name and a number were expected")
        return tuple((_name(name), number(amount)) for name, amount in value)

    return read


def _position(value: Any) -> tuple[float, ...] | None:
    if value is not None and not isinstance(value, list):
        raise ValueError("a list of coordinates was expected")
    return None if value is None else blend.position(value)


def _call(value: Any) -> tuple[tuple[int, int, int, int], ...]:
    if not isinstance(value, list) or len(value) > MOST_CALL:
        raise ValueError(f"at most {MOST_CALL} notes were expected")
    longest = MOST_BARS * TICKS_PER_BAR
    start, length = _whole(-TICKS_PER_BAR, longest), _whole(1, longest)
    pitch, velocity = _whole(0, 127), _whole(1, 127)
    return tuple((start(s), length(n), pitch(p), velocity(v)) for s, n, p, v in value)


def _context(value: Any) -> tuple[tuple[int, int, int, int], ...]:
    if not isinstance(value, list) or len(value) > MOST_CALL:
        raise ValueError(f"at most {MOST_CALL} notes were expected")
    longest = MOST_BARS * TICKS_PER_BAR
    start, length = _whole(-longest, -1), _whole(1, longest)
    pitch, velocity = _whole(0, 127), _whole(1, 127)
    return tuple((start(s), length(n), pitch(p), velocity(v)) for s, n, p, v in value)


def _prior(value: Any) -> str:
    if value not in PRIORS:
        raise ValueError(f"{' or '.join(PRIORS)} was expected, not {str(value)[:40]!r}")
    return str(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "seed": _whole(0, 2**63 - 1),
    "temperature": _number(0.0, float(BY_NAME["temp"].high or 0)),
    "bars": _whole(1, MOST_BARS),
    "index": _whole(0, 2**53),
    "drift": _number(0.0, 1.0),
    "model": _name,
    "blend": _pairs(_number(0.0, 1.000001), blend.MOST_PERSONAS),
    "position": _position,
    "attributes": _pairs(_number(-1.0, 1.0), 64),
    "call": _call,
    "distance": _number(0.0, 1.0),
    "context": _context,
    "beside": _call,
    "top": _whole(0, int(BY_NAME["top"].high or 0)),
    "prior": _prior,
}
