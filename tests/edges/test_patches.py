"""The patches say what the address table says: same addresses, same names, same kinds.

After a change of the table, the command in `RENEW` writes its parts of the patches and docs/osc.md anew.
"""

import os
import re
import textwrap
from pathlib import Path

import pytest

from livevae.edges.osc.addresses import ADDRESSES, BY_ADDRESS
from livevae.edges.osc.answers import ERROR, REPLY
from livevae.edges.osc.manual import card, table_markdown
from livevae.edges.osc.udp import HOST, PORT
from livevae.perform.settings import SETTINGS

RENEW = "LIVEVAE_RENEW=1 make test ARGS=tests/edges/test_patches.py"
ROOT = Path(__file__).parents[2]
PATCHES = ROOT / "patches"
FILES = sorted(path for path in PATCHES.iterdir() if path.is_file() and path.suffix != ".py")
NAMES = [setting.name for setting in SETTINGS]
LAST_HEADING = "names of a voice's settings:"
TIDALS_OWN = {"cc", "density", "once", "range", "stop", "swing"}
"""Names of arguments that are functions in Tidal; ours end in an underscore there."""


def arguments():
    """Every word and argument of every address, once, in the table's order, the settings of a voice last.

    Subscriptions are not among them: Tidal has no ear for what it would be sent.
    """
    rows = [row for row in ADDRESSES if row.address.startswith("/livevae/") and not row.words]
    own = [one for row in rows for one in (row.word, *row.numbers, *row.settings) if one]
    once = {one.name: one for one in reversed(own)}  # of two of one name, the first
    names = [name for name in dict.fromkeys(one.name for one in own) if name not in NAMES]
    return [*(once[name] for name in names), *SETTINGS]


def haskell():
    """Name in Haskell, kind of pattern, name that is sent, for each argument."""
    kinds = {str: "pS", int: "pI", float: "pF"}
    return [
        (f"{one.name}_" if one.name in TIDALS_OWN else one.name, kinds[one.kind], one.name)
        for one in arguments()
    ]


def renewed(path):
    """What a patch would be if its parts of the table were written anew."""
    text = with_card(path, path.read_text())
    if path.suffix == ".scd":
        array = "\n".join(
            f"    {line}" for line in textwrap.wrap(", ".join(f"\\{name}" for name in NAMES), 90)
        )
        text = re.sub(
            r"(~livevaeSettings = #\[\n).*?(\n\];)", lambda m: m[1] + array + m[2], text, flags=re.DOTALL
        )
    if path.suffix == ".hs":
        lines = [f'{name} = {kind} "{sent}"' for name, kind, sent in haskell()]
        first = re.search(r'^\w+ = p[SIF] "', text, re.MULTILINE)
        text = text[: first.start()] + "\n".join(lines) + "\n"
    return text


def with_card(path, text):
    """`text` with the card of the table at its head, in the comments of its language."""
    new = card().splitlines()
    if ".strudel" in path.suffixes:  # it sends to one address
        new = ["/dirt/play voice name value ...", *new[new.index(LAST_HEADING) :]]
    prefix, suffix = {".hs": ("--   ", ""), ".rb": ("#   ", "")}.get(path.suffix, ("", ""))
    if path.suffix == ".pd":
        prefix, suffix = r"#X text \d+ \d+ ", r", f \d+;"
    old = text.splitlines()
    at = next(n for n, line in enumerate(old) if re.fullmatch(prefix + re.escape(new[0]) + suffix, line))
    heading = next(
        n for n, line in enumerate(old) if n >= at and re.fullmatch(prefix + LAST_HEADING + suffix, line)
    )
    end = heading + 1
    while re.fullmatch(f"{prefix}[a-z_]+( [a-z_]+)*{suffix}", old[end]):
        end += 1
    if path.suffix == ".pd":
        new = [f"#X text 400 {170 + 20 * n} {line}, f 64;" for n, line in enumerate(new)]
    else:
        new = [prefix + line + suffix for line in new]
    return "\n".join([*old[:at], *new, *old[end:]]) + "\n"


def test_there_is_a_patch_for_each_host():
    assert [path.name for path in FILES] == [
        *("BootLivevae.hs", "livevae.pd", "livevae.rb", "livevae.scd", "livevae.strudel.js")
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_patch_holds_the_addresses_names_and_kinds_of_the_table(path):
    if os.environ.get("LIVEVAE_RENEW"):
        path.write_text(renewed(path))
    unchanged = path.read_text() == renewed(path)
    assert unchanged, f"{path.name} is behind the table: {RENEW}"


def test_the_manual_page_is_made_from_the_table():
    page = ROOT / "docs" / "osc.md"
    if os.environ.get("LIVEVAE_RENEW"):
        page.write_text(table_markdown())
    unchanged = page.read_text() == table_markdown()
    assert unchanged, f"docs/osc.md is behind the table: {RENEW}"


def test_tidal_has_every_word_and_argument_with_its_kind():
    text = (PATCHES / "BootLivevae.hs").read_text()
    assert re.findall(r"^(\w+) = (p[SIF]) \"(\w+)\"$", text, re.MULTILINE) == haskell()


def test_the_supercollider_event_takes_every_setting():
    text = (PATCHES / "livevae.scd").read_text()
    [array] = re.findall(r"~livevaeSettings = #\[(.*?)\]", text, re.DOTALL)
    assert re.findall(r"\\(\w+)", array) == NAMES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_patch_names_no_address_that_is_not_there(path):
    named = set(re.findall(r"/(?:livevae|dirt)/\w[\w/]*", path.read_text()))
    assert named <= {*BY_ADDRESS, REPLY, ERROR}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_patch_says_how_to_start_and_talks_to_where_livevae_listens(path):
    text = path.read_text()
    assert "livevae serve" in text
    assert str(PORT) in text
    if "strudel" not in path.name:  # the bridge goes to this machine
        assert HOST in text


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
    assert used - {"livevae", "sample", "set", "ring", "tick"} <= {one.name for one in arguments()}
