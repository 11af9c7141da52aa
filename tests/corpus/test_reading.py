"""Files read in a process with limits: what the process cannot bear costs one file, and nothing else."""

from pathlib import Path

import mido
import numpy as np
import pytest

from livevae.corpus import dataset
from livevae.corpus.kinds import cut_file
from livevae.corpus.reading import Cut, Reader, cut_all
from livevae.home import home

pytestmark = pytest.mark.real
OPTIONS = {"music": "melody", "steps": 32, "align": {"mode": "off"}}


def write(path, first=60, stride=5):
    track = mido.MidiTrack()
    for index in range(64):
        track.append(mido.Message("note_on", note=first + index * stride % 13, time=48 if index else 0))
        track.append(mido.Message("note_off", note=first + index * stride % 13, time=48))
    mido.MidiFile(ticks_per_beat=96, tracks=[track]).save(path)
    return path


def misbehave(path, options):
    """Stands for a parser that a file leads astray; runs in the reading process."""
    word = path.read_text()
    if word == "compute":
        while True:
            pass
    if word == "fill":
        return Cut(windows=np.ones(1 << 33, np.uint8))
    if word == "die":
        raise SystemExit(3)
    print("to the terminal, not into the pipe")  # noqa: T201
    return Cut(sources=[word])


def test_the_process_and_the_function_give_the_same(tmp_path):
    paths = [write(tmp_path / "a.mid"), tmp_path / "b.mid", write(tmp_path / "c.mid", 50)]
    paths[1].write_bytes(b"MThd")
    here, there = (list(cut_all(cut_file, paths, OPTIONS, isolated=isolated)) for isolated in (False, True))
    for (path, cut), (other_path, other) in zip(here, there, strict=True):
        assert path == other_path
        assert (cut.songs, cut.refused, cut.error) == (other.songs, other.refused, other.error)
        assert (cut.windows is None) == (other.windows is None)
        assert cut.windows is None or np.array_equal(cut.windows, other.windows)


def test_a_file_that_takes_the_process_down_is_refused_and_the_next_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    paths = []
    for number, word in enumerate(("good", "compute", "good", "fill", "die", "good")):
        paths.append(tmp_path / f"{number} {word}")
        paths[-1].write_text(word)
    with Reader(misbehave, {}, seconds=1, memory=1 << 30) as reader:
        found = [(path.name, cut.error, cut.sources) for path, cut in reader.read(paths)]
    assert [(name, sources) for name, _, sources in found if sources] == [
        ("0 good", ["good"]), ("2 good", ["good"]), ("5 good", ["good"])]  # fmt: skip
    errors = [error for _, error, _ in found if error]
    assert ["1 second" in errors[0], "1 GB of memory" in errors[1], "exit status 3" in errors[2]] == [
        True
    ] * 3


def test_a_build_in_isolation_is_the_build(tmp_path):
    folder = tmp_path / "songs"
    folder.mkdir()
    for number in range(12):
        write(folder / f"song {number}.mid", 50, number + 1)
    (folder / "broken.mid").write_bytes(b"MThd\0")
    builds = [
        dataset.build(str(tmp_path / name), [folder], share=0.3, isolated=name == "apart")
        for name in ("here", "apart")
    ]
    assert builds[0].info == builds[1].info
    assert builds[0].info["reports"]["songs"]["files"] == 13


def test_data_sets_live_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    assert home() == tmp_path
    assert dataset.place("tunes") == tmp_path / "datasets" / "tunes"
    assert dataset.place("./tunes") == Path("tunes")
