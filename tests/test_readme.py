"""What the README tells a performer to type works as it stands."""

import asyncio
import re
import shlex
from pathlib import Path

import pytest

from livevae import cli, scene_files
from livevae.models.checkpoints import shelf
from livevae.models.midime.book import PersonaBook
from livevae.perform.scene import parse
from livevae.server import Models, Options, running
from livevae.testing import FakeDecoder

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", README, re.MULTILINE)
LINES = [line.strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
SENDS = [line for line in LINES if line.startswith("livevae send ")]


def test_there_is_something_to_try() -> None:
    assert len(SENDS) >= 5
    assert "make perform" in LINES
    assert "make test" in LINES


@pytest.mark.real
@pytest.mark.asyncio
async def test_every_message_of_the_readme_is_answered_by_the_bundled_scene(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = Options(scene_files.find(scene_files.DEFAULT), scene_files.find, port=0, midi=("none",))
    models = Models(lambda _: FakeDecoder(), lambda _: True, "fake", PersonaBook(shelf.DEFAULT))
    async with running(options, models, lambda _: None) as server:
        where = f"127.0.0.1:{server.osc.address[1]}"
        for line in SENDS:
            words = [*shlex.split(line, comments=True)[1:], "--osc", where]
            status = await asyncio.get_running_loop().run_in_executor(None, cli.main, words)
            printed = capsys.readouterr()
            assert status == 0, f"{line}: {printed.err}"
            assert "address" in printed.out


def test_the_scene_of_the_readme_is_a_scene() -> None:
    text = "\n".join(
        line[4:] for block in BLOCKS if "[voice." in block for line in block.splitlines() if line.strip()
    )
    assert parse(text, "README").voices


def test_every_command_of_the_readme_is_a_command() -> None:
    parser = cli.parser()
    known = cli.commands_of(parser)
    for name in re.findall(r"^\| `livevae (\w+)", README, re.MULTILINE):
        assert name in known


def test_every_option_of_the_readme_is_an_option_of_serve(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["serve", "--help"])
    help_ = capsys.readouterr().out
    for option in re.findall(r"`(--[a-z]+)", README):
        assert option in help_ or option in ("--help", "--bars", "--out", "--wait", "--follow")
