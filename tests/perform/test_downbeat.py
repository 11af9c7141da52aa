"""The first downbeat waits for the first riffs, within limits; what is in time is never counted as late."""

import asyncio

import pytest
from hypothesis import given, settings, strategies as st

from livevae.perform import downbeat, requests as ask
from livevae.perform.requests import Reply
from livevae.perform.scene import parse
from livevae.perform.session import Session
from livevae.perform.timing import Timing
from livevae.player.client.local import LocalPlayer
from livevae.player.clocks.clock import CLOCKS
from livevae.player.wire.commands import SetTimeline
from livevae.reports import follow
from livevae.tempo.timeline import Timeline
from livevae.testing import FakeDecoder, SlowEngine
from livevae.virtual_time import virtual_time

PRELUDE = 0.15
SCENE = "tempo = 120\n[voice.lead]\n[voice.bass]\nchannel = 2\nhumanise = 20"


class Night:
    """A server's first seconds.

    Attributes:
        line: what the downbeat settled on.
        waited: seconds until it did.
        starts: the tick on which each voice's first riff begins.
        firsts: the tick and second of each channel's first note.
        late: riffs that were counted as late, by voice.
    """

    def __init__(
        self, seconds, scene=SCENE, meanwhile=lambda _: None, hold=True, prelude=PRELUDE, refuses=False
    ):
        self._seconds, self._scene, self._meanwhile, self._hold = seconds, parse(scene), meanwhile, hold
        self._prelude, self._refuses = prelude, refuses
        with virtual_time() as loop:
            loop.run_until_complete(self._play(loop))

    async def _play(self, loop):
        tempo = self._scene.tempo
        player = LocalPlayer(timeline=Timeline(0, self._prelude, tempo))
        session = Session(
            player,
            SlowEngine(FakeDecoder(), self._seconds),
            timing=Timing(0.3, 0.06),
            clocks=dict.fromkeys(CLOCKS, ""),
            strict=True,
        )
        player.on_timeline = session.timeline_changed
        player.on_report = lambda report: follow(session, report)
        first = session.load(self._scene)
        loop.call_later(0.02, self._meanwhile, session)
        self.line = player.timeline
        if self._hold:

            def begin(zero):
                if not self._refuses:
                    player._do(SetTimeline(Timeline(0, zero, tempo)))
                return not self._refuses

            self.line = await downbeat.settled(session, first, begin)
        self.waited = loop.time()
        await asyncio.sleep(self._prelude)
        self.starts = {event.voice: event.start for event in reversed(session.cast.standing)}
        await asyncio.sleep(12)
        self.late = {voice.name: voice.late for voice in session.snapshot().voices}
        self.playing = {voice.name: voice.playing for voice in session.snapshot().voices}
        self.firsts = {}
        for one in player.sent:
            if one.data[0] & 0xF0 == 0x90:
                self.firsts.setdefault((one.data[0] & 15) + 1, (one.tick, one.due))
        await session.close()
        await player.close()


def test_on_an_idle_machine_the_downbeat_is_where_it_was_and_nothing_waits_for_it():
    night = Night(lambda _: 0.02)
    assert night.line == Timeline(0, PRELUDE, 120)
    assert night.waited < 0.03
    assert night.late == {"lead": 0, "bass": 0}


def test_on_a_busy_machine_all_voices_begin_together_as_soon_as_their_riffs_are_there_and_none_is_late():
    """They began two seconds later, and each was counted as late."""
    seconds = [0.7, 0.1]
    night = Night(lambda _: seconds.pop() if seconds else 0.02)
    assert 0.7 < night.line.time_at(0) < 0.7 + 0.02 + downbeat.SPARE + 2 * downbeat.STEP
    assert [tick for tick, _ in night.firsts.values()] == [0, 0]
    assert night.late == {"lead": 0, "bass": 0}


def test_a_voice_that_takes_for_ever_is_not_waited_for_and_is_late():
    seconds = [0.02, 2.5]
    night = Night(lambda _: seconds.pop() if seconds else 0.02)
    assert downbeat.LONGEST - downbeat.STEP < night.line.time_at(0) <= downbeat.LONGEST
    assert sorted(round(tick / 3840, 1) for tick, _ in night.firsts.values()) == [0, 1]
    assert sorted(night.late.values()) == [0, 1]


@settings(max_examples=30, deadline=None)
@given(st.floats(0.001, 1.6), st.floats(0.001, 1.6), st.floats(30, 300), st.sampled_from([1, 4, 16]))
def test_whatever_the_first_riffs_take_the_music_begins_on_its_first_beat_and_none_is_late(
    one, two, tempo, quantum
):
    scene = f"tempo = {tempo}\n[voice.a]\nquantum = {quantum}\n[voice.b]\nchannel = 2\nquantum = 4"
    took = [one, two]
    night = Night(lambda _: took.pop() if took else 0.001, scene)
    assert [tick for tick, _ in night.firsts.values()] == [0, 0]
    assert night.late == {"a": 0, "b": 0}


def test_a_riff_that_is_still_in_time_is_not_counted_as_late():
    """At 40 bpm half a sixteenth, by which notes may come early, is longer than the prelude."""
    night = Night(lambda _: 0.05, SCENE.replace("120", "40"), hold=False)
    assert [tick for tick, _ in night.firsts.values()] == [0, 0]
    assert night.late == {"lead": 0, "bass": 0}


def test_without_it_a_late_first_riff_is_counted_once():
    night = Night(lambda recipe: 0.5 if recipe.index == 0 else 0.02, hold=False)
    assert [round(tick / 3840, 1) for tick, _ in night.firsts.values()] == [1, 1]
    assert night.late == {"lead": 1, "bass": 1}


@pytest.mark.parametrize(
    "request_",
    [ask.Tempo(90.0), ask.Clock("midi"), ask.Stop(), ask.Nudge(0.5, over=0.0)],
    ids=["tempo", "clock", "stop", "nudge"],
)
def test_who_changes_the_time_meanwhile_has_the_last_word(request_):
    replies = []
    night = Night(
        lambda recipe: 0.8 if recipe.index == 0 else 0.02,
        meanwhile=lambda session: replies.append(session.do(request_)),
    )
    assert isinstance(replies[0], Reply)
    assert replies[0].ok
    assert night.line == Timeline(0, PRELUDE, 120)
    assert night.waited < 0.05


@pytest.mark.parametrize("quantum", [0, 0.5, 1, 4])
@pytest.mark.parametrize("prelude", [PRELUDE, 0.9])
def test_no_voice_begins_before_the_downbeat_whatever_its_grid_and_however_long_the_first_riffs_have(
    quantum, prelude
):
    """At 120 bpm 0.9 s have a beat: such a voice began on beat -1, played two beats' notes at once, and stayed off."""
    scene = f"tempo = 120\n[voice.a]\nquantum = {quantum}\n[voice.b]\nchannel = 2"
    night = Night(lambda _: 0.02, scene, prelude=prelude)
    assert night.line == Timeline(0, prelude, 120)
    assert night.starts == {"a": 0, "b": 0}
    assert night.late == {"a": 0, "b": 0}


def test_where_the_player_is_about_to_go_by_another_tempo_the_downbeat_is_left_where_it_is():
    night = Night(lambda recipe: 0.8 if recipe.index == 0 else 0.02, refuses=True)
    assert night.line == Timeline(0, PRELUDE, 120)
    assert night.waited < PRELUDE


def test_a_scene_without_a_voice_waits_for_nothing():
    assert Night(lambda _: 0.02, "tempo = 120").waited == 0.0
