"""Payloads and topics: what is written is read, and whatever arrives is read or refused."""

import json
import random

import pytest
from hypothesis import given, strategies as st

from livevae.edges.mqtt import payloads, topics, values
from livevae.edges.mqtt.payloads import DEEPEST, LONGEST, PayloadError
from livevae.edges.mqtt.topics import MqttError, Place
from livevae.latent.recipe import Recipe
from livevae.music.notes import Note, Riff

numbers = st.floats(-1e12, 1e12)
names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
pairs = st.lists(st.tuples(texts, st.floats(0, 1)), max_size=4).map(tuple)
calls = st.lists(
    st.tuples(st.integers(0, 9999), st.integers(1, 999), st.integers(0, 127), st.integers(1, 127)), max_size=4
).map(tuple)
recipes = st.builds(
    Recipe,
    seed=st.integers(0, 2**63 - 1),
    temperature=st.floats(0, 4),
    bars=st.integers(1, 32),
    index=st.integers(0, 2**40),
    drift=st.floats(0, 1),
    model=texts,
    blend=pairs,
    position=st.none() | st.lists(st.floats(-3, 3), min_size=1, max_size=8).map(tuple),
    attributes=pairs,
    call=calls,
    distance=st.floats(0, 1),
)
states = st.builds(
    values.RoomState,
    st.sampled_from(values.STATES),
    boot=st.text("abc", min_size=1, max_size=8),
    session=st.integers(1, 99),
    version=texts,
    follows=st.booleans(),
)
lines = st.builds(
    values.Line,
    names,
    st.text("abc", min_size=1, max_size=8),
    st.integers(0, 99),
    st.integers(0, 99),
    st.floats(-1e6, 1e6),
    numbers,
    st.floats(20, 999),
    st.sampled_from(("4/4", "7/8")),
    st.booleans(),
)
notes = st.tuples(
    st.integers(-99, 9999), st.integers(1, 999), st.integers(0, 127), st.integers(1, 127), st.integers(1, 16)
)
riffs = st.builds(
    values.RiffAhead,
    st.integers(-(2**30), 2**30),
    st.integers(1, 9999),
    st.lists(notes, max_size=9).map(tuple),
    st.none() | recipes,
    st.text("abc", max_size=8),
)
jobs = st.builds(
    values.Jobs,
    names,
    st.lists(
        st.builds(
            values.Job,
            st.integers(0, 2**40),
            recipes,
            texts,
            st.dictionaries(texts, texts, max_size=3).map(lambda table: tuple(table.items())),
        ),
        min_size=1,
        max_size=4,
    ).map(tuple),
)
decoded = st.builds(
    values.Decoded,
    st.integers(0, 2**40),
    st.none()
    | st.builds(
        Riff,
        st.lists(
            st.builds(
                Note,
                st.integers(-99, 9999),
                st.integers(1, 99),
                st.integers(0, 127),
                st.integers(1, 127),
                st.integers(0, 2),
            ),
            max_size=9,
        ).map(tuple),
        st.integers(1, 9999),
    ),
    texts,
)
answers = st.builds(
    values.Answer, texts, st.floats(0, 1e5), st.lists(decoded, min_size=1, max_size=4).map(tuple)
)
KINDS = (values.RoomState, values.Line, values.RiffAhead, values.Jobs, values.Answer)


@given(st.one_of(states, lines, riffs, jobs, answers))
def test_what_is_written_is_read(value: object) -> None:
    data = value.payload()
    assert type(value).read(payloads.read(data, payloads.LONGEST_DOCUMENT)) == value


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=8), part, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()))
def test_whatever_arrives_is_read_or_refused(data: bytes) -> None:
    try:
        table = payloads.read(data)
    except PayloadError:
        return
    for kind in KINDS:
        try:
            kind.read(table)
        except PayloadError:
            continue


@given(st.one_of(lines, riffs, jobs, states, answers), st.data())
def test_a_value_with_one_field_gone_wrong_is_read_or_refused(value: object, data: st.DataObject) -> None:
    table = json.loads(value.payload())
    table[data.draw(st.sampled_from(sorted(table)))] = data.draw(anything)
    try:
        type(value).read(payloads.read(json.dumps(table).encode()))
    except PayloadError:
        return


@pytest.mark.parametrize(
    "data",
    [
        b"[" * LONGEST,
        b'{"a":' * 3000,
        b'{"a":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}",
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":-Infinity}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":99999999999999999999}',
        b'"text"',
        b"",
        b"\xff\xfe",
        b'{"a":"\\ud800"}',
        b'{"a":"' + b"x" * 3000 + b'"}',
        b" " * (LONGEST + 1),
    ],
)
def test_hostile_payloads_are_refused(data: bytes) -> None:
    with pytest.raises(PayloadError):
        payloads.read(data)


def test_a_hundred_thousand_hostile_payloads_are_read_or_refused_in_bounded_memory() -> None:
    chance = random.Random(7)
    real = [b'{"n":1,"t1":2.5}', values.Line("rack", "b", 1, 1, 0.0, 0.0, 120.0).payload()]
    refused = 0
    for _ in range(100_000):
        data = bytearray(chance.choice(real))
        for _ in range(chance.randrange(1, 5)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            values.Line.read(payloads.read(bytes(data)))
        except PayloadError:
            refused += 1
    assert refused > 50_000


@given(names, st.lists(names, min_size=1, max_size=4))
def test_a_topic_is_its_parts(ensemble: str, parts: list[str]) -> None:
    place = Place(ensemble, "rack")
    assert place.parts(place.topic(*parts)) == tuple(parts)
    assert Place(f"x{ensemble}"[:32]).parts(place.topic(*parts)) == () or f"x{ensemble}"[:32] == ensemble


@given(st.text(max_size=60))
def test_any_topic_is_ours_or_nobodys(topic: str) -> None:
    parts = Place("trio").parts(topic)
    assert parts == () or Place("trio").topic(*parts) == topic


def test_a_url_names_broker_ensemble_and_room() -> None:
    address = topics.parse("mqtt://anna@rack.local/trio/lead")
    assert (address.host, address.port, address.user, address.tls) == ("rack.local", 1883, "anna", False)
    assert address.place == Place("trio", "lead")
    assert topics.parse("mqtts://[::1]:9000/trio/lead").port == 9000
    assert topics.parse("mqtts://h/trio/lead").port == 8883
    assert str(topics.parse("mqtts://a@[::1]:9000/trio/lead")) == "mqtts://a@[::1]:9000/trio/lead"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mqtt://anna:secret@h/trio/lead", "a password does not belong in the URL"),
        ("http://h/trio/lead", "takes a URL as in mqtt://127.0.0.1/trio/rack"),
        ("mqtt://h/trio", "an ensemble and a room"),
        ("mqtt://h/Trio/lead", "1 to 32 of a-z"),
        ("mqtt://h/trio/clock", "a topic of the whole ensemble"),
        ("mqtt://h:99999/trio/lead", "takes a URL"),
        ("mqtt:///trio/lead", "takes a host"),
        ("mqtt://h/trio/le+ad", "1 to 32 of a-z"),
    ],
)
def test_a_url_that_is_none_says_what_is_wrong(url: str, why: str) -> None:
    with pytest.raises(MqttError, match=why) as caught:
        topics.parse(url)
    assert "secret" not in str(caught.value)


def test_the_password_comes_from_the_environment_or_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.delenv(topics.PASSWORD, raising=False)
    monkeypatch.delenv(topics.PASSWORD_FILE, raising=False)
    assert topics.password() is None
    file = tmp_path / "password"
    file.write_text("from a file\n")
    monkeypatch.setenv(topics.PASSWORD_FILE, str(file))
    assert topics.password() == "from a file"
    monkeypatch.setenv(topics.PASSWORD, "from the environment")
    assert topics.password() == "from the environment"
    monkeypatch.delenv(topics.PASSWORD)
    monkeypatch.setenv(topics.PASSWORD_FILE, str(tmp_path / "none"))
    with pytest.raises(MqttError, match="cannot be read"):
        topics.password()
