"""The wire between server and player: small frozen values as lines of JSON. Strict both ways, and no pickle.

A line is `["Play",[[[960,240,"main",1,60,96,"lead"]]]]` and an end: the value's type, then its fields
in the order in which commands.py and reports.py declare them, nested values as lists, bytes as hexadecimal.
"""

import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from livevae.errors import LivevaeError
from livevae.player.wire.commands import COMMANDS, Command
from livevae.player.wire.reports import REPORTS, Report

LONGEST_LINE = 1 << 20
"""Bytes after which a line without an end is not ours."""

Reader = Callable[[Any], Any]
"""From a plain JSON value to ours; TypeError or ValueError when it stands for none."""


class WireError(LivevaeError):
    """A line that is no command or no report; whoever wrote it is not the livevae of this version."""


def encode(value: Command | Report) -> bytes:
    """The value as one line, with its end."""
    return json.dumps([type(value).__name__, _plain(value)], separators=(",", ":")).encode() + b"\n"


def decode_command(line: bytes) -> Command:
    """The command in a line.

    Raises:
        WireError: the line is not exactly one command.
    """
    return typing.cast("Command", _decode(line, COMMAND_READERS))


def decode_report(line: bytes) -> Report:
    """The report in a line.

    Raises:
        WireError: the line is not exactly one report.
    """
    return typing.cast("Report", _decode(line, REPORT_READERS))


class LineSplitter:
    """Bytes of a stream in, whole lines out."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now, without their ends.

        Raises:
            WireError: a line is longer than any of ours.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise WireError("a line on the player's pipe has no end")
        return lines


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return [_plain(getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value


def _decode(line: bytes, readers: Mapping[str, Reader]) -> Any:
    try:
        name, plain = json.loads(line)
        return readers[name](plain)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise WireError(f"not a line of livevae's player: {line[:80]!r} ({error})") from None


def _reader(kind: Any) -> Reader:
    """What reads values of a declared type."""
    if is_dataclass(kind):
        return _record_reader(typing.cast("type", kind))
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return _list_reader(_reader(args[0]))
    if origin is tuple:
        return _fixed_reader([_reader(arg) for arg in args])
    if origin is types.UnionType:
        (some,) = (_reader(arg) for arg in args if arg is not types.NoneType)
        return lambda plain: None if plain is None else some(plain)
    return _scalar_reader(kind)


def _scalar_reader(kind: type) -> Reader:
    if kind is bytes:
        text = _scalar_reader(str)
        return lambda plain: bytes.fromhex(text(plain))

    def read(plain: Any) -> Any:
        if type(plain) is kind:
            return plain
        if kind is float and type(plain) is int:
            return float(plain)
        raise TypeError(f"{kind.__name__} was expected, not {plain!r}")

    return read


def _list_reader(item: Reader) -> Reader:
    def read(plain: Any) -> tuple[Any, ...]:
        if type(plain) is not list:
            raise TypeError(f"a list was expected, not {plain!r}")
        return tuple([item(part) for part in plain])

    return read


def _fixed_reader(items: list[Reader]) -> Reader:
    def read(plain: Any) -> tuple[Any, ...]:
        if type(plain) is not list or len(plain) != len(items):
            raise TypeError(f"a list of {len(items)} was expected, not {plain!r}")
        return tuple([item(part) for item, part in zip(items, plain, strict=True)])

    return read


def _record_reader(kind: type) -> Reader:
    hints = typing.get_type_hints(kind)
    read_fields = _fixed_reader([_reader(hints[field.name]) for field in fields(kind)])
    return lambda plain: kind(*read_fields(plain))


COMMAND_READERS: Mapping[str, Reader] = types.MappingProxyType(
    {kind.__name__: _record_reader(kind) for kind in COMMANDS}
)
REPORT_READERS: Mapping[str, Reader] = types.MappingProxyType(
    {kind.__name__: _record_reader(kind) for kind in REPORTS}
)
