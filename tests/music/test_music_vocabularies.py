"""Drums, grooves, trios and chords: to numbers and back is the same music."""

import pytest
from hypothesis import given, settings, strategies as st

from livevae.errors import MusicError
from livevae.music import chords, drums, groove, melody, trio
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_STEP, Note, Riff

DRUM_TOKENS = st.lists(st.integers(0, drums.CLASSES - 1), min_size=1, max_size=40)


@given(DRUM_TOKENS)
def test_drum_tokens_to_a_riff_and_back_are_the_same(tokens):
    assert drums.encode(drums.decode(tokens)) == tuple(tokens)


@given(st.lists(st.lists(st.integers(0, 1), min_size=61, max_size=61), min_size=1, max_size=8))
@settings(max_examples=30)
def test_a_roll_of_all_instruments_to_a_riff_and_back_is_the_same(rows):
    assert drums.encode_roll(drums.decode_roll(rows), drums.FULL) == rows


def test_a_drum_token_is_a_set_of_instruments():
    kick_and_hat = drums.decode([5, 0, 2, 0])
    assert [(n.start, n.pitch) for n in kick_and_hat.notes] == [(0, 36), (0, 42), (2 * TICKS_PER_STEP, 38)]


def test_every_pitch_of_a_kit_is_heard_as_its_instrument_and_others_are_left_out():
    for drum, pitches in enumerate(drums.REDUCED):
        for pitch in pitches:
            assert drums.encode(Riff((Note(0, 10, pitch),), TICKS_PER_STEP)) == (1 << drum,)
    assert drums.encode(Riff((Note(0, 10, 100),), TICKS_PER_STEP)) == (0,)


def test_the_full_kit_has_61_pitches_each_once():
    assert len({pitch for pitches in drums.FULL for pitch in pitches}) == len(drums.FULL) == 61


@pytest.mark.parametrize("tokens", [[], [-1], [512]])
def test_what_is_no_drum_token_is_refused(tokens):
    with pytest.raises(MusicError):
        drums.decode(tokens)


HITS = st.lists(
    st.tuples(
        st.integers(0, 31),
        st.integers(0, 8),
        st.integers(1, 127),
        st.integers(-TICKS_PER_STEP // 2, TICKS_PER_STEP // 2 - 1),
    ),
    max_size=40,
    unique_by=lambda hit: hit[:2],
)


@given(HITS)
def test_a_groove_keeps_every_hit_how_hard_and_how_early(hits):
    notes = [
        Note(step * TICKS_PER_STEP + late, TICKS_PER_STEP, drums.REDUCED[drum][0], velocity)
        for step, drum, velocity, late in hits
    ]
    riff = Riff(tuple(notes), 2 * TICKS_PER_BAR)
    assert groove.decode(groove.encode(riff)) == riff


def test_a_positive_offset_is_early_as_magenta_has_it():
    row = [0.0] * 27
    row[0], row[9], row[18] = 1.0, 1.0, 0.5
    assert groove.decode([[0.0] * 27, row]).notes == (Note(TICKS_PER_STEP - 60, TICKS_PER_STEP, 36, 127),)


def test_of_two_hits_of_a_drum_on_a_step_the_harder_is_kept():
    riff = Riff((Note(0, 9, 36, 40), Note(20, 9, 36, 90), Note(30, 9, 36, 60)), TICKS_PER_STEP)
    assert groove.decode(groove.encode(riff)).notes == (Note(20, TICKS_PER_STEP, 36, 90),)


def test_what_the_transformations_hear():
    riff = Riff((Note(5, 9, 36, 100), Note(-7, 9, 42, 120), Note(240, 9, 38, 50)), 2 * TICKS_PER_STEP)
    rows = groove.encode(riff)
    assert groove.straightened(rows)[0] == [1, 0, 1, 0, 0, 0, 0, 0, 0, *[0.0] * 18]
    tap = groove.tapped(rows)
    assert [[i for i, value in enumerate(row) if value] for row in tap] == [
        [groove.TAP, 18 + groove.TAP],
        [groove.TAP],
    ]
    assert tap[0][18 + groove.TAP] == pytest.approx(2 * 7 / 240)
    no_hat = groove.decode(groove.without(rows, groove.CLOSED_HAT))
    assert [note.pitch for note in no_hat.notes] == [36, 38]


@pytest.mark.parametrize("rows", [[], [[0.0] * 26]])
def test_what_is_no_groove_is_refused(rows):
    with pytest.raises(MusicError):
        groove.decode(rows)


MELODY = st.lists(st.integers(0, melody.CLASSES - 1), min_size=16, max_size=16)


@given(MELODY, MELODY, st.lists(st.integers(0, 511), min_size=16, max_size=16))
def test_a_trio_to_a_riff_and_back_is_the_same(line, bass, beat):
    tokens = list(zip(melody.canonical(line), melody.canonical(bass), beat, strict=True))
    assert trio.encode(trio.decode(tokens)) == tokens


def test_a_trios_notes_say_whose_they_are():
    riff = trio.decode([(62, 30, 1)])
    assert [(note.part, note.pitch) for note in riff.notes] == [(2, 36), (1, 49), (0, 81)]


@pytest.mark.parametrize("tokens", [[], [(1, 2)], [(90, 0, 0)]])
def test_what_is_no_trio_is_refused(tokens):
    with pytest.raises(MusicError):
        trio.decode(tokens)


@given(st.integers(0, chords.CLASSES - 1))
def test_chords_to_symbols_and_back_are_the_same(token):
    assert chords.encode(chords.decode(token)) == token


@pytest.mark.parametrize(
    ("symbol", "same"),
    [
        ("C#", "Db"), ("Cb", "B"), ("F#m7", "F#m"), ("Bbmaj7", "Bb"), ("G7", "G"), ("Am/C", "Am"), ("Dsus4", "D"),
        ("Bm7b5", "Bo"), ("Edim7", "Eo"), ("Caug", "C+"), ("E-7", "Em"), ("NC", "N.C."), ("C6", "C"), ("Ab13", "Ab"),
    ],
)  # fmt: skip
def test_a_chord_is_heard_as_its_triad(symbol, same):
    assert chords.encode(symbol) == chords.encode(same)


@pytest.mark.parametrize("symbol", ["H", "c", "Cxyz", "m7", "C/H"])
def test_what_is_no_chord_is_refused(symbol):
    with pytest.raises(MusicError):
        chords.encode(symbol)


def test_chords_share_the_window_evenly():
    rows = chords.controls(["C", "Am"], 32)
    assert [row.index(1) for row in rows] == [1] * 16 + [1 + 12 + 9] * 16
    with pytest.raises(MusicError, match="3 chords do not divide 2 bars"):
        chords.controls(["C", "F", "G"], 32)


def test_note_seq_agrees_where_it_is_installed():
    """Magenta's chord-conditioned model was trained on note-seq's classes."""
    note_seq = pytest.importorskip("note_seq.chords_encoder_decoder")
    encoding = note_seq.TriadChordOneHotEncoding()
    assert encoding.num_classes == chords.CLASSES
    for symbol in ("N.C.", "C", "F#m", "Bb7", "Gmaj7", "Am7", "Eo", "D+", "Abm", "Bm7b5", "Csus4"):
        try:
            expected = encoding.encode_event("N.C." if symbol == "N.C." else symbol)
        except Exception:  # noqa: BLE001  (it knows fewer)
            continue
        assert chords.encode(symbol) == expected, symbol
