"""OSC 1.0 packets: bytes <-> messages, and nothing else. No socket, no clock, no waiting on a timetag.

A parser of our own: the usual one (python-osc 1.10) never returns from a bundle whose element says its size
is negative, and lets RecursionError and UnicodeDecodeError out. Here every packet is either read whole or
refused with one `OscError`, in time proportional to its length.

Source: The Open Sound Control 1.0 Specification (Wright, 2002), with the 1.1 tags T F N I.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

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

Value: TypeAlias = "int | float | str | bytes | bool | tuple[Value, ...] | None"
"""One argument. Arrays are tuples; colours and MIDI messages stay 4 bytes; timetags are Unix seconds."""


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
    """

    message: Message
    timetag: float | None = None


def decode(packet: bytes) -> list[Timed]:
    """The messages of a packet, in order, each with the timetag of its innermost bundle.

    Raises:
        OscError: the packet is not OSC from its first byte to its last; none of it is taken.
    """
    if len(packet) > MAX_PACKET:
        raise OscError(f"the packet is too long: {len(packet)} bytes, and OSC over UDP holds {MAX_PACKET}")
    return list(_packet(packet, 0, len(packet), None, 0))


def encode(message: Message) -> bytes:
    """A message as a packet: int is i, float f, str s, bytes b, bool T or F, None N, tuple [ ].

    Raises:
        OscError: the address does not start with "/", an int is beyond 32 bits, or a value is none of these.
    """
    if not message.address.startswith("/"):
        raise OscError(f"an OSC address starts with /, not {message.address[:40]!r}")
    tags, data = _encode_values(message.args, 0)
    return _encode_string(message.address) + _encode_string("," + tags) + data


def encode_bundle(packets: Iterable[bytes], timetag: float | None = None) -> bytes:
    """Encoded messages or bundles as one bundle that sounds at `timetag` (Unix seconds; None is immediately).

    Raises:
        OscError: the time is none that NTP can say (1900 to 2036).
    """
    elements = b"".join(struct.pack(">i", len(packet)) + packet for packet in packets)
    return _BUNDLE + struct.pack(">Q", _ntp(timetag)) + elements


def _packet(data: bytes, start: int, end: int, timetag: float | None, depth: int) -> Iterator[Timed]:
    if data.startswith(_BUNDLE, start, end):
        if depth == MAX_DEPTH:
            raise OscError(f"bundles are nested more than {MAX_DEPTH} deep")
        yield from _bundle(data, start + len(_BUNDLE), end, depth + 1)
    else:
        yield Timed(_Reader(data, start, end).message(), timetag)


def _bundle(data: bytes, start: int, end: int, depth: int) -> Iterator[Timed]:
    reader = _Reader(data, start, end)
    timetag = reader.timetag()
    while reader.here < end:
        size = reader.int32()
        if not 0 < size <= end - reader.here:
            raise OscError(f"a bundle's element says it has {size} bytes, where {end - reader.here} are left")
        yield from _packet(data, reader.here, reader.here + size, timetag, depth)
        reader.here += size


class _Reader:
    """A place in a packet; every read moves it on, or raises OscError."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self.data, self.here, self.end = data, start, end

    def take(self, count: int) -> bytes:
        if count < 0 or self.here + count > self.end:
            raise OscError(f"the packet ends early: {count} bytes wanted, {self.end - self.here} left")
        self.here += count
        return self.data[self.here - count : self.here]

    def int32(self) -> int:
        value: int = struct.unpack(">i", self.take(4))[0]
        return value

    def timetag(self) -> float | None:
        ntp: int = struct.unpack(">Q", self.take(8))[0]
        return None if ntp == IMMEDIATELY else ntp / 2**32 - UNIX_EPOCH_IN_NTP

    def string(self) -> str:
        stop = self.data.find(b"\0", self.here, self.end)
        if stop < 0:
            raise OscError("a string has no end")
        raw = self.take(_padded(stop + 1 - self.here))[: stop - self.here]
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise OscError(f"a string is not UTF-8: {raw[:40]!r}") from None

    def blob(self) -> bytes:
        size = self.int32()
        if size < 0:
            raise OscError(f"a blob says it has {size} bytes")
        return self.take(_padded(size))[:size]

    def message(self) -> Message:
        address = self.string()
        if not address.startswith("/"):
            raise OscError(f"neither an address nor a bundle starts with {address[:40]!r}")
        if self.here == self.end:
            return Message(address)
        tags = self.string()
        if not tags.startswith(","):
            raise OscError(f"the type tags of {address[:80]} do not start with a comma")
        args = self.values(tags[1:])
        if self.here != self.end:
            raise OscError(f"{address[:80]} has {self.end - self.here} bytes more than its type tags say")
        return Message(address, args)

    def values(self, tags: str) -> tuple[Value, ...]:
        stack: list[list[Value]] = [[]]
        for tag in tags:
            if tag == "[":
                if len(stack) > MAX_DEPTH:
                    raise OscError(f"arrays are nested more than {MAX_DEPTH} deep")
                stack.append([])
            elif tag == "]":
                if len(stack) == 1:
                    raise OscError("an array ends that never began")
                array = tuple(stack.pop())
                stack[-1].append(array)
            else:
                stack[-1].append(self.value(tag))
        if len(stack) > 1:
            raise OscError("an array never ends")
        return tuple(stack[0])

    def value(self, tag: str) -> Value:
        if tag in _NUMBERS:
            number: int | float = struct.unpack(_NUMBERS[tag], self.take(struct.calcsize(_NUMBERS[tag])))[0]
            return number
        match tag:
            case "s" | "S":
                return self.string()
            case "b":
                return self.blob()
            case "m" | "r" | "c":
                return self.take(4)
            case "t":
                return self.timetag()
            case "T" | "F":
                return tag == "T"
            case "N":
                return None
            case "I":
                return float("inf")
        raise OscError(f"no OSC type is called {tag!r}")


_NUMBERS = {"i": ">i", "f": ">f", "h": ">q", "d": ">d"}


def _padded(count: int) -> int:
    """The next multiple of 4: where OSC's next value begins."""
    return count + -count % 4


def _encode_values(values: Iterable[Value], depth: int) -> tuple[str, bytes]:
    if depth > MAX_DEPTH:
        raise OscError(f"arrays are nested more than {MAX_DEPTH} deep")
    tags, data = "", b""
    for value in values:
        if isinstance(value, tuple):
            inner, more = _encode_values(value, depth + 1)
            tag = f"[{inner}]"
        else:
            tag, more = _encode_value(value)
        tags += tag
        data += more
    return tags, data


def _encode_value(value: Value) -> tuple[str, bytes]:
    if value is None:
        return "N", b""
    if isinstance(value, bool):  # before int: True is an int in Python
        return ("T" if value else "F"), b""
    if isinstance(value, int) and INT32_LOW <= value <= INT32_HIGH:
        return "i", struct.pack(">i", value)
    if isinstance(value, float):
        try:
            return "f", struct.pack(">f", value)
        except OverflowError:
            raise OscError(f"{value} is too large for OSC's float") from None
    if isinstance(value, str):
        return "s", _encode_string(value)
    if isinstance(value, bytes):
        return "b", struct.pack(">i", len(value)) + value.ljust(_padded(len(value)), b"\0")
    raise OscError(f"OSC has no type for {str(value)[:40]} ({type(value).__name__})")


def _encode_string(text: str) -> bytes:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise OscError(f"not a text that UTF-8 can hold: {text[:40]!r}") from None
    if b"\0" in raw:
        raise OscError("an OSC string cannot hold a zero byte")
    return raw.ljust(_padded(len(raw) + 1), b"\0")


def _ntp(timetag: float | None) -> int:
    if timetag is None:
        return IMMEDIATELY
    seconds = timetag + UNIX_EPOCH_IN_NTP
    if not 0 <= seconds < 2**32:
        raise OscError(f"no OSC timetag can say {timetag} seconds after 1970")
    return round(seconds * 2**32) & (2**64 - 1)
