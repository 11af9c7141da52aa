"""What the soak looks at, looked at: it would say so if a promise were broken."""

import os
import random
import subprocess
import sys
import time
from dataclasses import replace

import mido
import pytest
import tomli_w
from hypothesis import given, strategies as st

from benchmarks import soak, soak_files, soak_scenes
from livevae.errors import RequestError, SceneError
from livevae.perform.scene import Scene, parse
from livevae.perform.scene_text import text


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
    soaked.look_at_files(file_of(records / "whole.mid", on, off))
    assert soaked.counts["broken file"] == 0
    for messages in ((on,), (on, on, off), (off,)):
        soaked.look_at_files(file_of(records / "a.mid", *messages))
    cut = file_of(records / "b.mid", on, off)
    cut.write_bytes(cut.read_bytes()[:-6])
    soaked.look_at_files(cut)
    assert soaked.counts["broken file"] == 4


def test_what_is_left_in_a_folder_is_found_and_a_persona_that_is_gone_is_lost(soaked):
    records = soaked.home / "records"
    (records / ".night.mid.1-0.part").write_bytes(b"half")
    (soaked.home / "temporary" / "livevae-1-worker").mkdir()
    soaked.saved.add("nora")
    soaked.look_for_left(records)
    soaked.look_at_files(records / "none.mid")
    assert (soaked.counts["left file"], soaked.counts["lost persona"]) == (2, 1)
    assert "FOUND lost persona: nora" in soaked.log_path.read_text()
    soaked.look_for_left(records)
    assert soaked.counts["left file"] == 2


def test_what_was_saved_and_is_not_whole_is_broken(soaked):
    home = soaked.home / "home"
    for folder, name in (
        ("personas", "a.safetensors"),
        ("riffs", "a.json"),
        ("riffs", "a.mid"),
        ("scenes", "a.toml"),
    ):
        (home / folder).mkdir(exist_ok=True)
        (home / folder / name).write_text("= half")
    soaked.look_at_home("now")
    assert soaked.counts["broken file"] == 4


def test_its_processes_and_no_others_see_the_wall_clock_jump(soaked):
    command = [sys.executable, "-c", "import time; print(input() + str(time.time() - time.monotonic()))"]
    before = time.time() - time.monotonic()
    with subprocess.Popen(command, stdin=-1, stdout=-1, env=soaked.environment(), text=True) as ours:
        soaked.wall.jump(-7200.0)
        said, _ = ours.communicate("\n")
    assert float(said) - before == pytest.approx(-7200, abs=60)
    assert soaked.wall.now() - time.time() == pytest.approx(-7200, abs=60)
    assert time.time() - time.monotonic() - before == pytest.approx(0, abs=60)


@given(st.integers(0, 2**32))
def test_a_scene_of_a_seed_is_the_same_again_and_one_that_is_good_reads_back(seed):
    assert soak_scenes.scene(random.Random(seed)) == soak_scenes.scene(random.Random(seed))
    good = parse(tomli_w.dumps(soak_scenes.good(random.Random(seed))))
    assert parse(text(good)) == good


class Shelf:
    """A server that has scenes, and does with them what it is told to."""

    def __init__(self, folder, *, halves):
        self.folder, self.halves = folder, halves
        self.now, self.knobs = Scene(), None

    def ask(self, address, name, **_):
        path = self.folder / f"{name}.toml"
        if address == "/livevae/scene/write":
            path.write_text(text(self.now), encoding="utf-8")
            return
        try:
            wanted = parse(path.read_bytes().decode())
        except (SceneError, ValueError) as error:
            if self.halves:
                self.now = replace(self.now, title=self.now.title + "!")
            raise RequestError(str(error)) from None
        self.knobs = wanted.midi or self.knobs
        self.now = soak_scenes.as_set(wanted, self.knobs)


@pytest.mark.parametrize("halves", [False, True])
def test_half_a_scene_is_found(tmp_path, halves):
    wrong = []
    visit = soak_scenes.Visit(Shelf(tmp_path, halves=halves).ask, tmp_path, wrong.append)
    visit.go(random.Random(3), 40)
    assert min(visit.taken, visit.refused) > 5
    assert len(wrong) == (visit.refused if halves else 0)
    assert list(tmp_path.iterdir()) == []


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
