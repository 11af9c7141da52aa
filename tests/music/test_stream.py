"""The MIDI byte stream's laws: nothing broken gets through, nothing after it suffers."""

import itertools

import pytest
from hypothesis import given, strategies as st

from livevae.music.stream import CHANNEL_DATA, COMMON_DATA, MessageStream

data = st.integers(0, 127)
channel_messages = st.tuples(st.sampled_from(sorted(CHANNEL_DATA)), st.integers(0, 15), data, data).map(
    lambda m: bytes((m[0] | m[1], m[2], m[3]))[: 1 + CHANNEL_DATA[m[0]]]
)
realtime = st.sampled_from([b"\xf8", b"\xfa", b"\xfb", b"\xfc", b"\xfe", b"\xff"])
sysex = st.binary(max_size=30).map(lambda b: b"\xf0" + bytes(x & 0x7F for x in b) + b"\xf7")


def heard(*pieces: bytes) -> list[bytes]:
    stream = MessageStream()
    return [message for piece in pieces for message in stream.feed(piece)]


def lengths(message: bytes) -> int:
    if message[0] < 0xF0:
        return 1 + CHANNEL_DATA[message[0] & 0xF0]
    return 1 + COMMON_DATA.get(message[0], 0)


@given(st.lists(channel_messages | realtime))
def test_whole_messages_come_through_as_they_are(messages: list[bytes]) -> None:
    assert heard(b"".join(messages)) == messages


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=10))
def test_how_a_stream_is_cut_changes_nothing(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert heard(*pieces) == heard(stream)


@given(st.binary(max_size=300))
def test_every_message_that_comes_out_is_whole(stream: bytes) -> None:
    for message in heard(stream):
        assert message[0] >= 0x80
        assert all(byte < 0x80 for byte in message[1:])
        assert len(message) == lengths(message)


@given(st.binary(max_size=100), st.lists(st.tuples(st.integers(0, 100), realtime), max_size=10))
def test_realtime_bytes_anywhere_change_nothing_about_the_other_messages(
    stream: bytes, extra: list[tuple[int, bytes]]
) -> None:
    with_clock = bytearray(stream)
    for place, byte in extra:
        with_clock[place:place] = byte
    without = [message for message in heard(stream) if message[0] < 0xF8]
    assert [message for message in heard(bytes(with_clock)) if message[0] < 0xF8] == without


@given(st.binary(max_size=100), st.lists(channel_messages, min_size=1))
def test_after_any_rubbish_the_next_status_is_understood(rubbish: bytes, messages: list[bytes]) -> None:
    after = heard(rubbish + b"\xf7" + b"".join(messages))
    assert after[len(after) - len(messages) :] == messages


@given(st.lists(sysex | channel_messages))
def test_system_exclusive_is_left_out(messages: list[bytes]) -> None:
    assert heard(b"".join(messages)) == [message for message in messages if message[0] != 0xF0]


def test_a_flood_of_system_exclusive_keeps_nothing() -> None:
    stream = MessageStream()
    stream.feed(b"\xf0")
    for _ in range(1000):
        assert stream.feed(b"\x55" * 1000) == []
    assert len(stream._data) == 0
    assert stream.feed(b"\x90\x3c\x40") == [b"\x90\x3c\x40"]


@pytest.mark.parametrize(
    ("stream", "messages"),
    [
        (b"\x90\x3c\x40\x3e\x40", [b"\x90\x3c\x40", b"\x90\x3e\x40"]),  # running status
        (b"\x90\x3c\xf8\x40\xfe\x3e\xfa\x40", [b"\xf8", b"\x90\x3c\x40", b"\xfe", b"\xfa", b"\x90\x3e\x40"]),
        (b"\x90\x3c\xb0\x07\x40", [b"\xb0\x07\x40"]),  # a note cut short
        (b"\x90\x3c\x40\xf6\x3e\x40", [b"\x90\x3c\x40", b"\xf6"]),  # common ends running status
        (b"\x90\x3c\x40\xf2\x01\x02\x03\x04", [b"\x90\x3c\x40", b"\xf2\x01\x02"]),
        (b"\x3c\x40\x07", []),  # data without a status
        (b"\xf4\x01\xf5\x02\xf9\xfd", []),  # undefined
        (b"\xf0\x7e\xf8\x7f\xf7\xc0\x05", [b"\xf8", b"\xc0\x05"]),
        (b"\xf0\x7e\x90\x3c\x40", [b"\x90\x3c\x40"]),  # exclusive without its end
    ],
)
def test_what_the_specification_says_of_it(stream: bytes, messages: list[bytes]) -> None:
    assert heard(stream) == messages
