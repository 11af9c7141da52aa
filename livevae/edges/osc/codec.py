"""OSC 1.0 packets: bytes <-> messages, and nothing else. No socket, no clock, no waiting on a timetag.

python-osc parses and builds every message. Three things are done here, because it does not do them (seen with
1.9 and 1.10):

* The walk over a bundle's elements. Its own never returns from an element whose size is negative, and recurses
  without a limit. Ours is bounded in depth and in the number of messages.
* Timetags as data. Its packets replace a time in the past, and order messages by time.
* Strictness. It lets UnicodeDecodeError and RecursionError out, logs and skips types that it does not know, fills
  up a float that is cut off, and takes a blob of negative size for an empty one. Here a packet is either read from
  its first byte to its last, or refused with one `OscError`.

Source: The Open Sound Control 1.0 Specification (Wright, 2002), with the 1.1 tags T F N I.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from pythonosc import osc_message, osc_message_builder
from pythonosc.parsing import osc_types

from livevae.errors import LivevaeError

MAX_DEPTH = 8
"""How deep bundles and arrays may nest; hosts nest bundles once at most."""

MAX_PACKET = 65_507
"""The most bytes that one UDP datagram over IPv4 holds."""

INT32_LOW, INT32_HIGH = -(2**31), 2**31 - 1

UNIX_EPOCH_IN_NTP = 2_208_988_800
"""Seconds from 1900, where NTP's time begins, to 1970 (RFC 868)."""

IMMEDIATELY = 1
"""The 64 bits that say "now" instead of a time."""

_BUNDLE = b"#bundle\0"
_NTP_EPOCH = datetime(1900, 1, 1)  # noqa: DTZ001  (python-osc's timetags are naive, in UTC)
_SIZES = {"i": 4, "f": 4, "r": 4, "m": 4, "h": 8, "d": 8, "t": 8, "T": 0, "F": 0, "N": 0}
_ALIKE = bytes.maketrans(b"ScI", b"srN")
"""Types that python-osc does not know, and those that it knows which are laid out alike: symbol, character, impulse."""

Value: TypeAlias = "int | float | str | bytes | bool | tuple[Value, ...] | None"
"""One argument. Arrays are tuples, and so is a MIDI message (four bytes); a colour an int, a timetag Unix seconds."""


class OscError(LivevaeError):
    """Bytes that are no OSC packet, a message that OSC cannot hold, or an OSC port that does not open."""


@dataclass(frozen=True, slots=True)
class Message:
    """One OSC message: where to, and with what."""

    address: str
    args: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Timed:
    """A message and the time of the bundle that brought it.

    Attributes:
        message: the message.
        timetag: Unix seconds (CLOCK_REALTIME) at which it should sound, past ones too; None is immediately.
        packet: the message alone as a packet, in a bundle where it has a timetag.
    """

    message: Message
    timetag: float | None = None
    packet: bytes = field(default=b"", compare=False, repr=False)


def decode(packet: bytes, most: int | None = None, longest: int = MAX_PACKET) -> list[Timed]:
    """The messages of a packet, in order, each with the timetag of its innermost bundle.

    Args:
        packet: one datagram.
        most: how many messages it may hold; None is any number.
        longest: bytes that one message may have.

    Raises:
        OscError: the packet is not OSC from its first byte to its last, or holds more; none of it is taken.
    """
    if len(packet) > MAX_PACKET:
        raise OscError(f"the packet is too long: {len(packet)} bytes, and OSC over UDP holds {MAX_PACKET}")
    elements: list[tuple[int, int, bytes]] = []
    for element in _elements(packet, 0, len(packet), b"", 0):
        if len(elements) == most:
            raise OscError(f"a bundle holds at most {most} messages: send the others in another")
        if element[1] - element[0] > longest:
            raise OscError(f"a message has at most {longest} bytes, not {element[1] - element[0]}")
        elements.append(element)
    return [_timed(packet[start:end], timetag) for start, end, timetag in elements]


def encode(message: Message) -> bytes:
    """A message as a packet: int is i, float f, str s, bytes b (one at least), bool T or F, None N, tuple [ ].

    Raises:
        OscError: the address does not start with "/", an int is beyond 32 bits, or a value is none of these.
    """
    if not message.address.startswith("/"):
        raise OscError(f"an OSC address starts with /, not {message.address[:40]!r}")
    _check_text(message.address)
    builder = osc_message_builder.OscMessageBuilder(message.address)
    builder.args.extend(_typed(message.args, 0))
    try:
        return bytes(builder.build().dgram)
    except OverflowError:
        raise OscError(f"a number of {message.address[:80]} is too large for OSC's float") from None


def encode_bundle(packets: Iterable[bytes], timetag: float | None = None) -> bytes:
    """Encoded messages or bundles as one bundle that sounds at `timetag` (Unix seconds; None is immediately).

    Raises:
        OscError: the time is none that NTP can say (1900 to 2036).
    """
    elements = b"".join(osc_types.write_int(len(packet)) + packet for packet in packets)
    return _BUNDLE + struct.pack(">Q", _ntp(timetag)) + elements


# bundles


def _elements(
    data: bytes, start: int, end: int, timetag: bytes, depth: int
) -> Iterator[tuple[int, int, bytes]]:
    """Where each message of a packet begins and ends, and the eight bytes of its timetag, b"" where there is none."""
    if not data.startswith(_BUNDLE, start, end):
        yield start, end, timetag
        return
    if depth == MAX_DEPTH:
        raise OscError(f"bundles are nested more than {MAX_DEPTH} deep")
    here = start + len(_BUNDLE) + 8
    if here > end:
        raise OscError("the packet ends early: a bundle without a timetag")
    timetag = data[here - 8 : here]
    while here < end:
        if end - here < 4:
            raise OscError(f"the packet ends early: 4 bytes wanted, {end - here} left")
        size = int.from_bytes(data[here : here + 4], signed=True)
        here += 4
        if not 0 < size <= end - here:
            raise OscError(f"a bundle's element says it has {size} bytes, where {end - here} are left")
        yield from _elements(data, here, here + size, timetag, depth + 1)
        here += size


def _timed(element: bytes, timetag: bytes) -> Timed:
    message = _message(element)
    if not timetag:
        return Timed(message, None, element)
    ntp = int.from_bytes(timetag)
    time = None if ntp == IMMEDIATELY else ntp / 2**32 - UNIX_EPOCH_IN_NTP
    return Timed(message, time, _BUNDLE + timetag + struct.pack(">i", len(element)) + element)


def _ntp(timetag: float | None) -> int:
    if timetag is None:
        return IMMEDIATELY
    seconds = timetag + UNIX_EPOCH_IN_NTP
    if not 0 <= seconds < 2**32:
        raise OscError(f"no OSC timetag can say {timetag} seconds after 1970")
    return round(seconds * 2**32) & (2**64 - 1)


# messages


def _message(data: bytes) -> Message:
    start = _string_end(data, 0)
    if not data.startswith(b"/"):
        text = data[: data.index(b"\0")].decode(errors="replace")
        raise OscError(f"neither an address nor a bundle starts with {text[:40]!r}")
    if start == len(data):
        return Message(_parsed(data).address)
    end = _string_end(data, start)
    tags = data[start : data.index(b"\0", start)]
    if not tags.startswith(b","):
        raise OscError(f"the type tags of {data[:80]!r} do not start with a comma")
    alike = tags.translate(_ALIKE)
    flat = _checked_tags(alike[1:])
    parsed = _parsed(data if alike == tags else data[:start] + alike + data[start + len(tags) :])
    reader = _Sizes(data, flat, end)
    args = tuple(reader.value(param) for param in parsed)
    if reader.here != len(data):
        more = len(data) - reader.here
        raise OscError(
            f"the packet ends early: {-more} bytes wanted"
            if more < 0
            else f"{parsed.address[:80]} has {more} bytes more than its type tags say"
        )
    return Message(parsed.address, args)


def _parsed(data: bytes) -> osc_message.OscMessage:
    try:
        return osc_message.OscMessage(data)
    except UnicodeDecodeError as wrong:
        raise OscError(f"a string is not UTF-8: {wrong.object[:40]!r}") from None
    except (osc_message.ParseError, ValueError, IndexError, OverflowError, RecursionError):
        raise OscError(f"the packet ends early, within {data[:40]!r}") from None


def _string_end(data: bytes, start: int) -> int:
    """Where what follows a string begins."""
    stop = data.find(b"\0", start)
    if stop < 0:
        raise OscError("a string has no end")
    end = start + _padded(stop + 1 - start)
    if end > len(data):
        raise OscError(f"the packet ends early: {end - start} bytes wanted, {len(data) - start} left")
    return end


def _checked_tags(tags: bytes) -> Iterator[str]:
    """Each value's type, in order, of arrays that nest as deep as the limit; see that python-osc knows them all."""
    depth = 0
    for tag in tags.decode("latin-1"):
        if tag == "[":
            depth += 1
            if depth > MAX_DEPTH:
                raise OscError(f"arrays are nested more than {MAX_DEPTH} deep")
        elif tag == "]":
            depth -= 1
            if depth < 0:
                raise OscError("an array ends that never began")
        elif tag not in _SIZES and tag not in ("s", "b"):
            raise OscError(f"no OSC type is called {tag!r}")
    if depth:
        raise OscError("an array never ends")
    return (tag for tag in tags.decode() if tag not in "[]")


class _Sizes:
    """Follows what python-osc has read: each value as we have it, and where in the bytes the next one begins."""

    def __init__(self, data: bytes, tags: Iterator[str], here: int) -> None:
        self.data, self.tags, self.here = data, tags, here

    def value(self, parsed: Any) -> Value:
        if isinstance(parsed, list):
            return tuple(self.value(inner) for inner in parsed)
        tag = next(self.tags)
        if tag == "s":
            self.here += _padded(len(parsed.encode()) + 1)
        elif tag == "b":
            size = int.from_bytes(self.data[self.here : self.here + 4], signed=True)
            if size != len(parsed):
                raise OscError(f"a blob says it has {size} bytes")
            self.here += 4 + _padded(size)
        else:
            self.here += _SIZES[tag]
            if tag == "t":
                return _seconds(*parsed)
        value: Value = parsed
        return value


def _seconds(time: datetime, fraction: int) -> float | None:
    """python-osc's form of a timetag, as Unix seconds; None is immediately."""
    since = (time - _NTP_EPOCH).total_seconds()
    return None if (since, fraction) == (0.0, IMMEDIATELY) else since + fraction / 2**32 - UNIX_EPOCH_IN_NTP


def _padded(count: int) -> int:
    """The next multiple of 4: where OSC's next value begins."""
    return count + -count % 4


def _typed(values: Iterable[Value], depth: int) -> Iterator[tuple[str, Any]]:
    """Each value with its type tag, as python-osc's builder keeps them; brackets around what is in an array."""
    for value in values:
        if isinstance(value, tuple):
            if depth == MAX_DEPTH:
                raise OscError(f"arrays are nested more than {MAX_DEPTH} deep")
            yield "[", None
            yield from _typed(value, depth + 1)
            yield "]", None
        else:
            yield _tag(value), value


def _tag(value: Value) -> str:
    if value is None:
        return "N"
    if isinstance(value, bool):  # before int: True is an int in Python
        return "T" if value else "F"
    if isinstance(value, int) and INT32_LOW <= value <= INT32_HIGH:
        return "i"
    if isinstance(value, float):
        return "f"
    if isinstance(value, str):
        _check_text(value)
        return "s"
    if isinstance(value, bytes) and value:
        return "b"
    raise OscError(f"OSC has no type for {str(value)[:40]} ({type(value).__name__})")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise OscError("an OSC string cannot hold a zero byte")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise OscError(f"not a text that UTF-8 can hold: {text[:40]!r}") from None
