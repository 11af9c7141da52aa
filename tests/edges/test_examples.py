"""Every example runs against a server as `livevae serve` starts it, and says what it should."""

import asyncio
import itertools
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from livevae import scene_files
from livevae.edges.osc.addresses import ADDRESSES
from livevae.edges.osc.client import Client
from livevae.perform.cue import Cue
from livevae.server import Models, Options, running
from livevae.testing import FakeDecoder

pytestmark = pytest.mark.real

EXAMPLES = Path(__file__).parents[2] / "examples"
NEED_PERSONAS = {
    *("/livevae/blend", "/livevae/latent"),
    *(row.address for row in ADDRESSES if row.address.startswith("/livevae/persona/")),
}
"""This server has none."""
FIRST = {
    "/livevae/unsubscribe": [("/livevae/subscribe", "beat")],
    "/livevae/recall": [("/livevae/keep", "lead", "name", "hook")],
    "/livevae/undo": [("/livevae/set", "lead", "temp", 1.5)],
    "/livevae/redo": [("/livevae/set", "lead", "temp", 1.5), ("/livevae/undo",)],
}
"""What has to be asked for before."""
SOUNDING = {"/livevae/keep", "/livevae/recall", "/livevae/recipe"}
"""What is about a riff that sounds."""
NUMBER = r"-?\d+(\.\d+)?"
SAYS = {
    "01_hello": [rf"livevae plays beat {NUMBER} at 104 beats a minute"],
    "02_one_riff": [
        rf"a riff with seed \d+ on beat {NUMBER}",
        rf"the same riff, an octave higher, on beat {NUMBER}",
    ],
    "03_voices": [
        rf"bass begins on beat {NUMBER}",
        rf"lead begins on beat {NUMBER}",
        *(
            rf"in {4 * step} s the lead plays at temperature {temp}"
            for step, temp in enumerate((0.8, "1.0", 1.2, 1.4), 1)
        ),
    ],
    "04_in_time": [rf"riff {number} sounds on beat \d+" for number in (1, 2, 3, 4)],
    "05_canon": [
        rf"entry {entry} on beat \d+, {octave} semitones"
        for entry, octave in ((1, r"\+0"), (2, r"\+12"), (3, "-12"))
    ],
    "06_tempo": [
        r"from 104 to 78 beats a minute, over eight beats",
        r"in twelve seconds back to 104, over four",
    ],
    "07_by_hand": [r"/livevae/reply", r"b'/livevae/reply\\x00\\x00,.*seed.*'"],
}


def server():
    """`livevae serve` on a free port, without MIDI ports and without a network's weights."""
    scene = replace(scene_files.find(scene_files.DEFAULT), cues=(Cue("lift"),))
    writes = lambda name, *_: name  # noqa: E731
    options = Options(scene, scene_files.find, port=0, midi=("none",), writes=writes)
    return running(
        options,
        Models(lambda _: FakeDecoder(), lambda name: name in ("", "groovae_4bar"), "fake"),
        lambda _: None,
    )


def test_every_example_is_here():
    assert sorted(SAYS) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", SAYS)
@pytest.mark.asyncio
async def test_the_example_says_what_it_should(name):
    async with server() as served:
        child = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-W",
                "error",
                str(EXAMPLES / f"{name}.py"),
                "127.0.0.1",
                str(served.osc.address[1]),
            ),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, wrong = await child.communicate()
    assert wrong.decode() == ""
    lines = said.decode().splitlines()
    assert len(lines) == len(SAYS[name])
    for line, expected in zip(lines, SAYS[name], strict=True):
        assert re.fullmatch(expected, line), f"{line!r} is not {expected!r}"


@pytest.mark.asyncio
async def test_the_canon_enters_bar_after_bar():
    async with server() as served:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, str(EXAMPLES / "05_canon.py"), "127.0.0.1", str(served.osc.address[1])),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await child.communicate()
    beats = [int(number) for number in re.findall(r"on beat (\d+)", said.decode())]
    assert [later - earlier for earlier, later in itertools.pairwise(beats)] == [4, 4]
    assert beats[0] % 4 == 0


@pytest.mark.parametrize(
    "row", [row for row in ADDRESSES if row.address not in NEED_PERSONAS], ids=lambda row: row.address
)
@pytest.mark.asyncio
async def test_a_server_answers_each_address_with_what_the_table_says(row):
    def ask(port):
        with Client(port=port) as livevae:
            for first in FIRST.get(row.address, ()):
                livevae.ask(*first)
            return livevae.ask(row.address, *row.example)

    async with server() as served:
        loop = asyncio.get_running_loop()
        for message in (b"\x90\x3c\x40", b"\x80\x3c\x00"):  # there is something to answer to a call
            served.session.receive_midi(message, loop.time())
        if row.address in SOUNDING:
            cast = served.session.cast
            while cast.sounding(cast["lead"]) is None:
                await asyncio.sleep(0.01)
        answer = await loop.run_in_executor(None, ask, served.osc.address[1])
    names = [name for name in answer if name not in ("address", "id", "beat")]
    assert list(answer)[:2] == ["address", "id"]
    if row.address == "/livevae/status":
        assert tuple(names[: len(row.answers)]) == row.answers
        assert "lead" in names
    else:
        assert tuple(names) == row.answers
