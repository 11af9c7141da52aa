"""The growing MIDI file, read back by mido, which knows nothing of ours."""

import io

import mido
import pytest
from hypothesis import given, strategies as st

from livevae.player.recorder.smf import MidiFile


def read(file):
    return mido.MidiFile(file=io.BytesIO(file.encode()))


def absolute(track):
    tick, out = 0, []
    for message in track:
        tick += message.time
        out.append((tick, message))
    return out


messages = st.lists(
    st.tuples(
        st.integers(0, 5000),
        st.sampled_from(("a", "b")),
        st.one_of(
            st.tuples(st.sampled_from((0x90, 0x80, 0x91)), st.integers(60, 63), st.integers(0, 127)).map(
                bytes
            ),
            st.just(b"\xc0\x05"),
            st.just(b"\xf8"),
            st.just(b"\xf0\x01\x02\xf7"),
        ),
    ),
    max_size=40,
)


@given(messages, st.lists(st.tuples(st.floats(0, 5000), st.floats(20, 999)), max_size=5))
def test_any_history_makes_a_file_in_which_every_on_has_its_off(history, tempos):
    file = MidiFile()
    for tick, bpm in tempos:
        file.tempo(tick, bpm)
    for tick, port, data in history:
        file.message(tick, port, data)
        midi = read(file)
        assert midi.ticks_per_beat == 960
        for track in midi.tracks:
            sounding = set()
            for message in track:
                assert message.time >= 0
                if message.type == "note_on" and message.velocity:
                    assert (message.channel, message.note) not in sounding
                    sounding.add((message.channel, message.note))
                elif message.type in ("note_on", "note_off"):
                    sounding.remove((message.channel, message.note))
            assert sounding == set()


def test_a_file_reads_like_what_was_sent():
    file = MidiFile()
    file.tempo(0, 120)
    file.message(0, "synth", b"\xc0\x05")
    file.message(240, "synth", b"\x90\x3c\x60")
    file.tempo(480.4, 60)
    file.message(720, "synth", b"\x80\x3c\x00")
    file.message(960, "synth", b"\x91\x40\x60")
    tempo, synth = read(file).tracks
    assert [(t, m.tempo) for t, m in absolute(tempo) if m.type == "set_tempo"] == [
        (0, 500_000),
        (480, 1_000_000),
    ]
    assert [(t, m.type) for t, m in absolute(synth)] == [
        (0, "track_name"),
        (0, "program_change"),
        (240, "note_on"),
        (720, "note_off"),
        (960, "note_on"),
        (960, "note_off"),
        (960, "end_of_track"),
    ]


def test_each_voice_has_its_track_and_a_note_ends_where_it_began():
    file = MidiFile()
    file.message(0, "synth", b"\x90\x3c\x60", "lead")
    file.message(240, "synth", b"\x90\x40\x60", "bass")
    file.message(480, "synth", b"\x90\x3c\x60", "bass")
    file.message(720, "synth", b"\x80\x3c\x00")
    file.message(960, "drums", b"\x80\x40\x00")
    _, lead, bass = read(file).tracks
    assert [lead.name, bass.name] == ["lead", "bass"]
    assert [(t, m.type, m.note) for t, m in absolute(lead) if m.type.startswith("note")] == [
        (0, "note_on", 60),
        (480, "note_off", 60),
    ]
    assert [(t, m.type, m.note) for t, m in absolute(bass) if m.type.startswith("note")] == [
        (240, "note_on", 64),
        (480, "note_on", 60),
        (720, "note_off", 60),
        (720, "note_off", 64),
    ]


def test_a_message_for_an_earlier_tick_stands_where_it_was_sent():
    file = MidiFile()
    file.message(480, "synth", b"\x90\x3c\x60")
    file.message(470, "synth", b"\x80\x3c\x00")
    assert [t for t, m in absolute(read(file).tracks[1]) if m.type.startswith("note")] == [480, 480]


def test_a_time_signature_that_is_told_ahead_is_in_the_file_when_it_is_due():
    file = MidiFile()
    file.tempo(0, 120)
    file.signature(5760, 6, 8)
    file.message(960, "synth", b"\x90\x3c\x60")
    file.tempo(2000, 100)
    assert not [m for _, m in absolute(read(file).tracks[0]) if m.type == "time_signature"]
    file.message(6000, "synth", b"\x80\x3c\x00")
    file.encode()
    file.tempo(7000, 90)
    tempo = [(tick, m) for tick, m in absolute(read(file).tracks[0]) if m.type != "track_name"]
    assert [(tick, m.type) for tick, m in tempo][:4] == [
        (0, "set_tempo"),
        (2000, "set_tempo"),
        (5760, "time_signature"),
        (7000, "set_tempo"),
    ]
    signature = tempo[2][1]
    assert (signature.numerator, signature.denominator, signature.clocks_per_click) == (6, 8, 12)


@given(st.permutations([("tempo", 960, 90), ("signature", 960, 3, 4), ("signature", 3840, 6, 8)]))
def test_a_signature_and_a_tempo_of_one_tick_are_in_one_order_whichever_was_told_first(told):
    file = MidiFile()
    for kind, *values in sorted(told, key=lambda one: one[1]):
        getattr(file, kind)(*values)
    file.tempo(3840, 100)
    file.message(5000, "synth", b"\x90\x3c\x60")
    assert [(tick, m.type) for tick, m in absolute(read(file).tracks[0]) if m.type != "track_name"] == [
        (960, "time_signature"),
        (960, "set_tempo"),
        (3840, "time_signature"),
        (3840, "set_tempo"),
        (5000, "end_of_track"),
    ]


def events(file):
    """[(tick, bytes), ...] of each track, by its name, but for what is no MIDI message."""
    return {
        track.name: [(tick, message.bytes()) for tick, message in absolute(track) if not message.is_meta]
        for track in read(file).tracks
    }


def ons(tracks):
    """Those of them that begin a note."""
    return {
        name: [(tick, data) for tick, data in own if data[0] & 0xF0 == 0x90 and data[2]]
        for name, own in tracks.items()
    }


def check(own):
    """Each on has its off."""
    held = set()
    for _, data in own:
        if data[0] & 0xF0 in (0x80, 0x90):
            key = data[0] & 0xF, data[1]
            assert (key in held) == (data[0] & 0xF0 == 0x80 or not data[2])
            held ^= {key}
    assert held == set()


def take(file, tick, voice, data):
    """A message, or a tempo."""
    if isinstance(data, float):
        file.tempo(tick, data)
    else:
        file.message(tick, "port", data, voice)


voiced = st.lists(
    st.tuples(
        st.integers(0, 50_000),
        st.sampled_from(("lead", "bass", "ü")),
        st.one_of(
            st.tuples(st.sampled_from((0x90, 0x80, 0x91)), st.integers(60, 63), st.integers(0, 127)).map(bytes),
            st.floats(20, 999),
            st.sampled_from((b"\xc0\x05", b"\xe1\x00\x40", b"\xf0\x01\x02\xf7", b"\xf0" + b"\x01" * 200 + b"\xf7")),
        ),
    ),
    max_size=30,
).map(lambda history: sorted(history, key=lambda one: one[0]))  # fmt: skip


@given(voiced, st.integers(0, 30))
def test_a_file_that_is_gone_on_with_has_what_came_before_and_after(history, cut):
    whole, first = MidiFile(), MidiFile()
    for tick, voice, data in history[:cut]:
        for file in (whole, first):
            take(file, tick, voice, data)
    before = events(first)
    second = MidiFile.read(first.encode())
    assert second.encode() == first.encode()
    for tick, voice, data in history[cut:]:
        take(whole, tick, voice, data)
        take(second, tick, voice, data)
    after = events(second)
    assert [m for m in read(second).tracks[0] if m.type == "set_tempo"] == [
        m for m in read(whole).tracks[0] if m.type == "set_tempo"
    ]
    for name, own in before.items():
        assert after[name][: len(own)] == own
    for own in after.values():
        check(own)
    assert ons(after) == ons(events(whole))


@given(st.binary(max_size=60), st.integers(0, 200))
def test_what_is_no_whole_file_of_ours_is_not_gone_on_with(noise, cut):
    file = MidiFile()
    file.tempo(0, 120)
    for tick in range(8):
        file.message(tick * 480, "synth", bytes((0x90, 60 + tick, 90)), "lead")
    data = file.encode()
    for broken in (noise, data[: min(cut, len(data) - 1)], data + noise[:7] + b"\0"):
        with pytest.raises(ValueError, match=r".*"):
            MidiFile.read(broken)
