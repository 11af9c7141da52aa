"""Replies and errors: flat pairs that every host can read."""

from hypothesis import given, strategies as st

from livevae.edges.osc.answers import error, flat, reply
from livevae.edges.osc.codec import Message, decode, encode
from livevae.perform.requests import Reply

ASKED = Message("/livevae/sample", ("lead", "id", 7, "bars", 4))


def test_a_reply_says_what_was_asked_its_id_the_beat_and_its_pairs():
    answer = Reply(beat=16.0, pairs=(("voice", "lead"), ("seed", 5)))
    assert reply(ASKED, answer) == Message(
        "/livevae/reply", ("address", "/livevae/sample", "id", 7, "beat", 16.0, "voice", "lead", "seed", 5)
    )


def test_a_reply_without_id_and_beat_has_neither():
    assert reply(Message("/livevae/panic"), Reply()) == Message(
        "/livevae/reply", ("address", "/livevae/panic")
    )


def test_a_reply_tells_the_names_that_were_ignored():
    assert reply(Message("/livevae/play"), Reply(), ("tmep", "n")).args[2:] == ("ignored", "tmep n")


def test_a_reply_that_is_not_ok_is_an_error():
    answer = Reply(ok=False, text="there is no voice called lead")
    assert reply(ASKED, answer) == Message(
        "/livevae/error", ("address", "/livevae/sample", "id", 7, "text", "there is no voice called lead")
    )


def test_an_error_says_how_many_before_it_were_held_back():
    assert error(None, "no packet", 12) == Message(
        "/livevae/error", ("address", "", "text", "no packet", "held_back", 12)
    )


def test_an_error_is_short_whatever_was_sent():
    long = Message("/" + "x" * 60_000, ("id", "y" * 60_000))
    assert len(encode(error(long, "z" * 60_000))) < 1200


def test_an_id_is_found_after_a_word_and_among_names_that_are_none():
    assert error(Message("/livevae/play", (3, "id", "a", 4, 5)), "no").args[2:4] == ("id", "a")
    assert error(Message("/livevae/play", (3, 4)), "no").args[2:3] == ("text",)
    assert error(Message("/livevae/play", ("id", b"blob")), "no").args[2:3] == ("text",)


def test_numbers_beyond_32_bits_become_words():
    assert flat(2**31 - 1) == 2**31 - 1
    assert flat(2**31) == "2147483648"
    assert flat(-(2**31)) == -(2**31)
    assert flat(True) == 1
    assert flat(1e300) == "1e+300"


VALUES = st.one_of(
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.booleans(),
    st.none(),
    st.binary(max_size=4),
)


@given(st.lists(st.tuples(st.text(max_size=8), VALUES), max_size=6))
def test_every_reply_is_flat_pairs_of_i_f_and_s(pairs):
    packet = encode(reply(ASKED, Reply(pairs=tuple(pairs))))
    answer = decode(packet)[0].message
    tags = packet[packet.index(b",") + 1 :].split(b"\0")[0]
    assert set(tags) <= set(b"ifs")
    assert len(answer.args) == 4 + 2 * len(pairs)
