"""Payloads: JSON objects in UTF-8, bounded before they are believed. Whatever arrives, it is read or refused at once.

Laws: `read(write(value)) == value`, and `read` raises nothing but `PayloadError`.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from livevae.errors import LivevaeError

LONGEST = 16 << 10
"""Bytes of a payload; a whole evening needs no more."""

LONGEST_DOCUMENT = 64 << 10
"""Bytes where notes or lists may be many: a riff of 32 bars, a description, a chunk of weights."""

DEEPEST = 6
"""Objects and lists within each other."""

LONGEST_TEXT = 2000
"""Characters in a text, and in a name."""

T = TypeVar("T")


class PayloadError(LivevaeError):
    """A payload that is none; whoever sent it is no livevae of this version, or no friend."""


def read(data: bytes, longest: int = LONGEST) -> dict[str, Any]:
    """The object in a payload.

    Raises:
        PayloadError: it is too long, no JSON, no object, too deep, or has a number that is none.
    """
    if len(data) > longest:
        raise PayloadError(f"a payload has at most {longest} bytes, not {len(data)}")
    try:
        value = _JSON.decode(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"a payload is JSON in UTF-8: {str(error)[:100]}") from None
    if not isinstance(value, dict):
        raise PayloadError(f"a payload is a JSON object, not {str(value)[:40]!r}")
    _check(value, DEEPEST, longest)
    return value


def write(value: Mapping[str, object], longest: int = LONGEST) -> bytes:
    """An object as a payload.

    Raises:
        PayloadError: it is too long, or has a number that is none.
    """
    try:
        data = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        raise PayloadError(f"this cannot be sent: {error}") from None
    if len(data) > longest:
        raise PayloadError(f"a payload has at most {longest} bytes, not {len(data)}")
    return data


def number(table: Mapping[str, Any], name: str, low: float = -1e15, high: float = 1e15) -> float:
    """A number of an object.

    Raises:
        PayloadError: it is missing, of another kind, or out of range.
    """
    value = table.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise PayloadError(f"{name} is a number from {low:g} to {high:g}, not {str(value)[:40]!r}")
    return float(value)


def whole(table: Mapping[str, Any], name: str, low: int = 0, high: int = 2**53) -> int:
    """A whole number of an object.

    Raises:
        PayloadError: it is missing, of another kind, or out of range.
    """
    value = table.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise PayloadError(f"{name} is a whole number from {low} to {high}, not {str(value)[:40]!r}")
    return value


def text(table: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text of an object; `default` where it is missing and may be.

    Raises:
        PayloadError: it is missing, or of another kind.
    """
    value = table.get(name, default)
    if not isinstance(value, str):
        raise PayloadError(f"{name} is a text, not {str(value)[:40]!r}")
    return value


def flag(table: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """True or false of an object.

    Raises:
        PayloadError: it is of another kind.
    """
    value = table.get(name, default)
    if not isinstance(value, bool):
        raise PayloadError(f"{name} is true or false, not {str(value)[:40]!r}")
    return value


def rows(table: Mapping[str, Any], name: str) -> list[list[Any]]:
    """A list of lists of an object.

    Raises:
        PayloadError: it is missing, or of another kind.
    """
    value = table.get(name)
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        raise PayloadError(f"{name} is a list of lists, not {str(value)[:40]!r}")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


_JSON = json.JSONDecoder(parse_constant=_no_constant)


def _check(value: Any, depth: int, longest: int) -> None:
    """Whether a value keeps to the bounds; recursion is bounded by `depth`."""
    match value:
        case str():
            # weights and keys of a document travel as one long text
            if len(value) > (LONGEST_TEXT if longest == LONGEST else longest):
                raise PayloadError(f"a text has at most {LONGEST_TEXT} characters, not {len(value)}")
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise PayloadError("a text is Unicode, without halves of characters")
        case float():
            if not math.isfinite(value):
                raise PayloadError("a number is finite")
        case int():
            if not -(2**63) <= value < 2**63:
                raise PayloadError("a whole number has 64 bits at most")
        case dict() | list():
            if depth == 0:
                raise PayloadError(f"objects and lists lie in each other {DEEPEST} deep at most")
            for name in value if isinstance(value, dict) else ():
                _check(name, depth, longest)
            for part in value.values() if isinstance(value, dict) else value:
                _check(part, depth - 1, longest)
        case _:
            pass
