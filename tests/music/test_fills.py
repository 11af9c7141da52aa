"""Fills: where they are, what they leave, and how they grow."""

from hypothesis import given, strategies as st

from livevae.music.fills import FEET, KINDS, PITCHES, filled
from livevae.music.meter import COMMON, EARLY, Meter
from livevae.music.notes import Note, Riff

meters = st.sampled_from([COMMON, Meter(6, 8), Meter(3, 4), Meter(7, 8)])


@st.composite
def grooves(draw: st.DrawFn) -> tuple[Riff, Meter]:
    meter = draw(meters)
    strokes = st.builds(
        Note,
        start=st.integers(-EARLY, 2 * meter.bar - 1),
        length=st.just(240),
        pitch=st.sampled_from([36, 38, 42, 44, 46, 49]),
        velocity=st.integers(1, 127),
        part=st.just(2),
    )
    return Riff(tuple(draw(st.lists(strokes, min_size=1, max_size=40))), 2 * meter.bar), meter


kinds = st.sampled_from(KINDS)
SNARE = PITCHES["snare"]


def begin_of(riff: Riff, share: float, meter: Meter) -> int:
    return riff.length - min(meter.bar, max(1, round(share * meter.bar / meter.beat)) * meter.beat)


@given(grooves(), st.floats(0.01, 1), kinds)
def test_a_fill_of_any_kind_leaves_what_is_before_it(
    groove: tuple[Riff, Meter], share: float, kind: str
) -> None:
    riff, meter = groove
    done = filled(riff, share, crash=False, meter=meter, kind=kind)
    begin = begin_of(riff, share, meter)
    assert [n for n in done.notes if n.start < begin - EARLY] == [
        n for n in riff.notes if n.start < begin - EARLY
    ]
    assert done.length == riff.length
    assert all(n.end <= riff.length for n in done.notes if n not in riff.notes)
    assert filled(riff, share, crash=False, meter=meter, kind=kind) == done


@given(st.sampled_from([Meter(1, 16), Meter(1, 8), Meter(3, 16), Meter(7, 8)]), st.floats(0.01, 1), kinds)
def test_no_kind_strikes_one_instrument_twice_at_once_however_short_a_bar_is(
    meter: Meter, share: float, kind: str
) -> None:
    groove = Riff((Note(0, 60, PITCHES["closed hi-hat"], 90, 2),), 2 * meter.bar)
    strokes = [(n.start, n.pitch) for n in filled(groove, share, crash=True, meter=meter, kind=kind).notes]
    assert len(set(strokes)) == len(strokes)


@given(grooves(), st.floats(0.01, 1), st.sampled_from(["run", "roll", "toms"]))
def test_runs_rolls_and_toms_swell_to_the_bar_line(
    groove: tuple[Riff, Meter], share: float, kind: str
) -> None:
    riff, meter = groove
    done = filled(riff, share, crash=False, meter=meter, kind=kind)
    begin = begin_of(riff, share, meter)
    run = [n for n in done.notes if n.start >= begin - EARLY and (n.pitch not in FEET or kind == "toms")]
    names = {"run": ("snare", "high tom", "mid tom", "low tom"), "roll": ("snare",)}
    assert {n.pitch for n in run} <= {PITCHES[name] for name in names.get(kind, (*PITCHES,))}
    assert run[-1].start == 2 * meter.bar - 240
    assert run[-1].velocity > run[0].velocity or len(run) == 1
    toms = [n.pitch for n in run if n.pitch in (45, 48, 50)]
    assert toms == sorted(toms, reverse=True), "they fall"


@given(grooves(), st.floats(0.01, 1))
def test_a_drop_is_silent_after_one_stroke(groove: tuple[Riff, Meter], share: float) -> None:
    riff, meter = groove
    begin = begin_of(riff, share, meter)
    done = filled(riff, share, crash=False, meter=meter, kind="drop")
    assert [(n.start, n.pitch) for n in done.notes if n.start >= begin - EARLY] == [
        (begin, 36),
        (begin, SNARE),
    ]


@given(grooves(), st.floats(0.01, 1))
def test_a_pickup_is_two_strokes_after_half_a_beat_of_which_all_goes_on(
    groove: tuple[Riff, Meter], share: float
) -> None:
    riff, meter = groove
    done = filled(riff, share, crash=False, meter=meter, kind="pickup")
    begin = riff.length - meter.beat // 2
    assert [n for n in done.notes if n.start < begin - EARLY] == [
        n for n in riff.notes if n.start < begin - EARLY
    ]
    strokes = [n for n in done.notes if n.start >= begin - EARLY and n.pitch not in FEET]
    assert [(n.start, n.pitch) for n in strokes] == [(begin, SNARE), (riff.length - 240, SNARE)]


def test_syncopation_is_threes_and_a_two() -> None:
    hats = Riff(tuple(Note(i * 240, 240, 42, 80, 2) for i in range(16)), 3840)
    done = filled(hats, 0.5, crash=False, meter=COMMON, kind="syncopation")
    late = [((n.start - 1920) // 240, n.pitch) for n in done.notes if n.start >= 1920]
    assert late == [(0, SNARE), (2, 36), (3, SNARE), (5, 36), (6, SNARE)]


@given(grooves())
def test_a_crash_begins_a_section_once_and_nothing_else_changes(groove: tuple[Riff, Meter]) -> None:
    riff, meter = groove
    done = filled(riff, 0, crash=True, meter=meter)
    first = [n.pitch for n in done.notes if n.start < EARLY]
    assert 49 in first
    assert 36 in first
    assert not {42, 44, 46} & set(first)
    assert [n for n in done.notes if n.start >= EARLY] == [n for n in riff.notes if n.start >= EARLY]
    assert filled(done, 0, crash=True, meter=meter) == done
    assert filled(riff, 0, crash=False, meter=meter) == riff


def test_what_has_no_drums_gets_none() -> None:
    riff = Riff((Note(0, 960, 60),), 3840)
    assert filled(riff, 1, crash=True, meter=COMMON) == riff
