"""Pace: bars within their bounds, by leaving out what is weak and striking again what sounds."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from livevae.music.meter import COMMON, EARLY, Meter
from livevae.music.notes import TICKS_PER_STEP, Note, Riff
from livevae.music.pace import accented, middle, paced, weight

BAR = 3840
meters = st.sampled_from([COMMON, Meter(3, 4), Meter(6, 8), Meter(7, 8)])


@st.composite
def lines(draw: st.DrawFn) -> tuple[Riff, Meter]:
    meter = draw(meters)
    steps = 3 * meter.bar // TICKS_PER_STEP
    starts = sorted(draw(st.sets(st.integers(0, steps - 1), min_size=1, max_size=30)))
    notes = []
    for start, following in zip(starts, [*starts[1:], steps], strict=True):
        length = draw(st.integers(1, following - start))
        late = draw(st.integers(-EARLY, EARLY - 1))
        notes.append(Note(start * TICKS_PER_STEP + late, length * TICKS_PER_STEP, draw(st.integers(30, 50))))
    drums = draw(
        st.lists(
            st.builds(Note, st.integers(0, steps * 240 - 1), st.just(240), st.just(36), part=st.just(2)),
            max_size=3,
        )
    )
    return Riff((*notes, *drums), 3 * meter.bar), meter


def counts(riff: Riff, meter: Meter) -> list[int]:
    bars = [(note.start + EARLY) // meter.bar for note in riff.notes if note.part != 2]
    return [bars.count(bar) for bar in range(3)]


@given(lines(), st.integers(0, 8), st.integers(0, 8))
def test_every_bar_keeps_within_the_bounds(line: tuple[Riff, Meter], least: int, most: int) -> None:
    riff, meter = line
    done = paced(riff, least, most, meter)
    low, high = (min(least, most), most) if most else (least, 99)
    assert all(low <= count <= high for count in counts(done, meter))
    assert done.length == riff.length
    assert [n for n in done.notes if n.part == 2] == [n for n in riff.notes if n.part == 2]


@given(lines(), st.integers(0, 8), st.integers(0, 8))
def test_what_keeps_within_them_is_left_as_it_is(line: tuple[Riff, Meter], least: int, most: int) -> None:
    riff, meter = line
    done = paced(riff, least, most, meter)
    assert paced(done, least, most, meter) == done
    if all(least <= count <= (most or 99) for count in counts(riff, meter)):
        assert done == riff


@given(lines(), st.integers(1, 8))
def test_with_too_many_notes_the_weakest_go_and_the_others_stay_on_their_ticks(
    line: tuple[Riff, Meter], most: int
) -> None:
    riff, meter = line
    done = paced(riff, 0, most, meter)
    kept, before = ({(n.start, n.pitch) for n in one.notes if n.part != 2} for one in (done, riff))
    assert kept <= before
    for bar in range(3):
        places = [
            [
                weight(start - bar * meter.bar, meter)
                for start, _ in some
                if (start + EARLY) // meter.bar == bar
            ]
            for some in (kept, before - kept)
        ]
        assert not all(places) or max(places[0]) <= min(places[1])


@given(lines(), st.integers(1, 8))
def test_with_too_few_all_notes_stay_and_pitches_are_repeated(line: tuple[Riff, Meter], least: int) -> None:
    riff, meter = line
    done = paced(riff, least, 0, meter)
    assert {n.start for n in riff.notes} <= {n.start for n in done.notes}
    assert {n.pitch for n in riff.notes} == {n.pitch for n in done.notes}
    tune = [n for n in done.notes if n.part != 2]
    before = [n for n in riff.notes if n.part != 2]
    if all(one.end <= other.start for one, other in itertools.pairwise(before)):
        assert all(one.end <= other.start for one, other in itertools.pairwise(tune))


def test_a_long_note_is_struck_again_on_the_bars_middle_and_a_rest_is_filled_from_the_downbeat() -> None:
    done = paced(Riff((Note(0, BAR, 40),), 2 * BAR), 2, 0, COMMON)
    assert [(n.start, n.length, n.pitch) for n in done.notes] == [
        (0, 1920, 40), (1920, 1920, 40), (BAR, 960, 40), (BAR + 1920, 960, 40),
    ]  # fmt: skip


def test_what_is_left_out_gives_its_time_to_the_note_before() -> None:
    riff = Riff(tuple(Note(480 * i, 480, 40 + i) for i in range(8)), BAR)
    assert [(n.start, n.length) for n in paced(riff, 0, 3, COMMON).notes] == [
        (0, 960),
        (960, 960),
        (1920, 1920),
    ]


@pytest.mark.parametrize(("meter", "tick"), [("4/4", 1920), ("3/4", 960), ("6/8", 1440), ("7/8", 960)])
def test_the_middle_of_a_bar_is_a_beat(meter: str, tick: int) -> None:
    beats, unit = map(int, meter.split("/"))
    assert middle(Meter(beats, unit)) == tick


def test_a_riff_of_drums_alone_is_left_as_it_is() -> None:
    riff = Riff((Note(0, 240, 36, part=2),), BAR)
    assert paced(riff, 4, 8, COMMON) == riff


@given(lines(), st.integers(-40, 40))
def test_accents_are_as_strong_as_their_places_and_change_nothing_else(
    line: tuple[Riff, Meter], amount: int
) -> None:
    riff, meter = line
    done = accented(riff, amount, meter)
    assert [replace(n, velocity=96) for n in done.notes] == list(riff.notes)
    places = sorted((weight(n.start % meter.bar, meter), n.velocity) for n in done.notes)
    louder = [velocity for _, velocity in places]
    assert louder == sorted(louder, reverse=amount > 0)
    assert all(abs(n.velocity - 96) <= abs(amount) for n in done.notes)
    assert accented(riff, 0, meter) == riff


def test_in_six_eight_two_beats_a_bar_are_accented() -> None:
    jig = Riff(tuple(Note(480 * i, 480, 60, 90) for i in range(6)), 2880)
    assert [n.velocity for n in accented(jig, 10, Meter(6, 8)).notes] == [100, 88, 88, 96, 88, 88]


def test_a_note_just_before_the_end_is_of_the_bar_that_comes_and_stays() -> None:
    riff = Riff((Note(0, 480, 60), Note(BAR - 50, 480, 62)), BAR)
    assert paced(riff, 1, 1, COMMON) == riff
    assert [n.start for n in paced(riff, 3, 0, COMMON).notes] == [0, 960, 1920, BAR - 50]


def test_many_notes_at_once_are_thinned_and_none_is_lost_twice() -> None:
    chord = Riff(tuple(Note(480 * i, 480, pitch) for i in range(8) for pitch in (60, 64, 64)), BAR)
    assert len(paced(chord, 0, 5, COMMON).notes) == 5
    assert len(paced(chord, 30, 0, COMMON).notes) == 24 + 6, "as many as there are steps"
