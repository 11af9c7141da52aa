"""The verdict on a flood: what must not be is named, and what grows on is told from what grew once."""

from dataclasses import replace

import pytest

from benchmarks.packets import Flood

FINE = Flood(
    packets=1000, bytes_in=1_000_000, bytes_out=20_000, gap=1.51, asked=1.5, memory=[80_000] * 100, log=9_000
)


def test_a_flood_that_nobody_heard_is_fine():
    assert FINE.found() == []
    assert FINE.lines()[-1] == "found: nothing"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"gap": 2.251}, "the music was silent 0.75 s longer than the rhythm asks for, at most 0.1 may be"),
        ({"late": 2}, "2 riffs were late, at most 0 may be"),
        ({"log": 2_500_000}, "the log has 2.50 bytes for each that came in, at most 2.0 may be"),
        ({"bytes_out": 500_000}, "0.50 bytes were sent for each that came in, at most 0.25 may be"),
    ],
)
def test_each_broken_promise_is_named(wrong, sentence):
    assert replace(FINE, **wrong).found() == [sentence]


def test_memory_that_grows_on_is_found_and_memory_that_grew_at_first_is_not():
    grew = [75_000 + min(5000, 100 * i) for i in range(200)]
    grows = [75_000 + 100 * i for i in range(200)]
    assert replace(FINE, memory=grew).found() == []
    assert replace(FINE, memory=grows).found() == [
        "the server grew by 8000 kB over the second half, at most 3000 may be"
    ]
    assert replace(FINE, memory=[]).growth == 0
