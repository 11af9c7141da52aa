"""OSC packets: bytes <-> messages."""

import contextlib
import random
import struct

import pytest
from hypothesis import given, strategies as st
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from livevae.edges.osc.codec import (
    MAX_DEPTH,
    MAX_PACKET,
    Message,
    OscError,
    Timed,
    decode,
    encode,
    encode_bundle,
)

NOW = 1_760_000_000.25
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
SCALARS = st.one_of(
    st.integers(-(2**31), 2**31 - 1),
    st.floats(width=32, allow_nan=False),
    TEXT,
    st.binary(min_size=1, max_size=9),
    st.booleans(),
    st.none(),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)
MESSAGES = st.builds(Message, TEXT.map("/".__add__), st.lists(VALUES, max_size=6).map(tuple))
TIMETAGS = st.none() | st.integers(0, 2_000_000_000 * 2**20).map(lambda ticks: ticks / 2**20)


@given(MESSAGES)
def test_what_is_encoded_decodes_to_itself(message):
    packet = encode(message)
    assert len(packet) % 4 == 0
    assert decode(packet) == [Timed(message)]


@given(st.lists(MESSAGES, max_size=4), TIMETAGS)
def test_a_bundle_gives_each_of_its_messages_its_timetag(messages, timetag):
    packet = encode_bundle(map(encode, messages), timetag)
    timed = decode(packet)
    assert [one.message for one in timed] == messages
    for one in timed:
        assert one.timetag == (None if timetag is None else pytest.approx(timetag, abs=1e-6))


def test_a_nested_bundle_keeps_its_own_timetag():
    inner = encode_bundle([encode(Message("/b"))], NOW + 1)
    packet = encode_bundle([encode(Message("/a")), inner, encode(Message("/c"))], NOW)
    assert decode(packet) == [
        Timed(Message("/a"), NOW),
        Timed(Message("/b"), NOW + 1),
        Timed(Message("/c"), NOW),
    ]


def test_a_timetag_of_the_past_is_kept_and_the_immediate_one_is_none():
    assert decode(encode_bundle([encode(Message("/a"))], 12.5)) == [Timed(Message("/a"), 12.5)]
    assert decode(encode_bundle([encode(Message("/a"))], None)) == [Timed(Message("/a"), None)]


def test_bundles_nest_as_deep_as_the_limit_and_no_deeper():
    packet = encode(Message("/a"))
    for _ in range(MAX_DEPTH):
        packet = encode_bundle([packet])
    assert decode(packet) == [Timed(Message("/a"))]
    with pytest.raises(OscError, match="nested more than 8 deep"):
        decode(encode_bundle([packet]))


def test_two_thousand_nested_bundles_are_one_error():
    packet = b""
    for _ in range(2000):
        packet = encode_bundle([packet] if packet else [])
    with pytest.raises(OscError, match="nested"):
        decode(packet)


def test_arrays_nest_as_deep_as_the_limit_and_no_deeper():
    value = 1
    for _ in range(MAX_DEPTH):
        value = (value,)
    assert decode(encode(Message("/a", (value,)))) == [Timed(Message("/a", (value,)))]
    tags = b"," + b"[" * 5000 + b"]" * 5000
    with pytest.raises(OscError, match="arrays are nested"):
        decode(b"/a\0\0" + tags.ljust(len(tags) + 4 - len(tags) % 4, b"\0"))
    with pytest.raises(OscError, match="arrays are nested"):
        encode(Message("/a", ((value,),)))


@pytest.mark.parametrize("size", [-4, -(2**31), 0, 2**31 - 1, 13])
def test_a_bundle_element_with_a_false_size_is_refused(size):
    """-4 makes python-osc 1.10 read the same element for ever."""
    with pytest.raises(OscError, match="element says it has"):
        decode(encode_bundle([]) + struct.pack(">i", size) + b"/a\0\0,\0\0\0")


def test_types_that_only_other_hosts_send_are_read():
    packet = b"/a\0\0,hdtTFNImrcS\0\0\0\0" + struct.pack(">qdQ", 2**40, 0.1, 1) + b"mmmmrrrrccccsym\0"
    assert decode(packet)[0].message.args == (
        *(2**40, 0.1, None, True, False, None, None),
        *((109, 109, 109, 109), 0x72727272, 0x63636363, "sym"),
    )


def test_a_message_without_type_tags_has_no_arguments():
    assert decode(b"/a\0\0") == [Timed(Message("/a"))]


@pytest.mark.parametrize(
    ("packet", "sentence"),
    [
        (b"", "no end"),
        (b"hello\0\0\0", "starts with 'hello'"),
        (b"/a", "no end"),
        (b"/a\0", "ends early"),
        (b"/a\0\0oops\0\0\0\0", "do not start with a comma"),
        (b"/a\0\0,i\0\0", "ends early"),
        (b"/a\0\0,i\0\0\0\0\0\1more", "4 bytes more"),
        (b"/a\0\0,s\0\0abcd", "ends early"),
        (b"/a\0\0,s\0\0\xff\0\0\0", "not UTF-8"),
        (b"/\xff\0\0,\0\0\0", "not UTF-8"),
        (b"/a\0\0,b\0\0\xff\xff\xff\xff", "a blob says it has -1 bytes"),
        (b"/a\0\0,b\0\0\x7f\xff\xff\xff", "ends early"),
        (b"/a\0\0,z\0\0", "no OSC type is called 'z'"),
        (b"/a\0\0,[\0\0", "never ends"),
        (b"/a\0\0,]\0\0", "never began"),
        (b"#bundle\0\0\0", "ends early"),
        (b"#bundle", "no end"),
        (bytes(MAX_PACKET + 1), "too long"),
    ],
)
def test_bytes_that_are_no_packet_are_refused_with_a_sentence(packet, sentence):
    with pytest.raises(OscError, match=sentence):
        decode(packet)


@given(st.binary(max_size=120))
def test_random_bytes_are_a_packet_or_an_osc_error(data):
    _is_read_or_refused(data)


@given(st.lists(MESSAGES, max_size=3), TIMETAGS, st.data())
def test_a_damaged_packet_is_a_packet_or_an_osc_error(messages, timetag, data):
    packet = bytearray(encode_bundle(map(encode, messages), timetag))
    for _ in range(data.draw(st.integers(1, 4))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    _is_read_or_refused(bytes(packet[: data.draw(st.integers(0, len(packet)))]))


@pytest.mark.parametrize("seed", range(4))
def test_twenty_thousand_broken_packets_are_packets_or_osc_errors(seed):
    """Noise behind true beginnings, so that every reader meets it; some of it as long as a packet can be."""
    dice = random.Random(seed)
    starts = (
        b"",
        b"/a\0\0",
        b"/a\0\0,",
        b"/a\0\0,ifsbtm\0",
        b"/a\0\0,[[ii]\0\0",
        encode_bundle([]),
        encode_bundle([b"/a\0\0"]),
    )
    for _ in range(5000):
        size = MAX_PACKET - 100 if dice.random() < 0.002 else dice.randrange(0, 64)
        _is_read_or_refused(dice.choice(starts) + dice.randbytes(size))


def _is_read_or_refused(packet):
    timed = []
    with contextlib.suppress(OscError):
        timed = decode(packet)
    assert all(one.message.address.startswith("/") for one in timed)


@given(MESSAGES.filter(lambda message: message.args))
def test_no_truncation_of_a_message_decodes(message):
    """Its type tags promise what the cut took away; a cut after the address alone leaves a whole message."""
    packet = encode(message)
    for end in range(len(packet)):
        with contextlib.suppress(OscError):
            assert decode(packet[:end]) == [Timed(Message(message.address))]


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (Message("a"), "starts with /"),
        (Message("/a", (2**31,)), "no type for 2147483648"),
        (Message("/a", (1e39,)), "too large"),
        (Message("/a", ("\0",)), "zero byte"),
        (Message("/a", ("\ud800",)), "UTF-8"),
        (Message("/a", ([1],)), "no type for"),
    ],
)
def test_what_osc_cannot_hold_is_not_encoded(message, sentence):
    with pytest.raises(OscError, match=sentence):
        encode(message)


@pytest.mark.parametrize("timetag", [-3e9, 1e10, float("inf")])
def test_a_time_that_ntp_cannot_say_is_not_encoded(timetag):
    with pytest.raises(OscError, match="no OSC timetag"):
        encode_bundle([], timetag)


@given(MESSAGES)
def test_python_osc_reads_what_we_write(message):
    theirs = OscMessage(encode(message))
    assert theirs.address == message.address
    assert theirs.params == _lists(message.args)


@pytest.mark.parametrize("tags", [b"Q" * 2000, b"i" * 9000 + b"[" * 9000, b"[" * 40_000])
def test_types_that_python_osc_would_log_or_recurse_on_never_reach_it(tags, caplog):
    with pytest.raises(OscError):
        decode(b"/a\0\0" + b"," + tags + bytes(4 - (1 + len(tags)) % 4))
    assert not caplog.records


def test_a_float_that_is_cut_off_is_not_filled_up():
    """python-osc reads the missing bytes as zeros: a tempo of 0."""
    with pytest.raises(OscError, match="ends early"):
        decode(encode(Message("/livevae/tempo", (140.0,)))[:-2] + b"")


def test_a_packet_holds_so_many_messages_and_a_message_so_many_bytes():
    ping = encode(Message("/a"))
    assert len(decode(encode_bundle([ping] * 5), most=5)) == 5
    with pytest.raises(OscError, match="at most 5 messages"):
        decode(encode_bundle([encode_bundle([ping] * 3)] * 2), most=5)
    with pytest.raises(OscError, match="at most 100 bytes, not 208"):
        decode(encode(Message("/a", ("x" * 199,))), longest=100)


@given(MESSAGES, TIMETAGS)
def test_each_message_is_there_as_a_packet_that_decodes_to_it(message, timetag):
    (timed,) = decode(encode_bundle([encode(message)], timetag))
    assert decode(timed.packet) == [timed]
    (alone,) = decode(encode(message))
    assert decode(alone.packet) == [alone]


def _lists(values):
    return [_lists(value) if isinstance(value, tuple) else value for value in values]


def test_we_read_what_python_osc_writes():
    builder = OscMessageBuilder("/livevae/sample")
    for value in ("voice", "lead", "bars", 4, "temp", 0.5, "big", 2**40, b"blob", True, None):
        builder.add_arg(value)
    assert decode(builder.build().dgram) == [
        Timed(
            Message(
                "/livevae/sample",
                ("voice", "lead", "bars", 4, "temp", 0.5, "big", 2**40, b"blob", True, None),
            )
        )
    ]


def test_python_osc_reads_our_timetags():
    packet = encode_bundle([encode(Message("/a"))], NOW)
    assert OscBundle(packet).timestamp == pytest.approx(NOW, abs=1e-6)
