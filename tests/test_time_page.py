"""What docs/time.md tells a performer to type works as it stands."""

import asyncio
import re
import shlex
from pathlib import Path

import pytest

from livevae import cli, scene_files
from livevae.perform.scene import parse
from livevae.player.clocks.clock import NO_LINK
from livevae.server import Models, Options, running
from livevae.testing import FakeDecoder

PAGE = (Path(__file__).parents[1] / "docs" / "time.md").read_text()
LINES = [line.strip() for line in PAGE.splitlines() if line.startswith("    ")]
SENDS = [line for line in LINES if line.startswith("livevae send ")]
SERVES = [line for line in LINES if line.startswith("livevae serve ")]


@pytest.mark.real
@pytest.mark.asyncio
async def test_every_message_of_the_page_is_answered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but Link itself, which would multicast: it is asked for where it is not installed, and says so."""
    monkeypatch.setattr("livevae.server.why_not", lambda **_: {"internal": "", "midi": "", "link": NO_LINK})
    options = Options(scene_files.find(scene_files.DEFAULT), scene_files.find, port=0, midi=("none",))
    models = Models(lambda _: FakeDecoder(), lambda _: True, "fake")
    assert len(SENDS) > 10
    async with running(options, models, lambda _: None) as server:
        where = f"127.0.0.1:{server.osc.address[1]}"
        for line in SENDS:
            words = shlex.split(line, comments=True)
            words[2:2] = ["--osc", where]
            status = await asyncio.get_running_loop().run_in_executor(None, cli.main, words[1:])
            printed = capsys.readouterr()
            if "clock link" in line:
                assert "under the GPL" in printed.err
            else:
                assert status == 0, f"{line}: {printed.err}"
                assert "address" in printed.out


def test_every_serve_of_the_page_is_understood() -> None:
    assert SERVES
    for line in SERVES:
        assert cli.parser().parse_args(shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize("words", ["tide", "link:box", "midi from box"])
def test_a_clock_that_there_is_not_is_no_option(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.parser().parse_args(["serve", "--clock", words])
    assert "none of internal, link, midi, midi:NAME, mqtt and mqtt:conduct" in capsys.readouterr().err


def test_the_scene_of_the_page_is_a_scene() -> None:
    text = re.search(r"^    \[midi\]\n.*?^    \[voice\.lead\]\n", PAGE, re.DOTALL | re.MULTILINE)
    assert text is not None
    scene = parse("\n".join(line.strip() for line in text[0].splitlines()))
    assert scene.midi is not None
    assert len(scene.midi.bindings) == 2


def test_the_page_says_under_which_licence_the_extra_is() -> None:
    assert "livevae[link]" in PAGE
    assert "GPL" in PAGE
