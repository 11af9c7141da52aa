"""Pictures of the rehearsal UI, at a fixed moment of a rehearsal that nobody plays: make pictures."""

import argparse
import asyncio
import re
from pathlib import Path

from benchmarks import rehearsal
from livevae.tui.app import Watch
from livevae.tui.keys import Config
from livevae.tui.news import advance
from livevae.tui.state import UP, UiState

SIZES = ((80, 24), (120, 40), (200, 60))
MOMENT = 20.3
"""Seconds into the rehearsal."""

CRIB = (("lead-184291", ""), ("bridge", ""))


def state(voices: int, at: float = MOMENT) -> UiState:
    """What the UI knows at that moment."""
    known = UiState(link=UP, where="127.0.0.1:7770", scenes=("first-light", "late-set"), crib=CRIB)
    for event in rehearsal.beginning(voices, at):
        known = advance(known, event)
    return known


async def picture(size: tuple[int, int], ground: str, screen: str, voices: int) -> str:
    """One screen as SVG."""
    from dataclasses import replace

    app = Watch(
        config=Config(ground), clock=lambda: MOMENT, state=replace(state(voices), screen=screen), online=False
    )
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.draw()
        await pilot.pause()
        drawn = app.export_screenshot(title="livevae rehearse")
        return re.sub(r"@font-face \{.*?\n *\}\n", "", drawn, flags=re.DOTALL)  # a picture fetches nothing


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command line of the pictures."""
    text = "pictures of the rehearsal UI, as SVG"
    command = commands.add_parser("pictures", help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("--out", type=Path, default=Path("docs"), help="folder (docs)")
    command.add_argument("--all", action="store_true", help="every screen at every size, dark and light")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw them."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    wanted = [((120, 40), "dark", name, 4) for name in ("stage", "voice", "personas", "set", "health")]
    if arguments.all:
        wanted = [
            (size, ground, name, 8 if size[0] != 120 else 4)
            for size in SIZES
            for ground in ("dark", "light")
            for name in ("stage", "voice", "personas", "set", "health")
        ]
    for size, ground, name, voices in wanted:
        file = f"rehearse-{name}.svg" if not arguments.all else f"{name}-{size[0]}x{size[1]}-{ground}.svg"
        (arguments.out / file).write_text(asyncio.run(picture(size, ground, name, voices)), encoding="utf-8")
        print(arguments.out / file)
    return 0
