"""A MIDI byte stream to whole messages, strictly: what is broken is left out, and nothing after it suffers.

Source: The Complete MIDI 1.0 Detailed Specification, section 2 (running status, real-time bytes anywhere,
system common and undefined status bytes). Sans-IO: bytes in, messages out. Laws, for every stream:

    how it is cut into pieces changes nothing
    real-time bytes between the bytes of a message change nothing about that message
    every message that comes out is whole: a status byte, then exactly its data bytes
"""

from collections.abc import Iterator

SYSEX, SYSEX_END = 0xF0, 0xF7
REALTIME = 0xF8
UNDEFINED_REALTIME = frozenset((0xF9, 0xFD))

CHANNEL_DATA = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
COMMON_DATA = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0}
"""Data bytes of channel messages, by status without the channel, and of system common ones."""


class MessageStream:
    """One input's bytes. System exclusive is left out, however long it is; nothing is kept of it."""

    __slots__ = ("_data", "_status", "_wanted")

    def __init__(self) -> None:
        self._status = 0
        self._wanted = 0
        self._data = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now. Running status is spelled out."""
        return [message for byte in data for message in self._take(byte)]

    def _take(self, byte: int) -> Iterator[bytes]:
        if byte >= REALTIME:
            if byte not in UNDEFINED_REALTIME:
                yield bytes((byte,))
        elif byte >= 0x80:
            self._begin(byte)
            if byte in COMMON_DATA and not self._wanted:
                self._status = 0
                yield bytes((byte,))
        elif self._status:
            self._data.append(byte)
            if len(self._data) == self._wanted:
                yield bytes((self._status, *self._data))
                self._data.clear()
                if self._status >= SYSEX:  # only channel messages have running status
                    self._status = 0

    def _begin(self, status: int) -> None:
        """A status byte: whatever was unfinished is left out. Data without a status means nothing."""
        self._data.clear()
        if status < SYSEX:
            self._status, self._wanted = status, CHANNEL_DATA[status & 0xF0]
        elif status in COMMON_DATA:
            self._status, self._wanted = status, COMMON_DATA[status]
        else:
            self._status = 0
