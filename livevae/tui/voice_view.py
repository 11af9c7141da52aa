"""The Voice screen: a large roll of what sounds and what comes, the blend, every setting, and the crib. Pure."""

from typing import TYPE_CHECKING

from livevae.tui.pictures import blend_bars, blend_map
from livevae.tui.rows import Row, Span, bar, beside, clean, fit, fit_row, fit_rows
from livevae.tui.stage import Columns, body_rows, columns, empty, playhead, ruler_row, waiting
from livevae.tui.state import Riff, UiState, Voice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from livevae.perform.settings import Setting


MOST_SHOWN = 10_000
"""A range beyond it (of seeds) has no bar."""


def rows(state: UiState, now: float, cells: int, lines: int, table: "Sequence[Setting]") -> list[Row]:
    """The whole screen."""
    voice = state.voice
    if voice is None:
        return empty(state, cells, lines)
    beat = state.beat(now)
    here = None if beat is None else state.sounding(voice.name, beat)
    coming = None if beat is None else state.coming(voice.name, beat)
    tall = max(3, min(lines // 3, 18))
    out = _roll(state, voice, here, coming, beat, cells, tall)
    out.append(recipe_row(here, cells))
    left_cells = min(70, max(20, cells * 11 // 20))
    left = setting_rows(voice, state.setting, left_cells, lines - len(out), table)
    right = side(state, voice, cells - left_cells - 2, lines - len(out))
    return fit_rows([*out, *beside(left, right, left_cells)], cells, lines)


def _roll(
    state: UiState,
    voice: Voice,
    here: Riff | None,
    coming: Riff | None,
    beat: float | None,
    cells: int,
    tall: int,
) -> list[Row]:
    usual = columns(cells)
    head = max(usual.head, 24) if cells >= 70 else usual.head
    rest = cells - head - 1
    nxt = rest // 4 if usual.next else 0
    column = Columns(head, rest - nxt - (1 if nxt else 0), nxt)
    i = state.selected
    wait = "" if beat is None else waiting(here, coming, beat)
    top = ruler_row(i, voice, here, playhead(here, beat, column.now), wait, True, state.bar, column)
    return [top, *body_rows(i, voice, here, coming, state.bar, column, tall - 1)]


def recipe_row(riff: Riff | None, cells: int) -> Row:
    """What the riff that sounds was made from: with it, /livevae/sample plays it again."""
    if riff is None:
        return fit_row((Span(" nothing sounds", "dim"),), cells)
    words = [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in riff.recipe.items()
    ]
    return fit_row((Span(" made from ", "dim"), Span(clean("  ".join(words)), "text")), cells)


def setting_rows(voice: Voice, chosen: int, cells: int, lines: int, table: "Sequence[Setting]") -> list[Row]:
    """Every setting with its value and where that lies in its range; the chosen one is always among them."""
    if lines <= 1:
        return []
    row = table[chosen] if chosen < len(table) else None
    what = f"   {row.help}" if row is not None else "   page up, page down choose; - and = turn"
    out = [fit_row((Span(" settings", "bold"), Span(what, "dim")), cells)]
    room = lines - 1
    first = max(0, min(chosen - room // 2, len(table) - room))
    unit = 11 if cells >= 56 else 0
    for i, setting in enumerate(table[first : first + room], first):
        value = voice.settings.get(setting.name, "-")
        shown = f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else clean(str(value))
        mark = "▶" if i == chosen else " "
        parts = [
            Span(f"{mark}{fit(setting.name, 12)}", "bold reverse" if i == chosen else "text", f"choose({i})"),
            Span(fit(shown or "-", 8, right=True), "bold", f"type_setting({i})"),
        ]
        low, high = setting.low, setting.high
        if low is not None and high is not None and isinstance(value, int | float) and high < MOST_SHOWN:
            size = max(4, cells - 13 - 8 - 7 - 5 - unit)
            colour = "accent" if i == chosen else "dim"
            parts += [
                Span(f" {fit(f'{low:g}', 5, right=True)} ", "dim", f"turn_by({i}, -1)"),
                Span(bar(float(value), low, high, size), colour, f"choose({i})"),
                Span(f" {fit(f'{high:g}', 4)}", "dim", f"turn_by({i}, 1)"),
                Span(f" {setting.unit}"[:unit], "dim"),
            ]
        out.append(fit_row(parts, cells))
    return out


def side(state: UiState, voice: Voice, cells: int, lines: int) -> list[Row]:
    """The blend, and the crib below it."""
    blend = sorted(voice.blend)
    out: list[Row] = [(Span("blend", "bold"), Span("   ↑ ↓ move it", "dim"))]
    out += blend_bars(blend, cells)[: max(1, lines // 3)]
    if len(blend) > 1:
        out += blend_map(blend, cells, max(2, min(11, lines - len(out) - 6)))
    out.append((Span(""),))
    out.append((Span("crib", "bold"), Span("   k keeps what sounds; l plays a kept riff", "dim")))
    if not state.crib:
        out.append((Span("nothing is kept yet", "dim"),))
    for name, what in state.crib:
        out.append(
            (
                Span("♪ ".replace("♪", "-") + clean(name), "text", f"recall({name!r})"),
                Span(f"  {clean(what)}", "dim"),
            )
        )
    return [fit_row(row, cells) for row in out[:lines]]
