"""A widget of rows: it is handed rows, and has only those redrawn that changed. Textual's Line API, no layout."""

from collections.abc import Sequence

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from livevae.tui.colours import style
from livevae.tui.rows import Row, action_at, width


class Canvas(Widget):
    """Rows, drawn. `show` compares them with those on the screen: a terminal's time goes by rows that changed.

    Attributes:
        rows: what is shown.
        redrawn: rows that were redrawn since it began, for tests and measurements.
    """

    DEFAULT_CSS = "Canvas { height: 1fr; width: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002  (Textual's name)
        super().__init__(id=id, classes=classes)
        self.rows: list[Row] = []
        self.redrawn = 0
        self._strips: list[Strip | None] = []
        self._ground = ""
        self._shown: Sequence[Row] | None = None

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows from now on."""
        if rows is self._shown and self.ground == self._ground and len(rows) == len(self.rows):
            return
        self._shown = rows
        ground = self.ground
        if ground != self._ground:
            self._ground, self.rows, self._strips = ground, [], []
        changed = [
            y
            for y in range(max(len(rows), len(self.rows)))
            if y >= len(rows)
            or y >= len(self.rows)
            or (rows[y] is not self.rows[y] and rows[y] != self.rows[y])
        ]
        if not changed:
            return
        strips = self._strips[: len(rows)] + [None] * (len(rows) - len(self._strips))
        for y in changed:
            if y < len(rows):
                strips[y] = None
        self.rows, self._strips = list(rows), strips
        self.redrawn += len(changed)
        self.refresh(*(Region(0, y, max(1, self.size.width), 1) for y in changed))

    @property
    def ground(self) -> str:
        """Whether we stand on a dark or a light theme."""
        return "light" if self.app.theme.endswith("light") else "dark"

    def render_line(self, y: int) -> Strip:
        """Textual: one row of the screen."""
        if y >= len(self.rows):
            blank = style("", self.ground)
            return Strip([Segment(" " * self.size.width, blank)], self.size.width)
        strip = self._strips[y]
        if strip is None:
            row = self.rows[y]
            ground = self.ground
            segments = [Segment(span.text, style(span.style, ground)) for span in row if span.text]
            strip = Strip(segments, width(row)).adjust_cell_length(self.size.width, style("", ground))
            self._strips[y] = strip
        return strip

    def on_resize(self, _: events.Resize) -> None:
        """Textual: another size; what was drawn for the old one is forgotten."""
        self.rows, self._strips = [], []

    def get_content_width(self, container: Size, viewport: Size) -> int:  # noqa: ARG002
        """Textual: as wide as there is room."""
        return container.width

    async def on_click(self, event: events.Click) -> None:
        """Textual: a click runs the action of the span that it hits."""
        if 0 <= event.y < len(self.rows) and (action := action_at(self.rows[event.y], event.x)):
            event.stop()
            await self.app.run_action(action)
