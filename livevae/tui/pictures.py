"""Pictures in characters: a blend as bars, as a line between two, as a triangle or a fan; and a curve. Pure."""

import math
from collections.abc import Sequence

from livevae.tui.roll import HEIGHTS
from livevae.tui.rows import Row, Span, bar, clean, fit

Blend = Sequence[tuple[str, float]]


def blend_bars(blend: Blend, cells: int) -> list[Row]:
    """A bar for each persona."""
    name_cells = min(16, max(6, cells // 3))
    return [
        (
            Span(fit(clean(name), name_cells) + " "),
            Span(bar(weight, 0, 1, max(1, cells - name_cells - 6)), "accent"),
            Span(f" {100 * weight:3.0f}", "bold"),
        )
        for name, weight in blend
    ]


def blend_map(blend: Blend, cells: int, lines: int) -> list[Row]:
    """Where a blend lies between its personas: on a line for two, in a triangle for three, in a fan for more.

    The corners stand on an ellipse, and the point is their weighted mean.
    """
    if len(blend) < 2 or cells < 16 or lines < 2:
        return []
    if len(blend) == 2:
        return _line(blend, cells)
    grid = [[" "] * cells for _ in range(lines)]
    corners = [_corner(i, len(blend), cells, lines) for i in range(len(blend))]
    for i, (x, y) in enumerate(corners):
        for other in corners[i + 1 :] if len(blend) > 3 else [corners[(i + 1) % len(corners)]]:
            if len(blend) == 3 or other in (corners[(i + 1) % len(corners)], corners[i - 1]):
                _draw(grid, (x, y), other)
    total = sum(weight for _, weight in blend) or 1.0
    px = round(sum(weight * x for (_, weight), (x, _) in zip(blend, corners, strict=True)) / total)
    py = round(sum(weight * y for (_, weight), (_, y) in zip(blend, corners, strict=True)) / total)
    for (name, weight), (x, y) in zip(blend, corners, strict=True):
        label = f"{clean(name)[: max(4, cells // 3)]} {100 * weight:.0f}"
        start = min(max(0, x - len(label) // 2), cells - len(label))
        for k, letter in enumerate(label):
            if 0 <= start + k < cells:
                grid[y][start + k] = letter
    rows: list[Row] = []
    for y, row in enumerate(grid):
        text = "".join(row)
        if y == py:
            rows.append((Span(text[:px], "dim"), Span("◆", "warn bold"), Span(text[px + 1 :], "dim")))
        else:
            rows.append((Span(text, "text" if y in {c[1] for c in corners} else "dim"),))
    return rows


def _line(blend: Blend, cells: int) -> list[Row]:
    (left, _), (right, weight) = blend
    left, right = (
        fit(clean(left), min(12, cells // 4)).rstrip(),
        fit(clean(right), min(12, cells // 4)).rstrip(),
    )
    room = max(3, cells - len(left) - len(right) - 4)
    at = min(room - 1, round(weight * (room - 1)))
    return [
        (
            Span(f"{left} "),
            Span("├" + "─" * at, "dim"),
            Span("◆", "warn bold"),
            Span("─" * (room - 1 - at) + "┤", "dim"),
            Span(f" {right}"),
        )
    ]


def _corner(i: int, count: int, cells: int, lines: int) -> tuple[int, int]:
    angle = -math.pi / 2 + 2 * math.pi * i / count
    x = (cells - 1) / 2 * (1 + 0.86 * math.cos(angle))
    y = (lines - 1) / 2 * (1 + math.sin(angle))
    if count == 3:
        y = 0 if i == 0 else lines - 1
    return round(x), min(lines - 1, max(0, round(y)))


def _draw(grid: list[list[str]], start: tuple[int, int], end: tuple[int, int]) -> None:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for k in range(0, steps + 1, 2):
        x = round(start[0] + (end[0] - start[0]) * k / steps)
        y = round(start[1] + (end[1] - start[1]) * k / steps)
        if 0 <= y < len(grid) and 0 <= x < len(grid[0]):
            grid[y][x] = "·"


def curve(values: Sequence[float], cells: int, lines: int) -> list[str]:
    """A curve of eighths of blocks, newest at the right, lowest value at the bottom."""
    if not values or cells <= 0 or lines <= 0:
        return [" " * max(0, cells)] * max(0, lines)
    size = min(cells, len(values))
    points = [values[(i + 1) * len(values) // size - 1] for i in range(size)]
    low, high = min(points), max(points)
    steps = [1 + round((value - low) / (high - low or 1) * (8 * lines - 1)) for value in points]
    out = []
    for y in range(lines - 1, -1, -1):
        row = ""
        for step in steps:
            part = step - 8 * y
            row += "█" if part >= 8 else HEIGHTS[part - 1] if part > 0 else " "
        out.append(row + " " * (cells - size))
    return out
