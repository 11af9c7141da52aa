"""NoteSequences to and from riffs, windows and scores; TFRecord files; note-seq's extractors as a second opinion."""

import importlib.util
import io
import struct
import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from livevae.checksums import crc32c, masked
from livevae.corpus import dataset, note_sequences
from livevae.errors import LimitError, MusicError
from livevae.music import drums, melody
from livevae.music.notes import TICKS_PER_BAR, Note, Riff

needs_note_seq = pytest.mark.skipif(
    importlib.util.find_spec("note_seq") is None,
    reason="note-seq is not installed (pip install 'livevae[data]')",
)


def framed(*records):
    out = b""
    for data in records:
        head = struct.pack("<Q", len(data))
        out += head + struct.pack("<I", masked(crc32c(head))) + data + struct.pack("<I", masked(crc32c(data)))
    return out


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_records_come_back_as_they_were_framed(records):
    assert list(note_sequences.records(io.BytesIO(framed(*records)))) == records


@given(st.integers(0, 70), st.integers(1, 255))
def test_a_byte_that_was_turned_is_noticed(at, turn):
    data = bytearray(framed(b"x" * 40, b"y"))
    data[at % len(data)] ^= turn
    with pytest.raises(MusicError):
        list(note_sequences.records(io.BytesIO(bytes(data))))


@given(st.integers(1, 40))
def test_a_file_that_was_cut_short_is_noticed(cut):
    whole = framed(b"x" * 40)
    with pytest.raises(MusicError, match="ends in the middle"):
        list(note_sequences.records(io.BytesIO(whole[:-cut])))


def test_a_record_that_claims_gigabytes_is_not_waited_for():
    head = struct.pack("<Q", 1 << 62)
    with pytest.raises(LimitError):
        list(note_sequences.records(io.BytesIO(head + struct.pack("<I", masked(crc32c(head))))))


windows = st.lists(st.sampled_from([0, 0, 0, 1, *range(40, 60)]), min_size=32, max_size=32)


@needs_note_seq
@settings(max_examples=60, deadline=None)
@given(windows, st.sampled_from([60.0, 97.0, 120.0, 173.3]))
def test_a_window_comes_back_from_its_sequence(tokens, bpm):
    tokens = melody.canonical(tokens)
    if any(melody.is_note(token) for token in tokens):
        assert note_sequences.to_window(note_sequences.from_window(tokens, bpm=bpm), steps=32) == tokens


@needs_note_seq
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 7000), st.integers(1, 900), st.integers(0, 127), st.integers(1, 127)),
        min_size=1,
    ),
    st.sampled_from([60.0, 97.0, 120.0]),
)
def test_a_riff_comes_back_from_its_sequence_to_the_tick(rows, bpm):
    riff = Riff(tuple(Note(*row) for row in rows), 2 * TICKS_PER_BAR + 900)
    assert note_sequences.to_riff(note_sequences.from_riff(riff, bpm)) == riff


def quantised(sequence):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from note_seq import sequences_lib  # noqa: PLC0415  (large, and not everywhere)

        return sequences_lib.quantize_note_sequence(sequence, steps_per_quarter=4)


@needs_note_seq
def test_note_seq_extracts_the_melodies_that_we_do_from_1000_windows():
    note_sequences.music_pb2()
    from note_seq import melodies_lib  # noqa: PLC0415

    random = np.random.default_rng(1)
    for _ in range(1000):
        tokens = random.choice([0, 0, 0, 1, *range(40, 70)], 32).tolist()
        tokens[0] = int(random.integers(40, 70))  # note-seq's melodies begin with the bar of their first note
        tokens = melody.canonical(tokens)
        found = melodies_lib.Melody()
        found.from_quantized_sequence(quantised(note_sequences.from_window(tokens)), gap_bars=3)
        theirs = [{-2: 0, -1: 1}.get(event, event - 19) for event in found]
        theirs = (theirs + [0] * 32)[:32]
        # note-seq keeps no off that nothing follows
        end = max(step for step, token in enumerate(tokens) if melody.is_note(token)) + 1
        silent = next((step for step in range(end, 32) if tokens[step] == melody.OFF), 32)
        assert melody.canonical(theirs)[:silent] == tokens[:silent]


@needs_note_seq
def test_note_seq_extracts_the_drums_that_we_do_from_1000_windows():
    note_sequences.music_pb2()
    from note_seq import drums_lib  # noqa: PLC0415

    drum_of = drums.instruments(drums.REDUCED)
    random = np.random.default_rng(2)
    for _ in range(1000):
        tokens = (random.integers(0, 512, 32) * (random.random(32) < 0.5)).tolist()
        tokens[0] = tokens[0] or 1
        found = drums_lib.DrumTrack()
        found.from_quantized_sequence(quantised(note_sequences.from_window(tokens, "drums")), gap_bars=3)
        theirs = [sum(1 << drum for drum in {drum_of[pitch] for pitch in event}) for event in found]
        assert (theirs + [0] * 32)[:32] == tokens


@needs_note_seq
def test_a_data_set_is_built_from_tfrecords(tmp_path):
    random = np.random.default_rng(3)
    sequences = []
    for number in range(20):
        tokens = [int(token) for token in random.integers(40, 60, 64)]
        sequences.append(note_sequences.from_window(tokens))
        sequences[-1].sequence_metadata.title = f"tune {number}"
    sequences.append(note_sequences.from_window([40] + [0] * 31))
    note_sequences.write(tmp_path / "tunes.tfrecord", sequences)
    built = dataset.build(str(tmp_path / "data"), [tmp_path / "tunes.tfrecord"], share=0.3)
    report = built.info["reports"]["tunes"]
    assert report["train_songs"] + report["test_songs"] == 20
    assert built.info["counts"]["train"] > 40
    assert any("sequences" in reason for reason in report["refused"])


@needs_note_seq
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80))
def test_any_record_is_a_score_or_one_sentence(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "fuzz.tfrecord"
    path.write_bytes(framed(data))
    try:
        list(note_sequences.read(path))
    except MusicError as error:
        assert len(str(error)) < 300


@needs_note_seq
def test_sequences_beyond_the_limits_are_refused():
    pb2 = note_sequences.music_pb2()
    for start, qpm in ((1e300, 120.0), (1e9, 120.0), (float("nan"), 120.0), (10.0, 1e300)):
        sequence = pb2.NoteSequence()
        sequence.tempos.add(qpm=qpm)
        sequence.notes.add(pitch=60, velocity=80, start_time=start, end_time=start + 1)
        with pytest.raises(MusicError):
            note_sequences.to_score(sequence)
