"""The crib on disk: what was kept is there after a restart, and what is broken costs nothing else."""

import dataclasses

import mido
import pytest

from livevae.crib import FileCrib
from livevae.errors import RequestError
from livevae.latent.recipe import Recipe
from livevae.music.notes import Note, Riff
from livevae.perform.crib import KeptRiff

HOOK = KeptRiff(
    "hook", "lead", Riff((Note(-20, 200, 60, 90), Note(960, 480, 64, 70)), 7680), Recipe(7), (("channel", 3),)
)


def test_a_riff_is_kept_as_a_midi_file_with_its_recipe_beside_it(tmp_path):
    crib = FileCrib(tmp_path / "riffs")
    assert crib.keep(HOOK) == HOOK
    crib.close()
    assert sorted(path.name for path in (tmp_path / "riffs").iterdir()) == ["hook.json", "hook.mid"]
    sent = [m for m in mido.MidiFile(tmp_path / "riffs" / "hook.mid") if m.type == "note_on" and m.velocity]
    assert [(m.channel, m.note) for m in sent] == [(2, 60), (2, 64)]
    again = FileCrib(tmp_path / "riffs")
    assert again.names() == ("hook",)
    assert again.find("hook") == HOOK
    again.close()


def test_no_kept_riff_is_lost_to_another_of_its_name(tmp_path):
    crib = FileCrib(tmp_path)
    other = dataclasses.replace(HOOK, recipe=Recipe(8))
    assert [crib.keep(one).name for one in (HOOK, other, HOOK, other)] == ["hook", "hook-2", "hook", "hook-2"]
    crib.close()
    assert FileCrib(tmp_path).find("hook-2").recipe == Recipe(8)


def test_a_broken_file_is_named_and_the_others_are_there(tmp_path):
    crib = FileCrib(tmp_path)
    crib.keep(HOOK)
    crib.close()
    (tmp_path / "broken.json").write_text('{"format":')
    (tmp_path / "not a name.json").write_text("")
    again = FileCrib(tmp_path)
    assert set(again.names()) == {"hook", "broken"}
    with pytest.raises(RequestError, match=r"broken\.json"):
        again.find("broken")
    with pytest.raises(RequestError, match="there is no riff"):
        again.find("../hook")


def test_what_cannot_be_written_is_said_and_still_there(tmp_path):
    said = []
    (tmp_path / "file").write_text("")
    crib = FileCrib(tmp_path / "file", said.append)
    crib.keep(HOOK)
    crib.close()
    assert "cannot be written" in said[0]
    assert crib.find("hook") == HOOK
