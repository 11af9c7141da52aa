"""Rows of a screen as plain values: spans of text with the name of a style, and the action that a click runs."""

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from rich.cells import cell_len, set_cell_size


class Span(NamedTuple):
    """A piece of a row.

    Attributes:
        text: printable text on one line.
        style: names of styles, separated by spaces; see `colours`.
        action: what a click on it does, as a Textual action string; "" is nothing.
    """

    text: str
    style: str = ""
    action: str = ""


Row: TypeAlias = tuple[Span, ...]

CONTROL = {**dict.fromkeys(range(32), " "), 127: " ", **dict.fromkeys(range(128, 160), " ")}


def clean(text: str) -> str:
    """Text from outside on one line, without control characters; lone surrogates become question marks."""
    if text.isascii() and text.isprintable():
        return text
    text = text.translate(CONTROL).encode(errors="replace").decode()
    return "".join(c if c.isprintable() else " " for c in text)


def width(row: Iterable[Span]) -> int:
    """How many cells of a terminal a row takes."""
    return sum(cell_len(span.text) for span in row)


def fit(text: str, cells: int, right: bool = False) -> str:
    """`text` in exactly so many cells: cut, or filled with spaces; wide characters are never halved."""
    if cells <= 0:
        return ""
    size = cell_len(text)
    if size > cells:
        return set_cell_size(text, cells - 1) + "…" if cells > 1 else set_cell_size(text, cells)
    return " " * (cells - size) + text if right else text + " " * (cells - size)


def fit_row(row: Iterable[Span], cells: int) -> Row:
    """A row in exactly so many cells."""
    out: list[Span] = []
    left = cells
    for span in row:
        size = cell_len(span.text)
        if size > left:
            if left > 0:
                out.append(span._replace(text=fit(span.text, left)))
            return tuple(out)
        out.append(span)
        left -= size
    if left > 0:
        out.append(Span(" " * left))
    return tuple(out)


def fit_rows(rows: Iterable[Row], cells: int, lines: int) -> list[Row]:
    """So many rows of so many cells, whatever came in."""
    out = [fit_row(row, cells) for row, _ in zip(rows, range(lines), strict=False)]
    return out + [(Span(" " * cells),)] * (lines - len(out))


def beside(left: list[Row], right: list[Row], left_cells: int, gap: str = "  ") -> list[Row]:
    """Two columns of rows, the left one in so many cells."""
    lines = max(len(left), len(right))
    return [
        (
            *fit_row(left[i] if i < len(left) else (), left_cells),
            Span(gap),
            *(right[i] if i < len(right) else ()),
        )
        for i in range(lines)
    ]


def action_at(row: Row, x: int) -> str:
    """The action of the span at a column, "" where there is none."""
    for span in row:
        x -= cell_len(span.text)
        if x < 0:
            return span.action
    return ""


def span_at(row: Row, x: int) -> tuple[Span, int] | None:
    """The span at a column, and the column inside it."""
    for span in row:
        size = cell_len(span.text)
        if x < size:
            return span, x
        x -= size
    return None


def text_of(rows: Iterable[Row]) -> str:
    """What rows say, without style: for tests, and for whoever copies a screen."""
    return "\n".join("".join(span.text for span in row).rstrip() for row in rows)


def bar(value: float, low: float, high: float, cells: int) -> str:
    """A number between its bounds, as a bar of so many cells."""
    share = 0.0 if high <= low else min(1.0, max(0.0, (value - low) / (high - low)))
    full = round(share * cells)
    return "█" * full + "░" * (cells - full)
