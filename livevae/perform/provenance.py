"""Where a persona comes from, read off what its file says of itself; a stranger may have written anything there."""

from collections.abc import Mapping
from typing import Any

from livevae.perform.events import PersonaState

MOST_NAMES = 3
"""Files that are named; of more it is said how many there are."""

LONGEST = 80
"""Characters of a text."""


def persona_state(
    name: str, state: str, about: Mapping[str, Any], *, saved: bool = True, voices: tuple[str, ...] = ()
) -> PersonaState:
    """A persona as the hub tells it.

    Args:
        name: its name.
        state: `here`, `on disk` or `in training`.
        about: what is known of its training (see `Persona.about`); whatever does not fit is left out.
        saved: whether it is on disk.
        voices: voices that blend it.
    """
    losses = about.get("losses")
    loss = losses.get("total") if isinstance(losses, Mapping) else None
    return PersonaState(
        name,
        state,
        windows(about),
        0.0,
        source(about),
        _text(about.get("base")),
        _text(about.get("trained")),
        _text(about.get("licence")),
        float(loss) if isinstance(loss, int | float) and abs(loss) < 1e9 else 0.0,
        saved,
        voices,
    )


def windows(about: Mapping[str, Any]) -> int:
    """How many windows a persona was trained on; 0 where that is not known."""
    return _count(about.get("windows"))


def source(about: Mapping[str, Any]) -> str:
    """The takes or files that it was trained on: `2 takes`, or `6 files: a.mid, b.mid, c.mid ...`."""
    rows = about.get("riffs")
    names = [
        str(row["name"])
        for row in (rows if isinstance(rows, list | tuple) else ())
        if isinstance(row, Mapping) and isinstance(row.get("name"), str)
    ]
    count = _count(about.get("files")) or len(names)
    if not count:
        return ""
    takes = bool(names) and all(name.startswith("take ") for name in names)
    what = f"{count} {'take' if takes else 'file'}{'' if count == 1 else 's'}"
    if takes or not names:
        return what
    shown = ", ".join(_text(name.removesuffix(".mid"), LONGEST // 4) for name in names[:MOST_NAMES])
    return f"{what}: {shown}" + (" ..." if count > MOST_NAMES else "")


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else 0


def _text(value: object, most: int = LONGEST) -> str:
    text = value if isinstance(value, str) else ""
    return text if len(text) <= most else f"{text[: most - 3]}..."
