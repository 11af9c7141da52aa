"""The rehearsal UI at a fixed moment of a rehearsal that nobody plays, with a link that only remembers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from textual.pilot import Pilot

from benchmarks.pictures import MOMENT, state
from livevae.tui.app import Watch
from livevae.tui.canvas import Canvas
from livevae.tui.keys import Config
from livevae.tui.rows import text_of


class Recorder:
    """In place of the link: keeps what was asked, and answers as it is told to.

    Attributes:
        asked: addresses and arguments, in order.
        answers: by address, what the answer holds.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.answers: dict[str, tuple[bool, dict[str, Any]]] = {}

    def ask(self, address: str, *args: object, answer: Any = None) -> None:
        self.asked.append((address, *args))
        if answer is not None and address in self.answers:
            answer(*self.answers[address])

    def close(self) -> None:
        pass


@asynccontextmanager
async def screen(
    voices: int = 3, size: tuple[int, int] = (80, 24), config: Config | None = None, **known: Any
) -> AsyncIterator[tuple[Watch, Pilot[str], Recorder]]:
    app = Watch(
        config=config or Config("dark"),
        clock=lambda: MOMENT,
        state=replace(state(voices), **known),
        online=False,
    )
    recorder = Recorder()
    app.link = recorder  # type: ignore[assignment]
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.draw()
        yield app, pilot, recorder


def shown(app: Watch) -> str:
    """What the whole screen says, row by row."""
    return "\n".join(text_of(canvas.rows) for canvas in app.screen.query(Canvas) if canvas.size.height)
