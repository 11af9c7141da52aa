"""What stands over a screen for a moment: a line to type requests in, help, kept riffs, and the question at the end."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from livevae.tui import keys
from livevae.tui.canvas import Canvas
from livevae.tui.rows import Row, Span, clean, fit, fit_row

MOST_WAYS = 10
"""Ways to go on that are shown at once."""


class Typing(ModalScreen[str | None], inherit_bindings=False):
    """A request as a line, with completion. Gives the line, or None.

    Args:
        line: what stands in it at first.
        names: names that are known, by the kind of word.
        past: lines that were sent before, newest last.
        panic: the key that panics while one types.
        hint: what is to be typed first, shown until something is.
    """

    TYPES = True
    """Keys are letters here."""

    BINDINGS: ClassVar = [
        Binding("escape,ctrl+q,ctrl+c", "dismiss(None)", show=False),
        Binding("tab", "take", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "move(-8)", show=False),
        Binding("pagedown", "move(8)", show=False),
    ]
    CSS = """
    Typing { align: center bottom; background: $background 40%; }
    Typing > Vertical { height: auto; max-height: 80%; width: 100%; background: $surface; }
    Typing Input { border: none; height: 1; padding: 0 1; background: $panel; color: $foreground; }
    Typing #usage { height: 1; }
    Typing #ways { height: 1; }
    """

    def __init__(
        self, line: str, names: Mapping[str, Sequence[str]], past: Sequence[str], panic: str, hint: str = ""
    ) -> None:
        super().__init__()
        self._line, self._names, self._panic = line, names, panic
        self._past = list(dict.fromkeys(reversed(past)))
        self._chosen, self._hint = -1, hint

    def compose(self) -> ComposeResult:
        """Textual: the ways to go on, what the address takes, and the line."""
        with Vertical():
            yield Canvas(id="ways")
            yield Canvas(id="usage")
            yield Input(self._line, id="line", select_on_focus=False)

    def on_mount(self) -> None:
        """Textual: show the first ways to go on."""
        self.query_one(Input).cursor_position = len(self._line)
        self.call_after_refresh(self._draw)

    @on(Input.Changed)
    def _typed(self) -> None:
        self._chosen = -1
        self._draw()

    @on(Input.Submitted)
    def _sent(self, event: Input.Submitted) -> None:
        ways = self._ways()
        if 0 <= self._chosen < len(ways):
            self.action_pick(self._chosen)
            return
        line = event.value.strip()
        self.dismiss(line or None)

    def on_resize(self, _: events.Resize) -> None:
        """Textual: another size."""
        self.call_after_refresh(self._draw)

    def action_move(self, by: int) -> None:
        """Choose among the ways to go on."""
        count = len(self._ways())
        self._chosen = -1 if count == 0 else max(-1, min(count - 1, self._chosen + by))
        self._draw()

    def action_take(self) -> None:
        """Go on in the chosen way, or the first."""
        self.action_pick(max(0, self._chosen))

    def action_pick(self, index: int) -> None:
        """Go on in this way."""
        ways = self._ways()
        if index < len(ways):
            line = self.query_one(Input)
            line.value = ways[index][0]
            line.cursor_position = len(line.value)

    def _ways(self) -> Sequence[tuple[str, str, str]]:
        from livevae.tui.complete import completions  # noqa: PLC0415  (the table takes a moment to load)

        line = self.query_one(Input).value
        if not line.strip():
            sent = [(line, line, "sent before") for line in self._past[:3]]
            return [*sent, *completions("", self._names)]
        return list(completions(line, self._names))

    def _draw(self) -> None:
        from livevae.tui.complete import usage  # noqa: PLC0415

        canvas, text = self.query_one("#ways", Canvas), self.query_one("#usage", Canvas)
        ways, cells = self._ways(), canvas.size.width
        tall = max(1, min(MOST_WAYS, len(ways), self.size.height - 4))
        canvas.styles.height = tall
        first = max(0, min(self._chosen - tall // 2, len(ways) - tall))
        wide = min(28, max(12, cells // 3))
        rows: list[Row] = []
        for i, (_, shown, what) in enumerate(ways[first : first + tall], first):
            style = "chosen" if i == self._chosen else "panel"
            action = f"screen.pick({i})"
            rows.append(
                fit_row(
                    (
                        Span(f" {fit(clean(shown), wide)} ", f"{style} bold", action),
                        Span(fit(clean(what), max(0, cells - wide - 2)), style, action),
                    ),
                    cells,
                )
            )
        canvas.show(rows + [(Span(" " * cells, "panel"),)] * (tall - len(rows)))
        keys_text = f"tab completes   enter sends   esc leaves   {self._panic} panics"
        value = self.query_one(Input).value
        hint = f"{self._hint}   esc leaves" if self._hint and value == self._line else ""
        said = hint or usage(value) or keys_text
        text.show([(Span(fit(" " + said, cells), "accent"),)])


class Listing(ModalScreen[str | None], inherit_bindings=False):
    """Rows to read, or to choose from: help, and the crib. Gives what was chosen, or None.

    Args:
        title: above the rows.
        rows: (what is shown, what is given when it is chosen; "" for a row to read).
        foot: below the rows.
    """

    BINDINGS: ClassVar = [
        Binding("escape,ctrl+q,ctrl+c,question_mark,f1,q,l", "dismiss(None)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "move(-10)", show=False),
        Binding("pagedown,space", "move(10)", show=False),
        Binding("enter", "choose", show=False),
    ]
    CSS = """
    Listing { align: center middle; background: $background 40%; }
    Listing > Canvas { width: 76; max-width: 100%; height: 90%; background: $surface; }
    """

    def __init__(self, title: str, rows: Sequence[tuple[Row, str]], foot: str) -> None:
        super().__init__()
        self._title, self._rows, self._foot = title, list(rows), foot
        self._at = next((i for i, (_, value) in enumerate(self._rows) if value), -1)
        self._top = 0

    def compose(self) -> ComposeResult:
        """Textual: one canvas."""
        yield Canvas(id="listing")

    def on_mount(self) -> None:
        """Textual: draw."""
        self.call_after_refresh(self._draw)

    def on_resize(self, _: events.Resize) -> None:
        """Textual: another size."""
        self.call_after_refresh(self._draw)

    def action_move(self, by: int) -> None:
        """Choose another row, or scroll where there is nothing to choose."""
        if self._at < 0:
            self._top = max(0, min(len(self._rows) - 1, self._top + by))
        else:
            places = [i for i, (_, value) in enumerate(self._rows) if value]
            here = places.index(self._at)
            self._at = places[max(0, min(len(places) - 1, here + by))]
        self._draw()

    def action_choose(self) -> None:
        """Give the chosen row."""
        self.dismiss(self._rows[self._at][1] if self._at >= 0 else None)

    def action_pick(self, index: int) -> None:
        """Give this row."""
        self.dismiss(self._rows[index][1])

    def on_mouse_scroll_down(self) -> None:
        """Textual: the wheel."""
        self.action_move(3)

    def on_mouse_scroll_up(self) -> None:
        """Textual: the wheel."""
        self.action_move(-3)

    def _draw(self) -> None:
        canvas = self.query_one(Canvas)
        cells, tall = canvas.size.width, max(1, canvas.size.height - 2)
        if self._at >= 0:
            self._top = max(0, min(self._top, self._at), self._at - tall + 1)
        out: list[Row] = [(Span(fit(f" {self._title}", cells), "chosen bold"),)]
        for i, (row, value) in enumerate(self._rows[self._top : self._top + tall], self._top):
            spans = fit_row((Span(" ▶ " if i == self._at else "   ", "bold"), *row), cells)
            out.append(tuple(span._replace(action=f"screen.pick({i})") for span in spans) if value else spans)
        out += [(Span(" " * cells),)] * (tall + 1 - len(out))
        left = len(self._rows) - self._top - tall
        more = f"   {left} more below" if left > 0 else ""
        canvas.show([*out, (Span(fit(f" {self._foot}{more}", cells), "panel dim", "screen.dismiss(None)"),)])


class Leave(ModalScreen[str | None], inherit_bindings=False):
    """Whether the music goes on. Gives `stay`, `stop`, `all` or None for going back.

    Args:
        ours: whether the server was started with this screen, and may end with it.
        where: how to come back.
    """

    BINDINGS: ClassVar = [
        Binding("escape,ctrl+c,n,b", "dismiss(None)", show=False),
        Binding("enter,g,y,ctrl+q", "dismiss('stay')", show=False),
        Binding("s", "dismiss('stop')", show=False),
        Binding("e", "end", show=False),
    ]
    CSS = """
    Leave { align: center middle; background: $background 40%; }
    Leave > Canvas { width: 60; max-width: 100%; height: 9; background: $surface; }
    """

    def __init__(self, ours: bool, where: str) -> None:
        super().__init__()
        self._ours, self._where = ours, where

    def compose(self) -> ComposeResult:
        """Textual: one canvas."""
        yield Canvas(id="leave")

    def on_mount(self) -> None:
        """Textual: draw."""
        self.call_after_refresh(self._draw)

    def action_end(self) -> None:
        """End the server too, where it is ours."""
        if self._ours:
            self.dismiss("all")

    def _draw(self) -> None:
        canvas = self.query_one(Canvas)
        cells = canvas.size.width
        ways = [
            ("enter", "the music goes on; come back with", "stay"),
            ("", f"livevae watch {self._where}", ""),
            ("s", "stop the music; the server waits", "stop"),
        ]
        if self._ours:
            ways.append(("e", "end the server, and the music", "all"))
        ways.append(("esc", "stay here", "None"))
        rows: list[Row] = [
            (Span(fit(" Leave: shall the music go on?", cells), "chosen bold"),),
            (Span(" " * cells, "panel"),),
        ]
        for key, what, value in ways:
            action = (
                ""
                if not value
                else "screen.dismiss(None)"
                if value == "None"
                else f"screen.dismiss({value!r})"
            )
            rows.append(
                (
                    Span(f"  {fit(key, 6)}", "panel accent bold", action),
                    Span(fit(what, max(0, cells - 8)), "panel", action),
                )
            )
        canvas.show(rows + [(Span(" " * cells, "panel"),)] * (canvas.size.height - len(rows)))


def help_rows(config: keys.Config) -> list[tuple[Row, str]]:
    """Every key by its group, as it is bound now."""
    out: list[tuple[Row, str]] = []
    for group in dict.fromkeys(key.group for key in keys.KEYS):
        out.append(((Span(group, "bold accent"),), ""))
        for key in keys.KEYS:
            if key.group != group or key.id in [f"voice_{i}" for i in range(2, 10)]:
                continue
            press = "  ".join(keys.shown(part) for part in config.of(key).split(","))
            help_ = key.help
            if key.id == "voice_1":
                press, help_ = "1 .. 9", "Select a voice; once more, mute it or let it sound."
            out.append(((Span(fit(press, 12), "bold"), Span(help_)), ""))
        out.append(((Span(""),), ""))
    for sign, what in SIGNS:
        out.append(((Span(fit(sign, 12), "bold"), Span(what)), ""))
    out.append(((Span(""),), ""))
    out.append(((Span(f"Keys and theme: {keys.place()}", "dim"),), ""))
    out.append(((Span("livevae watch --keys prints one to begin with.", "dim"),), ""))
    return out


SIGNS = (
    ("▶ ■", "The voice plays, or does not."),
    ("M  m", "Muted; silent because another voice is soloed."),
    ("S", "Soloed."),
    ("K", "Its riff is kept, and loops."),
    ("~", "Riffs came too late; the riff before was played again."),
    ("!", "A fault: the voice stopped."),
)
