"""The wall clock is set by hours while music plays: nothing moves, for nothing but timetags goes by it."""

import ast
import asyncio
import sys
from pathlib import Path

from hypothesis import given, settings, strategies as st

import livevae
from livevae.edges.osc.codec import Message, encode, encode_bundle
from livevae.edges.osc.timetags import Timetags
from livevae.edges.osc.udp import UdpEdge

sys.path.insert(0, str(Path(__file__).parents[1] / "perform"))
from stand import BAR, played

PACKAGE = Path(livevae.__file__).parent
READERS = {
    "edges/osc/client.py": "a host's timetags",
    "edges/osc/timetags.py": "hosts say in it when something is to sound",
    "models/midime/book.py": "a persona's file says when it was trained",
    "cli/rehearse.py": "a log's name says when it was begun",
}
"""Where the wall clock may be read, and why."""

WALL = {
    ("time", name)
    for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "strftime", "clock_gettime")
} | {("datetime", name) for name in ("now", "utcnow", "today")}

seconds = st.integers(1, 60).map(lambda sixteenths: sixteenths / 16 + 0.0101)
"""Off every moment at which a voice looks or a grid begins, for a timetag is rounded to a quarter of a microsecond."""

hours = st.floats(-2e4, 2e4)
acts = st.lists(
    st.tuples(
        seconds,
        st.sampled_from([("sample", "lead", "bars", 1), ("stop", "bass"), ("play", "bass")]),
        seconds,
        hours,
    ),
    max_size=6,
)


def night(acts, *, jumps):
    """What is played when each act comes so long after the one before, for so many seconds ahead, after a jump."""

    async def line(stand):
        loop, wrong = asyncio.get_running_loop(), 1e9
        edge = UdpEdge(
            lambda request, _: stand.do(request), Timetags(loop.time, lambda: loop.time() + wrong), loop.time
        )
        for pause, (verb, *words), ahead, by in acts:
            await asyncio.sleep(pause)
            if jumps:
                wrong += by * 3600
            packet = encode(Message(f"/livevae/{verb}", tuple(words)))
            edge.datagram_received(encode_bundle([packet], loop.time() + wrong + ahead), ("127.0.0.1", 9))
            if jumps:
                wrong -= by * 1800
        await stand.until(10 * BAR)
        assert edge.counts.errors == 0

    return played(line).sent


@given(acts)
@settings(max_examples=20)
def test_a_wall_clock_that_is_set_moves_no_note(acts):
    still = night(acts, jumps=False)
    assert still
    jumped = night(acts, jumps=True)
    assert [note[1:] for note in jumped] == [note[1:] for note in still]
    assert all(abs(one[0] - other[0]) <= 1 for one, other in zip(jumped, still, strict=True))


def reads(tree):
    """Calls and mentions of the wall clock in a module."""
    return {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    } & WALL | {
        (node.module, name.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    } & WALL


def test_nothing_else_reads_it():
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if reads(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == READERS.keys()
