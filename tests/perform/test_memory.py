"""What a voice that continues hears: itself, the player, another voice; and whom it trades bars with."""

import asyncio

import pytest
from hypothesis import given, settings, strategies as st
from test_session import perform

from livevae.errors import RequestError
from livevae.latent.recipe import Recipe
from livevae.music.meter import COMMON, Meter
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_BEAT, Note, Riff
from livevae.perform import recipes, requests as ask
from livevae.perform.memory import Memory
from livevae.perform.recording import BARS, Recording
from livevae.perform.settings import VoiceSettings, check_takes

BAR = TICKS_PER_BAR
TAKES = frozenset(("seed", "temperature", "bars", "context", "call", "distance", "top", "beside"))


def riff(*notes, bars=1):
    return Riff(tuple(Note(start, 480, pitch) for start, pitch in notes), bars * BAR)


def starts(played):
    return [(start, pitch) for start, _, pitch, _ in played]


def test_a_voice_hears_its_own_riffs_end_where_the_next_begins():
    memory = Memory()
    memory.add("lead", 0, riff((0, 60)), riff((0, 72)), 1)
    memory.add("lead", 5 * BAR, riff((960, 62)), riff((960, 74)), 1)
    assert starts(memory.own("lead")) == [(-2 * BAR, 60), (-BAR + 960, 62)]
    assert memory.own("bass") == ()


def test_of_another_voice_what_sounded_is_heard_and_only_riffs_that_began_before():
    memory = Memory()
    memory.add("bass", 0, riff((0, 30), bars=2), riff((0, 42), (BAR, 44), bars=2), 2)
    memory.add("bass", 2 * BAR, riff((0, 31)), riff((0, 43)), 1)
    assert starts(memory.before("bass", 2 * BAR, COMMON)) == [(-2 * BAR, 42), (-BAR, 44)]
    assert starts(memory.before("bass", 40 * BAR, COMMON)) == []


def test_beside_a_riff_is_what_others_committed_for_its_bars_else_what_they_just_played():
    memory = Memory()
    memory.add("bass", 0, riff(bars=4), riff((0, 40), (2 * BAR, 45), bars=4), 4)
    memory.add("lead", 2 * BAR, riff((0, 70)), riff((0, 70)), 1)
    assert starts(memory.beside("lead", 2 * BAR, BAR, COMMON)) == [(0, 45)]
    assert starts(memory.beside("lead", 4 * BAR, 2 * BAR, COMMON)) == [(0, 45)]
    assert memory.beside("bass", 0, BAR, COMMON) == ()


@given(st.lists(st.tuples(st.integers(0, 40 * BAR), st.integers(0, 127)), max_size=20), st.sampled_from([COMMON, Meter(3, 4), Meter(7, 8)]))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_what_was_played_before_a_tick_lies_before_it(notes, meter):
    recording = Recording()
    recording.meter = meter
    for tick, pitch in sorted(notes):
        recording.receive(tick, bytes((0x90, pitch, 90)))
        recording.receive(tick + 1, bytes((0x80, pitch, 0)))
    tick = 10 * meter.bar
    assert all(-BARS * meter.model_bars * BAR <= start < 0 for start, *_ in recording.before(tick))


@given(st.lists(st.tuples(st.integers(-4 * BAR, -1), st.integers(1, BAR), st.integers(0, 127), st.integers(1, 127)), max_size=9).map(tuple), st.integers(0, 512))  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_a_recipe_with_a_context_reads_back(context, top):
    recipe = Recipe(3, context=context, top=top, beside=((0, 960, 40, 90),))
    assert recipes.parse(recipes.text(recipe)) == recipe


@pytest.mark.parametrize(
    ("values", "part"),
    [({"drift": 0.1}, "drift"), ({"density": 0.5}, "attributes"), ({"follow": "midi", "top": 1}, None), ({"top": 4}, None)],
)  # fmt: skip
def test_a_setting_that_a_model_does_not_take_is_an_error(values, part):
    wanted = VoiceSettings(model="attention_rnn").changed(values)
    if part is None:
        check_takes(wanted, TAKES)
        with pytest.raises(RequestError, match="has no"):
            check_takes(wanted, frozenset(("drift",)))
    else:
        with pytest.raises(RequestError, match=f"attention_rnn has no {part}"):
            check_takes(wanted, TAKES)


def asked(stand):
    return [recipe for batch in stand.decoder.batches for recipe in batch]


def test_a_voice_continues_itself_and_another_hears_it():
    async def line(stand):
        stand.session.do(ask.Set("lead", {"bars": 1}, new=True))
        stand.session.do(ask.Set("echo", {"bars": 1, "follow": "lead"}, new=True))
        stand.session.do(ask.Play())
        await asyncio.sleep(7)

    stand = perform(line, takes=lambda _: TAKES)
    lead, echo = (
        [recipe for recipe in asked(stand) if recipe.seed == seed]
        for seed in dict.fromkeys(r.seed for r in asked(stand))
    )
    assert lead[0].context == ()
    assert [pitch for _, pitch in starts(lead[1].context)] == [pitch for _, pitch in starts(echo[1].context)]
    assert {start // BAR for start, *_ in lead[2].context} == {-2, -1}


def test_a_model_without_an_ear_is_given_nothing():
    async def line(stand):
        stand.session.do(ask.Set("lead", {"bars": 1}, new=True))
        stand.session.do(ask.Play())
        await asyncio.sleep(6)
        refused = stand.session.do(ask.Set("lead", {"follow": "midi"}))
        assert not refused.ok
        assert "follows nobody" in refused.text

    assert all(recipe.context == () for recipe in asked(perform(line)))


def key(stand, tick, pitch, *, length=400):
    line = stand.session.clock.timeline
    stand.session.receive_midi(bytes((0x90, pitch, 100)), line.time_at(tick))
    stand.session.receive_midi(bytes((0x80, pitch, 0)), line.time_at(tick + length))


def test_fours_are_traded_until_stopped_and_a_rest_is_answered_by_a_rest():
    async def line(stand):
        session = stand.session
        session.do(ask.Set("lead", {"bars": 2, "form": "AABA"}, new=True))
        reply = session.do(ask.Trade(1))
        assert reply.pairs == (("voice", "lead"), ("bars", 1))
        first = round(reply.beat * TICKS_PER_BEAT)
        for turn in range(4):
            begin = first + turn * 2 * BAR
            await session.clock.until(begin + 1920)
            if turn != 1:
                key(stand, begin + 960, 60 + turn)
            await session.clock.until(begin + BAR + 100)
            if turn == 2:
                session.do(ask.Trade(0))
        await asyncio.sleep(4)
        stand.first = first

    stand = perform(line, takes=lambda _: TAKES, prior="learned")
    # the prior as that of a call, and of the voice's own riffs; no answer is a riff of the voice's form
    assert {(recipe.prior, recipe.index) for recipe in asked(stand)} == {("learned", 0)}
    calls = [recipe.call for recipe in asked(stand)]
    assert [starts(call) for call in calls] == [[(960, 60)], [(960, 62)]]
    bars = {(tick - stand.first) // BAR for tick, *_ in stand.ons()}
    assert bars == {1, 5}


def test_a_trade_needs_a_voice_and_ends_with_it():
    async def line(stand):
        session = stand.session
        assert "no voice to trade with" in session.do(ask.Trade(4)).text
        session.do(ask.Set("lead", {}, new=True))
        assert session.do(ask.Trade(4, "lead")).ok
        session.do(ask.Stop("lead"))
        assert session.do(ask.Trade(0)).pairs == (("voice", ""), ("bars", 0))
        session.do(ask.Trade(4))
        session.panic()

    perform(line, takes=lambda _: TAKES)


def test_the_same_night_is_the_same_whatever_continues():
    async def line(stand):
        stand.session.do(ask.Set("lead", {"bars": 1}, new=True))
        stand.session.do(ask.Set("bass", {"bars": 2, "follow": "lead"}, new=True))
        stand.session.do(ask.Play())
        await asyncio.sleep(9)

    assert perform(line, takes=lambda _: TAKES).ons() == perform(line, takes=lambda _: TAKES).ons()
