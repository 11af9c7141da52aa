"""The performer's shelf of scenes."""

import pytest

from livevae import scene_files
from livevae.errors import SceneError
from livevae.scene_files import Overlay, Shelf


def test_a_scene_is_written_whole_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    shelf = Shelf(None)
    where = shelf.write("mine", 'title = "one"', False)
    assert where == str(tmp_path / "scenes" / "mine.toml")
    with pytest.raises(SceneError, match="already"):
        shelf.write("mine", 'title = "two"', False)
    assert shelf.find("mine").title == "one"
    shelf.write("mine", 'title = "two"', True)
    assert shelf.find("mine.toml").title == "two"


def test_a_scene_beside_the_one_that_plays_hides_one_of_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path / "home"))
    Shelf(None).write("mine", 'title = "home"', False)
    beside = Shelf(tmp_path)
    assert beside.find("mine").title == "home"
    beside.write("mine", 'title = "beside"', False)
    assert beside.find("mine").title == "beside"
    assert Shelf(None).find("mine").title == "home"


def test_a_night_that_is_played_again_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    shelf = Overlay(Shelf(None).find)
    shelf.write("mine", 'title = "again"', False)
    assert shelf.find("mine").title == "again"
    assert shelf.find(scene_files.DEFAULT).voices
    assert list(tmp_path.iterdir()) == []
