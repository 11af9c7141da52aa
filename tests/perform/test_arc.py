"""An arc: a voice's settings take their turns, and give way to a performer's hand."""

import pytest
from hypothesis import given, strategies as st

from livevae import scene_files
from livevae.errors import SceneError
from livevae.perform.arc import Arc
from livevae.perform.scene import parse
from livevae.render import render
from livevae.testing import FakeDecoder

BAR = 3840


@given(st.lists(st.integers(0, 127), min_size=1, max_size=9), st.integers(1, 10_000), st.integers(0, 100_000))
def test_it_goes_round_and_holds_each_value_for_its_leg(values: list[int], leg: int, tick: int) -> None:
    arc = Arc((("velocity", tuple(values)),), leg)
    assert arc.at(tick) == arc.at(tick + leg * len(values))
    assert arc.at(tick)["velocity"] == values[tick // leg % len(values)]
    assert arc.at(tick // leg * leg) == arc.at(tick)


def test_a_voice_rests_where_its_arc_says_and_comes_back() -> None:
    scene = parse("[voice.a]\nbars = 2\n[voice.a.arc]\nbeats = 8\nvelocity = [0, 90, 40]\ngate = [1, 0.5]")
    done = render(scene, lambda _: FakeDecoder(), bars=12)
    ons = [(tick // (2 * BAR), data[2]) for tick, data in done.messages if data[0] & 0xF0 == 0x90]
    assert sorted(set(ons)) == [(1, 90), (2, 40), (4, 90), (5, 40)]


def test_a_setting_that_is_set_by_hand_leaves_the_arc_and_the_others_stay() -> None:
    scene = parse("[voice.a.arc]\nvelocity = [0, 90]\ntemp = [0.1, 0.9]")
    settings = scene.voices["a"].settings
    assert settings.at(0).velocity == 0
    by_hand = settings.changed({"velocity": 100})
    assert [by_hand.at(beat * 960).velocity for beat in (0, 40)] == [100, 100]
    assert [by_hand.at(beat * 960).temp for beat in (0, 40)] == [0.1, 0.9]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("arc = 3", "must be a table"),
        ("arc = {velocity = 3}", "velocity must be a list"),
        ("arc = {velocity = []}", "velocity must be a list"),
        ("arc = {velocity = [200]}", "velocity must be a whole number from 0 to 127"),
        ("arc = {beats = 0}", "beats must be a number from 1"),
        ("arc = {key = ['C']}", "unknown key voice.a.arc.key"),
        ("arc = {bars = [1, 2]}", "unknown key voice.a.arc.bars"),
    ],
)
def test_what_is_wrong_with_an_arc_is_said(text: str, words: str) -> None:
    with pytest.raises(SceneError, match=words):
        parse(f"[voice.a]\n{text}")


@pytest.mark.parametrize("name", sorted(scene_files.bundled()))
def test_every_bundled_scene_has_voices_of_their_own_sound_and_drums_on_channel_10(name: str) -> None:
    scene = scene_files.find(name)
    assert scene.title
    sounds = [voice.settings for voice in scene.voices.values()]
    assert all(one.level > 0 for one in sounds)
    assert all(one.program >= 0 or one.channel == 10 for one in sounds)
    assert len({one.channel for one in sounds}) == len(sounds)
    assert any(one.channel == 10 for one in sounds)
