"""The server's keeper of players: what the system does not give is said, and asked for again."""

import asyncio
import errno
import os
from typing import ClassVar

import pytest

from livevae.errors import LivevaeError
from livevae.player.client import process
from livevae.player.client.process import PlayerProcess
from livevae.player.wire.commands import PortSpec
from livevae.player.wire.reports import Counters, Hello, PlayerDied, PortsOpened, Problem
from livevae.tempo.timeline import Timeline
from livevae.virtual_time import virtual_time


def run(night):
    with virtual_time() as loop:
        return loop.run_until_complete(night)


class FakeChild:
    """A player that opens its ports, and ends when it is told to."""

    refusals = 0
    lives: ClassVar[list[object]] = []

    def __init__(self, _tape, *, realtime):
        if type(self).refusals > 0:
            type(self).refusals -= 1
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        self.over = asyncio.Event()
        self.lives.append(self)

    def write(self, data):
        if b'"Quit"' in data:
            self.over.set()

    async def listen(self, hear):
        hear(Hello(1, realtime=True))
        hear(PortsOpened((("synth", "none"),)))
        await self.over.wait()
        return "exit status -9"

    async def ended(self, _patience):
        """At once."""

    def last_words(self):
        return ""


@pytest.fixture(autouse=True)
def children(monkeypatch):
    monkeypatch.setattr(process, "Child", FakeChild)
    monkeypatch.setattr(FakeChild, "refusals", 0)
    monkeypatch.setattr(FakeChild, "lives", [])


def test_where_no_process_can_be_started_the_start_says_so_at_once():
    async def night():
        FakeChild.refusals = 1
        with pytest.raises(LivevaeError, match=r"does not start: .*temporarily unavailable"):
            await PlayerProcess.start(120, [PortSpec("synth", "none")])
        return asyncio.get_running_loop().time()

    assert run(night()) < 1


def test_a_player_that_dies_where_no_process_can_be_started_is_followed_by_another_later():
    async def night():
        reports = []
        player = await PlayerProcess.start(120, [PortSpec("synth", "none")], on_report=reports.append)
        await asyncio.sleep(5)
        FakeChild.refusals = 6
        FakeChild.lives[0].over.set()
        await asyncio.sleep(20)
        assert len(FakeChild.lives) == 2
        await player.close()
        return [type(report) for report in reports], [r.text for r in reports if isinstance(r, Problem)]

    kinds, problems = run(night())
    assert kinds == [Hello, PortsOpened, Problem, PlayerDied, Hello, PortsOpened]
    assert problems == ["no process can be started for it, it is tried again: " + os.strerror(errno.EAGAIN)]


def test_a_fault_in_hearing_a_report_costs_that_report_alone(caplog):
    async def night():
        heard = []

        def hear(report):
            if isinstance(report, Hello):
                raise ZeroDivisionError
            heard.append(report)

        player = await PlayerProcess.start(120, [PortSpec("synth", "none")], on_report=hear)
        player._receive(Counters(sent=3))
        await player.close()
        return heard

    assert run(night()) == [PortsOpened((("synth", "none"),)), Counters(sent=3)]
    assert "a fault while hearing Hello" in caplog.text


@pytest.mark.parametrize(
    "steer",
    [
        lambda player: player.set_tempo(90.0),
        lambda player: player.nudge(480.0),
        lambda player: player.set_clock("midi"),
    ],
    ids=["tempo", "nudge", "clock"],
)
def test_the_downbeat_is_not_put_elsewhere_once_another_tempo_was_asked_for(steer):
    """Until the player had answered, a downbeat that was put off took the tempo back."""

    async def night():
        player = await PlayerProcess.start(120, [PortSpec("synth", "none")])
        assert player.begin(10.0)
        assert player.begin(11.0)
        steer(player)
        assert not player.begin(12.0)
        line = player.timeline
        await player.close()
        return line

    assert run(night()) == Timeline(0, 11.0, 120)


def test_a_recording_over_links_in_a_circle_is_refused(tmp_path):
    (tmp_path / "a.mid").symlink_to(tmp_path / "a.mid")

    async def night():
        with pytest.raises(LivevaeError, match=r"cannot record to .*a\.mid"):
            await PlayerProcess.start(120, [PortSpec("synth", "none")], record=tmp_path / "a.mid")

    run(night())
    assert not FakeChild.lives
