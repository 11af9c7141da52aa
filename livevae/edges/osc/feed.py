"""What the hub tells, as OSC messages for subscribers; `assembler` makes the values of them again.

    /livevae/beat  /livevae/bar  /livevae/training  /livevae/log     pairs of names and values
    /livevae/riff                                  pairs, the last being `notes` and how many, then quadruples
                                                   (beat, duration, pitch, velocity), beats from the riff's start
    /livevae/riff/recipe                           what it was decoded from, as text
    /livevae/snapshot/transport, /health, ...      how everything stands, a message a voice, a persona, a port

What does not fit one message comes in several, numbered `part` of `parts`, with one `n`. Names with a dot are
parts of one value: `settings.temp`, `blend.nora`. Moments travel as a bundle's timetag.

Law: an `assembler.Assembler` gives back the values that were sent, floats to 32 bits and moments to a microsecond.
"""

import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, TypeAlias

from livevae.edges.osc.answers import flat
from livevae.edges.osc.codec import Message, Value, encode, encode_bundle
from livevae.edges.osc.timetags import Timetags
from livevae.music.notes import TICKS_PER_BEAT, Note
from livevae.perform import blend, recipes
from livevae.perform.events import (
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

HINTS: Mapping[type[Any], Mapping[str, Any]] = {
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
MOMENT = "at"


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
    at: float | None = getattr(event, MOMENT, None)
    return at


def pairs(value: object) -> Pairs:
    """Every field but the moment, by name; of a tuple each item, as `field.name` or `field.number`."""
    found: Pairs = []
    for one in fields(typing.cast("Any", value)):
        held = getattr(value, one.name)
        if one.name == MOMENT:
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
