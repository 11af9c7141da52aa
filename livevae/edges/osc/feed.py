"""What the hub tells, as OSC messages and back: for subscribers, and for clients that want the same values again.

    /livevae/beat  /livevae/bar  /livevae/training  /livevae/log     pairs of names and values
    /livevae/riff                                  pairs, the last being `notes` and how many, then quadruples
                                                   (beat, duration, pitch, velocity), beats from the riff's start
    /livevae/riff/recipe                           what it was decoded from, as text
    /livevae/snapshot/transport, /health, ...      how everything stands, a message a voice, a persona, a port

What does not fit one message comes in several, numbered `part` of `parts`, with one `n`. Names with a dot are
parts of one value: `settings.temp`, `blend.nora`. Moments travel as a bundle's timetag.

Law: an `Assembler` gives back the values that were sent, floats to 32 bits and moments to a microsecond.
"""

import itertools
import typing
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, TypeAlias

from livevae.edges.osc.answers import flat
from livevae.edges.osc.codec import Message, OscError, Timed, Value, decode, encode, encode_bundle
from livevae.edges.osc.timetags import Timetags
from livevae.errors import LivevaeError
from livevae.music.notes import TICKS_PER_BEAT, Note
from livevae.perform import blend, recipes
from livevae.perform.hub import (
    Bar,
    Beat,
    Event,
    Health,
    LogLine,
    PersonaState,
    PortState,
    RiffEvent,
    Snapshot,
    Takes,
    Training,
    Transport,
    VoiceState,
)
from livevae.perform.standing import CueState, EnsembleState, MemberState, OtherSlot

MOST_BYTES = 1_400
"""Of a packet: what every network carries in one piece."""

ROOM = 1_100
"""Bytes of a message's own pairs or notes; the rest is for its address, its type tags and the bundle."""

MOST_NOTES = 60
"""Quadruples of one message."""

LONGEST = 400
"""Bytes of a text."""

LONGEST_NAME = 100
"""Bytes of a name that a performer chose."""

RECIPE_PIECE = 700
"""Characters of a recipe's text in one message; beyond ASCII, a character may take more bytes."""

WAITING = 32
"""Values of which parts are still missing; the oldest is given up."""

MOST_PARTS = 1_024

Pairs: TypeAlias = list[tuple[str, int | float | str]]

RIFF, RECIPE = "/livevae/riff", "/livevae/riff/recipe"
SMALL: Mapping[str, type[Any]] = MappingProxyType(
    {"/livevae/beat": Beat, "/livevae/bar": Bar, "/livevae/training": Training, "/livevae/log": LogLine}
)
"""Addresses of the values that are one message."""

PARTS: Mapping[str, tuple[str, type[Any], bool]] = MappingProxyType(
    {
        "/livevae/snapshot/transport": ("transport", Transport, False),
        "/livevae/snapshot/health": ("health", Health, False),
        "/livevae/snapshot/takes": ("takes", Takes, False),
        "/livevae/snapshot/voice": ("voices", VoiceState, True),
        "/livevae/snapshot/persona": ("personas", PersonaState, True),
        "/livevae/snapshot/port": ("ports", PortState, True),
        "/livevae/snapshot/cue": ("cues", CueState, True),
        "/livevae/snapshot/other": ("other", OtherSlot, False),
        "/livevae/snapshot/ensemble": ("ensemble", EnsembleState, False),
        "/livevae/snapshot/room": ("rooms", MemberState, True),
    }
)
"""Addresses of a snapshot's parts: its field, what is in it, and whether there are several."""

_HINTS: Mapping[type[Any], Mapping[str, Any]] = {
    kind: typing.get_type_hints(kind) for kind in (*SMALL.values(), *(kind for _, kind, _ in PARTS.values()))
}

EVENTS = frozenset({*SMALL, RIFF, RECIPE, *PARTS})
"""Every address that subscribers are sent; none of them is a request."""

FLAGS = ("late", "pinned", "muted", "once")
"""What a riff's message says with 0 and 1."""

NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **{
            address: tuple(one.name for one in fields(kind) if one.name != "at")
            for address, kind in SMALL.items()
        },
        RIFF: (
            *("n", "part", "parts", "voice", "beat", "tick", "duration", "ticks"),
            *("port", "channel", "seed", "temp", *FLAGS, "notes"),
        ),
        RECIPE: ("n", "part", "parts", "voice", "recipe"),
        **{
            address: ("n", "part", "parts", *(one.name for one in fields(kind) if one.name != "at"))
            for address, (_, kind, _) in PARTS.items()
        },
    }
)
"""The pairs of each message, for the manual."""

_ADDRESS = {kind: address for address, kind in SMALL.items()}
_MOMENT = "at"


# from values to messages


def messages(event: Event, n: int = 0) -> list[Message]:
    """An event as messages, in order; `n` is what their parts have in common."""
    match event:
        case RiffEvent():
            return _riff(event, n)
        case Snapshot():
            return _snapshot(event, n)
        case _:
            return [Message(_ADDRESS[type(event)], _args(pairs(event)))]


def packets(event: Event, timetags: Timetags, n: int = 0) -> list[bytes]:
    """An event as packets: messages in bundles, whose timetag is the event's moment; each under `MOST_BYTES`."""
    at = moment(event)
    return bundled(map(encode, messages(event, n)), None if at is None else timetags.timetag(at))


def bundled(encoded: Iterable[bytes], timetag: float | None) -> list[bytes]:
    """Messages in as few packets as hold them, in order."""
    found: list[bytes] = []
    waiting: list[bytes] = []
    size = 0
    for data in encoded:
        if waiting and size + len(data) + 4 > MOST_BYTES - 20:
            found.append(encode_bundle(waiting, timetag))
            waiting, size = [], 0
        waiting.append(data)
        size += len(data) + 4
    return [*found, encode_bundle(waiting, timetag)]


def moment(event: Event) -> float | None:
    """When an event sounds or was, in seconds of the session's clock; None where it says nothing of that."""
    if isinstance(event, Snapshot):
        return event.transport.at
    at: float | None = getattr(event, _MOMENT, None)
    return at


def pairs(value: object) -> Pairs:
    """Every field but the moment, by name; of a tuple each item, as `field.name` or `field.number`."""
    found: Pairs = []
    for one in fields(typing.cast("Any", value)):
        held = getattr(value, one.name)
        if one.name == _MOMENT:
            continue
        if not isinstance(held, tuple):
            found.append((one.name, _scalar(held)))
            continue
        for number, item in enumerate(held, 1):
            name, inner = item if isinstance(item, tuple) else (str(number), item)
            found.append((f"{one.name}.{_cut(name or blend.BASE_WORD, LONGEST_NAME)}", _scalar(inner)))
    return found


def _scalar(value: object) -> int | float | str:
    plain = flat(value)
    return _cut(plain, LONGEST) if isinstance(plain, str) else plain


def _cut(text: str, most: int) -> str:
    """Text in at most so many bytes."""
    data = text.replace("\0", "").encode(errors="replace")
    return data[:most].decode(errors="ignore")


def _args(pairs: Iterable[tuple[str, int | float | str]]) -> tuple[Value, ...]:
    return tuple(part for pair in pairs for part in pair)


def _size(values: Iterable[Value]) -> int:
    """Bytes that arguments take, with their type tags."""
    return sum(5 if not isinstance(value, str) else len(value.encode()) // 4 * 4 + 5 for value in values)


def _snapshot(picture: Snapshot, n: int) -> list[Message]:
    found: list[tuple[str, Pairs]] = []
    for address, (name, _, several) in PARTS.items():
        held = getattr(picture, name)
        for one in held if several else (held,):
            found += [(address, piece) for piece in pieces(pairs(one), several=several)]
    return [part(address, piece, n, number, len(found)) for number, (address, piece) in enumerate(found, 1)]


def part(address: str, piece: Pairs, n: int, number: int, parts: int) -> Message:
    """A part of a snapshot, of so many that have `n` in common."""
    return Message(address, _args([("n", n), ("part", number), ("parts", parts), *piece]))


def pieces(whole: Pairs, *, several: bool) -> Iterator[Pairs]:
    """Pairs in pieces that fit a message; where there are several of a kind, each begins with its name."""
    head, rest = (whole[:1], whole[1:]) if several else ([], whole)
    piece = list(head)
    size = _size(_args(piece))
    for pair in rest:
        more = _size(pair)
        if size + more > ROOM and len(piece) > len(head):
            yield piece
            piece, size = list(head), _size(_args(head))
        piece.append(pair)
        size += more
    yield piece


def _riff(riff: RiffEvent, n: int) -> list[Message]:
    recipe = recipes.text(riff.recipe)
    texts = [recipe[i : i + RECIPE_PIECE] for i in range(0, len(recipe), RECIPE_PIECE)]
    texts = [piece for whole in texts for piece in _bytewise(whole)]
    head: Pairs = [
        ("voice", _cut(riff.voice, LONGEST_NAME)),
        ("beat", riff.start / TICKS_PER_BEAT),
        ("tick", flat(riff.start)),
        ("duration", riff.length / TICKS_PER_BEAT),
        ("ticks", flat(riff.length)),
        ("port", _cut(riff.port, LONGEST_NAME)),
        ("channel", riff.channel),
        ("seed", flat(riff.recipe.seed)),
        ("temp", riff.recipe.temperature),
        *((name, int(getattr(riff, name))) for name in FLAGS),
    ]
    each = min(MOST_NOTES, (MOST_BYTES - 160 - _size(_args(head))) // 20)
    notes = [riff.notes[i : i + each] for i in range(0, len(riff.notes), each)] or [()]
    parts = len(notes) + len(texts)
    found = []
    for part, some in enumerate(notes, 1):
        pairs = [("n", n), ("part", part), ("parts", parts), *head, ("notes", len(some))]
        found.append(Message(RIFF, (*_args(pairs), *(value for note in some for value in _quadruple(note)))))
    for part, text in enumerate(texts, len(notes) + 1):
        pairs = [("n", n), ("part", part), ("parts", parts), head[0], ("recipe", text)]
        found.append(Message(RECIPE, _args(pairs)))
    return found


def _bytewise(text: str) -> Iterator[str]:
    """Text in pieces of at most `ROOM` bytes."""
    while len(text.encode()) > ROOM:
        first = _cut(text, ROOM)
        yield first
        text = text[len(first) :]
    yield text


def _quadruple(note: Note) -> tuple[float, float, int, int]:
    return note.start / TICKS_PER_BEAT, note.length / TICKS_PER_BEAT, note.pitch, note.velocity


# from messages to values


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
    hints = _HINTS[kind]
    values: dict[str, Any] = {}
    for one in fields(kind):
        hint = hints[one.name]
        if one.name == _MOMENT:
            values[_MOMENT] = at
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
