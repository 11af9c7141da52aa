"""Files that are replaced whole, and what killed processes leave."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from livevae import whole_files
from livevae.crib import FileCrib
from livevae.player.client import recording
from livevae.player.client.recording import RecorderProcess
from livevae.scene_files import Shelf


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    whole_files.write_whole(path, b"old")
    whole_files.write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_writer_that_fails_leaves_the_old_file_and_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    whole_files.write_whole(path, b"old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        whole_files.write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_device_a_pipe_and_a_folder_are_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "folder").mkdir()
    for path in (pipe, tmp_path / "folder", Path("/dev/null")):
        with pytest.raises(OSError, match="no regular file"):
            whole_files.write_whole(path, b"new")
    assert pipe.is_fifo()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"old")
    link.symlink_to(real)
    whole_files.write_whole(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_what_a_killed_writer_left_is_swept_and_a_living_ones_is_not(tmp_path: Path) -> None:
    dead, alive = tmp_path / f".a.bin.{dead_pid()}-0.part", tmp_path / f".a.bin.{os.getppid()}-0.part"
    other = tmp_path / f".b.bin.{dead_pid()}-3.part"
    for path in (dead, alive, other, tmp_path / ".hidden.part"):
        path.write_bytes(b"half")
    whole_files.write_whole(tmp_path / "a.bin", b"new")
    assert not dead.exists()
    assert alive.exists()
    assert other.exists()
    whole_files.sweep(tmp_path)
    assert not other.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([alive.name, ".hidden.part", "a.bin"])


def test_folders_of_dead_processes_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead, ours = tmp_path / f"livevae-{dead_pid()}-abc", tmp_path / f"{whole_files.workshop()}abc"
    for folder in (dead, ours, tmp_path / "livevae-notes"):
        folder.mkdir()
        (folder / "x").write_bytes(b"x")
    whole_files.sweep_workshops()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([ours.name, "livevae-notes"])


def test_links_that_lead_nowhere_but_to_each_other_are_an_error_of_the_system(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.symlink_to(other)
    other.symlink_to(one)
    with pytest.raises(OSError, match="symbolic links"):
        whole_files.write_whole(one, b"new")


def test_several_files_are_there_together_or_not_at_all(tmp_path: Path) -> None:
    marker, paths = tmp_path / "info.json", [tmp_path / "a.npy", tmp_path / "b.npy"]

    def build(words: str, fail_at: int = 9) -> None:
        with whole_files.replacing_all(marker, paths) as parts:
            for number, part in enumerate(parts):
                if number == fail_at:
                    raise KeyboardInterrupt
                part.write_text(words)

    def contents() -> list[str]:
        return [path.read_text() for path in (*paths, marker)]

    build("old")
    assert contents() == ["old"] * 3
    for fail_at in range(3):
        with pytest.raises(KeyboardInterrupt):
            build("half", fail_at)
        assert contents() == ["old"] * 3
    build("new")
    assert contents() == ["new"] * 3
    assert len(list(tmp_path.iterdir())) == 3


def test_who_is_killed_between_two_files_leaves_no_marker_to_believe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the process ended there: nothing that follows is done."""
    marker, paths = tmp_path / "info.json", [tmp_path / "a.npy", tmp_path / "b.npy"]
    for path in (*paths, marker):
        path.write_text("old")
    replaced = []

    def replace(part: Path, path: Path) -> None:
        replaced.append(path.name)
        assert not marker.exists()
        if len(replaced) == 2:
            raise KeyboardInterrupt
        os.rename(part, path)  # noqa: PTH104  (Path.rename is what is replaced here)

    def build() -> None:
        with whole_files.replacing_all(marker, paths) as parts:
            for part in parts:
                part.write_text("new")

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        build()
    assert replaced == ["b.npy", "a.npy"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "b.npy"]


@pytest.mark.parametrize(
    "start",
    [
        lambda folder: FileCrib(folder).close(),
        Shelf,
        lambda folder: RecorderProcess(folder / "other.mid").close(9),
    ],
)
def test_a_start_sweeps_what_a_killed_server_left_in_the_folders_that_it_writes(tmp_path, monkeypatch, start):
    left, kept = tmp_path / f".a.mid.{dead_pid()}-0.part", tmp_path / f".a.mid.{os.getpid()}-0.part"
    for path in (left, kept):
        path.write_bytes(b"half")
    monkeypatch.setattr(recording.subprocess, "Popen", lambda *_, **__: SimpleNamespace(wait=lambda _: 0))
    start(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]
