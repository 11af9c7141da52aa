"""Cues on bar lines, and scenes that are written and read again."""

import pytest
from hypothesis import given, settings, strategies as st

from livevae.errors import SceneError
from livevae.music.meter import Meter
from livevae.perform import requests as ask, scene_text
from livevae.perform.arc import STILL, Arc
from livevae.perform.blend import Blend, Place, Tour, weights
from livevae.perform.controls import MidiMap, binding
from livevae.perform.cue import Cue, CueVoice
from livevae.perform.scene import Scene, SceneVoice, parse
from livevae.perform.settings import SETTINGS, in_meter
from tests.laws import assert_each_on_has_its_off
from tests.perform.stand import BAR, played

SET = """
title = "set"
tempo = 120
[voice.lead]
bars = 1
[voice.bass]
channel = 2
play = false
[midi.map]
20 = "next"
21 = ["lead.keep", { to = "lead.temp", most = 1.2 }]
[[cue]]
name = "lift"
tempo = 60
ramp = 4
[cue.voice.lead]
transpose = 12
[cue.voice.bass]
play = true
[[cue]]
name = "waltz"
meter = "3/4"
[cue.voice.bass]
play = false
[[cue]]
[cue.voice.lead]
muted = true
"""


def test_a_cue_takes_effect_on_the_next_bar_line_and_not_before():
    async def line(stand):
        await stand.until(BAR + 100)
        reply = stand.do(ask.GoCue())
        assert reply.pairs == (("cue", "lift"), ("number", 1), ("next", "waltz"))
        assert reply.beat == 8.0
        await stand.until(2 * BAR - 10)
        assert stand.notes(0, 2 * BAR, channel=2) == []
        await stand.until(6 * BAR)
        assert min(tick for tick, channel, _ in stand.sent if channel == 2) == 2 * BAR
        assert stand.player.timeline.bpm == 60.0

    async def plain(stand):
        await stand.until(6 * BAR)

    cued, free = played(line, SET), played(plain, SET)
    for bar in range(4):
        raised = 12 if bar >= 2 else 0
        expected = [(tick, pitch + raised) for tick, pitch in free.notes(bar * BAR, (bar + 1) * BAR)]
        assert cued.notes(bar * BAR, (bar + 1) * BAR) == expected
    assert_each_on_has_its_off(cued.player.sent)


@pytest.mark.parametrize(("past", "beat"), [(-0.001, 16.0), (0.0, 16.0), (0.003, 16.0), (0.02, 20.0)])
def test_a_timetag_a_hair_past_a_bar_line_means_that_line(past, beat):
    """The clocks of two programs never quite agree, and the cue came a whole bar late."""

    async def line(stand):
        await stand.until(BAR)
        at = stand.player.timeline.time_at(4 * BAR) + past
        assert stand.do(ask.GoCue(at=at)).beat == beat
        assert stand.do(ask.PersonaRecord(2, at=at)).ok
        assert stand.session.recording.open.start == beat * 960

    played(line, SET)


def test_a_voice_that_another_scene_does_not_have_plays_until_the_scenes_timetag():
    """Hosts send ahead: it was silent from the sending on."""

    async def line(stand):
        await stand.until(BAR // 2)
        assert stand.do(ask.LoadScene("next", at=stand.player.timeline.time_at(BAR))).ok
        assert "lead" not in stand.session.cast
        await stand.until(4 * BAR)

    async def stopped(stand):
        await stand.until(BAR // 2)
        assert stand.do(ask.LoadScene("next", at=stand.player.timeline.time_at(BAR))).ok
        assert stand.do(ask.Stop()).ok
        assert not stand.player.counters.sounding
        await stand.until(4 * BAR)

    following = parse("tempo = 120\n[voice.other]\nchannel = 3")
    assert max(tick for tick, *_ in played(stopped, SET, scenes=lambda _: following).sent) <= BAR // 2
    stand = played(line, SET, scenes=lambda _: following)
    lead = [tick for tick, channel, _ in stand.sent if channel == 1]
    assert max(lead) // (BAR // 4) == 3
    assert min(tick for tick, channel, _ in stand.sent if channel == 3) == BAR
    assert_each_on_has_its_off(stand.player.sent)


@pytest.mark.parametrize("stops_first", [True, False])
def test_a_stop_takes_nothing_from_the_scene_of_its_moment_and_ends_whom_that_left_out(stops_first):
    async def line(stand):
        moment = stand.player.timeline.time_at(BAR)
        await stand.until(BAR // 2)
        requests = [ask.Stop(at=moment), ask.LoadScene("next", at=moment)]
        for request in requests if stops_first else reversed(requests):
            assert stand.do(request).ok
        await stand.until(4 * BAR)

    following = parse("tempo = 120\n[voice.other]\nchannel = 3\nbars = 1")
    stand = played(line, SET, scenes=lambda _: following)
    assert {tick // BAR for tick, channel, _ in stand.sent if channel == 1} == {0}
    others = {tick // BAR for tick, channel, _ in stand.sent if channel == 3}
    assert others == ({1, 2, 3, 4} if stops_first else set())


def test_a_clock_that_stops_ends_what_a_scene_to_come_has_left_out():
    async def line(stand):
        await stand.until(BAR // 2)
        stand.do(ask.LoadScene("next", at=stand.player.timeline.time_at(BAR)))
        stand.session.transport(playing=False, tick=BAR / 2)
        assert not stand.player.counters.sounding
        await stand.until(4 * BAR)

    following = parse("tempo = 120\n[voice.other]\nchannel = 3")
    assert max(tick for tick, *_ in played(line, SET, scenes=lambda _: following).sent) <= BAR // 2


def test_cues_are_gone_to_by_next_back_name_and_number():
    async def line(stand):
        where = lambda to: dict(stand.do(ask.GoCue(to)).pairs).get("cue")  # noqa: E731
        assert [where(to) for to in ("next", "next", "back", "3", "waltz")] == [
            *("lift", "waltz", "lift", "cue-3", "waltz")
        ]
        assert "there are: next, back, lift, waltz, cue-3" in stand.do(ask.GoCue("lfit")).text
        stand.do(ask.GoCue("cue-3"))
        assert "no cue after" in stand.do(ask.GoCue()).text
        assert stand.session.snapshot().transport.cue == "cue-3"
        await stand.until(4 * BAR)
        assert stand.session.snapshot().voices[0].muted

    played(line, SET)


def test_a_cue_of_another_meter_cuts_on_its_bar_line():
    async def line(stand):
        await stand.until(BAR + 100)
        stand.do(ask.GoCue("waltz"))
        await stand.until(6 * BAR)
        assert stand.session.clock.meter == Meter(3, 4)
        starts = [tick for tick, pitch in stand.notes(2 * BAR, 6 * BAR)]
        assert {(tick + 2 * BAR) % 2880 for tick in starts} <= {0, 960, 1920}

    assert_each_on_has_its_off(played(line, SET).player.sent)


def test_a_pad_goes_to_the_next_cue_and_keeps_a_riff():
    async def line(stand):
        await stand.until(100)
        for data in (b"\xb0\x14\x7f", b"\xb0\x14\x00", b"\xb0\x15\x7f"):
            stand.session.receive_midi(data, 0.0)
        now = stand.session.snapshot()
        assert (now.transport.cue, now.transport.next_cue) == ("lift", "waltz")
        assert now.voices[0].pinned

    played(line, SET)


def test_what_is_set_now_is_written_and_loaded_again():
    written = {}

    def write(name, text, again):
        written[name] = text
        return name

    async def line(stand):
        await stand.until(100)
        stand.do(ask.Set("lead", {"temp": 1.25}))
        stand.do(ask.Mute("bass", on=True))
        stand.do(ask.Tempo(140.0))
        assert stand.asked(ask.WriteScene("mine"))["file"] == "mine"
        scene = parse(written["mine"])
        assert scene == stand.session.scene()
        assert scene.voices["lead"].settings.temp == 1.25
        assert scene.voices["bass"].muted
        assert scene.tempo == 140.0
        assert len(scene.cues) == 3

    played(line, SET, writes=write)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[cue]]\ntmepo = 3", "did you mean tempo"),
        ("[[cue]]\n[cue.voice.leda]", "no voice leda"),
        ("[[cue]]\nname = 'a'\n[[cue]]\nname = 'a'", "two cues"),
        ("[[cue]]\nname = 'next'", "a name is"),
        ("[[cue]]\n[cue.voice.lead]\ntemp = 9", "temp must be"),
        ("[[cue]]\nover = -1", "over must be"),
        ("cue = 3", r"\[\[cue\]\]"),
    ],
)
def test_a_wrong_cue_is_said_by_its_place(text, said):
    with pytest.raises(SceneError, match=said):
        parse(text + "\n[voice.lead]\n" if "cue = 3" in text else "[voice.lead]\n" + text)


names = st.text("abcxyz-_", min_size=1, max_size=8).filter(lambda name: name not in ("next", "back"))
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
personas = st.text("nopqr ", min_size=1, max_size=6)
blends = st.dictionaries(personas | st.just("base"), st.floats(0.01, 9), min_size=1, max_size=4).map(
    lambda found: weights(found.items())
)
tours = st.builds(Tour, st.lists(blends, min_size=2, max_size=4).map(tuple), st.integers(960, 9600))
positions = st.lists(st.floats(-8, 8), min_size=1, max_size=8).map(tuple)
RANGES = {
    setting.name: st.sampled_from(setting.choices)
    if setting.choices
    else st.integers(int(setting.low), int(setting.high))
    if setting.kind is int
    else st.floats(setting.low, setting.high)
    for setting in SETTINGS
    if setting.kind is not str and setting.name not in ("low", "high")
}
some = st.fixed_dictionaries({}, optional=RANGES)


arcs = st.just(STILL) | st.builds(
    Arc,
    st.just((("temp", (0.5, 1.0)), ("velocity", (0, 90, 100)))),
    st.integers(960, 9600),
)


@st.composite
def scenes(draw):
    meter = draw(st.sampled_from([Meter(4, 4), Meter(7, 8), Meter(3, 4)]))
    voices = {}
    for name in draw(st.lists(names, max_size=3, unique=True)):
        usual = in_meter(meter).changed(draw(some))
        blend, place = draw(blends.map(Blend) | tours), draw(st.none() | positions)
        voices[name] = SceneVoice(
            type(usual)(
                **{f: getattr(usual, f) for f in usual.__dataclass_fields__}
                | {"blend": blend, "place": Place(place), "arc": draw(arcs)}
            ),
            draw(st.booleans()),
            draw(st.booleans()),
        )
    change = st.builds(
        CueVoice,
        some,
        st.none() | blends | tours,
        st.none() | st.just(()) | positions,
        st.none() | st.booleans(),
        st.none() | st.booleans(),
    )
    cues = tuple(
        Cue(
            name,
            draw(st.none() | st.floats(20, 999)),
            draw(st.floats(0, 64)),
            draw(st.none() | st.just(Meter(5, 4))),
            draw(st.floats(0, 64)),
            draw(st.dictionaries(st.sampled_from(sorted(voices)), change)) if voices else {},
        )
        for name in draw(st.lists(names, max_size=3, unique=True))
    )
    targets = [
        ("", "tempo"),
        ("", "next"),
        *((name, to) for name in voices for to in ("temp", "bars", "keep")),
    ]
    bindings = [
        binding(controller, *draw(st.sampled_from(targets)), channel=draw(st.integers(0, 16)))
        for controller in sorted(draw(st.lists(st.integers(0, 119), max_size=4)))
    ]
    midi = MidiMap(tuple(bindings), draw(st.dictionaries(st.integers(0, 127), texts, max_size=3)))
    tempo = draw(st.floats(20, 999))
    return Scene(draw(texts), tempo, voices, draw(st.none() | st.just(midi)), meter, cues=cues)


@settings(max_examples=60)
@given(scenes())
def test_a_scene_that_is_written_and_read_is_the_same(scene):
    assert parse(scene_text.text(scene)) == scene
