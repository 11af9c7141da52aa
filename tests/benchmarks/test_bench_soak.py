"""What the soak looks at, looked at: it would say so if a promise were broken."""

import os
import random
import subprocess
import sys

import mido
import pytest

from benchmarks import soak, soak_files


class NoJack:
    how = "no JACK"


@pytest.fixture
def soaked(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(soak.Soak, "_mount", lambda _: None)
    made = soak.Soak(5, tmp_path / "soak.log", NoJack())
    yield made
    made.close()
    assert not made.home.exists()


def file_of(path, *messages):
    mido.MidiFile(tracks=[mido.MidiTrack(messages)]).save(path)
    return path


def test_a_file_whose_note_has_no_off_or_is_cut_short_is_broken(soaked):
    records = soaked.home / "records"
    on, off = mido.Message("note_on", note=60), mido.Message("note_off", note=60)
    soaked.look_at_files(file_of(records / "whole.mid", on, off), records)
    assert soaked.counts["broken file"] == 0
    for messages in ((on,), (on, on, off), (off,)):
        soaked.look_at_files(file_of(records / "a.mid", *messages), records)
    cut = file_of(records / "b.mid", on, off)
    cut.write_bytes(cut.read_bytes()[:-6])
    soaked.look_at_files(cut, records)
    assert soaked.counts["broken file"] == 4


def test_what_is_left_in_a_folder_is_found_and_a_persona_that_is_gone_is_lost(soaked):
    records = soaked.home / "records"
    (records / ".night.mid.1-0.part").write_bytes(b"half")
    soaked.saved.add("nora")
    soaked.look_at_files(records / "none.mid", records)
    assert (soaked.counts["left file"], soaked.counts["lost persona"]) == (1, 1)
    assert "FOUND lost persona: nora" in soaked.log_path.read_text()


def test_its_own_processes_are_told_from_all_others(soaked):
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=soaked.environment()) as ours:
        assert list(soaked.processes()) == [ours.pid]
        assert os.getpid() not in soaked.processes()
        ours.communicate(b"\n")


def test_the_same_seed_chooses_the_same_faults():
    first, second = (random.Random(3) for _ in range(2))
    assert [soak.choose(first) for _ in range(50)] == [soak.choose(second) for _ in range(50)]
    assert {soak.choose(first) for _ in range(2000)} == set(soak.FAULT_WEIGHTS)


def test_broken_files_are_the_same_for_one_seed_and_each_has_a_command_that_reads_it(tmp_path, monkeypatch):
    for target in soak_files.COMMANDS.keys() - {"checkpoint"}:  # safetensors orders its metadata by chance
        first, again = (soak_files.damaged(random.Random(3), target) for _ in range(2))
        assert first == again
    done = subprocess.CompletedProcess([], 1, "", "livevae: in.mid is not a MIDI file that can be read")
    monkeypatch.setattr(soak_files.subprocess, "run", lambda *_, **__: done)
    assert soak_files.give(random.Random(1), tmp_path, {})[1] == ""
    assert list(tmp_path.iterdir()) == []
    done.stderr = "Traceback (most recent call last):"
    assert "exit status 1: Traceback" in soak_files.give(random.Random(1), tmp_path, {})[1]
    assert len(list(tmp_path.iterdir())) == 1  # kept, to be looked at
