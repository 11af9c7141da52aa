"""MIDI files: what goes in comes out, and a file is there whole or not at all."""

import io
from pathlib import Path

import mido
import pytest
from hypothesis import given, strategies as st

from livevae.music import midi_file
from livevae.music.notes import TICKS_PER_BEAT, Note, Riff


def events(data: bytes) -> list[tuple[int, str, tuple[int, ...]]]:
    now, found = 0, []
    for message in mido.MidiFile(file=io.BytesIO(data)).tracks[0]:
        now += message.time
        if message.type in ("note_on", "note_off"):
            found.append((now, message.type, (message.channel, message.note)))
        elif message.type == "set_tempo":
            found.append((now, "tempo", (round(mido.tempo2bpm(message.tempo)),)))
        elif message.type == "end_of_track":
            found.append((now, "end", ()))
    return found


def test_a_riff_reads_back_as_it_was_written() -> None:
    riff = Riff((Note(0, 480, 60), Note(480, 480, 62)), 3840)
    assert events(midi_file.riff_bytes(riff, bpm=90, channel=3)) == [
        (0, "tempo", (90,)),
        (0, "note_on", (2, 60)),
        (480, "note_off", (2, 60)),
        (480, "note_on", (2, 62)),
        (960, "note_off", (2, 62)),
        (3840, "end", ()),
    ]


def test_tempo_changes_stand_where_they_happened() -> None:
    data = midi_file.encode([(960, b"\x90\x3c\x40"), (1920, b"\x80\x3c\x00")], [(0, 120), (1200.4, 60)])
    assert events(data)[0] == (0, "tempo", (120,))
    assert (1200, "tempo", (60,)) in events(data)
    assert mido.MidiFile(file=io.BytesIO(data)).ticks_per_beat == TICKS_PER_BEAT


messages = st.lists(
    st.tuples(
        st.integers(0, 5000),
        st.tuples(st.sampled_from([0x80, 0x90, 0xB0]), st.integers(0, 127), st.integers(0, 127)).map(bytes),
    ),
    max_size=30,
)


@given(messages)
def test_nothing_is_lost_and_offs_come_before_ons_at_one_tick(several: list[tuple[int, bytes]]) -> None:
    track = mido.MidiFile(file=io.BytesIO(midi_file.encode(several, [(0, 120)]))).tracks[0]
    now, back = 0, []
    for message in track:
        now += message.time
        if not message.is_meta:
            back.append((now, bytes(message.bytes())))
    assert sorted(back) == sorted(several)
    assert [(t, midi_file.rank(d)) for t, d in back] == sorted((t, midi_file.rank(d)) for t, d in several)


def test_writing_replaces_the_file_whole_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(b"old")
    midi_file.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OSError, match="No such file"):
        midi_file.write(tmp_path / "nowhere" / "a.mid", b"x")


@pytest.mark.parametrize(
    ("number", "encoded"),
    [
        (0, "00"),
        (0x7F, "7f"),
        (0x80, "8100"),
        (0x3FFF, "ff7f"),
        (0x200000, "81808000"),
        (0x0FFFFFFF, "ffffff7f"),
    ],
)
def test_delta_times_are_encoded_as_the_standard_shows_them(number: int, encoded: str) -> None:
    assert midi_file.variable_length(number).hex() == encoded


@given(messages, st.lists(st.tuples(st.integers(0, 5000), st.floats(20, 999)), max_size=4))
def test_the_bytes_are_those_that_mido_writes(
    several: list[tuple[int, bytes]], tempos: list[tuple[float, float]]
) -> None:
    data = midi_file.encode_tracks(
        [("lead ü", several), ("", [])], tempos, 6000, [(960, 7, 8), (0, 3, 4)], "night"
    )
    again = io.BytesIO()
    mido.MidiFile(file=io.BytesIO(data), charset="utf-8").save(file=again)
    assert again.getvalue() == data


def test_the_slowest_tempo_that_a_file_can_hold_stands_for_slower_ones() -> None:
    assert midi_file.tempo_event(3.0) == b"\xff\x51\x03\xff\xff\xff"
