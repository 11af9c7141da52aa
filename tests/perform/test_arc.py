"""An arc: a voice's settings take their turns, and give way to a performer's hand."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st
from stand import played

from livevae import scene_files
from livevae.errors import SceneError
from livevae.latent.recipe import Recipe
from livevae.music.notes import Note, Riff
from livevae.perform import requests as ask
from livevae.perform.arc import Arc
from livevae.perform.scene import parse
from livevae.perform.scene_text import text
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


def test_a_sample_is_as_its_voices_arc_has_it_there_but_never_rests() -> None:
    """In a scene whose key is in the arc, it was in none."""
    heard = []

    async def line(stand: Any) -> None:
        for leg in range(3):
            await stand.until(4 * leg * BAR + BAR // 2)
            stand.asked(ask.Sample("lead", {"seed": 7}))
            stand.asked(ask.Sample("lead", {"seed": 7, "transpose": -5, "channel": 2}))
            await stand.until((4 * leg + 3) * BAR)
            ons = [
                one for one in stand.player.sent if one.data[0] & 0xF0 == 0x90 and one.tick > 4 * leg * BAR
            ]
            heard.append([[one.data[1:] for one in ons if one.data[0] & 15 == channel] for channel in (0, 1)])

    arc = "[voice.lead.arc]\nbeats = 16\ntranspose = [0, 7, 2]\nvelocity = [80, 80, 0]"
    played(line, f"tempo = 120\n[voice.lead]\nplay = false\nbars = 1\n{arc}")
    first, by_hand = heard[0]
    assert first
    assert [[pitch - 7, velocity] for pitch, velocity in heard[1][0]] == [[*data] for data in first]
    assert [[pitch - 2, velocity] for pitch, velocity in heard[2][0]] == [[data[0], 96] for data in first]
    assert heard[1][1] == by_hand


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
        ("arc = {port = ['C']}", "unknown key voice.a.arc.port"),
        ("arc = {key = ['C', 'H']}", "voice.a.arc: key: a key is a letter"),
        ("arc = {chords = ['Dm Z']}", "voice.a.arc: chords: 'Z' is no chord"),
        ("chords = 'Dm Z'", "voice.a: chords: 'Z' is no chord"),
        ("pull = 2", "pull must be a number from 0 to 1"),
        ("arc = {bars = [1, 2]}", "unknown key voice.a.arc.bars"),
    ],
)
def test_what_is_wrong_with_an_arc_is_said(text: str, words: str) -> None:
    with pytest.raises(SceneError, match=words):
        parse(f"[voice.a]\n{text}")


def test_what_the_scenes_arc_says_counts_for_every_voice_that_says_nothing_of_it() -> None:
    scene = parse(
        "[arc]\nbeats = 8\nkey = ['Dm', 'Em']\nvelocity = [50]\n[voice.a]\n[voice.c]\nkey = 'C'\n[voice.b.arc]\nbeats = 4\nvelocity = [0, 90]"
    )
    a, b = (scene.voices[name].settings for name in "ab")
    assert [(a.at(tick).key, a.at(tick).velocity) for tick in (0, 2 * BAR)] == [("Dm", 50), ("Em", 50)]
    assert [(b.at(tick).key, b.at(tick).velocity) for tick in (0, BAR)] == [("Dm", 0), ("Em", 90)]
    assert [scene.voices["c"].settings.at(tick).key for tick in (0, 2 * BAR)] == ["C", "C"]
    assert parse(text(scene)) == scene
    with pytest.raises(SceneError, match="arc must be a table"):
        parse("arc = 3")
    with pytest.raises(SceneError, match="arc: key: a key is a letter"):
        parse("arc = {key = ['H']}")


def test_voices_of_one_progression_are_on_the_same_chord_in_every_bar() -> None:
    voices = "\n".join(
        f"[voice.{name}]\nbars = {bars}\npull = 1" for name, bars in (("a", 1), ("b", 3), ("c", 2))
    )
    scene = parse(f"[arc]\nbeats = 16\nchords = ['Dm Bb F C', 'Gm A']\n{voices}")
    done = render(scene, lambda _: FakeDecoder(), bars=9)
    heard: dict[int, set[int]] = {}
    for tick, data in done.messages:
        if data[0] & 0xF0 == 0x90:
            heard.setdefault(tick // BAR, set()).add(data[1] % 12)
    first, second = [{2, 5, 9}, {10, 2, 5}, {5, 9, 0}, {0, 4, 7}], [{7, 10, 2}, {9, 1, 4}] * 2
    chords = [*first, *second, *first]
    assert all(heard[bar] <= chords[bar] for bar in range(9))


def progressions(scene: str, seed: int, bars: int) -> list[str]:
    """Of each bar, the root that a voice at full pull begins it with."""
    done = render(parse(scene), lambda _: FakeDecoder(), bars=bars, seed=seed)
    first = {tick // BAR: data[1] % 12 for tick, data in reversed(done.messages) if data[0] & 0xF0 == 0x90}
    return [
        ["C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"][first[bar]] for bar in range(bars)
    ]


def test_of_alternatives_another_is_played_the_second_time_round_and_voices_agree() -> None:
    voice = "[voice.{}]\nbars = {}\npull = 1\nchannel = {}\n"
    arc = "[arc]\nbeats = 16\nchords = ['D E F G or A B C D', 'Bb Ab or Eb Db']\n"
    scene = arc + voice.format("a", 1, 1)
    nights = [progressions(scene, seed, 32) for seed in range(12)]
    for night in nights:
        legs = [tuple(night[bar : bar + 4]) for bar in range(0, 32, 4)]
        assert {legs[0], legs[2]} == {legs[4], legs[6]} == {tuple("DEFG"), tuple("ABCD")}
        assert {legs[1], legs[3]} == {("Bb", "Ab") * 2, ("Eb", "Db") * 2}
    assert len(set(map(tuple, nights))) > 6, "seeds play other ones"
    assert progressions(scene, 3, 32) == nights[3]
    assert progressions(arc + voice.format("b", 3, 2), 3, 30) == nights[3][:30], "whatever their riffs are"
    alone = progressions("[voice.a]\nbars = 1\npull = 1\nchords = 'D E or F'", 1, 8)
    assert [sorted(alone[bar : bar + 4]) for bar in (0, 4)] == [["D", "E", "F", "F"]] * 2


def test_a_section_ends_at_rest_where_cadence_is_1_and_the_bass_keeps_within_its_notes_a_bar() -> None:
    scene = parse(
        "[arc]\nbeats = 8\nchords = ['Dm A', 'Bb C']\n[voice.a]\ncadence = 1\nkey = 'Dm'\n"
        "[voice.b]\nchannel = 2\n[voice.b.arc]\nbeats = 8\nnotes_least = [7, 0]\nnotes_most = [0, 2]\n"
    )
    done = render(scene, lambda _: FakeDecoder(), bars=8)
    ons = [(tick, data[0] & 0xF, data[1]) for tick, data in done.messages if data[0] & 0xF0 == 0x90]
    a = [(tick, pitch % 12) for tick, channel, pitch in ons if channel == 0]
    for leg, root in enumerate((9, 0, 9, 0)):
        last = [one for one in a if one[0] < (2 * leg + 2) * BAR][-1]
        assert last == ((2 * leg + 1) * BAR + BAR // 2, root)
    b = [tick // BAR for tick, channel, _ in ons if channel == 1]
    assert [b.count(bar) for bar in range(8)] == [7, 7, 2, 2] * 2


def test_from_riff_to_riff_a_voice_with_cadence_goes_by_steps_where_they_are_near() -> None:
    def steps(cadence: str) -> int:
        scene = parse(f"[voice.a]\nbars = 1\nkey = 'Dm'\nchords = 'Dm Bb C A'\n{cadence}")
        done = render(scene, lambda _: FakeDecoder(), bars=64)
        ons = [(tick, data[1]) for tick, data in done.messages if data[0] & 0xF0 == 0x90]
        pairs = [(a, b[1]) for (tick, a), b in pairwise(ons) if b[0] % BAR == 0 and tick >= b[0] - 960]
        return sum(1 <= abs(a - b) <= 2 for a, b in pairs)

    assert steps("cadence = 0.5") > 2 * steps("")


def test_drums_fill_in_before_the_arcs_next_leg_and_a_crash_is_on_it() -> None:
    class Drummer(FakeDecoder):
        def decode(self, recipes: Sequence[Recipe]) -> list[Riff]:
            hats = tuple(Note(eighth * 480, 240, 42, 80, 2) for eighth in range(16))
            return [Riff(hats, 2 * BAR) for _ in super().decode(recipes)]

    scene = parse("[voice.a]\nchannel = 10\nfill = 0.5\n[voice.a.arc]\nbeats = 16")
    done = render(scene, lambda _: Drummer(), bars=9)
    struck = [(tick, data[1]) for tick, data in done.messages if data[0] & 0xF0 == 0x90]
    assert {tick // BAR for tick, pitch in struck if pitch in (38, 45, 48, 50)} == {3, 7}
    assert min(tick for tick, pitch in struck if pitch == 38) == 3 * BAR + BAR // 2
    assert [tick for tick, pitch in struck if pitch == 49] == [4 * BAR, 8 * BAR]


def test_the_bundled_jig_is_in_six_eight_and_each_part_of_its_tunes_comes_twice() -> None:
    class Faithful(FakeDecoder):
        def decode(self, recipes: Sequence[Recipe]) -> list[Riff]:
            return super().decode([replace(one, index=one.index if one.drift else 0) for one in recipes])

    scene = parse(scene_files.bundled()["jig"].read_text().replace("jig = 1", "base = 1"))
    done = render(scene, lambda _: Faithful(), bars=32, has_model=lambda _: True)
    assert done.meters == ((0, 6, 8),)
    part = 8 * 2880
    lead = [(tick, data[1]) for tick, data in done.messages if data[0] == 0x90]
    parts = [
        [pitch for tick, pitch in lead if number * part <= tick + 200 < number * part + part]
        for number in range(4)
    ]
    assert parts[0] == parts[1] != parts[2] == parts[3]


@pytest.mark.parametrize("name", sorted(scene_files.bundled()))
def test_every_bundled_scene_has_voices_of_their_own_sound_and_drums_on_channel_10(name: str) -> None:
    scene = scene_files.find(name)
    assert scene.title
    sounds = [voice.settings for voice in scene.voices.values()]
    assert all(one.level > 0 for one in sounds)
    assert all(one.program >= 0 or one.channel == 10 for one in sounds)
    assert len({one.channel for one in sounds}) == len(sounds)
    assert any(one.channel == 10 for one in sounds)
