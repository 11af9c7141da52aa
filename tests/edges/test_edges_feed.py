"""What the hub tells, over OSC and back: the same values, in packets that every network carries."""

import asyncio
import random
from dataclasses import fields, replace

from hypothesis import given, settings, strategies as st

from livevae import testing
from livevae.edges.osc import feed
from livevae.edges.osc.addresses import BY_ADDRESS
from livevae.edges.osc.assembler import WAITING, Assembler
from livevae.edges.osc.codec import Message, Timed, decode
from livevae.edges.osc.packer import AT_ONCE, Packer
from livevae.edges.osc.timetags import Timetags
from livevae.latent.recipe import Recipe
from livevae.music.notes import Note
from livevae.perform.events import (
    TOPICS,
    Bar,
    Beat,
    Health,
    LogLine,
    PersonaState,
    PortState,
    RiffEvent,
    Snapshot,
    Takes,
    Training,
    Transport,
    VoiceState,
)
from livevae.perform.standing import CueState, EnsembleState, MemberState, OtherSlot

HERE, THERE = Timetags(lambda: 100.0, lambda: 1_700_000_000.0), Timetags(lambda: 5.0, lambda: 1_700_000_000.0)
"""A server's and a client's clock: what is 100.0 here is 5.0 there."""

AHEAD = 95.0

f32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
small = st.floats(0, 1, width=32)
i32 = st.integers(0, 2**31 - 1)
word = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=16)
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
moments = st.floats(0, 1e6)


def unique(values):
    return st.lists(values, max_size=6, unique_by=lambda pair: pair[0]).map(tuple)


persona = word.filter(lambda name: name.lower() != "base")
scalars = i32 | f32 | text
blends = unique(st.tuples(persona | st.just(""), small))


def built(kind, **more):
    usual = {int: i32, float: f32, str: text, bool: st.booleans()}
    return st.builds(kind, **{one.name: usual[one.type] for one in fields(kind) if one.type in usual} | more)


BEATS = built(Beat, at=moments)
BARS = built(Bar, at=moments)
NOTES = st.builds(
    Note, st.integers(-120, 250_000), st.integers(1, 8000), st.integers(0, 127), st.integers(1, 127)
)
RIFFS = built(
    RiffEvent,
    voice=word,
    start=st.integers(0, 2**40),
    length=st.integers(1, 250_000),
    notes=st.lists(NOTES, max_size=130).map(tuple),
    recipe=st.builds(
        Recipe,
        seed=st.integers(0, 2**63 - 1),
        temperature=st.floats(0, 4),
        bars=st.integers(1, 64),
        blend=unique(st.tuples(persona, st.floats(0, 1))),
        call=st.lists(
            st.tuples(st.integers(0, 4000), st.integers(1, 900), st.integers(0, 127), st.integers(1, 127)),
            max_size=80,
        ).map(tuple),
    ),
    at=moments,
)
SNAPSHOTS = st.builds(
    Snapshot,
    transport=built(Transport, at=moments),
    health=built(Health),
    takes=built(Takes),
    voices=st.lists(
        built(
            VoiceState,
            name=word,
            missing=st.lists(word, max_size=3).map(tuple),
            settings=unique(st.tuples(word, scalars)),
            blend=blends,
            target=blends,
            position=st.lists(f32, max_size=8).map(tuple),
        ),
        max_size=6,
        unique_by=lambda one: one.name,
    ).map(tuple),
    personas=st.lists(
        built(PersonaState, name=word, voices=st.lists(word, max_size=3).map(tuple)),
        max_size=4,
        unique_by=lambda one: one.name,
    ).map(tuple),
    ports=st.lists(built(PortState, name=word), max_size=3, unique_by=lambda one: one.name).map(tuple),
    cues=st.lists(built(CueState, name=word), max_size=4, unique_by=lambda one: one.name).map(tuple),
    other=built(OtherSlot, values=unique(st.tuples(word, text))),
    ensemble=built(EnsembleState),
    rooms=st.lists(built(MemberState, name=word), max_size=3, unique_by=lambda one: one.name).map(tuple),
)
EVENTS = BEATS | BARS | RIFFS | SNAPSHOTS | built(Training) | built(LogLine, at=moments)


def moved(event):
    """The event as the client's clock has it, without its moment; and the moment."""
    at = feed.moment(event)
    if isinstance(event, Snapshot):
        parts = {one.name: getattr(event, one.name) for one in fields(event)}
        return Snapshot(**{**parts, "transport": moved(event.transport)[0]}), at
    if at is None:
        return event, at
    return type(event)(**{one.name: getattr(event, one.name) for one in fields(event)} | {"at": 0.0}), at


@settings(max_examples=60)
@given(EVENTS, i32)
def test_a_client_gets_the_values_that_the_server_sent(event, n):
    sent = feed.packets(event, HERE, n)
    assembler = Assembler(THERE)
    got = [one for packet in sent for one in assembler.packet(packet)]
    assert all(len(packet) <= feed.MOST_BYTES for packet in sent)
    assert assembler.broken == 0
    assert len(got) == 1
    (back, at_there), (plain, at_here) = moved(got[0]), moved(event)
    assert back == plain
    if at_here is not None:
        assert abs(at_there + AHEAD - at_here) < 1e-5


FIXED = Timetags(lambda: 100.0, lambda: 1_700_000_000.0)


@settings(max_examples=40)
@given(st.lists(SNAPSHOTS | RIFFS, min_size=1, max_size=4), st.data())
def test_what_is_kept_from_the_snapshot_before_makes_the_same_packets(events, data):
    packer = Packer(FIXED)

    async def all_of_them():
        for n, event in enumerate([*events, *events]):
            new = event
            if isinstance(event, Snapshot) and event.voices:
                voice = data.draw(st.sampled_from(event.voices))
                new = replace(event, voices=(*event.voices[1:], replace(voice, name="x", riffs=n)))
            assert await packer.packets(new, n) == feed.packets(new, FIXED, n)

    asyncio.run(all_of_them())


def test_a_snapshot_of_many_voices_is_encoded_a_little_at_a_time():
    """While it is made, the loop does something else after every few messages; the next one costs only what changed."""

    async def turns(line):
        count, done = 0, asyncio.ensure_future(line)
        while not done.done():
            count += 1
            await asyncio.sleep(0)
        return count

    async def both():
        packer, event = Packer(FIXED), testing.example_snapshot(64)
        parts = len(feed.messages(event))
        first = await turns(packer.packets(event))
        again = replace(event, transport=replace(event.transport, beat=34.0))
        return parts, first, await turns(packer.packets(again))

    parts, first, again = asyncio.run(both())
    assert parts > 64
    assert first >= parts // (2 * AT_ONCE)
    assert again <= 4


def test_parts_may_come_in_any_order_and_between_others():
    event, other = testing.example_snapshot(), testing.example_riff()
    pieces = [*feed.messages(event, 1), *feed.messages(other, 2)]
    random.Random(1).shuffle(pieces)
    assembler = Assembler()
    got = [one for piece in pieces if (one := assembler.take(Timed(piece))) is not None]
    assert {type(one) for one in got} == {Snapshot, RiffEvent}


def test_a_lost_part_costs_one_value_and_no_memory():
    assembler = Assembler()
    for n in range(300):
        for piece in feed.messages(testing.example_snapshot(), n)[:-1]:
            assert assembler.take(Timed(piece)) is None
    assert len(assembler._waiting) <= WAITING


@given(
    st.sampled_from(sorted(feed.EVENTS)),
    st.lists(
        i32 | f32 | text | st.sampled_from(["n", "part", "parts", "notes", "voice", "name", "recipe"]),
        max_size=20,
    ),
)
def test_what_cannot_be_read_is_counted_and_nothing_worse(address, args):
    assembler = Assembler()
    assembler.take(Timed(Message(address, tuple(args))))
    assert assembler.broken in (0, 1)


def test_long_texts_are_cut_to_what_a_packet_holds():
    for event in (
        LogLine("log", "é" * 5000),
        Snapshot(voices=(VoiceState("v", fault="x" * 9000, missing=tuple("ж" * 300 for _ in range(16))),)),
    ):
        assert all(len(packet) <= feed.MOST_BYTES for packet in feed.packets(event, HERE))


def test_a_riff_has_at_most_sixty_notes_a_message():
    riff = RiffEvent("lead", 0, 96_000, tuple(Note(i * 60, 50, 60) for i in range(1000)), Recipe(7))
    counts = [
        message.args[message.args.index("notes") + 1]
        for message in feed.messages(riff)
        if message.address == feed.RIFF
    ]
    assert sum(counts) == 1000
    assert max(counts) <= 60


def test_what_subscribers_are_sent_is_no_request():
    assert not feed.EVENTS & set(BY_ADDRESS)


def test_the_examples_for_tests_of_clients_are_of_every_kind():
    assert {type(event) for event in testing.example_events()} == set(TOPICS.values())
    for event in testing.example_events():
        assembler = Assembler()
        packets = feed.packets(event, HERE)
        assert [one for packet in packets for one in assembler.packet(packet)]
        assert all(decode(packet) for packet in packets)
