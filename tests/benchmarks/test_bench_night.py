"""What the long evening's ears say of messages that are known."""

import pytest

from benchmarks import night
from livevae.errors import LivevaeError
from livevae.music import midi_file
from livevae.tempo.timeline import Timeline

LINE = Timeline(0, 100.0, 120.0)
ON, OFF = 0x90, 0x80


def test_lateness_is_of_the_note_that_was_meant_and_downbeats_are_told():
    sent = {0: [(0, bytes((ON, 60, 90))), (3840, bytes((ON, 62, 90)))], 1: [(960, bytes((ON, 40, 90)))]}
    heard = [
        (100.001, 0, ON, 60, 90),
        (100.504, 1, ON, 40, 90),
        (101.0, 0, OFF, 60, 0),
        (101.0, 1, OFF, 40, 0),
        (102.002, 0, ON, 62, 90),
        (103.0, 0, OFF, 62, 0),
    ]
    found = night.verdict(heard, sent, LINE)
    assert found.late == pytest.approx((0.001, 0.004, 0.002))
    assert found.first_downbeat == (0, pytest.approx(0.001))
    assert found.last_downbeat == (1, pytest.approx(0.002))
    assert (found.ons, found.missing, found.hanging, found.twice) == (3, 0, 0, 0)


def test_what_does_not_arrive_hangs_or_sounds_twice_is_counted():
    sent = {0: [(0, bytes((ON, 60, 90))), (960, bytes((ON, 60, 90))), (1920, bytes((ON, 64, 90)))]}
    heard = [(100.0, 0, ON, 60, 90), (100.5, 0, ON, 60, 90)]
    found = night.verdict(heard, sent, LINE)
    assert (found.ons, found.missing, found.hanging, found.twice) == (2, 1, 1, 1)


def test_an_evening_without_a_downbeat_says_nothing_of_drift():
    with pytest.raises(LivevaeError, match="downbeat"):
        night.verdict([], {0: []}, LINE)


def test_the_ons_of_a_recording_are_read_by_tick():
    messages = [(0, b"\x90\x3c\x40"), (480, b"\x80\x3c\x00"), (960, b"\x90\x40\x50"), (1200, b"\x90\x40\x00")]
    (ons,) = night.sent_ons(midi_file.encode(messages, [(0, 120.0)])).values()
    assert ons == [(0, b"\x90\x3c\x40"), (960, b"\x90\x40\x50")]


def test_what_a_port_was_sent_is_what_its_voices_played():
    tracks = {f"v{i}": [(i, bytes((ON + i, 60, 90)))] for i in range(1, 6)}
    sent = night.by_port(tracks, 5, 2)
    assert [[tick for tick, _ in ons] for ons in sent.values()] == [[1, 3, 5], [2, 4]]
    scene = night.scene(5, ["a", "b"], 120.0)
    assert [name for name, one in scene.voices.items() if one.settings.port == "b"] == ["v2", "v4"]


def test_voices_share_the_ports_and_no_channel():
    scene = night.scene(12, ["a", "b", "c", "d"], 120.0)
    places = {(one.settings.port, one.settings.channel) for one in scene.voices.values()}
    assert len(places) == 12
    assert {port for port, _ in places} == {"a", "b", "c", "d"}
