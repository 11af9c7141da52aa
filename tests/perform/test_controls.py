"""Hands on knobs: what MIDI that comes in does, and what it does not."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st
from test_session import Stand, perform

from livevae.errors import RequestError, SceneError
from livevae.perform import requests as ask
from livevae.perform.controls import Binding, MidiMap, binding
from livevae.perform.scene import Scene, parse
from livevae.perform.settings import SETTINGS

TURNABLE = [setting.name for setting in SETTINGS if setting.kind is not str]


def cc(controller: int, value: int, channel: int = 1) -> bytes:
    return bytes((0xB0 | channel - 1, controller, value))


def on_stage(line: Callable[[Stand], object], **options) -> Stand:
    async def with_lead(stand: Stand) -> None:
        assert stand.do(ask.Set("lead", new=True)).ok
        result = line(stand)
        if asyncio.iscoroutine(result):
            await result

    return perform(with_lead, **options)


def settings(stand: Stand):
    return next(iter(stand.session.cast)).settings


def test_a_mapped_knob_turns_its_setting_from_least_to_most() -> None:
    def line(stand: Stand) -> None:
        reply = stand.do(ask.Map(74, "lead", "temp", 0.5, 1.5))
        assert dict(reply.pairs) == {
            "cc": 74, "channel": 0, "target": "lead.temp", "least": 0.5, "most": 1.5
        }  # fmt: skip
        seen = []
        for value in (0, 127, 64):
            stand.session.receive_midi(cc(74, value, channel=9), stand.loop.time())
            seen.append(settings(stand).temp)
        assert seen == [0.5, 1.5, pytest.approx(1.0, abs=0.01)]

    on_stage(line)


def test_a_knob_turns_the_tempo_and_one_turned_around_goes_down() -> None:
    def line(stand: Stand) -> None:
        assert stand.do(ask.Map(1, "", "tempo", 100, 200)).ok
        assert stand.do(ask.Map(2, "lead", "transpose", 12, -12, channel=3)).ok
        stand.session.receive_midi(cc(1, 127), 0)
        assert stand.session.clock.timeline.bpm == 200
        stand.session.receive_midi(cc(2, 0, channel=2), 0)
        assert settings(stand).transpose == 0  # another channel
        stand.session.receive_midi(cc(2, 0, channel=3), 0)
        assert settings(stand).transpose == 12
        stand.session.receive_midi(cc(2, 127, channel=3), 0)
        assert settings(stand).transpose == -12

    on_stage(line)


@given(st.sampled_from(TURNABLE), st.integers(0, 127))
def test_every_place_of_every_knob_is_a_value_that_its_setting_takes(name: str, value: int) -> None:
    request = binding(5, "lead", name).request(value)
    assert isinstance(request, ask.Set)
    row = next(row for row in SETTINGS if row.name == name)
    assert row.read(request.settings[name]) == request.settings[name]


def test_one_knob_turns_many_settings_and_is_freed_of_all() -> None:
    def line(stand: Stand) -> None:
        for setting in ("temp", "drift", "gate", "temp"):
            assert stand.do(ask.Map(7, "lead", setting)).ok
        assert [target for _, target in stand.do(ask.Map()).pairs] == ["lead.drift", "lead.gate", "lead.temp"]
        assert dict(stand.do(ask.Map(7)).pairs) == {"cc": 7, "freed": 3}
        assert stand.do(ask.Map()).pairs == ()

    on_stage(line)


def test_learning_binds_the_knob_that_moves_and_tells_who_asked() -> None:
    def line(stand: Stand) -> None:
        told = []
        stand.session.receive_midi(cc(30, 5), 0)  # a pedal that repeats its place does not move
        reply = stand.do(ask.Learn("lead", "drift", 0.2, 0.8), told.append)
        assert reply.pairs == (("learning", "lead.drift"),)
        stand.session.receive_midi(cc(30, 5), 0)
        assert told == []
        stand.session.receive_midi(cc(31, 127, channel=4), 0)
        [answer] = told
        assert dict(answer.pairs) == {
            "cc": 31, "channel": 4, "target": "lead.drift", "least": 0.2, "most": 0.8
        }  # fmt: skip
        assert settings(stand).drift == 0.8  # it turns at once
        stand.session.receive_midi(cc(33, 1), 0)
        assert len(told) == 1

    on_stage(line)


def test_learning_can_be_called_off() -> None:
    def line(stand: Stand) -> None:
        assert stand.do(ask.Learn("lead", "drift")).ok
        assert stand.do(ask.Learn()).ok
        stand.session.receive_midi(cc(31, 127), 0)
        assert stand.do(ask.Map()).pairs == ()

    on_stage(line)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (ask.Map(1, "lead", "volume"), "there is no setting 'volume'"),
        (ask.Map(1, "bass", "temp"), "there is no voice 'bass'; there are: lead"),
        (ask.Map(1, "", "temp"), "whose temp? Name a voice"),
        (ask.Map(1, "lead", "tempo"), "the tempo is nobody's"),
        (ask.Map(1, "lead", "port"), "port is a name, which no knob turns"),
        (ask.Map(120, "lead", "temp"), "a controller is 0 to 119, not 120"),
        (ask.Map(1, "lead", "temp", most=9), "temp must be a number from 0 to 4, not 9"),
        (ask.Map(1, "lead", "temp", channel=17), "a MIDI channel is 1 to 16, or 0 for all, not 17"),
        (ask.Learn("lead", "tmep"), "there is no setting 'tmep'"),
        (ask.Learn("bass", "temp"), "there is no voice 'bass'"),
    ],
)
def test_what_no_knob_can_turn_is_said(wish: ask.Request, sentence: str) -> None:
    def line(stand: Stand) -> None:
        reply = stand.do(wish)
        assert not reply.ok
        assert sentence in reply.text

    on_stage(line)


def test_notes_go_to_whoever_listens_by_the_tick_of_their_arrival() -> None:
    async def line(stand: Stand) -> None:
        heard = []
        stand.session.controls.listeners.append(lambda tick, data: heard.append((tick, data)))
        await asyncio.sleep(2)
        stand.session.receive_midi(b"\x90\x3c\x40", 1.5)  # it arrived half a second ago
        stand.session.receive_midi(b"\x80\x3c\x00", 2.0)
        stand.session.receive_midi(b"\xe0\x3c\x00", 2.0)
        assert heard == [(2880.0, b"\x90\x3c\x40"), (3840.0, b"\x80\x3c\x00")]

    on_stage(line)


@pytest.mark.parametrize("controller", [120, 123])
def test_all_notes_off_from_outside_is_panic_and_our_own_come_back_is_not(controller: int) -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Play("lead", at=1.0))
        await asyncio.sleep(6)
        for channel in range(1, 17):
            stand.session.receive_midi(cc(controller, 0, channel), 6)
        assert not stand.hanging()
        assert not stand.session.snapshot().voices[0].playing
        stand.silenced = [s for s in stand.player.sent if s.data[:2] == b"\xb0\x7b"]
        await asyncio.sleep(3)
        stand.do(ask.Panic())
        stand.session.receive_midi(cc(123, 0), 9)

    stand = on_stage(line)
    assert len(stand.silenced) == 1
    assert len([s for s in stand.player.sent if s.data[:2] == b"\xb0\x7b"]) == 2


def test_program_changes_load_the_scenes_they_are_given_and_no_others() -> None:
    scenes = {"verse": Scene(title="Verse"), "chorus": Scene(title="Chorus", midi=MidiMap())}

    def line(stand: Stand) -> None:
        planned = parse('[midi]\nscenes = ["verse", "chorus"]\n[voice.lead]\nplay = false')
        stand.session.load(planned)
        titles = []
        for program in (5, 0, 1, 0):
            stand.session.receive_midi(bytes((0xC3, program)), 0)
            titles.append(stand.session.snapshot().transport.title)
        assert titles == ["", "Verse", "Chorus", "Chorus"]  # Chorus says that there are none

    on_stage(line, scenes=scenes.__getitem__)


def test_a_knob_of_a_voice_that_is_gone_turns_nothing() -> None:
    def line(stand: Stand) -> None:
        stand.do(ask.Map(1, "lead", "temp"))
        stand.session.load(Scene())
        stand.session.receive_midi(cc(1, 5), 0)
        assert stand.session.snapshot().voices == ()

    on_stage(line)


messages = st.tuples(st.integers(0x80, 0xEF), st.integers(0, 127), st.integers(0, 127)).map(
    lambda m: bytes(m) if m[0] & 0xE0 != 0xC0 else bytes(m[:2])
)


@given(st.lists(messages, max_size=60))
def test_no_messages_break_the_session_or_change_a_setting_that_is_not_mapped(heard: list[bytes]) -> None:
    def line(stand: Stand) -> None:
        before = settings(stand)
        for message in heard:
            stand.session.receive_midi(message, stand.loop.time())
        assert settings(stand) == before

    on_stage(line)


def test_a_scene_says_what_knobs_turn() -> None:
    scene = parse(
        """
        [midi]
        scenes = { 5 = "night", 6 = "day" }
        [midi.map]
        1 = "tempo"
        74 = "lead.temp"
        75 = { to = "lead.gate", least = 0.2, most = 0.9, channel = 2 }
        [voice.lead]
        """
    )
    assert scene.midi == MidiMap(
        (
            Binding(1, "", "tempo", 60, 180),
            Binding(74, "lead", "temp", 0.2, 1.6),
            Binding(75, "lead", "gate", 0.2, 0.9, 2),
        ),
        {5: "night", 6: "day"},
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("midi = 3", "midi must be a table, such as [midi]"),
        ("[midi]\nknobs = 3", "unknown key midi.knobs"),
        ("[midi]\nmap = 3", "midi.map must be a table of controllers"),
        ("[midi.map]\n74 = 3", 'midi.map.74 must be a setting, such as "lead.temp"'),
        (
            "[midi.map]\nx = 'lead.temp'\n[voice.lead]",
            "midi.map.x: controllers and channels are whole numbers",
        ),
        ("[midi.map]\n130 = 'lead.temp'\n[voice.lead]", "midi.map.130: a controller is 0 to 119, not 130"),
        ("[midi.map]\n74 = 'bass.temp'\n[voice.lead]", "midi.map.74: there is no voice bass in this scene"),
        ("[midi.map]\n74 = 'lead.tmep'\n[voice.lead]", "midi.map.74: there is no setting 'tmep'"),
        (
            "[midi.map]\n74 = {to = 'lead.temp', most = 'hot'}\n[voice.lead]",
            "temp must be a number from 0 to 4",
        ),
        ("[midi.map]\n74 = {to = 'lead.temp', mots = 1}\n[voice.lead]", "did you mean most?"),
        ("[midi]\nscenes = 3", "midi.scenes: scenes are a list of names"),
        ("[midi]\nscenes = [3]", "midi.scenes: scenes are a list of names"),
        ("[midi]\nscenes = { 200 = 'x' }", "midi.scenes: a program is 0 to 127, not 200"),
    ],
)
def test_a_scene_that_maps_what_is_not_there_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(SceneError) as error:
        parse(text)
    assert sentence in str(error.value)


def test_a_binding_that_cannot_be_played_is_a_request_error() -> None:
    with pytest.raises(RequestError):
        binding(1, "lead", "nothing")
