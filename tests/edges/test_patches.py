"""The patches say what the address table says: same addresses, same names, same kinds."""

import re
from pathlib import Path

import pytest

from livevae.edges.addresses import BPM, BY_ADDRESS, OVER, SCENE, VOICE
from livevae.edges.answers import ERROR, REPLY
from livevae.edges.manual import card
from livevae.edges.udp import HOST, PORT
from livevae.perform.settings import SETTINGS

ROOT = Path(__file__).parents[2]
PATCHES = ROOT / "patches"
FILES = sorted(path for path in PATCHES.iterdir() if path.is_file() and path.suffix != ".py")
NAMES = [setting.name for setting in SETTINGS]


def lines(path):
    """A patch's lines without the signs of comments, and Pure Data's texts without its own."""
    text = re.sub(r"^#X text \d+ \d+ (.*?)(, f \d+)?;$", r"\1", path.read_text(), flags=re.MULTILINE)
    return [re.sub(r"^(--|#)?\s*", "", line.replace("\\", "")) for line in text.splitlines()]


def test_there_is_a_patch_for_each_host():
    assert [path.name for path in FILES] == [
        *("BootLivevae.hs", "livevae.pd", "livevae.rb", "livevae.scd", "livevae.strudel.js")
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_head_of_a_patch_is_the_card_of_the_table(path):
    expected = card().splitlines()
    if "strudel" in path.name:  # it sends to one address
        expected = ["/dirt/play voice name value ...", *expected[expected.index("name is one of:") :]]
    there = lines(path)
    first = there.index(expected[0])
    assert there[first : first + len(expected)] == expected


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_patch_names_no_address_that_is_not_there(path):
    named = set(re.findall(r"/(?:livevae|dirt)/\w+", path.read_text()))
    assert named <= {*BY_ADDRESS, REPLY, ERROR}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_patch_says_how_to_start_and_talks_to_where_livevae_listens(path):
    text = path.read_text()
    assert "livevae serve" in text
    assert str(PORT) in text
    if "strudel" not in path.name:  # the bridge goes to this machine
        assert HOST in text


def test_the_supercollider_event_takes_every_setting():
    text = (PATCHES / "livevae.scd").read_text()
    [array] = re.findall(r"~livevaeSettings = #\[(.*?)\]", text, re.DOTALL)
    assert re.findall(r"\\(\w+)", array) == NAMES


def test_tidal_has_every_setting_and_word_with_its_kind():
    kinds = {str: "pS", int: "pI", float: "pF"}
    text = (PATCHES / "BootLivevae.hs").read_text()
    defined = re.findall(r"^(\w+) = (p[SIF]) \"(\w+)\"$", text, re.MULTILINE)
    assert [name for name, _, sent in defined if name != sent] == []
    assert {name: kind for name, kind, _ in defined} == {
        setting.name: kinds[setting.kind] for setting in (VOICE, BPM, OVER, SCENE, *SETTINGS)
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_examples_of_a_patch_use_names_that_are_there(path):
    """Names in the lines that a performer plays: \\temp, temp:, # temp, or after a word in Pd's messages."""
    text = path.read_text()
    patterns = {
        ".scd": r"~lv\.\(\\(?:set|sample), \\\w+((?:, \\\w+, [\d.]+)*)",
        ".hs": r"# (\w+) [\"\d]",
        ".rb": r"livevae :(?:set|sample), .*",
        ".js": r"\.livevae\((\{.*?\})\)",
        ".pd": r"livevae (?:set|sample) \w+ (.*);",
    }
    found = re.findall(patterns[path.suffix], text)
    assert found
    used = {name for part in found for name in re.findall(r"(?<![\w\"])([a-z]{2,})(?=[\s:,]|$)", str(part))}
    assert used - {"livevae", "sample", "set", "ring", "tick"} <= {*NAMES, "voice", "bpm", "name", "over"}
