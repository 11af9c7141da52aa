"""docs/hosts.md tells performers what the patches and the address table really hold."""

import re
import shlex
from pathlib import Path

import pytest

from livevae.edges.osc.asking import request
from livevae.edges.osc.codec import Message

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "hosts.md").read_text()
LINES = [line.strip() for line in re.findall(r"^ {4,}(\S.*)$", PAGE, re.MULTILINE)]
STARTS = {
    "livevae.scd": ("~lv", "Pbind"),
    "BootLivevae.hs": ("once", "d1"),
    "livevae.strudel.js": ("voice(",),
    "livevae.rb": ("livevae :",),
    "livevae.pd": ("; livevae",),
}


@pytest.mark.parametrize("patch", STARTS)
def test_every_line_for_a_host_stands_in_its_patch(patch):
    text = (
        (ROOT / "patches" / patch).read_text().replace("\\;", ";")
        if patch.endswith("pd")
        else (ROOT / "patches" / patch).read_text()
    )
    mine = [line for line in LINES if line.startswith(STARTS[patch])]
    assert mine
    for line in mine:
        assert line in text


def test_every_message_that_one_should_send_is_a_request():
    sends = [shlex.split(line)[2:] for line in LINES if line.startswith("livevae send ")]
    assert len(sends) >= 3
    for address, *args in sends:
        values = [float(arg) if re.fullmatch(r"[\d.]+", arg) else arg for arg in args]
        assert request(Message(address, tuple(values)))


def test_every_file_that_the_page_names_is_there():
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
    for name in re.findall(r"`(patches/[\w.]+)`", PAGE):
        assert (ROOT / name).exists(), name
