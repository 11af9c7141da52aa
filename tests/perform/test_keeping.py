"""Mute, solo, keep, recall, re-roll, undo and the two states, under virtual time."""

import asyncio

import pytest
from hypothesis import given, strategies as st

from livevae.errors import RequestError
from livevae.latent.recipe import Recipe
from livevae.music.meter import Meter
from livevae.music.notes import Note, Riff
from livevae.perform import crib, requests as ask
from livevae.perform.crib import KeptRiff, MemoryCrib
from livevae.perform.events import RiffEvent
from tests.laws import assert_each_on_has_its_off
from tests.perform.stand import BAR, played

TURN = 2 * BAR
"""How long a riff of the lead is."""


def test_a_muted_voice_stops_within_a_tick_and_walks_on():
    async def line(stand):
        await stand.until(BAR + 100)
        stand.do(ask.Mute("lead", on=True))
        sounding = [m for m in stand.player.sent if m.data[0] in (0x80, 0x90) and m.tick > BAR]
        assert [m.data[0] for m in sounding][-1] == 0x80
        assert all(m.tick <= BAR + 101 for m in sounding)
        await stand.until(3 * TURN + BAR + 10)
        assert stand.notes(BAR + 101, 3 * TURN + BAR) == []
        assert stand.notes(BAR + 101, 3 * TURN + BAR, channel=2) != []
        stand.do(ask.Mute("lead", on=False))
        await stand.until(5 * TURN)

    muted = played(line)

    async def plain(stand):
        await stand.until(5 * TURN)

    free = played(plain)
    for start, end in ((0, BAR), (3 * TURN + BAR + 200, 5 * TURN)):
        assert muted.notes(start, end) == free.notes(start, end)
    assert_each_on_has_its_off(muted.player.sent)


def test_a_solo_is_heard_alone_and_the_others_come_back_where_they_are():
    async def line(stand):
        await stand.until(BAR)
        stand.do(ask.Solo("lead"))
        await stand.until(2 * TURN)
        assert stand.notes(BAR + 10, 2 * TURN, channel=2) == []
        assert stand.notes(BAR + 10, 2 * TURN) != []
        stand.do(ask.Solo("lead"))
        await stand.until(3 * TURN)
        assert stand.notes(2 * TURN + 10, 3 * TURN, channel=2) != []

    assert_each_on_has_its_off(played(line).player.sent)


@pytest.mark.parametrize("moment", [10, BAR, TURN - 1000, TURN - 400, TURN - 200])
def test_a_kept_riff_takes_every_turn_until_it_is_released(moment):
    async def line(stand):
        await stand.until(TURN + moment)
        pairs = stand.asked(ask.Keep("lead"))
        assert pairs["kept"] == 1
        assert stand.session.snapshot().voices[0].pinned
        await stand.until(4 * TURN + 10)
        stand.asked(ask.Keep("lead"))
        await stand.until(6 * TURN)

    kept = played(line)

    async def plain(stand):
        await stand.until(6 * TURN)

    free = played(plain)
    first, second, third = (free.notes(n * TURN, (n + 1) * TURN) for n in range(3))
    turns = [kept.notes(n * TURN, (n + 1) * TURN) for n in range(6)]
    assert turns[:5] == [first, second, second, second, second]
    assert turns[5] == third, "the voice walks on from where it was"
    assert_each_on_has_its_off(kept.player.sent)


def test_a_riff_is_recalled_note_for_note_in_another_session():
    kept = MemoryCrib()
    found = {}

    async def keeps(stand):
        await stand.until(TURN + 10)
        found.update(stand.asked(ask.Keep("lead", name="hook")))
        await stand.until(2 * TURN)
        found["notes"] = stand.notes(TURN, 2 * TURN)

    played(keeps, crib=kept)

    async def recalls(stand):
        await stand.until(10)
        stand.asked(ask.Recall("hook"))
        await stand.until(3 * TURN)
        assert stand.notes(TURN, 2 * TURN) == stand.notes(2 * TURN, 3 * TURN) == found["notes"]

    played(recalls, crib=kept, seed=99)

    async def samples(stand):
        listener = stand.hub.listen(RiffEvent)
        stand.do(ask.Stop())
        await stand.until(10)
        stand.asked(ask.Sample("lead", {"quantum": 0}, recipe=found["recipe"]))
        await stand.until(TURN)
        [event] = [one for one in listener.drain() if one.once]
        assert [(note.start, note.pitch) for note in event.notes] == found["notes"]

    played(samples, seed=99)


def test_a_kept_riff_can_be_a_call_and_a_take():
    async def line(stand):
        await stand.until(10)
        stand.asked(ask.Keep("lead", name="hook"))
        assert stand.asked(ask.ListCrib()) == {"riffs": 1, "names": "hook"}
        assert stand.asked(ask.Call("bass", kept="hook"))["notes"] > 0
        assert stand.asked(ask.TakeKept("hook")) == {"name": "hook", "takes": 1}
        reply = stand.do(ask.Recall("hock"))
        assert "there are: hook" in reply.text

    played(line)


def test_the_riff_that_sounds_can_be_asked_for():
    async def line(stand):
        listener = stand.hub.listen(RiffEvent)
        await stand.until(TURN + 10)
        [event] = [one for one in listener.drain() if one.voice == "lead" and one.start == TURN]
        pairs = stand.asked(ask.ShowRiff("lead"))
        assert pairs["seed"] == event.recipe.seed
        assert '"index":1' in pairs["recipe"]

    played(line)


def test_a_new_seed_is_said_and_can_be_taken_back():
    async def line(stand):
        await stand.until(10)
        seed = stand.asked(ask.Reroll("lead"))["seed"]
        other = stand.asked(ask.Reroll("lead"))["seed"]
        assert seed != other
        assert stand.session.cast["lead"].settings.seed == other
        stand.asked(ask.Undo())
        assert stand.session.cast["lead"].settings.seed == seed
        stand.asked(ask.Undo())
        assert stand.session.cast["lead"].settings.seed == 0
        stand.asked(ask.Redo())
        assert stand.session.cast["lead"].settings.seed == seed
        stand.asked(ask.Undo())
        assert "no change of settings" in stand.do(ask.Undo()).text

    played(line)


def test_a_turn_of_a_knob_is_one_change():
    async def line(stand):
        temp = lambda: stand.session.cast["lead"].settings.temp  # noqa: E731
        for step in range(50):
            stand.asked(ask.Set("lead", {"temp": 1 + step / 100}))
        await stand.until(BAR)
        stand.asked(ask.Set("lead", {"temp": 0.1}))
        stand.asked(ask.Undo())
        assert temp() == 1.49
        stand.asked(ask.Undo())
        assert temp() == 0.8

    played(line)


def test_two_states_are_heard_in_turn():
    async def line(stand):
        temp = lambda: stand.session.cast["lead"].settings.temp  # noqa: E731
        assert stand.asked(ask.Swap())["slot"] == "b"
        stand.asked(ask.Set("lead", {"temp": 2.0}))
        stand.asked(ask.Swap())
        assert temp() == 0.8
        stand.asked(ask.Swap("b"))
        assert temp() == 2.0
        assert stand.session.snapshot().transport.slot == "b"
        assert "a and b" in stand.do(ask.Swap("c")).text

    played(line)


def test_a_rest_cannot_be_kept():
    async def line(stand):
        stand.asked(ask.Set("lead", {"velocity": 0}))
        await stand.until(TURN + 100)
        assert stand.do(ask.Keep("lead", on=True)).text == "lead rests now: there is no note to keep"
        assert stand.session.cast["lead"].pin is None

    played(line)


def test_undo_redo_and_states_wait_for_their_time():
    async def line(stand):
        temp = lambda: stand.session.cast["lead"].settings.temp  # noqa: E731
        loop, answers = asyncio.get_running_loop(), []
        stand.asked(ask.Set("lead", {"temp": 2.0}))
        for at, request in (
            (1.0, ask.Undo(at=loop.time() + 1.0)),
            (2.0, ask.Redo(at=loop.time() + 2.0)),
            (3.0, ask.Swap("b", at=loop.time() + 3.0)),
        ):
            reply = stand.do(request, answers.append)
            assert reply.pairs == (("waits", 1),)
            assert reply.beat == pytest.approx(at * 2, abs=0.01)
        seen = []
        for _ in range(4):
            seen.append((temp(), stand.session.history.slot))
            await asyncio.sleep(1.0)
        assert seen[0] == (2.0, "a")
        assert seen[1:] == [(0.8, "a"), (2.0, "a"), (2.0, "b")]
        assert [answer.pairs[0] for answer in answers] == [
            ("voices", "lead"),
            ("voices", "lead"),
            ("slot", "b"),
        ]

    played(line)


@pytest.mark.parametrize(
    "request_of",
    [
        lambda at: ask.Undo(at=at),
        lambda at: ask.Redo(at=at),
        lambda at: ask.Swap("c", at=at),
        lambda at: ask.Reroll("nobody", at=at),
        lambda at: ask.TakeKept("nothing", at=at),
        lambda at: ask.WriteScene("evening", at=at),
        lambda at: ask.PersonaUndo(at=at),
        lambda at: ask.PersonaSave("nobody", at=at),
    ],
)
def test_what_cannot_be_done_at_its_time_is_said_then(request_of):
    async def line(stand):
        answers = []
        assert stand.do(request_of(asyncio.get_running_loop().time() + 1.0), answers.append).ok
        assert answers == []
        await asyncio.sleep(1.1)
        assert [answer.ok for answer in answers] == [False]
        assert answers[0].text

    played(line)


def test_a_new_seed_waits_for_its_time():
    async def line(stand):
        seed = lambda: stand.session.cast["lead"].settings.seed  # noqa: E731
        before, answers = seed(), []
        stand.do(ask.Reroll("lead", at=asyncio.get_running_loop().time() + 1.0), answers.append)
        assert seed() == before
        await asyncio.sleep(1.1)
        assert dict(answers[0].pairs) == {"voice": "lead", "seed": seed()}
        assert seed() != before

    played(line)


def test_a_recall_by_a_voice_that_plays_waits_for_its_time():
    async def line(stand):
        await stand.until(BAR)
        stand.asked(ask.Keep("lead", on=True, name="hook"))
        stand.asked(ask.Keep("lead", on=False))
        stand.asked(ask.Recall("hook", "lead", at=asyncio.get_running_loop().time() + 1.0))
        assert stand.session.cast["lead"].pin is None
        await asyncio.sleep(1.1)
        assert stand.session.cast["lead"].pin is not None

    played(line)


def test_panic_forgets_what_waits():
    async def line(stand):
        stand.asked(ask.Set("lead", {"temp": 2.0}))
        stand.asked(ask.Undo(at=asyncio.get_running_loop().time() + 1.0))
        stand.asked(ask.Panic(at=asyncio.get_running_loop().time() + 0.5))
        await asyncio.sleep(1.1)
        assert stand.session.cast["lead"].settings.temp == 2.0

    played(line)


words = st.text("abcdefgh-_.123", min_size=1, max_size=12).filter(lambda name: name[0] not in "-.")
notes = st.builds(
    Note, st.integers(-200, 9000), st.integers(1, 900), st.integers(0, 127), st.integers(1, 127)
)
KEPT = st.builds(
    KeptRiff,
    name=words,
    voice=words,
    riff=st.builds(Riff, st.lists(notes, max_size=20).map(tuple), st.integers(1, 90_000)),
    recipe=st.builds(Recipe, seed=st.integers(0, 2**63 - 1), temperature=st.floats(0, 4)),
    settings=st.lists(
        st.tuples(words, st.integers(-100, 100) | st.floats(-1e6, 1e6) | st.text(max_size=9)),
        max_size=5,
        unique_by=lambda pair: pair[0],
    ).map(tuple),
    bpm=st.floats(20, 999),
    meter=st.sampled_from([Meter(4, 4), Meter(7, 8), Meter(3, 4)]),
)


@given(KEPT)
def test_a_kept_riff_is_the_same_after_its_text(kept):
    assert crib.parse(crib.text(kept)) == kept


@given(st.text() | KEPT.map(crib.text).map(lambda text: text[: len(text) // 2]))
def test_what_is_no_kept_riff_is_refused_with_a_sentence(text):
    with pytest.raises(RequestError, match="no kept riff"):
        crib.parse(text)
