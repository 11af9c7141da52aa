"""What subscribers are sent, put together again: messages to the values that the hub told (see `feed`)."""

import itertools
import typing
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from livevae.edges.osc.codec import Message, OscError, Timed, decode
from livevae.edges.osc.feed import EVENTS, FLAGS, HINTS, MOMENT, PARTS, RECIPE, RIFF, SMALL
from livevae.edges.osc.timetags import Timetags
from livevae.errors import LivevaeError
from livevae.music.notes import TICKS_PER_BEAT, Note
from livevae.perform import blend, recipes
from livevae.perform.events import Event, RiffEvent, Snapshot

WAITING = 32
"""Values of which parts are still missing; the oldest is given up."""

MOST_PARTS = 1_024


class Assembler:
    """Messages in, whole values out. Not thread-safe; holds `WAITING` incomplete values at most.

    Args:
        timetags: the map from timetags to the clock of whoever uses it; moments are 0.0 where None.

    Attributes:
        broken: messages of ours that could not be read.
    """

    def __init__(self, timetags: Timetags | None = None) -> None:
        self._timetags = timetags
        self._waiting: OrderedDict[tuple[str, int], dict[int, Message]] = OrderedDict()
        self.broken = 0

    def packet(self, data: bytes) -> list[Event]:
        """The values that are whole with this packet; other messages in it are passed over."""
        try:
            timed = decode(data)
        except OscError:
            self.broken += 1
            return []
        return [event for one in timed if (event := self.take(one)) is not None]

    def take(self, timed: Timed) -> Event | None:
        """The value that is whole with this message, if one is."""
        message = timed.message
        if message.address not in EVENTS:
            return None
        at = 0.0
        if timed.timetag is not None and self._timetags is not None:
            at = timed.timetag - self._timetags.offset()
        try:
            if message.address in SMALL:
                return typing.cast("Event", _read(SMALL[message.address], _named(message), at))
            return self._part(message, at)
        except (LivevaeError, ValueError, TypeError, KeyError, IndexError, OverflowError):
            self.broken += 1
            return None

    def _part(self, message: Message, at: float) -> Event | None:
        given = _named(message)
        part, parts = int(given["part"]), int(given["parts"])
        if not 1 <= part <= parts <= MOST_PARTS:
            raise ValueError(f"part {part} of {parts}")
        family = "riff" if message.address in (RIFF, RECIPE) else "snapshot"
        key = (family, int(given["n"]))
        have = self._waiting.setdefault(key, {})
        have[part] = message
        if len(have) < parts:
            while len(self._waiting) > WAITING:
                self._waiting.popitem(last=False)
            return None
        del self._waiting[key]
        whole = [have[number] for number in range(1, parts + 1)]
        return _riff_of(whole, at) if family == "riff" else _snapshot_of(whole, at)


def _named(message: Message) -> dict[str, Any]:
    """Arguments by name; the quadruples of a riff under `quadruples`."""
    args = message.args
    found: dict[str, Any] = {}
    for here in range(0, len(args) - 1, 2):
        name = args[here]
        if not isinstance(name, str):
            raise TypeError(f"a name was expected, not {name!r}")
        found[name] = args[here + 1]
        if name == "notes" and message.address == RIFF:
            rest = args[here + 2 :]
            if len(rest) != 4 * int(found["notes"]):
                raise ValueError(f"{found['notes']} notes were announced, and {len(rest)} numbers came")
            found["quadruples"] = list(zip(*[iter(rest)] * 4, strict=True))
            break
    return found


def _read(kind: type[Any], given: Mapping[str, Any], at: float = 0.0) -> Any:
    """A value from its pairs; fields that did not come are as usual."""
    hints = HINTS[kind]
    values: dict[str, Any] = {}
    for one in fields(kind):
        hint = hints[one.name]
        if one.name == MOMENT:
            values[MOMENT] = at
        elif typing.get_origin(hint) is tuple:
            values[one.name] = _items(one.name, typing.get_args(hint)[0], given)
        elif one.name in given:
            values[one.name] = _plain(hint, given[one.name])
    return kind(**values)


def _items(name: str, hint: Any, given: Mapping[str, Any]) -> tuple[Any, ...]:
    prefix = f"{name}."
    items = [(key[len(prefix) :], value) for key, value in given.items() if key.startswith(prefix)]
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[1]
        weights = inner is float
        return tuple(
            ("" if weights and key == blend.BASE_WORD else key, _plain(inner, value)) for key, value in items
        )
    return tuple(_plain(hint, value) for _, value in items)


def _plain(hint: Any, value: Any) -> Any:
    readers: Mapping[Any, Callable[[Any], Any]] = {
        bool: lambda v: bool(int(v)),
        int: int,
        float: float,
        str: str,
    }
    read = readers.get(hint)
    return value if read is None else read(value)


def _snapshot_of(parts: Iterable[Message], at: float) -> Snapshot:
    values: dict[str, Any] = {}
    for address, group in itertools.groupby(parts, key=lambda message: message.address):
        name, kind, several = PARTS[address]
        named = [_named(message) for message in group]
        if not several:
            values[name] = _read(kind, {key: value for one in named for key, value in one.items()}, at)
            continue
        merged: dict[str, dict[str, Any]] = {}
        for one in named:
            merged.setdefault(str(one["name"]), {}).update(one)
        values[name] = tuple(_read(kind, one) for one in merged.values())
    return Snapshot(**values)


def _riff_of(parts: Iterable[Message], at: float) -> RiffEvent:
    notes: list[Note] = []
    text, head = "", {}
    for message in parts:
        given = _named(message)
        if message.address == RECIPE:
            text += str(given["recipe"])
            continue
        head = given
        notes += [
            Note(round(start * TICKS_PER_BEAT), round(length * TICKS_PER_BEAT), int(pitch), int(velocity))
            for start, length, pitch, velocity in given["quadruples"]
        ]
    return RiffEvent(
        voice=str(head["voice"]),
        start=int(head["tick"]),
        length=int(head["ticks"]),
        notes=tuple(notes),
        recipe=recipes.parse(text),
        at=at,
        port=str(head["port"]),
        channel=int(head["channel"]),
        **{name: bool(int(head[name])) for name in FLAGS},
    )
