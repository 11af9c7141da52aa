"""Laws of shaping: what settings may and may not do to a riff."""

import pytest
from hypothesis import given, strategies as st

from livevae.music import shape
from livevae.music.notes import Note, Riff, join

BAR = 3840
notes = st.builds(
    Note,
    start=st.integers(-120, 2 * BAR - 1),
    length=st.integers(1, BAR),
    pitch=st.integers(0, 127),
    velocity=st.integers(1, 127),
    part=st.sampled_from([0, 1, 2]),
)
riffs = st.builds(Riff, st.lists(notes, max_size=20).map(tuple), st.just(2 * BAR))
registers = st.tuples(st.integers(0, 116), st.integers(11, 127)).filter(lambda r: r[1] - r[0] >= 11)


@given(riffs, registers)
def test_folding_keeps_pitch_classes_and_leaves_drums_alone(riff: Riff, register: tuple[int, int]) -> None:
    low, high = register
    for before, after in zip(riff.notes, shape.folded(riff, low, high).notes, strict=True):
        assert (before.start, before.length, before.velocity) == (after.start, after.length, after.velocity)
    pitches = sorted(n.pitch % 12 for n in riff.notes)
    assert pitches == sorted(n.pitch % 12 for n in shape.folded(riff, low, high).notes)
    assert all(low <= n.pitch <= high for n in shape.folded(riff, low, high).notes if n.part != shape.DRUMS)
    assert [n for n in riff.notes if n.part == 2] == [
        n for n in shape.folded(riff, low, high).notes if n.part == 2
    ]


@given(st.integers(-60, 200), registers)
def test_folding_moves_a_pitch_no_further_than_it_must(pitch: int, register: tuple[int, int]) -> None:
    low, high = register
    there = [p for p in range(low, high + 1) if p % 12 == pitch % 12]
    assert abs(shape.fold(pitch, low, high) - pitch) == min(abs(p - pitch) for p in there)


@given(st.integers(0, 127), st.integers(0, 10))
def test_a_register_of_less_than_an_octave_is_refused(low: int, width: int) -> None:
    with pytest.raises(ValueError, match="less than an octave"):
        shape.fold(60, low, low + width)


@given(riffs, st.integers(1, 2 * BAR))
def test_cutting_ends_every_note_with_the_riff(riff: Riff, length: int) -> None:
    cut = shape.cut(riff, length)
    assert cut.length == length
    assert all(n.end <= length or n.start < 0 for n in cut.notes)
    assert len(cut.notes) == sum(n.start < length for n in riff.notes)


@given(riffs, st.integers(1, 6 * BAR))
def test_a_riff_that_is_too_short_is_played_again(riff: Riff, length: int) -> None:
    fitted = shape.fitted(riff, length)
    assert fitted.length == length
    onsets = {n.start % riff.length for n in fitted.notes if n.start >= 0}
    assert onsets <= {n.start % riff.length for n in riff.notes}
    if length % riff.length == 0:
        assert len(fitted.notes) == len(riff.notes) * length // riff.length


@given(riffs)
def test_settings_that_change_nothing_change_nothing(riff: Riff) -> None:
    assert shape.transposed(riff, 0) == riff
    assert shape.gated(riff, 1.0) == riff
    assert shape.dynamics(riff, shape.NOMINAL_VELOCITY) == riff
    assert shape.folded(riff, 0, 127) == riff


@given(riffs, st.floats(0.05, 1.0), st.integers(1, 127))
def test_gate_and_velocity_stay_within_midi(riff: Riff, gate: float, velocity: int) -> None:
    for note in shape.dynamics(shape.gated(riff, gate), velocity).notes:
        assert note.length >= 1
        assert 1 <= note.velocity <= 127


@given(st.lists(riffs, min_size=1, max_size=4))
def test_joined_riffs_keep_every_note_at_its_place(several: list[Riff]) -> None:
    joined = join(several)
    assert joined.length == sum(r.length for r in several)
    assert len(joined.notes) == sum(len(r.notes) for r in several)
    offset = 0
    for riff in several:
        for note in riff.notes:
            assert any(n.start == note.start + offset and n.pitch == note.pitch for n in joined.notes)
        offset += riff.length
