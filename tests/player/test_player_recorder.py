"""Tape and recorder: what the player says it sent becomes a file that is whole at any time."""

import errno
import os

import mido
import pytest
from hypothesis import given, strategies as st

from livevae import whole_files
from livevae.player.core import Sent
from livevae.player.recorder.__main__ import Recording, record
from livevae.player.recorder.tape import Message, Signature, TapeWriter, Tempo, parse
from livevae.tempo.timeline import Timeline


def ons_and_offs(path):
    out = []
    for track in mido.MidiFile(path).tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type in ("note_on", "note_off"):
                out.append((tick, message.type, message.note))
    return out


def test_the_tape_says_what_was_sent_when_and_how_late():
    reading, writing = os.pipe()
    tape = TapeWriter(writing)
    tape.tempo(Timeline(0, 5.0, 120))
    tape.meter(0, 3, 4)
    tape.sent([(Sent(960, "synth", b"\x90\x3c\x60", 5.5, "lead"), 0.00025)])
    os.close(writing)
    lines = os.read(reading, 1 << 16).splitlines()
    os.close(reading)
    assert [parse(line) for line in lines] == [
        Tempo(0, 120),
        Signature(0, 3, 4),
        Message(960, "synth", b"\x90\x3c\x60", 0.00025, "lead"),
    ]


@pytest.mark.parametrize(
    "line",
    [b"", b"[", b'["m",1]', b'["m","1","a","90",0]', b'["x",1,2]', b'["s",0,3]', b'["m",1,"a","zz",0]', b"3"],
)
def test_half_a_line_is_refused(line):
    with pytest.raises(ValueError, match=r".*"):
        parse(line)


def test_a_reader_that_stalls_costs_holes_in_the_tape_and_no_waiting():
    reading, writing = os.pipe()
    tape = TapeWriter(writing)
    for i in range(60_000):
        tape.sent([(Sent(i, "synth", b"\x90\x3c\x60", 0.0), 0.0)])
    assert tape.lost > 0
    assert tape.alive
    os.close(reading)
    tape.tempo(Timeline(0, 0, 120))
    assert not tape.alive
    os.close(writing)


@given(cuts=st.lists(st.integers(1, 60), max_size=20))
def test_a_recording_is_the_same_however_the_tape_is_cut(tmp_path_factory, cuts):
    path = tmp_path_factory.mktemp("rec") / "a.mid"
    tape = b'["t",0,120]\n["m",0,"s","903c60",0,"lead"]\n["m",480,"s","803c00",0,""]\n["m",960,"s","904060",1e-4,"lead"]\n["m",9'
    recording = Recording(path)
    for size in cuts:
        recording.feed(tape[:size])
        tape = tape[size:]
    recording.feed(tape)
    recording.write()
    assert ons_and_offs(path) == [
        (0, "note_on", 60),
        (480, "note_off", 60),
        (960, "note_on", 64),
        (960, "note_off", 64),
    ]


def test_when_the_pipe_ends_the_file_is_written_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "take.mid"
    reading, writing = os.pipe()
    os.write(
        writing, b'["t",0,120]\n["m",0,"s","903c60",0,"lead"]\nrubbish\n["m",480,"s","803c00",0,""]\n["m",5'
    )
    os.close(writing)
    record(reading, path)
    os.close(reading)
    assert ons_and_offs(path) == [(0, "note_on", 60), (480, "note_off", 60)]
    assert [p.name for p in tmp_path.iterdir()] == ["take.mid"]


def test_a_full_disk_is_said_once_and_nothing_is_missing_when_there_is_space(tmp_path, monkeypatch, capfd):
    path = tmp_path / "take.mid"
    recording = Recording(path)
    recording.feed(b'["t",0,120]\n["m",0,"s","903c60",0,"lead"]\n')
    assert recording.write()
    before = path.read_bytes()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full_disk:
        full_disk.setattr(whole_files, "write_whole", full)
        recording.feed(b'["m",480,"s","803c00",0,""]\n')
        assert not recording.write()
        assert not recording.write()
        assert recording.changed
    assert path.read_bytes() == before
    recording.feed(b'["m",960,"s","904060",0,"lead"]\n')
    assert recording.write()
    assert [tick for tick, _, _ in ons_and_offs(path)] == [0, 480, 960, 960]
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 2
    assert "No space left on device" in said[0]
    assert "written again, nothing is missing" in said[1]
