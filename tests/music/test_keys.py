"""Keys: found, named, moved into."""

import pytest
from hypothesis import given, strategies as st

from livevae.music import keys
from livevae.music.keys import Key
from livevae.music.notes import Note, Riff

all_keys = st.builds(Key, st.integers(0, 11), st.booleans())
riffs = st.builds(
    Riff,
    st.lists(
        st.builds(
            Note,
            start=st.integers(0, 7000),
            length=st.integers(1, 960),
            pitch=st.integers(0, 127),
            part=st.sampled_from([0, 0, 0, 2]),
        ),
        max_size=20,
    ).map(tuple),
    st.just(7680),
)


def scale(tonic: int, steps: tuple[int, ...]) -> Riff:
    order = [0, *range(len(steps)), 0, 4, 0]
    return Riff(tuple(Note(i * 240, 240, 60 + tonic + steps[s]) for i, s in enumerate(order)), 3840)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("C", Key(0)),
        ("f#", Key(6)),
        ("Fs", Key(6)),
        ("Bb major", Key(10)),
        ("Am", Key(9, minor=True)),
        ("c minor", Key(0, minor=True)),
        ("Cbm", Key(11, minor=True)),
        ("Ebmaj", Key(3)),
    ],
)
def test_keys_are_named_as_musicians_name_them(name: str, key: Key) -> None:
    assert keys.parse(name) == key


@pytest.mark.parametrize("name", ["", "H", "C##", "Cmm", "C minorish", "x" * 400])
def test_what_is_no_key_is_said_to_be_none(name: str) -> None:
    with pytest.raises(ValueError, match="a key is a letter from A to G"):
        keys.parse(name)


@pytest.mark.parametrize("tonic", range(12))
def test_scales_are_found_to_be_in_their_key(tonic: int) -> None:
    assert keys.find(scale(tonic, keys.MAJOR_SCALE)) == Key(tonic)
    assert keys.find(scale(tonic, keys.MINOR_SCALE)) == Key(tonic, minor=True)


@given(riffs, all_keys)
def test_a_moved_riff_is_in_the_scale_no_note_is_lost_and_drums_stay(riff: Riff, key: Key) -> None:
    moved = keys.moved(riff, key)
    assert all(note.pitch % 12 in key.scale for note in moved.notes if note.part != 2)
    assert [n for n in moved.notes if n.part == 2] == [n for n in riff.notes if n.part == 2]
    times = sorted((n.start, n.length, n.velocity) for n in riff.notes)
    assert times == sorted((n.start, n.length, n.velocity) for n in moved.notes)


@given(st.integers(0, 11), all_keys)
def test_what_is_in_a_key_keeps_its_shape_when_it_moves(tonic: int, key: Key) -> None:
    riff = scale(tonic, keys.MAJOR_SCALE)
    moved = keys.moved(riff, key)
    steps = {b.pitch - a.pitch for a, b in zip(riff.notes, moved.notes, strict=True)}
    assert len(steps) == 1
    assert -6 < steps.pop() <= 6


@given(all_keys)
def test_what_is_in_the_key_already_stays(key: Key) -> None:
    riff = scale(key.tonic, keys.MINOR_SCALE if key.minor else keys.MAJOR_SCALE)
    assert keys.moved(riff, key) == riff


def test_nothing_has_no_key_and_stays_nothing() -> None:
    assert keys.moved(Riff((), 3840), Key(7)) == Riff((), 3840)
