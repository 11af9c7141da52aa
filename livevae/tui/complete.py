"""Completion of a request as it is typed, from the table of addresses. Pure."""

import difflib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from livevae.edges.osc.addresses import ADDRESSES, BY_ADDRESS
from livevae.edges.osc.arguments import Address
from livevae.perform.settings import Setting

MOST = 200


class Completion(NamedTuple):
    """A way to go on.

    Attributes:
        line: the whole line with it.
        shown: the word.
        help: what it is.
    """

    line: str
    shown: str
    help: str


def completions(line: str, names: Mapping[str, Sequence[str]]) -> list[Completion]:
    """The ways to go on from `line`, best first.

    Args:
        line: what is typed so far.
        names: names that are known, by the kind of word: `voice`, `persona`, `riff`, `name` (of scenes).
    """
    words = line.split()
    if not words or (len(words) == 1 and not line.endswith(" ")):
        return _addresses(words[0] if words else "")
    row = BY_ADDRESS.get(words[0])
    if row is None:
        return []
    typing = "" if line.endswith(" ") else words[-1]
    before = words[1:] if not typing else words[1:-1]
    head = line[: len(line) - len(typing)]
    return [
        Completion(f"{head}{word} ", word, text)
        for word, text in _words(row, before, names)
        if word.startswith(typing) or (typing and typing in word)
    ][:MOST]


def usage(line: str) -> str:
    """What the address of a line does, and how it looks; "" for none."""
    row = BY_ADDRESS.get(line.split(maxsplit=1)[0]) if line.split() else None
    if row is None:
        return ""
    setting = _open_setting(row, line)
    if setting is not None:
        unit = f" ({setting.unit})" if setting.unit else ""
        return f"{setting.name}: {setting.expected}{unit}; {setting.help}"
    example = " ".join(str(part) for part in (row.address, *row.example))
    return f"{row.help}  Such as: {example}"


def _addresses(typed: str) -> list[Completion]:
    wanted = typed.lower().lstrip("/")
    found: list[Address] = []
    for fits in (
        lambda row: row.address.startswith((typed, f"/livevae/{wanted}")),
        lambda row: any(part.startswith(wanted) for part in row.address.split("/")),
        lambda row: wanted in row.address,
        lambda row: wanted in row.help.lower(),
    ):
        found += [row for row in ADDRESSES if row not in found and fits(row)]
    near: list[Address] = []
    if not found:
        short = {row.address.removeprefix("/livevae/"): row for row in ADDRESSES}
        near = [
            short[name] for name in difflib.get_close_matches(wanted.removeprefix("livevae/"), short, 5, 0.4)
        ]
    return [Completion(f"{row.address} ", row.address, row.help) for row in (*found, *near)]


def _words(row: Address, before: Sequence[str], names: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """What may stand after these words: the address's own word first, then names of arguments, or of a value."""
    table = _table(row)
    if row.word is not None and not before and names.get(_kind(row.word)):
        return [(name, row.word.help) for name in names[_kind(row.word)]] + [
            (name, setting.help) for name, setting in table.items() if name != row.word.name
        ]
    if before and before[-1] in table and _is_name(row, before):
        setting = table[before[-1]]
        known = names.get(_kind(setting), ())
        choices = [str(choice) for choice in setting.choices] or list(known)
        return [(choice, setting.help) for choice in choices]
    others = [(name, row.others.help) for name in names.get("persona", ()) if row.others is not None]
    return others + [(n, f"{s.expected}; {s.help}") for n, s in table.items() if n not in before[::1]]


def _kind(setting: Setting) -> str:
    """What a name names: riffs of the crib and scenes are both called `name`."""
    return "riff" if setting.name in ("name", "riff") and "crib" in setting.help else setting.name


def _table(row: Address) -> dict[str, Setting]:
    settings = (*([row.word] if row.word else []), *row.numbers, *row.settings)
    return {setting.name: setting for setting in settings}


def _is_name(row: Address, before: Sequence[str]) -> bool:
    """Whether the last word is a name that waits for its value."""
    given = len(before)
    own = row.word is not None and before[0] not in _table(row)
    return (given - (1 if own else 0)) % 2 == 1


def _open_setting(row: Address, line: str) -> Setting | None:
    """The argument whose value is being typed."""
    words = line.split()[1:]
    before = words if line.endswith(" ") else words[:-1]
    table = _table(row)
    if before and before[-1] in table and _is_name(row, before):
        return table[before[-1]]
    return None
