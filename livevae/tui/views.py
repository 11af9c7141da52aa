"""The screens by name, with what they keep from picture to picture."""

from typing import TYPE_CHECKING

from livevae.tui import other_views, voice_view
from livevae.tui.rows import Row, fit_rows
from livevae.tui.stage import Stage
from livevae.tui.state import UiState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from livevae.perform.settings import Setting


NARROWEST = 24
"""Cells below which lanes are cut, whatever they show."""


class Views:
    """Draws whichever screen is shown.

    Attributes:
        settings: the server's table of settings, once it is known.
        back: how many lines the log of the Health screen is scrolled back.
    """

    def __init__(self) -> None:
        self.settings: Sequence[Setting] = ()
        self.back = 0
        self._stage = Stage()

    def rows(self, state: UiState, now: float, cells: int, lines: int) -> list[Row]:
        """The rows of the screen that is shown."""
        if lines <= 0 or cells <= 0:
            return []
        match state.screen:
            case "voice":
                return voice_view.rows(state, now, cells, lines, self.settings)
            case "personas":
                return other_views.personas(state, state.beat(now), cells, lines)
            case "set":
                return other_views.setlist(state, cells, lines)
            case "health":
                return other_views.health(state, cells, lines, self.back)
            case _:
                rows = self._stage.rows(state, now, cells, lines)
                return rows if cells >= NARROWEST else fit_rows(rows, cells, lines)
