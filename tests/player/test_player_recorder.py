"""Tape and recorder: what the player says it sent becomes a file that is whole at any time."""

import errno
import itertools
import os
import signal
import time

import mido
import pytest
from hypothesis import given, strategies as st

from livevae import whole_files
from livevae.player.client import recording
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


def go_on(path, tape):
    """Another recorder records the rest of the tape."""
    reading, writing = os.pipe()
    os.write(writing, tape)
    os.close(writing)
    record(reading, path, again=True)
    os.close(reading)


def test_another_recorder_goes_on_with_the_file_of_one_that_died(tmp_path):
    path = tmp_path / "take.mid"
    first = Recording(path)
    first.feed(b'["t",0,120]\n["s",0,3,4]\n["m",0,"s","903c60",0,"lead"]\n["m",480,"s","904060",0,"bass"]\n')
    first.write()
    (tmp_path / ".take.mid.1-0.part").write_bytes(b"half")
    go_on(path, b'c60",0,"lead"]\n["m",960,"s","803c00",0,""]\n["m",960,"s","903e60",0,"lead"]\n')
    assert ons_and_offs(path) == [
        (0, "note_on", 60), (480, "note_off", 60), (960, "note_on", 62), (960, "note_off", 62),
        (480, "note_on", 64), (480, "note_off", 64),
    ]  # fmt: skip
    assert [track.name for track in mido.MidiFile(path).tracks] == ["livevae", "lead", "bass"]


def test_a_file_that_cannot_be_gone_on_with_is_left_and_the_rest_is_beside_it(tmp_path, capfd):
    path = tmp_path / "take.mid"
    path.write_bytes(b"MThd and no more")
    (tmp_path / "take-2.mid").write_bytes(b"of another night")
    go_on(path, b'["m",0,"s","903c60",0,"lead"]\n')
    assert path.read_bytes() == b"MThd and no more"
    assert (tmp_path / "take-2.mid").read_bytes() == b"of another night"
    assert ons_and_offs(tmp_path / "take-3.mid") == [(0, "note_on", 60), (0, "note_off", 60)]
    assert "what comes now is in" in capfd.readouterr().err


class Life:
    """A recorder's process that dies when it is told to."""

    def __init__(self, started, words):
        started.append(words)
        self.status = None

    def poll(self):
        return self.status

    def wait(self, _):
        return self.status or 0


@pytest.fixture
def started(monkeypatch):
    """What each recorder was started with beyond its descriptor and its file."""
    words = []
    monkeypatch.setattr(recording.subprocess, "Popen", lambda command, **_: Life(words, command[5:]))
    return words


def test_recorders_that_die_at_once_follow_each_other_with_longer_pauses(tmp_path, started):
    now = 0.0
    recorder = recording.RecorderProcess(tmp_path / "take.mid", lambda: now)
    assert recorder.look() == ""
    times = []
    while now < 60:
        now += recording.LOOK
        recorder._process.status = -9
        if recorder.look():
            times.append(now)
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses == sorted(pauses)
    assert recording.LONGEST_PAUSE <= pauses[-1] <= recording.LONGEST_PAUSE + recording.LOOK
    recorder.close(1.0)


def test_what_lies_there_from_another_night_is_not_gone_on_with(tmp_path, started):
    path = tmp_path / "take.mid"
    path.write_bytes(b"of another night")
    now = 0.0
    recorder = recording.RecorderProcess(path, lambda: now)
    for written in (False, True):
        if written:
            whole_files.write_whole(path, b"of this night")
        now += 100
        recorder._process.status = -9
        assert recorder.look().startswith("the recorder died; another one goes on")
    recorder.close(1.0)
    assert started == [[], [], ["again"]]


def test_where_no_process_can_be_started_for_another_recorder_it_is_said_and_tried_again(
    tmp_path, started, monkeypatch
):
    now = 0.0
    recorder = recording.RecorderProcess(tmp_path / "take.mid", lambda: now)
    recorder._process.status = -9

    def none(*_, **__):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    with monkeypatch.context() as no_process:
        no_process.setattr(recording.subprocess, "Popen", none)
        now += 10
        assert "no process can be started" in recorder.look()
    now += 100
    assert "another one goes on" in recorder.look()
    recorder.close(1.0)


@pytest.mark.real
def test_a_recorder_that_is_killed_again_and_again_leaves_a_whole_recording(tmp_path):
    path = tmp_path / "take.mid"
    recorder = recording.RecorderProcess(path)
    lives = 3
    for life in range(lives):
        note = f'"903{life}60",0,"lead"'.encode()
        os.write(recorder.tape, b'["m",%d,"s",%s]\n' % (life * 960, note))
        until = time.monotonic() + 60
        while not (path.exists() and len(ons_and_offs(path)) == 2 * (life + 1)):
            assert time.monotonic() < until
            time.sleep(0.02)
        recorder._process.send_signal(signal.SIGKILL)
        recorder._process.wait()
        if life < lives - 1:
            while not recorder.look():
                assert time.monotonic() < until
                time.sleep(0.02)
    os.write(recorder.tape, b'["m",9600,"s","904060",0,"lead"]\n')
    recorder.close(30.0)
    assert [(tick, note) for tick, kind, note in ons_and_offs(path) if kind == "note_on"] == [
        (0, 0x30), (960, 0x31), (1920, 0x32), (9600, 0x40),
    ]  # fmt: skip
    assert [found.name for found in tmp_path.iterdir()] == ["take.mid"]
