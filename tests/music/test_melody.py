"""The melody vocabulary's laws."""

import pytest
from hypothesis import given, strategies as st

from livevae.errors import MusicError
from livevae.music import melody
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_STEP, Note, Riff

TOKENS = st.lists(st.integers(0, melody.CLASSES - 1), min_size=1, max_size=64)


def test_the_vocabulary_has_90_classes_from_hold_and_off_to_pitch_108():
    assert melody.CLASSES == 90
    assert melody.token_of(21) == 2
    assert melody.token_of(108) == 89
    assert [melody.pitch_of(token) for token in (0, 1, 2, 89)] == [None, None, 21, 108]


def test_a_note_lasts_until_the_next_note_its_off_or_the_end():
    c, d, e = (melody.token_of(pitch) for pitch in (60, 62, 64))
    riff = melody.decode([c, 0, d, 0, 0, 1, 0, e])
    steps = [(n.start // TICKS_PER_STEP, n.length // TICKS_PER_STEP, n.pitch) for n in riff.notes]
    assert steps == [(0, 2, 60), (2, 3, 62), (7, 1, 64)]
    assert riff.length == 8 * TICKS_PER_STEP


def test_offs_in_silence_and_holds_at_the_beginning_make_no_notes():
    assert melody.decode([0, 0, 1, 1, 0]).notes == ()


@given(TOKENS)
def test_encode_undoes_decode_up_to_offs_that_end_nothing(tokens):
    assert melody.encode(melody.decode(tokens)) == melody.canonical(tokens)


@given(TOKENS)
def test_decode_undoes_encode(tokens):
    riff = melody.decode(tokens)
    assert melody.decode(melody.encode(riff)) == riff


@given(TOKENS)
def test_canonical_tokens_sound_the_same_and_are_their_own_canonical_form(tokens):
    once = melody.canonical(tokens)
    assert melody.decode(once) == melody.decode(tokens)
    assert melody.canonical(once) == once


def test_notes_off_the_grid_go_to_the_nearest_step():
    riff = Riff((Note(-100, 230, 60), Note(TICKS_PER_STEP + 119, 240, 62)), TICKS_PER_BAR)
    assert melody.encode(riff, 4) == (melody.token_of(60), melody.token_of(62), 1, 0)


def test_of_notes_that_start_together_the_highest_is_kept():
    riff = Riff((Note(0, 960, 48), Note(0, 240, 60), Note(0, 960, 55)), 960)
    assert melody.encode(riff) == (melody.token_of(60), 1, 0, 0)


def test_a_riff_without_notes_is_all_holds():
    assert melody.encode(Riff((), TICKS_PER_BAR)) == (0,) * 16


@pytest.mark.parametrize("tokens", [[], [90], [-1], [0, 255]])
def test_what_is_no_melody_is_refused(tokens):
    with pytest.raises(MusicError):
        melody.decode(tokens)


def test_pitches_outside_the_piano_are_refused_with_the_range():
    with pytest.raises(MusicError, match="21 to 108"):
        melody.encode(Riff((Note(0, 240, 109),), 960))


@given(st.lists(st.sampled_from([0, 1, 40, 50, 60]), min_size=1), st.integers(-30, 20))
def test_transposing_up_and_down_again_changes_nothing(tokens, semitones):
    assert melody.transpose(melody.transpose(tokens, semitones), -semitones) == tuple(tokens)


def test_transposing_out_of_the_vocabulary_is_refused():
    with pytest.raises(MusicError):
        melody.transpose([89], 1)
