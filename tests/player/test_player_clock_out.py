"""MIDI clock out: pulses on their ticks, start, stop, continue and song position; followed by our own follower."""

import asyncio
import os
import signal
import time

import pytest
from ears import wait_until
from hypothesis import given, strategies as st

from livevae.player.client.process import PlayerProcess
from livevae.player.clocks.midi_out import CONTINUE, PULSE, START, STOP, announcement
from livevae.player.core import PlayerCore
from livevae.player.wire.commands import (
    OpenPorts,
    Panic,
    Play,
    PortSpec,
    Quit,
    SetPlaying,
    SetTempo,
    SetTimeline,
)
from livevae.tempo.events import PlayNote
from livevae.tempo.follower import ClockFollower
from livevae.tempo.timeline import Timeline

CLOCKED = OpenPorts((PortSpec("synth", "none", clock=True), PortSpec("drums", "none")))


def until(core, end):
    out = []
    while (deadline := core.deadline()) is not None and deadline <= end:
        out += core.due(deadline)
    return out


def fresh(bpm=120.0, start=0.25):
    """A core whose tick 0 is at `start` seconds, with a clock on its port synth."""
    core = PlayerCore(Timeline(0, 0.0, bpm))
    core.handle(CLOCKED, 0.0)
    core.handle(SetTimeline(Timeline(0, start, bpm)), 0.0)
    return core


def read(messages):
    words = {PULSE: "pulse", START: "start", CONTINUE: "continue", STOP: "stop"}
    return [(m.tick, words.get(m.data) or m.data.hex()) for m in messages]


def test_start_comes_half_a_pulse_before_the_downbeat():
    sent = read(until(fresh(), 0.25 + 0.05))
    assert sent[-4:] == [(-20, "start"), (0, "pulse"), (40, "pulse"), (80, "pulse")]
    assert {word for _, word in sent[:-4]} == {"pulse"}


def test_a_clock_goes_24_times_a_beat_on_its_own_port_only():
    sent = until(fresh(), 10.25)
    pulses = [m for m in sent if m.data == PULSE and 0 <= m.tick < 9600]
    assert [m.tick for m in pulses] == list(range(0, 9600, 40))
    assert {m.port for m in sent} == {"synth"}
    assert all(m.due == pytest.approx(0.25 + m.tick / 1920) for m in sent)


def test_a_pulse_comes_before_offs_and_ons_of_its_tick():
    core = fresh()
    core.handle(Play((PlayNote(0, 960, "synth", 1, 60, 96), PlayNote(960, 960, "synth", 1, 62, 96))), 0.0)
    at_beat = [m.data[0] for m in until(core, 0.8) if m.tick == 960]
    assert at_beat == [0xF8, 0x80, 0x90]


def test_stop_is_at_once_and_going_on_says_where():
    core = fresh()
    until(core, 2.0)
    assert read(core.handle(SetPlaying(playing=False), 2.0)) == [(3360, "stop")]
    assert {word for _, word in read(until(core, 3.0))} == {"pulse"}
    assert core.handle(SetPlaying(playing=True), 3.0) == []
    said = [line for line in read(until(core, 4.0)) if line[1] != "pulse"]
    assert said == [(5740, "f21800"), (5740, "continue")]


def test_quit_stops_the_followers_and_panic_does_not():
    core = fresh()
    until(core, 1.0)
    assert STOP not in {m.data for m in core.handle(Panic(), 1.0)}
    assert STOP in {m.data for m in core.handle(Quit(), 1.1)}


def test_after_a_jump_the_followers_are_told_where_the_song_is():
    core = fresh()
    until(core, 1.0)
    core.handle(SetTimeline(Timeline(38400, 1.0, 120)), 1.0)
    sent = read(until(core, 1.6))
    assert sent[:2] == [(38400, "stop"), (38400, "pulse")]
    assert [line for line in sent if line[1] not in ("pulse", "stop")] == [
        (39340, "f22401"),
        (39340, "continue"),
    ]
    assert [tick for tick, word in sent if word == "pulse"] == list(range(38400, 39521, 40))


def test_a_port_that_was_away_is_told_to_go_on():
    core = fresh()
    until(core, 1.0)
    core.port_lost("synth")
    assert until(core, 2.0) == []
    core.port_back("synth", 2.0)
    said = [word for _, word in read(until(core, 3.0)) if word != "pulse"]
    assert said == ["stop", "f21000", "continue"]


def test_a_port_that_took_long_to_open_is_sent_no_pulse_of_that_time():
    core = fresh()
    core.port_opened("synth", 0.36)
    pulses = [m for m in until(core, 1.0) if m.data == PULSE]
    assert pulses[0].tick == 240
    assert pulses[0].due == pytest.approx(0.375)
    assert [m.tick for m in pulses] == list(range(240, 240 + 40 * len(pulses), 40))


def test_a_machine_that_stood_still_leaves_out_what_it_missed():
    core = fresh()
    until(core, 1.0)
    sent = read(core.due(9.0))
    assert len([word for _, word in sent if word == "pulse"]) < 5


@given(st.integers(0, 10**7))
def test_a_song_position_counts_sixteenths_in_14_bits(beat):
    said = announcement(beat * 960)
    if beat == 0:
        assert said == (START,)
    else:
        (position, go) = said
        assert go == CONTINUE
        assert position[0] == 0xF2
        assert position[1] | position[2] << 7 == beat * 4 % 16384


@given(
    st.lists(st.tuples(st.floats(1, 3), st.floats(40, 240), st.sampled_from((0, 3840, 15360))), max_size=5)
)
def test_our_own_follower_goes_where_our_clock_goes(changes):
    core, follower, now = fresh(), ClockFollower(), 0.25
    sent = []
    for wait, bpm, over in changes:
        now += wait
        sent += until(core, now)
        core.handle(SetTempo(bpm, None, over), now)
    now += 6.0
    sent += until(core, now)
    hear = {
        PULSE: lambda m: follower.pulse(m.due),
        START: lambda _: follower.start(),
        STOP: lambda _: follower.stop(),
    }
    for message in sent:
        hear[message.data](message)
    assert follower.line().tick_at(now) == pytest.approx(core.timeline.tick_at(now), abs=40)
    assert follower.bpm == pytest.approx(core.timeline.bpm, rel=0.02)  # a ramp may go on


@pytest.mark.real
def test_clock_over_jack_goes_on_after_the_player_was_killed(receiver):
    def heard(data):
        return sum(1 for _, message in list(receiver.messages) if message == data)

    async def music():
        player = await PlayerProcess.start(120, [PortSpec("synth", "rx", clock=True)])
        player.begin(time.monotonic() + 0.5)
        await asyncio.to_thread(wait_until, lambda: heard(PULSE) > 60)
        before = list(receiver.messages)
        os.kill(player.hello.pid, signal.SIGKILL)
        await asyncio.to_thread(wait_until, lambda: heard(CONTINUE) >= 2)
        await asyncio.to_thread(wait_until, lambda: heard(PULSE) > 150)
        await player.close()
        await asyncio.to_thread(wait_until, lambda: heard(STOP) >= 1)
        return before

    before = [data for _, data in asyncio.run(music())]
    assert START in before
    assert before[before.index(START) + 1] == PULSE
    assert receiver.messages[-1][1] == STOP
