"""`livevae send` and what is answered later."""

import struct

import pytest
from hypothesis import example, given, strategies as st

from livevae import cli
from livevae.edges.osc.words import spelled, typed


@given(st.floats(width=32, allow_nan=False))
@example(0.0)
@example(-0.0)
@example(16.0)
@example(3.4028234663852886e38)
def test_a_float32_is_spelled_by_what_makes_it_again(value):
    text = spelled(value)
    assert struct.pack(">f", float(text)) == struct.pack(">f", value)
    assert len(text) <= len(str(value))


@given(st.floats() | st.integers() | st.text() | st.booleans() | st.none())
def test_other_values_are_spelled_as_they_are(value):
    if not isinstance(value, float) or spelled(value) == str(value):
        assert spelled(value) == str(value)
    else:
        assert struct.unpack(">f", struct.pack(">f", value))[0] == value


def test_what_is_set_is_read_as_it_was_typed():
    as_sent = struct.unpack(">f", struct.pack(">f", 0.4))[0]
    assert (spelled(as_sent), spelled(16.0), spelled(100.0), spelled(1e300)) == (
        "0.4",
        "16.0",
        "100.0",
        "1e+300",
    )
    assert typed(spelled(as_sent)) == 0.4


@pytest.mark.real
def test_send_prints_later_answers_for_as_long_as_it_is_told(heard, capsys):
    words = ["send", "/livevae/learn", "lead", "setting", "temp", "--osc", f"127.0.0.1:{heard.port}"]
    assert cli.main([*words, "--wait", "0.5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2] == "voice            lead"
    assert lines[-1] == "/livevae/reply address /livevae/learn id 1 cc 74"
