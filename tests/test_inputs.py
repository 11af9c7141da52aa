"""Logs from elsewhere: what no server writes is refused with the line, before a note is played."""

import json

import pytest
from hypothesis import given, settings, strategies as st

from livevae.errors import LivevaeError
from livevae.inputs import MAX_LINE, Head, Input, line_of, load, read
from livevae.perform.timing import Timing
from livevae.server import lead_for

HEAD = line_of(Head())


@given(st.floats(0, 1e6))
def test_the_log_of_a_machine_however_slow_can_be_read(p99):
    """60 voices on a crowded machine were begun more than 60 s ahead, and no replay took the log."""
    lead = lead_for(p99)
    assert read([line_of(Head(lead=lead))]).head.lead == Timing(lead).lead == lead


@pytest.mark.parametrize(
    "head",
    [
        {"lead": 1e300},
        {"lookahead": -1},
        {"zero": 1e300},
        {"wall": 1e300},
        {"wall": float("nan")},
        {"bpm": 1e-300},
        {"bpm": -5},
        {"bpm": "fast"},
        {"seed": 1.5},
        {"seed": 10**80},
        {"ports": []},
        {"ports": [["x"]]},
        {"ports": ["p"] * 5000},
        {"surprise": 1},
        [[[[]]]],
        7,
    ],
)
def test_a_head_that_no_server_writes_is_refused(head):
    with pytest.raises(LivevaeError, match="no log"):
        read([json.dumps(head) + "\n"])


@pytest.mark.parametrize(
    "line",
    [
        [1e300, "end", "", None],
        [-1, "osc", "00", None],
        [1, "osc", "00", 1e300],
        [10**400, "osc", "00", None],
        [1, "lost", b"\xff\xfe".hex(), None],
        [1, "midi", "", None],
        [1, "midi", "90", None],
        [1, "midi", "3c40", None],
        [1, "midi", "9080ff", None],
        [1, "clock", "", None],
        [1, "line", b"[1e300, 120]".hex(), None],
        [1, "line", b"[0, 1e-300]".hex(), None],
        [1, "line", b"[0, -5]".hex(), None],
        [1, "line", b"[[[[0]]], 120]".hex(), None],
        [1, "transport", b"[true, 1e300]".hex(), None],
        [1, "transport", b"[true, NaN]".hex(), None],
        [1, "party", "", None],
        [1, ["osc"], "", None],
    ],
)
def test_a_line_that_no_server_writes_is_refused_with_its_number(line):
    with pytest.raises(LivevaeError, match="line 2 of the log"):
        read([HEAD, json.dumps(line) + "\n"])


@pytest.mark.parametrize("line", ["[" * 100_000 + "]" * 100_000, '{"a":' * 100_000, "9" * 5000, '"' * 99_999])
def test_deep_and_long_json_is_refused_as_any_other(line):
    with pytest.raises(LivevaeError, match="line 2 of the log"):
        read([HEAD, line + "\n"])
    with pytest.raises(LivevaeError, match="no log"):
        read([line + "\n"])


def test_a_log_is_read_line_by_line_of_bounded_length_and_in_utf_8(tmp_path):
    path = tmp_path / "night.log"
    path.write_text(HEAD + line_of(Input(1.0, "osc", b"x" * 65_507)))
    assert len(load(path).inputs) == 1
    path.write_text(HEAD + "[" + " " * MAX_LINE + "]\n")
    with pytest.raises(LivevaeError, match="characters"):
        load(path)
    path.write_bytes(HEAD.encode() + b"\xff\xfe\n")
    with pytest.raises(LivevaeError, match="utf-8"):
        load(path)
    with pytest.raises(LivevaeError, match="no regular file"):
        load(tmp_path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(values, values, st.text(max_size=40))
def test_any_lines_are_a_log_or_one_sentence(head, line, text):
    for lines in (
        [json.dumps(head), json.dumps(line)],
        [HEAD.strip(), json.dumps(line)],
        [HEAD.strip(), text],
    ):
        try:
            log = read([one + "\n" for one in lines])
        except LivevaeError as error:
            assert len(str(error)) < 400
        else:
            assert all(item.time >= 0 for item in log.inputs)
