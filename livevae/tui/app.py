"""The app: one screen of canvases, drawn from the state; keys and clicks become requests."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.screen import Screen

from livevae.tui import commands, frame, keys
from livevae.tui.actions import Actions, Answered
from livevae.tui.canvas import Canvas
from livevae.tui.colours import theme
from livevae.tui.rows import Row, Span, clean
from livevae.tui.state import LOST, UP, Line, Scalar, UiState, with_line
from livevae.tui.views import Views

if TYPE_CHECKING:
    from livevae.perform.events import Event
    from livevae.tui.link import Link

FRAMES = 10.0
"""Looks a second at what changed; only rows that did are redrawn."""

STAY, STOP, ALL = "stay", "stop", "all"
"""How the UI was left: the music goes on, it was stopped, or the server is to end too."""


class Main(Screen[None], inherit_bindings=False):
    """Transport above, a screen, health, log and keys below."""

    BINDINGS: ClassVar = [
        Binding(key.keys, f"app.{key.action}", key.label, id=key.id, show=False)
        for key in keys.KEYS
        if key.action != "panic"
    ]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  (Textual's own)
        (0, "-narrow"),
        (100, "-wide"),
        (160, "-huge"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-tiny"),
        (12, "-low"),
        (30, "-tall"),
        (50, "-high"),
    ]

    def compose(self) -> ComposeResult:
        """Textual: the canvases, from top to bottom."""
        for name in ("transport", "tabs", "view", "health", "log", "keys"):
            yield Canvas(id=name)


class Watch(Actions, App[str], inherit_bindings=False):
    """The rehearsal UI.

    Args:
        where: HOST and PORT of the server.
        config: theme and keys.
        ours: whether leaving may also end the server, because `livevae rehearse` started it.
        secret: the word that the server asks of other machines; "" is none.
        clock: seconds of this program's clock; the event loop's own where None.
        state: what is known already (pictures, tests).
        online: whether to look for the server.
    """

    TITLE = "livevae"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #transport, #tabs, #health { height: 1; }
    #log { height: 3; }
    #keys { height: 2; }
    Main.-tall #log { height: 4; }
    Main.-high #log { height: 6; }
    Main.-tiny #log, Main.-tiny #tabs, Main.-tiny #health { display: none; }
    Main.-tiny #keys { height: 1; }
    Main.-health #log { display: none; }
    """
    BINDINGS: ClassVar = [
        Binding("0", "panic_key", id="panic", priority=True, show=False),
        Binding("f12", "panic", id="panic_anywhere", priority=True, show=False),
    ]

    def __init__(
        self,
        where: tuple[str, int] = ("127.0.0.1", 7770),
        config: keys.Config | None = None,
        *,
        ours: bool = False,
        secret: str = "",
        clock: Callable[[], float] | None = None,
        state: UiState | None = None,
        online: bool = True,
    ) -> None:
        super().__init__()
        self.where = where
        self.config = config or keys.Config()
        self.ours = ours
        self.state = state or UiState(where=f"{where[0]}:{where[1]}")
        self.link: Link | None = None
        self.sent: list[str] = []
        self._clock, self._online, self._secret = clock, online, secret
        self._views = Views()
        self._main = Main()
        self._made: dict[str, tuple[tuple[object, ...], list[Row]]] = {}
        for ground in ("dark", "light"):
            self.register_theme(theme(ground))
        self.theme = f"livevae-{'light' if self.config.theme == 'light' else 'dark'}"
        self.set_keymap({key.id: self.config.of(key) for key in keys.KEYS})

    def now(self) -> float:
        """Seconds of this program's clock."""
        return self._clock() if self._clock is not None else asyncio.get_running_loop().time()

    def get_default_screen(self) -> Screen[None]:
        """Textual: the screen at the bottom."""
        return self._main

    def on_mount(self) -> None:
        """Textual: begin to draw, then look for the server."""
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        self.draw()
        self.call_after_refresh(self._load)

    async def _load(self) -> None:
        """The first picture is on the terminal; what takes a moment to load comes now."""
        self.set_interval(1 / FRAMES, self.draw)
        from livevae.perform.settings import SETTINGS  # noqa: PLC0415
        from livevae.tui import dialogs  # noqa: F401, PLC0415  (the first key that opens one finds it loaded)

        self.settings = self._views.settings = SETTINGS
        usual = next(i for i, setting in enumerate(SETTINGS) if setting.name == "temp")
        self.state = replace(self.state, setting=usual, scenes=self.state.scenes or bundled_scenes())
        if self._online:
            from livevae.tui.link import Link  # noqa: PLC0415

            self.link = Link(self.receive, self.answered, self.linked, self._secret)
            await self.link.open(*self.where)

    async def on_unmount(self) -> None:
        """Textual: the end."""
        if self.link is not None:
            self.link.close()
            await asyncio.sleep(0)  # the socket closes with the loop's next turn

    # from the server

    def receive(self, event: "Event") -> None:
        """Something happened."""
        from livevae.tui.news import advance  # noqa: PLC0415

        self.state = advance(self.state, event)

    def linked(self, up: bool) -> None:
        """The server answers, or no longer does."""
        self.state = replace(self.state, link=UP if up else LOST)
        text = f"the server at {self.state.where} " + ("answers" if up else "no longer answers")
        self.state = with_line(self.state, Line(text, "info" if up else "error"))
        if up:
            self.look_into_crib()

    def answered(self, done: bool, pairs: Mapping[str, Scalar]) -> None:
        """An answer that nobody waits for in particular."""
        if done and pairs.get("address") == "/livevae/scene/write":
            written = str(pairs.get("scene", ""))
            self.state = replace(
                self.state, scenes=(*(n for n in self.state.scenes if n != written), written)
            )
        if done and "epoch" in pairs:
            return  # the top of the screen shows how far a training is
        if done:
            words = [
                f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in pairs.items()
                if name not in ("address", "id", "beat")
            ]
            text = "  ".join([str(pairs.get("address", "")), *words])
            self.state = with_line(self.state, Line(text, "answer"))
        else:
            self.state = with_line(self.state, Line(str(pairs.get("text", "")), "error"))

    # to the server

    def ask(self, address: str, *args: Scalar, answer: Answered | None = None) -> None:
        """Send a request, and show it in the log."""
        line = commands.as_line((address, args))
        last = self.state.log[-1] if self.state.log else None
        line_ = Line(line, "you")
        if last is not None and last.level == "you" and _same(last.text, line):
            self.state = replace(self.state, log=(*self.state.log[:-1], line_))
        else:
            self.state = with_line(self.state, line_)
        if self.state.link != UP:
            self.say("not sent: no server answers", "error")
        elif self.link is not None:
            self.link.ask(address, *args, answer=answer or self._quietly)
        self.draw()

    def _quietly(self, done: bool, pairs: Mapping[str, Scalar]) -> None:
        """Of keys, only what was not done is said."""
        if not done:
            self.answered(done, pairs)

    # what is drawn

    def draw(self) -> None:
        """Hand the canvases their rows; those that did not change cost nothing."""
        main = self._main
        if not main.is_mounted:
            return
        state, now = self.state, self.now()
        main.set_class(state.screen == "health", "-health")
        for canvas in main.query(Canvas):
            cells, lines = canvas.size.width, canvas.size.height
            if cells > 0 and lines > 0:
                canvas.show(self._rows(str(canvas.id), state, now, cells, lines))

    def _rows(self, name: str, state: UiState, now: float, cells: int, lines: int) -> Sequence[Row]:
        match name:
            case "transport":
                return [frame.transport(state, now, cells)]
            case "view":
                return self._views.rows(state, now, cells, lines)
            case "tabs":
                voice = state.voice.name if state.voice is not None else ""
                return self._same(
                    name, (state.screen, state.selected, voice, cells), lambda: [frame.tabs(state, cells)]
                )
            case "health":
                key = (state.link, state.health, state.voices, state.ports, cells)
                return self._same(name, key, lambda: [frame.health_strip(state, cells)])
            case "log":
                return self._same(
                    name, (state.log, cells, lines), lambda: frame.log_rows(state, cells, lines)
                )
            case _:
                panic = keys.shown(self.config.of(keys.BY_ID["panic"]))
                return self._same(
                    name, (cells, lines), lambda: frame.key_rows(keys.row(self.config), panic, cells, lines)
                )

    def _same(self, name: str, key: tuple[object, ...], make: Callable[[], list[Row]]) -> list[Row]:
        """What was made last, as long as all that it is made from is the same."""
        kept = self._made.get(name)
        if (
            kept is None
            or len(kept[0]) != len(key)
            or any(a is not b and a != b for a, b in zip(kept[0], key, strict=True))
        ):
            kept = self._made[name] = (key, make())
        return kept[1]

    # screens over the screen

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Textual: while one types, the panic key is a digit; the other panic key is not."""
        return not (action == "panic_key" and getattr(self.screen, "TYPES", False))

    def action_panic_key(self) -> None:
        """Panic, where nothing is typed."""
        self.action_panic()

    def request_line(self, line: str, hint: str = "") -> None:
        """Open the line in which requests are typed; `hint` says what is to be typed first."""
        from livevae.tui import dialogs  # noqa: PLC0415  (not on the way to the first picture)

        names = {
            "voice": [voice.name for voice in self.state.voices],
            "persona": [persona.name for persona in self.state.personas],
            "name": list(self.state.scenes),
            "riff": [name for name, _ in self.state.crib],
        }
        panic = keys.shown(self.config.of(keys.BY_ID["panic_anywhere"]))
        self.push_screen(dialogs.Typing(line, names, self.sent, panic, hint), self._typed)

    def _typed(self, line: str | None) -> None:
        if line:
            self.sent = [*self.sent[-49:], line]
            address, args = commands.typed(line if line.startswith("/") else f"/livevae/{line}")
            self.ask(address, *args, answer=self.answered)

    def action_request(self, line: str = "") -> None:
        """Any request."""
        self.request_line(line)

    def action_help(self) -> None:
        """All keys."""
        from livevae.tui import dialogs  # noqa: PLC0415  (not on the way to the first picture)

        self.push_screen(dialogs.Listing("Keys", dialogs.help_rows(self.config), "esc goes back"))

    def action_crib(self) -> None:
        """Kept riffs, to play one again."""
        self.ask("/livevae/crib", answer=self._show_crib)

    def look_into_crib(self) -> None:
        """Ask which riffs are kept, without a word in the log."""
        if self.link is not None:
            self.link.ask("/livevae/crib", answer=self._crib_known)

    def _crib_known(self, done: bool, pairs: Mapping[str, Scalar]) -> None:
        if done:
            names = str(pairs.get("names", "")).split()
            self.state = replace(self.state, crib=tuple((name, "") for name in reversed(names)))

    def _show_crib(self, done: bool, pairs: Mapping[str, Scalar]) -> None:
        if not done:
            self.answered(done, pairs)
            return
        self._crib_known(done, pairs)
        from livevae.tui import dialogs  # noqa: PLC0415  (not on the way to the first picture)

        rows: list[tuple[Row, str]] = [((Span(clean(name)),), name) for name, _ in self.state.crib]
        if not rows:
            rows = [((Span("Nothing is kept yet: k keeps the riff of the selected voice.", "dim"),), "")]
        foot = "enter plays it on the selected voice until k releases it   esc goes back"
        self.push_screen(dialogs.Listing("Crib: kept riffs, the newest first", rows, foot), self._recalled)

    def _recalled(self, name: str | None) -> None:
        if name:
            self.action_recall(name)

    def action_theme(self) -> None:
        """Dark or light."""
        self.theme = "livevae-dark" if self.theme.endswith("light") else "livevae-light"
        self.draw()

    def action_leave(self) -> None:
        """Ask whether the music goes on."""
        from livevae.tui import dialogs  # noqa: PLC0415  (not on the way to the first picture)

        self.push_screen(dialogs.Leave(self.ours, self.state.where), self._left)

    async def _left(self, how: str | None) -> None:
        if how is None:
            return
        if how == STOP and self.link is not None:
            self.link.ask("/livevae/stop", "quiet", 1)
        self.exit(how)


def bundled_scenes() -> tuple[str, ...]:
    """Names of the scenes that come with livevae, which every server has."""
    with contextlib.suppress(ModuleNotFoundError):
        found = resources.files("livevae.scenes").iterdir()
        return tuple(sorted(file.name.removesuffix(".toml") for file in found if file.name.endswith(".toml")))
    return ()


def _same(line: str, other: str) -> bool:
    """Whether two requests turn the same thing, so that the log need show only the last."""
    one, two = line.split(), other.split()
    if len(one) != len(two) or len(one) < 2:
        return False
    return one[0] == two[0] and (one[1:3] == two[1:3] if len(one) > 3 else len(one) == 2)
