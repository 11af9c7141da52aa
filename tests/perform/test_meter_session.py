"""Whole lines in another meter than four quarters: bars, grid, recordings, clocks and files follow the scene."""

import asyncio
import io

import mido
import pytest
from hypothesis import given, settings, strategies as st

from livevae.errors import SceneError
from livevae.music.meter import Meter, parse
from livevae.perform import requests as ask
from livevae.perform.engine import Engine
from livevae.perform.recording import Recording
from livevae.perform.scene import parse as parse_scene
from livevae.perform.session import Session
from livevae.perform.settings import VoiceSettings
from livevae.perform.voice import feel
from livevae.player.client.local import LocalPlayer
from livevae.render import render
from livevae.tempo.feel import swung
from livevae.testing import FakeDecoder
from livevae.virtual_time import virtual_time


def scene(meter, *, bars=2, more=""):
    return parse_scene(f'meter = "{meter}"\n[voice.lead]\nbars = {bars}\n{more}')


class Clocked(LocalPlayer):
    """A local player that notes which clocks it is told to follow."""

    def __init__(self):
        super().__init__(120.0)
        self.clocks = []

    def set_clock(self, source, quantum=3840, target="virtual"):
        self.clocks.append((source, quantum))


def perform(line, **options):
    with virtual_time() as loop:

        async def main():
            player = Clocked()
            session = Session(player, Engine(lambda _: FakeDecoder(), inline=True), strict=True, **options)
            player.on_timeline = session.timeline_changed
            result = await line(session, player)
            await session.close()
            await player.close()
            return result, [(s.tick, s.data) for s in player.sent if s.data[0] & 0xF0 == 0x90]

        return loop.run_until_complete(main())


@settings(max_examples=20)
@given(st.sampled_from(["3/4", "6/8", "7/8", "5/4", "12/8", "2/4", "8/4", "5/16"]), st.integers(1, 4))
def test_riffs_last_whole_bars_of_the_meter_one_after_the_other(meter, bars):
    async def line(session, player):
        session.load(scene(meter, bars=bars))
        await asyncio.sleep(30)
        return session.snapshot().voices[0].riffs, player.timeline.tick_at(30)

    (riffs, end), ons = perform(line)
    turn = bars * parse(meter).bar
    assert riffs == pytest.approx(end / turn, abs=2)
    # the fake riff has a note on each beat of the model's bars, so each bar of the meter begins with one
    played = {tick for tick, _ in ons}
    assert {bar * parse(meter).bar for bar in range(int(end) // parse(meter).bar)} <= played


def test_a_voice_starts_on_bar_lines_of_the_meter_unless_it_has_a_quantum_of_its_own():
    async def line(session, player):
        session.load(scene("3/4", more="play = false\n[voice.other]\nquantum = 4\nplay = false"))
        await asyncio.sleep(0.2)
        session.do(ask.Set("new", new=True))
        return [session.do(ask.Play(name)).beat for name in ("lead", "other", "new")]

    beats, _ = perform(line)
    assert beats == [3.0, 4.0, 3.0]


def test_status_and_snapshot_tell_the_meter():
    async def line(session, player):
        before = dict(session.do(ask.Status()).pairs)["meter"]
        session.load(scene("7/8"))
        return before, dict(session.do(ask.Status()).pairs)["meter"], session.snapshot().transport

    before, after, where = perform(line)[0]
    assert (before, after, where.beats, where.unit) == ("4/4", "7/8", 7, 8)


def test_a_scene_in_another_meter_goes_on_from_its_first_bar_line_and_cuts_what_plays_there():
    async def line(session, player):
        session.load(parse_scene("[voice.lead]\nbars = 4\n[voice.gone]\nchannel = 2"))
        await asyncio.sleep(2.6)  # tick 4992: the bars of 7/8 are 3360 long
        beat = session.load(scene("7/8", bars=1))
        await asyncio.sleep(8)
        return beat, player.meters

    (beat, meters), ons = perform(line)
    assert beat == 6720 / 960
    assert meters == [(6720, 7, 8)]
    lead = [tick for tick, data in ons if data[0] == 0x90]
    # a note a beat until the line; then a note a beat in each bar, of which the fourth beat is half a beat long
    assert lead[:7] == [960 * beat for beat in range(7)]
    assert lead[7:15] == [6720 + bar * 3360 + 960 * beat for bar in range(2) for beat in range(4)]


def test_the_clock_that_is_followed_agrees_on_bars_of_the_meter_or_on_the_quantum_that_was_asked_for():
    async def line(session, player):
        session.do(ask.Clock("link"))
        session.load(scene("3/4"))
        session.do(ask.Clock("link", quantum=8.0))
        session.load(scene("7/8"))
        session.do(ask.Clock("link"))
        return player.clocks

    clocks, _ = perform(line, clocks={"internal": "", "link": ""})
    assert clocks == [("link", 3840), ("link", 2880), ("link", 7680), ("link", 3360)]


def test_takes_are_punched_on_bar_lines_of_the_meter_and_kept_as_the_model_hears_them():
    recording = Recording()
    recording.meter = Meter(3, 4)
    assert recording.arm(100, 2) == 2880
    recording.receive(2880, b"\x90\x3c\x50")
    recording.receive(3840, b"\x80\x3c\x00")
    recording.receive(2 * 2880 + 960, b"\x90\x40\x50")  # the second beat of the second bar
    recording.receive(3 * 2880, b"\x80\x40\x00")
    recording.due(3 * 2880 + 200)
    (take,) = recording.takes
    assert take.length == 2 * 3840
    assert [(note.start, note.length) for note in take.notes] == [(0, 960), (3840 + 960, 1920)]
    assert recording.last(3 * 2880, 1) == ((960, 1920, 64, 80),)


def test_a_rendering_lasts_bars_of_the_meter_and_its_file_says_which():
    done = render(scene("3/4"), lambda _: FakeDecoder(), bars=4, seed=1)
    assert done.end == 4 * 2880
    assert done.meters == ((0, 3, 4),)
    file = mido.MidiFile(file=io.BytesIO(done.midi()))
    (signature,) = [message for message in file.tracks[0] if message.type == "time_signature"]
    assert (signature.numerator, signature.denominator, signature.time) == (3, 4, 0)
    assert not any(tick >= done.end for tick, data in done.messages if data[0] & 0xF0 == 0x90)


def test_in_a_bar_of_an_odd_number_of_steps_every_downbeat_stays_where_it_is():
    meter = Meter(7, 8)
    for bar in range(5):
        start = bar * meter.bar
        one = feel(VoiceSettings(swing=0.66, swing_at=8, quantum=3.5), start, 120.0, meter)
        for tick in (start, start + meter.bar):
            assert swung(tick, one.swing, one.step, one.origin, one.bar) == tick


@given(
    st.floats(0.5, 0.75),
    st.sampled_from([240, 480]),
    st.sampled_from([1680, 3360, 4320, 1200]),
    st.lists(st.integers(0, 10_000), min_size=2, max_size=20),
)
def test_swing_that_begins_anew_with_each_bar_keeps_the_order_of_ticks(swing, step, bar, ticks):
    ticks = sorted(ticks)
    moved = [swung(tick, swing, step, 0, bar) for tick in ticks]
    assert moved == sorted(moved)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("meter = 3", 'meter must be text such as "3/4", not 3'),
        ("meter = '3/5'", "meter: a meter is beats and unit, such as 3/4 or 7/8"),
        ("metre = '3/4'", "unknown key metre; did you mean meter?"),
    ],
)
def test_a_meter_that_is_none_is_named_with_what_was_expected(text, sentence):
    with pytest.raises(SceneError, match=r"night\.toml") as error:
        parse_scene(text, "night.toml")
    assert sentence in str(error.value)
