"""Ableton Link: nothing of it without being asked, and a whole session of two peers in a network of their own."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from livevae.player.client.process import PlayerProcess
from livevae.player.clocks import clock, opening
from livevae.player.clocks.link import nearest
from livevae.player.wire.commands import SetClock
from livevae.player.wire.reports import ClockChanged
from livevae.tempo.pace import Pace
from livevae.tempo.timeline import Timeline

HERE = Path(__file__).parent
ALONE = "ip link set lo up && ip link set lo multicast on && ip route add 224.0.0.0/4 dev lo"
SECONDS = "8"


@given(st.floats(-1e6, 1e6), st.integers(1, 10_000))
def test_the_nearest_phase_is_at_most_half_a_quantum_away(ticks: float, quantum: int) -> None:
    off = nearest(ticks, quantum)
    assert -quantum / 2 <= off <= quantum / 2
    assert (ticks - off) / quantum == pytest.approx(round((ticks - off) / quantum), abs=1e-6)


def test_link_is_loaded_by_nothing_that_is_not_asked_for_it() -> None:
    code = (
        "import sys\nimport livevae.cli, livevae.server, livevae.player.loop, livevae.player.clocks.clock\n"
        "livevae.player.clocks.opening.why_not()\n"
        "assert not {'link', '_link', 'livevae.player.clocks.link'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_extra_the_player_says_how_to_get_it_and_keeps_its_own_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "link", None)
    with pytest.raises(clock.ClockError, match=r"pip install 'livevae\[link\]'.*GPL"):
        opening.open_clock(SetClock("link"), 0.0, Pace(Timeline(0, 0, 120)))


@pytest.mark.real
@pytest.mark.asyncio
async def test_a_clock_that_cannot_be_followed_is_reported_and_our_own_goes_on() -> None:
    told: asyncio.Queue[ClockChanged] = asyncio.Queue()
    player = await PlayerProcess.start(
        on_report=lambda report: told.put_nowait(report) if isinstance(report, ClockChanged) else None
    )
    try:
        player.set_clock("sundial")
        report = await asyncio.wait_for(told.get(), 10)
    finally:
        await player.close()
    assert (report.source, report.peers) == ("internal", 0)
    assert "there is no clock 'sundial'" in report.why


def test_a_clock_that_nobody_knows_is_refused() -> None:
    with pytest.raises(clock.ClockError, match="there is no clock 'sundial'; there are: internal"):
        opening.open_clock(SetClock("sundial"), 0.0, Pace(Timeline(0, 0, 120)))


@pytest.fixture(scope="module")
def session() -> dict:
    """What happened in a session of our player and another peer; see link_session.py."""
    if find_spec("link") is None:
        pytest.skip("LinkPython-extern is not installed (livevae[link])")
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("unshare or ip is not here, and Link must not multicast outside a namespace")
    may = subprocess.run(["unshare", "-n", "sh", "-c", ALONE], capture_output=True, check=False)
    if may.returncode:
        pytest.skip("no network namespace may be made here (it takes root)")
    done = subprocess.run(
        [
            *("unshare", "-n", "sh", "-c"),
            f'{ALONE} && exec "$0" "$@"',
            *(sys.executable, str(HERE / "link_session.py"), SECONDS),
        ],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stdout)
    return json.loads(done.stdout)


@pytest.mark.real
def test_tempo_goes_both_ways_and_a_ramp_of_ours_is_heard_by_the_other(session: dict) -> None:
    """Link sends within 20 ms or so; a second is for machines that do much else."""
    assert session["its_tempo_reaches_us_s"] < 1
    assert session["our_tempo_reaches_it_s"] < 1


@pytest.mark.real
@pytest.mark.parametrize(
    "when", ["steady_ms", "after_its_tempo_ms", "after_our_ramp_ms", "after_its_return_ms"]
)
def test_our_phase_is_the_sessions_phase_on_the_quantum(session: dict, when: str) -> None:
    assert session[when]["samples"] > 100
    assert session[when]["p99"] < 1.0


@pytest.mark.real
def test_a_nudge_moves_us_away_from_the_session_and_stays(session: dict) -> None:
    assert session["nudged_by_ms"] == pytest.approx(50, abs=1)


@pytest.mark.real
def test_start_and_stop_go_both_ways_and_our_own_come_back_to_nobody(session: dict) -> None:
    assert session["transport"] == [True, False]  # the peer's play and stop; ours in between reached the peer


@pytest.mark.real
def test_a_peer_that_leaves_takes_nothing_along_and_one_that_returns_takes_our_tempo(session: dict) -> None:
    assert session["alone_bpm"] == [120.0, 120.0]
    assert session["it_returns_and_takes_ours_s"] < 15


@pytest.mark.real
def test_nothing_ever_jumps_and_our_own_clock_goes_on_where_link_was(session: dict) -> None:
    assert session["farthest_jump_ms"] <= 1.0 + 1e-6
    assert session["on_our_own_bpm"] == 120.0


@pytest.mark.real
def test_a_player_that_is_killed_is_replaced_by_one_that_joins_the_session_again(session: dict) -> None:
    assert session["deaths"] == 1
    assert session["another_players_bpm"] == 120.0
    assert session["another_player_in_phase_after_s"] < 15
