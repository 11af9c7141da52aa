"""Words that are typed, as OSC's values, and the other way round."""

import struct

from livevae.edges.osc.codec import Value

FLOAT32_DIGITS = 9
"""Decimal digits that tell any two float32 apart."""


def typed(word: str) -> int | float | str:
    """A word as OSC's i, f or s: a whole number, a number, else itself."""
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def spelled(value: Value) -> str:
    """A value as it is read: of a float32 the fewest digits that make the same one, 0.4 for 0.4000000059604645."""
    if not isinstance(value, float):
        return str(value)
    try:
        packed = struct.pack(">f", value)
        if struct.unpack(">f", packed)[0] == value:
            shorter = (float(f"{value:.{digits}g}") for digits in range(1, FLOAT32_DIGITS + 1))
            return str(next(one for one in shorter if struct.pack(">f", one) == packed))
    except OverflowError:  # of OSC's d, beyond what a float32 holds
        pass
    return str(value)
