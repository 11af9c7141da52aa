"""The address table: messages to requests, and the manual that is made from it."""

import pytest
from hypothesis import given, strategies as st

from livevae.edges.osc.addresses import ADDRESSES, BY_ADDRESS
from livevae.edges.osc.arguments import HOST_NAMES, ID, QUIET
from livevae.edges.osc.asking import ask, request
from livevae.edges.osc.codec import Message
from livevae.edges.osc.manual import table_text
from livevae.errors import RequestError
from livevae.perform.conductor import OURSELVES
from livevae.perform.events import Snapshot
from livevae.perform.requests import (
    Clock,
    Learn,
    LoadScene,
    Map,
    Nudge,
    Panic,
    Ping,
    Play,
    Sample,
    Set,
    Status,
    Stop,
    Tap,
    Tempo,
)
from livevae.perform.scene import NAMES_OF_ANSWERS, SceneError, parse
from livevae.perform.settings import SETTINGS
from livevae.perform.snapshot import status


def said(text):
    """A message as one would type it: numbers are numbers, the rest are words."""
    address, *args = text.split()
    return Message(address, tuple(_value(arg) for arg in args))


def _value(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("/livevae/ping", Ping()),
        ("/livevae/status", Status()),
        ("/livevae/play", Play()),
        ("/livevae/play lead", Play("lead")),
        ("/livevae/play voice lead", Play("lead")),
        ("/livevae/stop", Stop()),
        ("/livevae/stop lead", Stop("lead")),
        ("/livevae/sample", Sample()),
        ("/livevae/sample lead", Sample("lead")),
        ("/livevae/sample lead bars 4", Sample("lead", {"bars": 4})),
        ("/livevae/sample voice lead bars 4.0 temp 1", Sample("lead", {"bars": 4, "temp": 1.0})),
        ("/livevae/sample bars 4 voice lead bars 8", Sample("lead", {"bars": 8})),
        ("/livevae/set lead temp 0.5 port synth", Set("lead", {"temp": 0.5, "port": "synth"})),
        ("/livevae/set lead new 1 temp 0.5", Set("lead", {"temp": 0.5}, new=True)),
        ("/livevae/tempo 140", Tempo(140.0)),
        ("/livevae/tempo bpm 97.5", Tempo(97.5)),
        ("/livevae/nudge 0.25", Nudge(0.25)),
        ("/livevae/nudge ms -20 over 4", Nudge(0.0, -20.0, 4.0)),
        ("/livevae/tap", Tap()),
        ("/livevae/clock", Clock()),
        ("/livevae/clock link", Clock("link")),
        ("/livevae/clock midi quantum 8", Clock("midi", 8.0)),
        ("/livevae/clock midi from drumbox", Clock("midi", None, "drumbox")),
        ("/livevae/map", Map()),
        ("/livevae/map 74", Map(74)),
        (
            "/livevae/map 74 voice lead setting temp least 1.2 most 0.2 channel 2",
            Map(74, "lead", "temp", 1.2, 0.2, 2),
        ),
        ("/livevae/map 1 setting tempo", Map(1, "", "tempo")),
        ("/livevae/learn lead setting temp", Learn("lead", "temp")),
        ("/livevae/learn", Learn()),
        ("/livevae/panic", Panic()),
        ("/livevae/scene first-light", LoadScene("first-light")),
        ("/dirt/play voice lead bars 2", Sample("lead", {"bars": 2})),
    ],
)
def test_messages_as_performers_type_them(message, expected):
    assert request(said(message)) == expected


def test_a_message_as_tidal_sends_it_keeps_what_is_ours():
    """Tidal 1.9: names in alphabetical order, floats, and its own names between ours."""
    message = said(
        "/livevae/sample _id_ 1 bars 4.0 cps 0.5625 cycle 12.0 delta 1.777 seed 7.0 temp 0.5 voice lead"
    )
    asked = ask(message)
    assert asked.request(12.5) == Sample("lead", {"bars": 4, "seed": 7, "temp": 0.5}, at=12.5)
    assert asked.ignored == ()


def test_the_time_of_a_bundle_becomes_the_time_of_the_request():
    for row in ADDRESSES:
        assert request(Message(row.address, row.example), 3.25).at == 3.25


def test_every_example_of_the_table_is_a_request():
    for row in ADDRESSES:
        assert request(Message(row.address, row.example))


def test_names_that_mean_nothing_are_ignored_and_told():
    assert ask(said("/livevae/sample lead bars 4 tmep 0.5 n 3")).ignored == ("tmep", "n")


def test_names_that_hosts_add_are_ignored_without_a_word():
    pairs = tuple(part for name in sorted(HOST_NAMES) for part in (name, 1.0))
    asked = ask(Message("/livevae/play", pairs))
    assert (asked.request(None), asked.ignored) == (Play(), ())


def test_an_id_is_nobodys_argument_and_neither_is_quiet():
    assert ask(said("/livevae/ping id 7 quiet 1")).ignored == ()
    quiet = [ask(said(f"/livevae/ping quiet {value}")).quiet for value in ("1", "1.0", "0", "no")]
    assert quiet == [True, True, False, False]
    assert ask(said("/livevae/sample lead id 7")).values == {"voice": "lead"}


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("/livevae/smaple lead", "there is no address '/livevae/smaple'; did you mean /livevae/sample?"),
        ("/foo", "there is no address '/foo'; `livevae osc` lists those there are"),
        ("/livevae/*", "there is no address '/livevae/*'; `livevae osc` lists those there are"),
        (
            "/livevae/ping hello",
            "/livevae/ping takes nothing more, not 'hello': send /livevae/ping",
        ),
        ("/livevae/status lead", "/livevae/status takes nothing more, not 'lead': send /livevae/status"),
        (
            "/livevae/sample lead bars",
            "bars is a name without its value: send /livevae/sample lead bars 4 temp 0.5",
        ),
        (
            "/livevae/sample lead bars id 7",  # as `livevae send` asks
            "bars is a name without its value: send /livevae/sample lead bars 4 temp 0.5",
        ),
        ("/livevae/set lead tmep 1", "/livevae/set knows no argument called 'tmep'; did you mean temp?"),
        ("/livevae/sample tmep 1", "/livevae/sample knows no argument called 'tmep'; did you mean temp?"),
        ("/livevae/set", "/livevae/set needs a voice: send /livevae/set lead temp 1.25 transpose 12"),
        (
            "/livevae/set temp 0.5",
            "/livevae/set needs a voice: send /livevae/set lead temp 1.25 transpose 12",
        ),
        ("/livevae/tempo", "/livevae/tempo needs a bpm: send /livevae/tempo 140 over 16"),
        ("/livevae/tempo fast", "bpm must be a number from 20 to 999, not 'fast'"),
        ("/livevae/tempo 5", "bpm must be a number from 20 to 999, not 5"),
        ("/livevae/scene", "/livevae/scene needs a name: send /livevae/scene first-light"),
        ("/livevae/play 3", "voice must be a name, not 3"),
        ("/livevae/sample lead temp hot", "temp must be a number from 0 to 4, not 'hot'"),
        ("/livevae/sample lead bars 2.5", "bars must be a whole number from 1 to 32, not 2.5"),
        ("/livevae/sample lead voice bass", "the voice is said twice: first as 'lead', then by name"),
        ("/dirt/play bars 4", "/dirt/play needs a voice: send /dirt/play voice lead bars 4"),
        # Sonic Pi by position: the voice and a number, or more numbers
        (
            "/livevae/sample lead 4",
            "/livevae/sample knows no argument called 'lead': send /livevae/sample lead bars 4 temp 0.5",
        ),
        (
            "/livevae/sample lead 4 0.5",
            "4 came where a name should stand: send /livevae/sample lead bars 4 temp 0.5",
        ),
        ("/livevae/play lead bass", "/livevae/play knows no argument called 'lead': send /livevae/play lead"),
    ],
)
def test_what_cannot_be_asked_is_answered_with_a_sentence(message, sentence):
    with pytest.raises(RequestError) as wrong:
        request(said(message))
    assert str(wrong.value) == sentence


@pytest.mark.parametrize("name", ["x" * 65, "le\nad", "\x1b[2J"])
def test_a_voice_has_a_name_that_can_be_shown(name):
    with pytest.raises(RequestError, match="at most 64 printable characters"):
        request(Message("/livevae/play", (name,)))


@pytest.mark.parametrize("value", [b"blob", None, True, (1, 2), float("nan"), "x" * 60_000, 2**62])
def test_no_value_of_another_kind_gets_through(value):
    for setting in SETTINGS:
        if setting.kind is not str:
            with pytest.raises(RequestError, match=f"^{setting.name} must be") as wrong:
                request(Message("/livevae/sample", ("lead", setting.name, value)))
            assert len(str(wrong.value)) < 200


JUNK = st.one_of(
    st.sampled_from([name for row in ADDRESSES for name in row.names]),
    st.text(max_size=8),
    st.integers(),
    st.floats(),
    st.binary(max_size=8),
    st.none(),
    st.booleans(),
    st.just(("nested", (1,))),
)


@given(st.sampled_from(sorted(BY_ADDRESS)), st.lists(JUNK, max_size=7), st.none() | st.floats(0, 100))
def test_any_arguments_are_a_request_or_a_request_error(address, args, at):
    try:
        said_at = request(Message(address, tuple(args)), at).at
    except RequestError as wrong:
        sentence, said_at = str(wrong), at
    else:
        sentence = "fine"
    assert said_at == at
    assert 0 < len(sentence) < 500


def test_every_address_is_there_once_and_takes_an_id():
    assert len(BY_ADDRESS) == len(ADDRESSES)
    assert all(row.names[-2:] == (ID, QUIET) for row in ADDRESSES)


def test_the_terminal_manual_names_every_address_and_setting_within_100_columns():
    text = table_text()
    assert all(row.address in text for row in ADDRESSES)
    assert all(f"    {setting.name} " in text for setting in SETTINGS)
    assert max(map(len, text.splitlines())) <= 100


def test_no_voice_has_a_name_under_which_an_answer_tells_something_else():
    """A voice called bpm made the tempo of a status answer unreadable."""
    status = BY_ADDRESS["/livevae/status"]
    common = {"address", ID, "beat", "text", "ignored", "held_back"}
    for name in {*status.answers, *common}:
        with pytest.raises(SceneError, match="a voice cannot be called"):
            parse(f"[voice.{name}]")
    for name in ("lead.riffs", "lead.late"):
        with pytest.raises(SceneError, match="a voice cannot be called"):
            parse(f"[voice.'{name}']")


def test_every_name_of_a_status_answer_is_in_the_table_or_a_voices():
    pairs = status(Snapshot(), OURSELVES)
    assert {name for name, _ in pairs} <= set(BY_ADDRESS["/livevae/status"].answers) <= NAMES_OF_ANSWERS
