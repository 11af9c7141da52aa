"""Going by a MIDI clock: by the pure part under made-up time, and by a real sender over JACK."""

import asyncio
import random
import subprocess
import sys
import time

import pytest
from hypothesis import given, strategies as st

from benchmarks.clock_jack import follow_livevae, follow_loop
from benchmarks.graph import priority_is_granted
from livevae.player.client.process import PlayerProcess
from livevae.player.clocks.midi import ClockIn
from livevae.player.core import PlayerCore
from livevae.player.wire.commands import PortSpec
from livevae.player.wire.reports import ClockChanged, Transport
from livevae.tempo.arrivals import Arrivals
from livevae.tempo.timeline import Timeline

BAR = 3840


class World:
    """A core that looks every 2 ms at what a master sends."""

    def __init__(self, bpm=120.0):
        self.core = PlayerCore(Timeline(0, 0.0, bpm))
        self.clock = ClockIn(BAR)
        self.now = 0.0
        self.reading = None
        self.jumps = []

    def until(self, end, messages=()):
        messages = sorted(messages)
        while self.now < end:
            while messages and messages[0][0] <= self.now:
                when, data = messages.pop(0)
                self.clock.receive(data, when)
            before = self.core.timeline.tick_at(self.now)
            self.reading = self.clock.read(self.now, self.core.pace)
            if self.reading.line is not None:
                self.core.follow(self.reading.line, self.now, at_once=self.reading.at_once)
            while (deadline := self.core.deadline()) is not None and deadline <= self.now:
                self.core.due(deadline)
            jump = self.core.timeline.tick_at(self.now) - before
            if abs(jump) * self.core.timeline.seconds_per_tick > 0.0015:
                self.jumps.append(round(jump))
            self.now += 0.002

    def tick(self):
        return self.core.timeline.tick_at(self.now)


def pulses(start, seconds, bpm, jitter=0.0, seed=0):
    chance = random.Random(seed)
    period = 60 / bpm / 24
    return [(start + i * period + chance.gauss(0, jitter), b"\xf8") for i in range(round(seconds / period))]


def test_a_running_clock_is_joined_without_a_jump():
    world = World(120)
    world.until(5.0, pulses(0.5, 4.5, 133, jitter=1e-3))
    assert world.jumps == []
    assert world.core.timeline.bpm == pytest.approx(133, rel=0.01)
    assert world.reading.playing is False


def test_start_takes_us_to_the_next_bar_on_the_first_pulse_after_it():
    world = World(120)
    beat = pulses(0.0, 10.0, 100)
    world.until(10.0, [*beat, (beat[120][0] - 0.005, b"\xfa")])
    (jump,) = world.jumps
    assert jump > 0
    start = beat[120][0]
    line = world.core.timeline
    assert line.bpm == pytest.approx(100, rel=1e-3)
    assert line.tick_at(start) / BAR == pytest.approx(round(line.tick_at(start) / BAR), abs=0.001)
    assert world.reading.playing is True
    assert world.reading.since == pytest.approx(line.tick_at(start), abs=3)


def test_start_without_pulses_before_it_is_a_downbeat_too():
    world = World(120)
    world.until(6.0, [(1.0, b"\xfa"), *pulses(1.01, 5.0, 90)])
    line = world.core.timeline
    assert line.bpm == pytest.approx(90, rel=1e-3)
    place = line.tick_at(1.01) / BAR
    assert place == pytest.approx(round(place), abs=0.002)


def test_continue_from_a_song_position_keeps_its_place_in_the_bar():
    world = World(120)
    beat = pulses(0.0, 8.0, 120)
    go = beat[100][0]
    world.until(8.0, [*beat, (go - 0.008, b"\xf2\x06\x00"), (go - 0.004, b"\xfb")])
    place = world.core.timeline.tick_at(go) % BAR
    assert place == pytest.approx(6 * 240, abs=3)


def test_stop_is_told_and_the_tempo_goes_on():
    world = World(120)
    beat = pulses(0.0, 4.0, 120)
    world.until(6.0, [(0.0, b"\xfa"), *beat, (4.0, b"\xfc")])
    assert world.reading.playing is False
    assert world.core.timeline.bpm == pytest.approx(120, rel=1e-3)


def test_two_minutes_under_jitter_stay_in_phase():
    world = World(120)
    beat = pulses(0.0, 120.0, 124, jitter=1e-3, seed=3)
    period = 60 / 124 / 24
    errors = []
    pending = [(0.0, b"\xfa"), *beat]
    for second in range(5, 120):
        here = [m for m in pending if world.now <= m[0] + 1e-9 and m[0] < second]
        world.until(float(second), here)
        ideal = world.now / period * 40
        apart = (world.tick() - ideal) % BAR
        errors.append(min(apart, BAR - apart) * world.core.timeline.seconds_per_tick)
    assert sorted(errors)[int(0.99 * len(errors))] < 0.0015


@given(st.lists(st.tuples(st.floats(0, 0.3), st.binary(min_size=1, max_size=4)), max_size=60))
def test_broken_midi_changes_nothing_that_matters(events):
    world, when = World(120), 0.0
    messages = []
    for wait, data in events:
        when += wait
        messages.append((when, data))
    world.until(min(when, 3.0), messages)
    assert 20 <= world.core.timeline.bpm <= 999


@given(st.lists(st.tuples(st.floats(0.001, 1), st.floats(0, 0.004)), min_size=1, max_size=50))
def test_arrivals_are_never_later_than_they_were_seen_and_late_by_the_best_look_at_most(steps):
    arrivals, true, least = Arrivals(), 100.0, 1.0
    first = True
    for interval, seen_after in steps:
        true += 0 if first else interval
        at = arrivals.at(true + seen_after, 0.0 if first else interval)
        least = min(least, seen_after)
        assert at <= true + seen_after + 1e-9
        assert abs(at - true - least) <= 0.0061
        first = False


SENDER = """
import sys, time, rtmidi
out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="master")
out.open_virtual_port("clock")
print("up", flush=True)
sys.stdin.readline()
period, start = 60 / 137 / 24, time.monotonic() + 0.1
for i in range(24 * 60):
    time.sleep(max(0, start + i * period - time.monotonic()))
    if i == 48:
        out.send_message([0xFA])
    out.send_message([0xF8])
    if i == 24 * 30:
        out.send_message([0xFC])
"""


@pytest.mark.real
def test_a_real_clock_over_jack_is_followed_and_its_start_and_stop_are_told(jack):
    sender = subprocess.Popen(
        [sys.executable, "-c", SENDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert sender.stdout.readline() == "up\n"

    async def music():
        reports = []
        player = await PlayerProcess.start(120, [PortSpec("a", "none")], on_report=reports.append)
        player.set_clock("midi", target="master")
        end = time.monotonic() + 30
        while not any(isinstance(r, ClockChanged) for r in reports):
            await asyncio.sleep(0.01)
        sender.stdin.write("go\n")
        sender.stdin.flush()
        bpms = []
        while len([r for r in reports if isinstance(r, Transport)]) < 2:
            assert time.monotonic() < end
            await asyncio.sleep(0.05)
            bpms.append(player.timeline.bpm)
        await player.close()
        return reports, bpms

    reports, bpms = asyncio.run(music())
    sender.kill()
    sender.communicate()
    assert [r.source for r in reports if isinstance(r, ClockChanged)] == ["midi"]
    assert [r.playing for r in reports if isinstance(r, Transport)] == [True, False]
    if not priority_is_granted():
        pytest.skip("start and stop hold; without real-time priority JACK's cycles are longer than a pulse")
    assert bpms[-1] == pytest.approx(137, rel=0.02)


@pytest.mark.real
@pytest.mark.parametrize("follow", [follow_loop, follow_livevae])
def test_another_process_over_jack_is_followed_from_its_downbeat_on(jack, follow):
    if not priority_is_granted():
        pytest.skip(
            "without real-time priority JACK's cycles are longer than a pulse: when it came is not known"
        )
    found = asyncio.run(follow(4.0, 137))
    assert len(found.off) > 100
    assert abs(found.miscounted) <= 12  # a machine that stands still may lose some


@pytest.mark.real
def test_a_clock_that_is_not_there_is_said_and_ours_goes_on(jack):
    async def music():
        reports = []
        player = await PlayerProcess.start(120, [PortSpec("a", "none")], on_report=reports.append)
        player.set_clock("midi", target="no such master")
        end = time.monotonic() + 30
        while not any(isinstance(r, ClockChanged) for r in reports):
            assert time.monotonic() < end
            await asyncio.sleep(0.01)
        await player.close()
        return [r for r in reports if isinstance(r, ClockChanged)]

    (changed,) = asyncio.run(music())
    assert changed.source == "internal"
    assert "no such master" in changed.why


@pytest.mark.real
def test_a_clock_is_followed_when_it_comes_and_again_when_it_comes_back(jack):
    async def music():
        reports = []
        player = await PlayerProcess.start(120, [PortSpec("a", "none")], on_report=reports.append)

        async def changes(count):
            end = time.monotonic() + 30
            while len(found := [r for r in reports if isinstance(r, ClockChanged)]) < count:
                assert time.monotonic() < end, found
                await asyncio.sleep(0.01)

        player.set_clock("midi", target="master")
        for count in (1, 3):
            await changes(count)
            sender = await asyncio.create_subprocess_exec(sys.executable, "-c", SENDER, stdin=subprocess.PIPE)
            await changes(count + 1)
            sender.kill()
            await sender.wait()
        await changes(5)
        await player.close()
        return [(r.source, r.why) for r in reports if isinstance(r, ClockChanged)]

    (absent, because), *rest = asyncio.run(music())
    assert absent == "internal"
    assert "no MIDI input has 'master' in its name" in because
    gone = ("midi", "master is gone: its tempo is held until it is back")
    assert rest == [("midi", ""), gone, ("midi", ""), gone]
