"""Laws of meters: how a model's bars become bars of another length."""

import pytest
from hypothesis import given, strategies as st

from livevae.errors import MusicError
from livevae.music import shape
from livevae.music.meter import COMMON, EARLY, LONGEST, UNITS, Meter, fitted, parse, spread
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_STEP, Note, Riff

meters = st.builds(
    lambda unit, part: Meter(1 + part % (2 * unit), unit), st.sampled_from(UNITS), st.integers(0, 99)
)
bars = st.integers(1, 8)
notes = st.builds(
    Note,
    start=st.integers(-EARLY + 1, 4 * TICKS_PER_BAR - 1),
    length=st.integers(1, TICKS_PER_BAR),
    pitch=st.integers(0, 127),
)
riffs = st.builds(
    Riff, st.lists(notes, max_size=20).map(tuple), st.sampled_from([2, 4]).map(TICKS_PER_BAR.__mul__)
)


@given(meters)
def test_a_meter_reads_as_it_is_written(meter: Meter) -> None:
    assert parse(str(meter)) == meter
    assert meter.bar % TICKS_PER_STEP == 0
    assert TICKS_PER_BAR * (meter.model_bars - 1) < meter.bar <= TICKS_PER_BAR * meter.model_bars <= LONGEST


@pytest.mark.parametrize(
    ("text", "ticks", "model_bars"),
    [
        ("4/4", 3840, 1),
        ("3/4", 2880, 1),
        ("6/8", 2880, 1),
        ("7/8", 3360, 1),
        ("5/4", 4800, 2),
        ("12/8", 5760, 2),
    ],
)
def test_bars_are_as_long_as_musicians_count_them(text: str, ticks: int, model_bars: int) -> None:
    assert (parse(text).bar, parse(text).model_bars) == (ticks, model_bars)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "3/",
        "/4",
        "3/5",
        "3/32",
        "0/4",
        "-3/4",
        "9/4",
        "3/4/4",
        "³/4",
        "waltz",
        "99999/16",
        "x" * 500,
    ],
)
def test_what_is_no_meter_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(MusicError, match=r"a meter is beats and unit, such as 3/4 or 7/8") as error:
        parse(text)
    assert len(str(error.value)) < 200


@given(riffs, meters, bars)
def test_a_riff_of_n_bars_lasts_n_bars_of_the_meter_and_its_notes_stay_inside_their_bars(
    riff: Riff, meter: Meter, count: int
) -> None:
    done = fitted(riff, meter, count)
    assert done.length == count * meter.bar
    whole = meter.bar == meter.model_bars * TICKS_PER_BAR
    for note in done.notes:
        assert note.start < done.length
        bar = (note.start + EARLY) // meter.bar
        assert note.end <= (done.length if whole else (bar + 1) * meter.bar)


@given(riffs, bars)
def test_in_four_quarters_nothing_is_changed(riff: Riff, count: int) -> None:
    assert fitted(riff, COMMON, count) == shape.fitted(riff, count * TICKS_PER_BAR)


@given(meters, bars)
def test_each_bar_of_the_meter_begins_on_a_downbeat_of_the_model(meter: Meter, count: int) -> None:
    downbeats = Riff(
        tuple(Note(bar * TICKS_PER_BAR, 240, 60 + bar % 2) for bar in range(2)), 2 * TICKS_PER_BAR
    )
    starts = {note.start for note in fitted(downbeats, meter, count).notes}
    assert {bar * meter.bar for bar in range(count)} <= starts


@given(meters, bars, st.data())
def test_what_was_played_in_a_meter_comes_back_from_the_models_bars(meter: Meter, count: int, data) -> None:
    played = []
    for bar in range(count):
        start = data.draw(st.integers(0, meter.bar // TICKS_PER_STEP - 1)) * TICKS_PER_STEP
        length = data.draw(st.integers(1, meter.bar - start))
        played.append(Note(bar * meter.bar + start, length, 60 + bar))
    riff = Riff(tuple(played), count * meter.bar)
    heard = spread(riff, meter)
    assert heard.length == count * meter.model_bars * TICKS_PER_BAR
    assert fitted(heard, meter, count) == riff


def test_three_quarters_take_the_first_twelve_sixteenths_of_each_bar() -> None:
    riff = Riff(tuple(Note(step * 240, 480, 60 + step % 16) for step in range(32)), 7680)
    done = fitted(riff, Meter(3, 4), 2)
    assert [note.pitch for note in done.notes] == [60 + step for step in range(12)] * 2
    assert [note.start for note in done.notes] == [240 * step for step in range(24)]
    assert done.notes[11].end == 2880  # held over the bar line in the model, it ends with the bar


def test_five_quarters_go_on_into_the_models_next_bar() -> None:
    riff = Riff(tuple(Note(step * 240, 240, step) for step in range(64)), 4 * 3840)
    done = fitted(riff, Meter(5, 4), 2)
    assert [note.pitch for note in done.notes] == [*range(20), *range(32, 52)]
