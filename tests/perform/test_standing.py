"""What a snapshot tells of cues, of the other state of the settings, and of where personas come from."""

from hypothesis import given, strategies as st

from livevae.perform import requests as ask
from livevae.perform.cue import Cue
from livevae.perform.events import PersonaState
from livevae.perform.provenance import persona_state, source
from livevae.perform.snapshot import cues
from livevae.perform.standing import MOST_CUES_TOLD, CueState, OtherSlot
from tests.perform.stand import played

SET = """
tempo = 120
[voice.lead]
bars = 1
[voice.bass]
channel = 2
[[cue]]
name = "lift"
tempo = 132
ramp = 16
over = 4
[cue.voice.lead]
temp = 1.25
blend = { base = 1 }
[cue.voice.bass]
play = false
[[cue]]
name = "waltz"
meter = "3/4"
[cue.voice.bass]
muted = true
"""


def test_all_cues_are_told_in_order_with_what_they_change():
    async def line(stand):
        stand.do(ask.GoCue("waltz"))
        now = stand.session.snapshot()
        assert now.cues == (
            CueState("lift", 1, 132.0, 16.0, "", 4.0, "lead temp 1.25, blend base 1; bass stops"),
            CueState("waltz", 2, meter="3/4", changes="bass muted"),
        )
        assert (now.transport.cue, now.transport.next_cue) == ("waltz", "")

    played(line, SET)


@given(st.integers(0, 200), st.integers(0, 199))
def test_of_many_cues_those_around_the_current_one_are_told(count, here):
    every = [Cue(f"cue-{i}") for i in range(count)]
    name = every[here].name if here < count else ""
    told = cues(every, name)
    assert len(told) == min(count, MOST_CUES_TOLD)
    numbers = [cue.number for cue in told]
    assert numbers == list(range(numbers[0], numbers[0] + len(told))) if told else count == 0
    assert not name or name in [cue.name for cue in told]


def test_the_state_that_is_not_heard_is_told_by_what_it_has_differently():
    async def line(stand):
        assert stand.session.snapshot().other == OtherSlot()
        stand.do(ask.Swap())
        assert stand.session.snapshot().other == OtherSlot(heard=True)
        stand.do(ask.Set("lead", {"temp": 0.25, "key": "Dm"}))
        stand.do(ask.Blend("bass", (("base", 1.0),)))
        told = stand.session.snapshot().other
        assert told == OtherSlot(True, 2, (("lead.temp", "0.8"), ("lead.key", "")))
        stand.do(ask.Swap())
        assert stand.session.snapshot().other.values == (("lead.temp", "0.25"), ("lead.key", "Dm"))

    played(line, SET)


def test_a_persona_says_what_it_was_trained_on():
    about = {
        "base": "cat-mel_2bar_small",
        "windows": 40,
        "files": 4,
        "riffs": [{"name": name} for name in ("a.mid", "b.mid", "c.mid", "d.mid")],
        "losses": {"total": 22.5},
        "licence": "CC0",
        "trained": "2026-05-01T20:00+00:00",
    }
    assert persona_state("nora", "on disk", about) == PersonaState(
        "nora",
        "on disk",
        40,
        0.0,
        "4 files: a, b, c ...",
        "cat-mel_2bar_small",
        "2026-05-01T20:00+00:00",
        "CC0",
        22.5,
    )
    assert source({"files": 1, "riffs": [{"name": "take 1"}]}) == "1 take"
    assert source({"riffs": [{"name": "take 1"}, {"name": "take 2"}]}) == "2 takes"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
KEYS = ("base", "windows", "files", "riffs", "losses", "licence", "trained")


@given(
    st.dictionaries(st.sampled_from(KEYS), anything | st.just([{"name": 7}, {"name": "a" * 999}]), max_size=7)
)
def test_whatever_a_file_says_of_itself_is_told_in_short_or_not_at_all(about):
    told = persona_state("nora", "here", about)
    assert max(map(len, (told.base, told.trained, told.licence))) <= 80
    assert len(told.source) < 200
    assert told.windows >= 0
    assert abs(told.loss) < 1e9
