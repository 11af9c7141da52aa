"""The wire: what is encoded is decoded, and nothing else is."""

import contextlib
import json

import pytest
from hypothesis import given, strategies as st

from livevae.player.wire import commands as c, reports as r
from livevae.player.wire.codec import (
    LONGEST_LINE,
    LineSplitter,
    WireError,
    decode_command,
    decode_report,
    encode,
)
from livevae.tempo.timeline import Timeline

names = st.text(max_size=12)
floats = st.floats(-1e9, 1e9)
ints = st.integers(-(10**12), 10**12)
notes = st.builds(
    c.PlayNote,
    ints,
    st.integers(1, 10**6),
    names,
    st.integers(1, 16),
    st.integers(0, 127),
    st.integers(1, 127),
    names,
)
lines_of_time = st.builds(Timeline, floats, floats, st.floats(20, 999))
maybe_tick = st.one_of(st.none(), ints)
commands = st.one_of(
    st.builds(c.Play, st.lists(notes, max_size=5).map(tuple)),
    st.builds(c.Release, st.lists(notes, max_size=5).map(tuple)),
    st.builds(c.Send, ints, names, st.binary(max_size=5).map(lambda b: b"\xb0" + b), names),
    st.builds(c.Cancel, names, maybe_tick),
    st.builds(c.SetTempo, st.floats(20, 999), maybe_tick, st.integers(0, 9999)),
    st.builds(c.Nudge, floats, st.integers(0, 9999)),
    st.builds(c.SetTimeline, lines_of_time),
    st.builds(c.SetClock, names, st.integers(1, 99999)),
    st.builds(c.SetMeter, ints, st.integers(1, 255), st.sampled_from((1, 2, 4, 8, 16, 32))),
    st.builds(c.SetPlaying, st.booleans()),
    st.builds(
        c.OpenPorts,
        st.lists(st.builds(c.PortSpec, names, names, floats, st.booleans()), max_size=3).map(tuple),
    ),
    st.just(c.Panic()),
    st.just(c.Quit()),
)
pairs = st.lists(st.tuples(names, names), max_size=3).map(tuple)
reports = st.one_of(
    st.builds(r.Hello, ints, st.booleans(), names),
    st.builds(r.PortsOpened, pairs, pairs),
    st.builds(r.TimelineChanged, lines_of_time, st.floats(20, 999)),
    st.builds(r.ClockChanged, names, ints, names),
    st.builds(r.Transport, st.booleans(), floats),
    st.builds(r.Counters, ints, ints, ints, ints, floats, floats, floats),
    st.builds(r.PortLost, names, names),
    st.builds(r.PortBack, names),
    st.builds(r.PlayerDied, names, ints),
    st.builds(r.Problem, names),
)


@given(commands)
def test_a_command_comes_back_from_its_line(command):
    line = encode(command)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_command(line) == command


@given(reports)
def test_a_report_comes_back_from_its_line(report):
    assert decode_report(encode(report)) == report


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'["Play"]',
        b'["Nothing",[]]',
        b'[["Play"],[]]',
        b'["Quit",[1]]',
        b'["Quit",{}]',
        b'["Cancel",["a",1.5]]',
        b'["Cancel",["a",true]]',
        b'["Cancel",[1,null]]',
        b'["Cancel",["a"]]',
        b'["SetTempo",["120",null,0]]',
        b'["SetTempo",[1e9,null,0]]',
        b'["SetTempo",[NaN,null,0]]',
        b'["SetTimeline",[[0,Infinity,120]]]',
        b'["Play",[[[0,0,"a",1,60,96,""]]]]',
        b'["Play",[[[0,1,"a",1,60,96]]]]',
        b'["Play",[{"0":1}]]',
        b'["Send",[0,"a","zz",""]]',
        b'["Hello",[1,true,""]]',
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_command_is_refused_with_a_sentence(line):
    with pytest.raises(WireError, match="not a line"):
        decode_command(line)


@given(st.binary(max_size=60))
def test_random_bytes_are_refused_or_are_a_command(data):
    with contextlib.suppress(WireError):
        decode_command(data)


@given(
    st.recursive(st.one_of(st.none(), st.booleans(), ints, floats, names), lambda x: st.lists(x, max_size=4))
)
def test_random_json_is_refused_or_is_a_command(value):
    for name in ("Play", "Send", "Cancel", "SetTempo", "OpenPorts"):
        with contextlib.suppress(WireError):
            decode_command(json.dumps([name, value]).encode())


@given(st.lists(commands, max_size=6), st.lists(st.integers(1, 50), max_size=40))
def test_lines_come_whole_however_the_stream_is_cut(sent, cuts):
    stream = b"".join(map(encode, sent))
    splitter, got = LineSplitter(), []
    for size in cuts:
        got += splitter.feed(stream[:size])
        stream = stream[size:]
    got += splitter.feed(stream)
    assert [decode_command(line) for line in got] == sent


def test_a_line_without_an_end_is_refused():
    with pytest.raises(WireError, match="no end"):
        LineSplitter().feed(b"x" * (LONGEST_LINE + 1))
