"""The core's laws, under random scripts, and its history as a listing that reads like music."""

import pytest
from hypothesis import example, given, settings, strategies as st
from laws import assert_each_on_has_its_off

from livevae.player.core import LATE_ON, PlayerCore
from livevae.player.wire.commands import (
    Cancel,
    Nudge,
    OpenPorts,
    Panic,
    Play,
    PortSpec,
    Quit,
    Release,
    Send,
    SetTempo,
    SetTimeline,
)
from livevae.tempo.events import PlayNote
from livevae.tempo.timeline import Timeline

PORTS = ("synth", "drums")


def listing(sent):
    """(bar.beat.tick, port, what, ...) of every message, as a musician would read it."""
    lines = []
    for message in sent:
        beats, tick = divmod(message.tick, 960)
        bar, beat = divmod(beats, 4)
        kind, channel = message.data[0] & 0xF0, (message.data[0] & 0x0F) + 1
        word = {0x90: "on", 0x80: "off", 0xB0: "cc", 0xC0: "program"}[kind]
        lines.append(f"{bar + 1}.{beat + 1}.{tick:03} {message.port} {channel} {word} {message.data[1]}")
    return lines


def run(core, start, end, step=0.01):
    """What is sent when time goes on in steps."""
    out = []
    count = round((end - start) / step)
    for i in range(count + 1):
        out += core.due(start + i * step)
    return out


def until_empty(core):
    """What is sent when every deadline is kept."""
    out = []
    while (deadline := core.deadline()) is not None:
        out += core.due(deadline)
    return out


def note(tick, length, pitch=60, *, port="synth", channel=1, voice="lead", velocity=96):
    return PlayNote(tick, length, port, channel, pitch, velocity, voice)


def fresh(bpm=120.0):
    return PlayerCore(Timeline(0, 0.0, bpm))


notes = st.builds(
    PlayNote,
    st.integers(-500, 8000),
    st.integers(1, 3000),
    st.sampled_from(PORTS),
    st.integers(1, 2),
    st.integers(60, 63),
    st.integers(1, 127),
    st.sampled_from(("a", "b")),
)
commands = st.one_of(
    st.builds(Play, st.lists(notes, max_size=6).map(tuple)),
    st.builds(Play, st.lists(notes, max_size=6).map(tuple)),
    st.builds(Cancel, st.sampled_from(("", "a", "b")), st.one_of(st.none(), st.integers(0, 8000))),
    st.builds(
        SetTempo, st.floats(20, 999), st.one_of(st.none(), st.integers(0, 8000)), st.sampled_from((0, 480))
    ),
    st.builds(
        Send, st.integers(0, 8000), st.sampled_from(PORTS), st.just(b"\xc0\x05"), st.sampled_from(("", "a"))
    ),
    st.builds(SetTimeline, st.builds(Timeline, st.floats(0, 8000), st.floats(0, 10), st.floats(20, 999))),
    st.builds(Nudge, st.floats(-2000, 2000), st.sampled_from((0, 480))),
    st.builds(
        Timeline, st.floats(0, 8000), st.floats(0, 10), st.floats(20, 999)
    ),  # another clock says where it is
    st.just(Panic()),
    st.sampled_from((("lost", "synth"), ("back", "synth"), ("lost", "drums"), ("back", "drums"))),
    st.lists(st.sampled_from(PORTS), unique=True).map(
        lambda p: OpenPorts(tuple(PortSpec(name, "none") for name in p))
    ),
)
scripts = st.lists(st.tuples(st.floats(0, 1), commands), max_size=25)


def play_script(script, *, late=0.0):
    """Run a script, keeping deadlines (each `late` seconds late); everything sent, then the last release."""
    core = fresh()
    now, out, lost = 0.0, [], set()
    for wait, command in script:
        until = now + wait
        while (deadline := core.deadline()) is not None and max(deadline + late, now) <= until:
            now = max(deadline + late, now)
            out += core.due(now)
        now = until
        if isinstance(command, tuple):
            what, port = command
            if what == "lost":
                core.port_lost(port)
                lost.add(port)
            elif port in lost:
                out += core.port_back(port, now)
                lost.discard(port)
        elif isinstance(command, Timeline):
            core.follow(command, now, at_once=command.bpm > 500)
        else:
            out += core.handle(command, now)
    for port in lost:
        out += core.port_back(port, now)
    return out + core.release_all(now)


@settings(max_examples=300)
@given(scripts, st.sampled_from((0.0, 0.02)))
@example(
    [
        (0.0, Play((PlayNote(0, 3000, "synth", 1, 60, 64, "a"),))),
        (0.1, ("lost", "synth")),
        (0.0, OpenPorts(())),
        (0.0, OpenPorts((PortSpec("synth", "none"),))),
    ],
    0.0,
)
def test_no_on_without_an_off_and_no_on_twice(script, late):
    assert_each_on_has_its_off(play_script(script, late=late))


@given(st.lists(notes, max_size=40))
def test_on_each_port_messages_go_by_tick_and_offs_before_ons(played):
    core = fresh()
    core.handle(Play(tuple(n for n in played if n.tick >= 0)), 0.0)
    for port in PORTS:
        mine = [(m.tick, m.data[0] & 0xF0 == 0x90) for m in until_empty(core) if m.port == port]
        by_tick = [tick for tick, _ in mine]
        assert by_tick == sorted(by_tick)


def test_offs_go_before_ons_at_one_tick():
    core = fresh()
    core.handle(Play((note(960, 960, 64), note(0, 960, 60), note(960, 960, 60))), 0.0)
    assert listing(until_empty(core)) == [
        "1.1.000 synth 1 on 60",
        "1.2.000 synth 1 off 60",
        "1.2.000 synth 1 on 64",
        "1.2.000 synth 1 on 60",
        "1.3.000 synth 1 off 64",
        "1.3.000 synth 1 off 60",
    ]


def test_a_note_played_again_while_it_sounds_is_ended_first_and_its_older_off_forgotten():
    core = fresh()
    core.handle(Play((note(0, 1920, 60), note(960, 1920, 60))), 0.0)
    assert listing(until_empty(core)) == [
        "1.1.000 synth 1 on 60",
        "1.2.000 synth 1 off 60",
        "1.2.000 synth 1 on 60",
        "1.4.000 synth 1 off 60",
    ]


def test_a_program_change_comes_before_the_notes_of_its_tick():
    core = fresh()
    core.handle(Play((note(0, 960), note(960, 10))), 0.0)
    core.handle(Send(960, "synth", b"\xc0\x07"), 0.0)
    assert listing(until_empty(core))[1:4] == [
        "1.2.000 synth 1 off 60",
        "1.2.000 synth 1 program 7",
        "1.2.000 synth 1 on 60",
    ]


def test_an_on_far_behind_is_dropped_and_counted_and_an_off_never():
    core = fresh()
    core.handle(Play((note(0, 480, 60), note(100, 480, 61))), 0.0)
    assert listing(core.due(0.0)) == ["1.1.000 synth 1 on 60"]
    assert listing(core.due(5.0)) == ["1.1.480 synth 1 off 60"]
    assert core.counters().dropped_ons == 1
    assert core.deadline() is None


@pytest.mark.parametrize(("late", "heard"), [(LATE_ON * 0.9, 1), (LATE_ON * 1.1, 0)])
def test_an_on_a_little_behind_is_still_worth_it(late, heard):
    core = fresh()
    core.handle(Play((note(0, 960),)), 0.0)
    assert len(core.due(late)) == heard


def test_a_tempo_change_moves_the_offs_that_wait():
    core = fresh(120)
    core.handle(Play((note(0, 960),)), 0.0)
    core.due(0.0)
    assert core.deadline() == 0.5
    core.handle(SetTempo(60), 0.25)
    assert core.deadline() == 0.75
    (off,) = core.due(0.75)
    assert (off.tick, off.due) == (960, 0.75)


@given(
    st.lists(st.tuples(st.floats(0.001, 1), st.floats(20, 999), st.sampled_from((0, 100, 960))), max_size=10)
)
def test_a_tempo_change_never_moves_the_present(changes):
    core = fresh()
    now = 0.0
    for wait, bpm, over in changes:
        now += wait
        until_now(core, now)
        before = core.timeline.tick_at(now)
        core.handle(SetTempo(bpm, None, over), now)
        assert core.timeline.tick_at(now) == pytest.approx(before, abs=1e-6)


def until_now(core, now):
    while (deadline := core.deadline()) is not None and deadline <= now:
        core.due(deadline)


def test_a_tempo_change_at_a_tick_falls_on_it_however_late_it_is_seen():
    core = fresh(120)
    core.handle(SetTempo(60, tick=960), 0.0)
    core.handle(Play((note(1920, 10),)), 0.0)
    sent = core.due(10.0)
    assert core.timeline == Timeline(960, 0.5, 60)
    assert sent == []
    assert core.counters().dropped_ons == 1


def test_a_ramp_ends_on_its_tempo_and_a_new_tempo_ends_a_ramp():
    core = fresh(120)
    core.handle(SetTempo(240, tick=960, over=960), 0.0)
    until_empty(core)
    assert core.timeline.bpm == 240
    assert core.timeline.tick == 1920
    core.handle(SetTempo(60, over=9600), 10.0)
    core.due(10.5)
    core.handle(SetTempo(100), 11.0)
    assert core.deadline() is None
    assert core.timeline.bpm == 100


def test_cancel_from_a_tick_lets_ring_what_sounds():
    core = fresh()
    core.handle(
        Play((note(0, 960, 60), note(480, 960, 61), note(960, 960, 62), note(960, 960, 70, voice="bass"))),
        0.0,
    )
    core.due(0.0)
    core.handle(Cancel("lead", 960), 0.1)
    assert listing(until_empty(core)) == [
        "1.1.480 synth 1 on 61",
        "1.2.000 synth 1 off 60",
        "1.2.000 synth 1 on 70",
        "1.2.480 synth 1 off 61",
        "1.3.000 synth 1 off 70",
    ]


def test_cancel_without_a_tick_releases_the_voice_at_once_and_no_other():
    core = fresh()
    core.handle(Play((note(0, 960, 60), note(0, 960, 70, voice="bass"), note(960, 960, 61))), 0.0)
    core.handle(Send(960, "synth", b"\xc0\x07", "lead"), 0.0)
    core.due(0.0)
    assert listing(core.handle(Cancel("lead"), 0.25)) == ["1.1.480 synth 1 off 60"]
    assert listing(until_empty(core)) == ["1.2.000 synth 1 off 70"]


def test_panic_releases_drops_and_silences_every_channel_of_every_port():
    core = fresh()
    core.handle(OpenPorts((PortSpec("synth", "none"), PortSpec("drums", "none"))), 0.0)
    core.handle(Play((note(0, 960, 60), note(960, 960, 61))), 0.0)
    core.due(0.0)
    out = core.handle(Panic(), 0.25)
    assert listing(out)[0] == "1.1.480 synth 1 off 60"
    silences = {(m.port, m.data) for m in out[1:]}
    assert silences == {
        (port, bytes((0xB0 | channel, controller, 0)))
        for port in ("synth", "drums")
        for channel in range(16)
        for controller in (120, 123)
    }
    assert until_empty(core) == []


def test_quit_releases_everything():
    core = fresh()
    core.handle(Play((note(0, 960, 60),)), 0.0)
    core.due(0.0)
    assert listing(core.handle(Quit(), 0.001)) == ["1.1.001 synth 1 off 60"]


def test_release_ends_what_another_player_left_but_nothing_of_our_own():
    core = fresh()
    core.handle(Play((note(0, 960, 60),)), 0.0)
    core.due(0.0)
    out = core.handle(Release((note(0, 960, 60), note(0, 960, 61), note(5, 960, 61))), 0.25)
    assert listing(out) == ["1.1.480 synth 1 off 61"]


def test_a_lost_port_hears_nothing_and_is_released_when_it_returns():
    core = fresh()
    core.handle(
        Play((note(0, 480, 60), note(960, 480, 61), note(1920, 480, 62), note(0, 960, 40, port="drums"))), 0.0
    )
    core.due(0.0)
    core.port_lost("synth")
    assert listing(run(core, 0.1, 0.8)) == ["1.2.000 drums 1 off 40"]
    assert listing(core.port_back("synth", 0.8)) == ["1.2.576 synth 1 off 60"]
    assert listing(until_empty(core)) == ["1.3.000 synth 1 on 62", "1.3.480 synth 1 off 62"]


def test_a_port_with_an_offset_is_sent_earlier_or_later_and_the_others_on_time():
    core = fresh()
    core.handle(
        OpenPorts((PortSpec("synth", "none", offset_ms=-20), PortSpec("drums", "none", offset_ms=5))), 0.0
    )
    core.handle(Play((note(960, 480), note(960, 480, port="drums"))), 0.0)
    assert [(m.port, m.tick, round(m.due, 6)) for m in until_empty(core)] == [
        ("synth", 960, 0.48),
        ("drums", 960, 0.505),
        ("synth", 1440, 0.73),
        ("drums", 1440, 0.755),
    ]


def test_a_port_that_is_closed_is_released_first():
    core = fresh()
    core.handle(OpenPorts((PortSpec("synth", "none"), PortSpec("drums", "none"))), 0.0)
    core.handle(Play((note(0, 960), note(0, 960, port="drums"), note(960, 10))), 0.0)
    core.due(0.0)
    assert listing(core.handle(OpenPorts((PortSpec("drums", "none"),)), 0.25)) == ["1.1.480 synth 1 off 60"]
    assert listing(until_empty(core)) == ["1.2.000 drums 1 off 60"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"length": 0},
        {"channel": 0},
        {"channel": 17},
        {"pitch": 128},
        {"velocity": 0},
        {"velocity": 128},
    ],
)
def test_a_note_that_midi_cannot_say_is_refused(wrong):
    with pytest.raises(ValueError, match="not"):
        PlayNote(**({"tick": 0, "length": 1, "port": "", "channel": 1, "pitch": 60, "velocity": 1} | wrong))


@pytest.mark.parametrize("data", [b"", b"\x10", b"\x90\x3c\x40", b"\x80\x3c\x40"])
def test_send_takes_no_notes(data):
    with pytest.raises(ValueError, match=r"status|Play"):
        Send(0, "", data)


def test_a_nudge_at_once_loses_no_off_and_drops_only_what_is_far_behind():
    core = fresh()
    core.handle(Play((note(0, 960, 60), note(960, 480, 62), note(1440, 960, 64))), 0.0)
    heard = core.due(0.0)
    core.handle(
        Nudge(1500.0), 0.0
    )  # 0.78 s further on: the second note would be 0.28 s late, the third 0.03 s
    heard += core.due(0.0)
    core.handle(Nudge(-1500.0), 0.0)
    heard += until_empty(core)
    assert listing(heard) == [
        "1.1.000 synth 1 on 60",
        "1.2.000 synth 1 off 60",
        "1.2.480 synth 1 on 64",
        "1.3.480 synth 1 off 64",
    ]
    assert core.counters().dropped_ons == 1


def test_a_key_that_two_voices_strike_at_one_tick_is_struck_once_and_ends_with_the_longer_note():
    core = fresh()
    core.handle(Play((note(960, 240, voice="a"), note(960, 480, voice="b"))), 0.0)
    out = until_empty(core)
    assert listing(out) == ["1.2.000 synth 1 on 60", "1.2.480 synth 1 off 60"]
    assert [m.voice for m in out] == ["a", ""]


def test_a_held_key_is_struck_again_by_another_voice_and_rings_until_the_last_lets_go():
    core = fresh()
    core.handle(Play((note(0, 1920, voice="pad"), note(480, 240, voice="lead"))), 0.0)
    assert listing(until_empty(core)) == [
        "1.1.000 synth 1 on 60",
        "1.1.480 synth 1 off 60",
        "1.1.480 synth 1 on 60",
        "1.3.000 synth 1 off 60",
    ]


def test_a_voice_that_is_silenced_lets_go_of_its_own_notes_only():
    core = fresh()
    core.handle(Play((note(0, 1920, voice="pad"), note(0, 1920, voice="lead"))), 0.0)
    core.due(0.01)
    assert core.handle(Cancel("lead"), 0.2) == []
    assert listing(core.handle(Cancel("pad"), 0.2)) == ["1.1.384 synth 1 off 60"]


@given(st.lists(notes, max_size=30))
def test_whatever_plays_together_a_key_sounds_while_a_voice_holds_it(played):
    """The last note of each voice and tick holds its key from its tick to its end, whoever strikes it meanwhile."""
    core = fresh()
    core.handle(Play(tuple(n for n in played if n.tick >= 0)), 0.0)
    sounding = set()
    for message in until_empty(core):
        key = (message.port, message.data[0] & 0x0F, message.data[1])
        (sounding.add if message.data[0] & 0xF0 == 0x90 else sounding.discard)(key)
        holders = [
            n
            for n in played
            if 0 <= n.tick <= message.tick < n.end and (n.port, n.channel - 1, n.pitch) == key
        ]
        if key not in sounding:
            last = {
                n.voice: max(
                    m.tick
                    for m in played
                    if 0 <= m.tick <= message.tick
                    and m.voice == n.voice
                    and (m.port, m.channel - 1, m.pitch) == key
                )
                for n in holders
            }
            struck_now = any(
                m.tick == message.tick and (m.port, m.channel - 1, m.pitch) == key for m in played
            )
            assert struck_now or not [n for n in holders if n.tick == last[n.voice]]
