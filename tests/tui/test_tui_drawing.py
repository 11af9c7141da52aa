"""What the rehearsal UI draws, as values: rolls, lanes, blends, rows. No terminal."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len

from benchmarks.pictures import MOMENT, state
from benchmarks.rehearsal import snapshot
from livevae.perform.events import LogLine, Snapshot, Transport, VoiceState
from livevae.perform.standing import CueState
from livevae.tui import commands, frame
from livevae.tui.complete import completions, usage
from livevae.tui.ground import of_answer, of_environment
from livevae.tui.news import advance
from livevae.tui.pictures import blend_map, curve
from livevae.tui.roll import RollNote, roll, ruler
from livevae.tui.rows import Span, action_at, clean, fit, fit_row, text_of, width
from livevae.tui.stage import blend_line, layout
from livevae.tui.state import LOG_LINES, UiState, Voice
from livevae.tui.views import Views

texts = st.text(st.characters(codec="utf-8"), max_size=30)
notes = st.lists(
    st.builds(RollNote, st.floats(-0.1, 15.9), st.floats(0.01, 4), st.integers(0, 127)), max_size=40
)


def test_a_roll_of_half_blocks_reads_like_music() -> None:
    riff = [RollNote(0, 1, 60), RollNote(1, 1, 62), RollNote(2, 1, 64), RollNote(3, 1, 67)]
    assert roll(riff, 4, 8, 4) == ["      ▀▀", "    ▄▄  ", "  ▄▄    ", "▄▄      "]
    assert roll(riff, 4, 8, 1) == ["▁▁▃▃▅▅██"]


def test_notes_that_follow_each_other_on_one_pitch_are_told_apart() -> None:
    rows = roll([RollNote(0, 2, 60), RollNote(2, 2, 60)], 4, 8, 2)
    assert sum(row[3] != " " for row in rows) == 0
    assert sum(row[4] != " " for row in rows) == 1


@given(notes, st.integers(1, 100), st.integers(1, 20))
def test_a_roll_fills_its_place_exactly_and_shows_each_note(
    riff: list[RollNote], cells: int, lines: int
) -> None:
    rows = roll(riff, 16, cells, lines)
    assert [len(row) for row in rows] == [cells] * lines
    assert any(row.strip() for row in rows) == bool(riff)


@given(st.floats(0.5, 64), st.integers(0, 200), st.integers(-3, 300))
def test_a_ruler_is_as_wide_as_its_roll_wherever_the_playhead_is(beats: float, cells: int, head: int) -> None:
    assert sum(map(len, ruler(beats, 4.0, cells, head))) == cells


@given(st.lists(st.builds(Span, texts.map(clean)), max_size=6), st.integers(0, 60))
def test_rows_are_as_wide_as_they_should_be_whatever_is_in_them(row: list[Span], cells: int) -> None:
    assert width(fit_row(row, cells)) == cells


@given(texts, st.integers(0, 40))
def test_text_from_outside_fits_its_cells_and_holds_nothing_that_moves_the_cursor(
    text: str, cells: int
) -> None:
    assert clean(text).isprintable()
    assert cell_len(fit(clean(text), cells)) == cells


def test_wide_names_are_never_halved() -> None:
    assert fit("鼓鼓鼓", 5) == "鼓鼓…"
    assert fit("鼓鼓鼓", 4) == "鼓 …"


def test_a_click_finds_the_span_under_it() -> None:
    row = (Span("鼓", "", "a"), Span("b", "", "b"))
    assert [action_at(row, x) for x in range(4)] == ["a", "a", "b", ""]


def test_the_selected_voice_is_always_among_the_lanes() -> None:
    for lines in range(40):
        for voices in range(1, 20):
            for selected in range(voices):
                first, shown, tall = layout(voices, selected, lines)
                if lines:
                    assert first <= selected < first + shown
                    assert lines == 1 or shown * tall <= lines


@given(st.integers(1, 220), st.integers(1, 70), st.sampled_from(frame.SCREENS), st.integers(0, 9))
def test_every_screen_fills_every_size_exactly(cells: int, lines: int, screen: str, voices: int) -> None:
    known = replace(STATES[voices], screen=screen)
    rows = Views().rows(known, MOMENT, cells, lines)
    assert len(rows) == lines
    assert {width(row) for row in rows} <= {cells}
    assert width(frame.transport(known, MOMENT, cells)) == cells
    assert width(frame.tabs(known, cells)) == cells
    assert width(frame.health_strip(known, cells)) == cells


STATES = [state(voices) for voices in range(10)]


def test_every_screen_bears_a_voice_with_any_name() -> None:
    names = ("鼓手", "a" * 300, "\x1b[31mred\x07", "é̂", "\u202elive", "")
    voices = tuple(VoiceState(name, playing=True, fault=name, seed=1) for name in names)
    known = advance(STATES[3], replace(snapshot(3, MOMENT), voices=voices))
    for screen in frame.SCREENS:
        rows = Views().rows(replace(known, screen=screen), MOMENT, 80, 20)
        assert {width(row) for row in rows} == {80}
        assert "\x1b" not in text_of(rows)


def test_a_log_is_bounded_and_shows_the_newest() -> None:
    known = UiState()
    for i in range(10_000):
        known = advance(known, LogLine("flood", f"line {i}"))
    assert len(known.log) == LOG_LINES
    assert text_of(frame.log_rows(known, 40, 2)) == "  flood     line 9998\n  flood     line 9999"


def test_lanes_are_drawn_anew_only_when_something_of_theirs_changes() -> None:
    views = Views()
    known = STATES[8]
    before = views.rows(known, MOMENT, 200, 48)
    after = views.rows(known, MOMENT + 0.14, 200, 48)
    changed = [y for y in range(48) if before[y] is not after[y] and before[y] != after[y]]
    assert 0 < len(changed) <= 8
    assert views.rows(known, MOMENT, 200, 48) == before


def test_a_blend_between_two_is_a_point_on_a_line_and_between_more_a_point_in_a_figure() -> None:
    assert blend_line(Voice("a", blend=(("x", 0.5), ("y", 0.5))), 13) == "├─────◆─────┤"
    assert blend_line(Voice("a", blend=(("x", 1.0),)), 13) == ""
    assert blend_line(Voice("a", blend=(("x", 0.5), ("y", 0.25), ("z", 0.25))), 12) == "██████▒▒▒▓▓▓"
    three = text_of(blend_map((("x", 1.0), ("y", 0.0), ("z", 0.0)), 30, 7))
    assert "◆" in three.splitlines()[0]
    four = text_of(blend_map((("x", 0.25), ("y", 0.25), ("z", 0.25), ("w", 0.25)), 30, 7))
    assert "◆" in four.splitlines()[3]


def test_a_falling_loss_is_a_falling_curve() -> None:
    assert curve([4, 3, 2, 1], 4, 1) == ["█▆▃▁"]


@given(st.lists(st.sampled_from([0.05, -0.05, 0.5, -0.5]), max_size=60))
def test_the_way_along_the_ring_of_personas_can_be_gone_back(steps: list[float]) -> None:
    blend = start = (("base", 1.0),)
    for by in steps:
        blend = commands.toward(blend, ("x", "y", "z"), by)
        assert abs(sum(weight for _, weight in blend) - 1) < 1e-6
    for by in reversed(steps):
        blend = commands.toward(blend, ("x", "y", "z"), -by)
    assert blend == start


@given(
    st.dictionaries(st.sampled_from(("base", "x", "y", "z")), st.floats(0.05, 1), min_size=3),
    st.sampled_from([0.05, -0.05, 0.5, -0.5]),
)
def test_a_blend_of_many_is_gathered_into_its_heaviest_part(weights: dict[str, float], by: float) -> None:
    total = sum(weights.values())
    blend = tuple((name, weight / total) for name, weight in weights.items())
    heaviest = max(blend, key=lambda part: part[1])[0]  # of equal ones the first, as shares are rounded
    for _ in range(20):
        if len(blend) < 3:
            break
        before = dict(blend)
        blend = commands.toward(blend, ("x", "y", "z"), by)
        assert abs(sum(weight for _, weight in blend) - 1) < 3 * commands.LEAST
        assert dict(blend)[heaviest] > before[heaviest]
    assert len(blend) < 3


def test_a_terminal_says_whether_it_is_light() -> None:
    assert of_answer(b"\x1b]11;rgb:ffff/ffff/f0f0\x1b\\\x1b[?62c") == "light"
    assert of_answer(b"\x1b]11;rgb:1c/1c/1c\x07") == "dark"
    assert of_answer(b"\x1b[?62c") is None
    assert of_environment("0;15") == "light"
    assert of_environment("15;default;0") == "dark"
    assert of_environment("") is None


def test_a_late_riff_is_marked_for_a_while() -> None:
    def at(beat: float, late: int) -> Snapshot:
        return Snapshot(Transport(beat=beat), voices=(VoiceState("a", late=late),))

    known = advance(UiState(), at(0, 5))
    assert not known.voices[0].lately
    known = advance(known, at(8, 6))
    assert known.voices[0].lately
    assert advance(known, at(40, 6)).voices[0].lately
    assert not advance(known, at(90, 6)).voices[0].lately


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("take", "/livevae/persona/take"),
        ("temp", "/livevae/tempo"),
        ("/livevae/ke", "/livevae/keep"),
        ("train", "/livevae/persona/train"),
        ("tepmo", "/livevae/tempo"),
    ],
)
def test_completion_thinks_of_addresses_before_their_help(typed: str, first: str) -> None:
    assert completions(typed, {})[0].shown == first


def test_completion_knows_names_and_says_what_a_value_may_be() -> None:
    names = {"voice": ["lead"], "riff": ["hook"], "name": ["first-light"], "persona": ["nora"]}
    assert completions("/livevae/recall ho", names)[0].line == "/livevae/recall hook "
    assert completions("/livevae/scene ", names)[0].shown == "first-light"
    assert "nora" in [way.shown for way in completions("/livevae/blend lead ", names)]
    assert "from 0 to 4" in usage("/livevae/set lead temp ")


def words_of(shown: UiState, cells: int) -> str:
    """What a screen says, with one space between words."""
    return " ".join(text_of(Views().rows(shown, MOMENT, cells, 30)).split())


def test_the_set_screen_shows_all_cues_the_current_one_and_the_next() -> None:
    rows = words_of(replace(state(4), screen="set"), 120)
    for words in (
        "▶ 2 verse blends glide over 4 bars; lead temp 0.7",
        "n 3 chorus 128 bpm in 16 beats; blends glide over 8 bars",
        "4 waltz 3/4; drums stops; tenor transpose 12",
        "in B: lead.temp 1.2, bass.density -0.5",
    ):
        assert words in rows


def test_of_two_hundred_cues_the_current_one_is_on_the_screen() -> None:
    names = [f"cue-{i}" for i in range(1, 33)]
    many = tuple(CueState(name, i, changes="lead temp 1; " * 20) for i, name in enumerate(names, 1))
    for name in names:
        shown = replace(state(4), screen="set", setlist=many, cue=name, cues=200)
        assert f" ▶ {name[4:]:>2} {name} " in text_of(Views().rows(shown, MOMENT, 80, 14))


def test_personas_say_where_they_come_from() -> None:
    rows = words_of(replace(state(4), screen="personas"), 160)
    assert "8 files: BrazenMaskReel ...; 191 windows; loss 26.3; public domain; over" in rows


def test_the_health_screen_shows_who_is_in_the_ensemble() -> None:
    rows = words_of(replace(state(4), screen="health"), 120)
    assert "ensemble trio 3 rooms this room is desk; rack conducts" in rows
    assert "desk follows 112.0 bpm, +0.21 ±0.40 ms, late 0.4 ms, plays lead tenor" in rows
    assert "! hall lost" in rows


def test_the_clock_of_an_ensemble_is_shown_with_who_conducts_and_how_far_we_are_apart() -> None:
    shown = replace(state(4), clock="mqtt")
    assert "clock rack +0.2 ms ok" in text_of([frame.transport(shown, MOMENT, 120)])
    alone = replace(shown, ensemble=replace(shown.ensemble, conductor="desk"))
    assert "clock we conduct ok" in text_of([frame.transport(alone, MOMENT, 120)])
    gone = replace(shown, ensemble=replace(shown.ensemble, online=False))
    assert "clock mqtt, no broker" in text_of([frame.transport(gone, MOMENT, 120)])
