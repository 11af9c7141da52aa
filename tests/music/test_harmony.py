"""Progressions: read, shared by bar, and riffs that go with them."""

import functools

import pytest
from hypothesis import given, strategies as st

from livevae.errors import MusicError
from livevae.music import harmony, keys
from livevae.music.harmony import Chord
from livevae.music.meter import COMMON, EARLY, Meter
from livevae.music.notes import Note, Riff

BAR = 3840
D_MINOR = keys.parse("Dm")
CHORDS = ("Dm", "Bb", "F", "C", "A7", "Eo", "C+", "-")

notes = st.builds(
    Note,
    start=st.integers(-EARLY, 4 * BAR - 1),
    length=st.integers(1, 2 * BAR),
    pitch=st.integers(6, 121),
    part=st.sampled_from([0, 0, 0, 2]),
)
riffs = st.builds(Riff, st.lists(notes, max_size=24).map(tuple), st.just(4 * BAR))
progressions = st.lists(st.sampled_from(CHORDS), min_size=1, max_size=8).map(
    lambda symbols: functools.partial(harmony.chord_of, " ".join(symbols))
)
pulls = st.floats(0, 1)
starts = st.integers(0, 40).map(lambda beats: beats * 960)
meters = st.sampled_from([COMMON, Meter(3, 4), Meter(6, 8), Meter(7, 8)])
some_keys = st.sampled_from([None, D_MINOR, keys.parse("Eb")])


def line(*pitches: int, length: int = 960) -> Riff:
    return Riff(
        tuple(Note(i * length, length, pitch) for i, pitch in enumerate(pitches)), len(pitches) * length
    )


def heard(riff: Riff, text: str, pull: float, start: int = 0, key: keys.Key | None = D_MINOR) -> list[int]:
    done = harmony.fitted(
        riff, functools.partial(harmony.chord_of, text), pull, start=start, meter=COMMON, key=key
    )
    return [note.pitch for note in done.notes]


def test_a_progression_is_read_with_spaces_commas_or_bar_lines() -> None:
    (told,) = harmony.parse("Dm Bb A7 -")
    assert (told,) == harmony.parse("Dm,Bb,A7,-") == harmony.parse("| Dm | Bb | A7 | - |")
    assert told[:2] == (Chord(2, frozenset({2, 5, 9})), Chord(10, frozenset({10, 2, 5})))
    assert told[3] is None
    assert harmony.parse("  ") == ()
    assert (
        harmony.parse("Dm Bb or F")
        == harmony.parse("Dm,Bb,or,F")
        == harmony.parse("Dm Bb") + harmony.parse("F")
    )


@given(st.integers(0, 1000), st.integers(0, 500))
def test_of_alternatives_each_has_its_turn_and_is_counted_in_bars_of_the_session(bar: int, turn: int) -> None:
    texts = ("Dm Bb F C", "Gm A", "Eb")
    both = [harmony.chord_of(" or ".join(texts), bar, 3 * turn + place, "7") for place in range(3)]
    assert sorted(map(str, both)) == sorted(str(harmony.chord_of(text, bar)) for text in texts)
    once = {
        str(harmony.chord_of(" or ".join(texts), bar // 12 * 12 + 4 * place, None, "7")) for place in range(3)
    }
    assert len(once) == 3, "a round is as long as the longest"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Dm H", "'H' is no chord"),
        ("C " * 65, "64 chords are the most"),
        ("C or " * 64 + "C", "64 chords are the most"),
        ("Dm or", "'or' stands between two"),
        ("or Dm", "'or' stands between two"),
        ("Dm or or C", "'or' stands between two"),
    ],
)
def test_what_is_no_progression_is_said_to_be_none(text: str, words: str) -> None:
    with pytest.raises(MusicError, match=words):
        harmony.parse(text)


def test_beneath_a_chord_from_elsewhere_the_scale_gives_way() -> None:
    ((a_major,),) = harmony.parse("A")
    assert a_major is not None
    assert a_major.scale(D_MINOR) == D_MINOR.scale - {0} | {1}


def test_more_pull_takes_more_of_the_notes() -> None:
    riff = line(64, 67, 64, 67, 64, 67, 64, 67, length=480)  # E and G over D minor, in eighths
    assert heard(riff, "Dm", 0) == [64, 67, 64, 67, 64, 67, 64, 67]
    assert heard(riff, "Dm", 0.25) == [65, 67, 64, 67, 64, 67, 64, 67]
    assert heard(riff, "Dm", 0.5) == [65, 67, 65, 67, 65, 67, 65, 67]
    assert set(heard(riff, "Dm", 0.75)) <= {62, 65, 69}
    assert heard(riff, "Dm", 1)[0] == 62


def test_bars_are_counted_from_the_sessions_first_so_voices_agree_wherever_their_riffs_begin() -> None:
    whole = line(*[60] * 16)
    first, second = line(*[60] * 8), line(*[60] * 8)
    text = "C F G Am"
    assert heard(whole, text, 0.5) == heard(first, text, 0.5) + heard(second, text, 0.5, start=2 * BAR)


def test_a_note_that_is_held_into_another_chord_moves_on_the_bar_line_or_stays_where_it_is_of_both() -> None:
    held = Riff((Note(0, 3 * BAR, 65),), 3 * BAR)
    done = harmony.fitted(held, functools.partial(harmony.chord_of, "Dm Bb C"), 0.5, start=0, meter=COMMON)
    assert [(note.start, note.length, note.pitch) for note in done.notes] == [
        (0, 2 * BAR, 65),
        (2 * BAR, BAR, 64),
    ]


@given(riffs, progressions, pulls, starts, meters, some_keys)
def test_drums_and_bars_without_a_chord_are_left_as_they_are(
    riff, progression, pull, start, meter, key
) -> None:
    done = harmony.fitted(riff, progression, pull, start=start, meter=meter, key=key)
    assert [n for n in done.notes if n.part == 2] == [n for n in riff.notes if n.part == 2]
    assert harmony.fitted(riff, progression, 0, start=start, meter=meter, key=key) == riff
    assert harmony.fitted(riff, lambda _: None, pull, start=start, meter=meter, key=key) == riff


@given(riffs, progressions, starts, meters, some_keys)
def test_at_full_pull_every_note_is_of_its_bars_chord(riff, progression, start, meter, key) -> None:
    done = harmony.fitted(riff, progression, 1, start=start, meter=meter, key=key)
    for note in done.notes:
        chord = progression((start + note.start + EARLY) // meter.bar)
        assert note.part == 2 or chord is None or note.pitch % 12 in chord.tones


@given(riffs, progressions, pulls, starts, meters, some_keys)
def test_no_note_moves_far_and_the_same_time_sounds(riff, progression, pull, start, meter, key) -> None:
    done = harmony.fitted(riff, progression, pull, start=start, meter=meter, key=key)
    assert sum(note.length for note in done.notes) == sum(note.length for note in riff.notes)
    begun = {note.start for note in riff.notes}
    lines = {bar * meter.bar - start for bar in range(100)}
    assert {note.start for note in done.notes} <= begun | lines
    for note in riff.notes:
        there = [n.pitch for n in done.notes if n.start == note.start]
        assert any(abs(pitch - note.pitch) <= 6 for pitch in there)


@given(st.lists(st.integers(40, 80), min_size=2, max_size=16), st.sampled_from([0.5, 0.75]))
def test_neighbours_that_differ_go_on_to_differ(pitches: list[int], pull: float) -> None:
    done = heard(line(*pitches, length=480), "Dm", pull)
    for before, after, was, now in zip(pitches, pitches[1:], done, done[1:], strict=False):
        assert before == after or was != now
