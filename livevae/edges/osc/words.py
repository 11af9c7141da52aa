"""Words that were typed, as OSC's values."""


def typed(word: str) -> int | float | str:
    """A word as OSC's i, f or s: a whole number, a number, else itself."""
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
