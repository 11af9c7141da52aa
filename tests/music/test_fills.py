"""Fills: where they are, what they leave, and how they grow."""

from hypothesis import given, strategies as st

from livevae.music.fills import FEET, PITCHES, filled
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


@given(grooves(), st.floats(0.01, 1))
def test_a_fill_swells_to_the_bar_line_and_leaves_what_is_before_it(
    groove: tuple[Riff, Meter], share: float
) -> None:
    riff, meter = groove
    done = filled(riff, share, crash=False, meter=meter)
    begin = 2 * meter.bar - min(meter.bar, max(1, round(share * meter.bar / meter.beat)) * meter.beat)
    assert [n for n in done.notes if n.start < begin - EARLY] == [
        n for n in riff.notes if n.start < begin - EARLY
    ]
    run = [n for n in done.notes if n.start >= begin - EARLY and n.pitch not in FEET]
    assert {n.pitch for n in run} <= {PITCHES[name] for name in ("snare", "high tom", "mid tom", "low tom")}
    assert run[-1].start == 2 * meter.bar - 240
    assert run[-1].velocity > run[0].velocity or len(run) == 1
    assert done.length == riff.length


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
