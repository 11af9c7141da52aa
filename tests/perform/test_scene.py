"""Scenes: what a performer writes, and what they are told when it is wrong."""

import contextlib

import pytest
from hypothesis import example, given, strategies as st

from livevae import scene_files
from livevae.errors import SceneError
from livevae.perform.scene import Scene, parse
from livevae.perform.settings import SETTINGS, VoiceSettings


def test_a_scene_reads_as_it_is_written() -> None:
    scene = parse(
        'title = "Night"\ntempo = 97.5\n[voice.lead]\nchannel = 3\nplay = false\n[voice.bass]\nlow = 24'
    )
    assert (scene.title, scene.tempo, list(scene.voices)) == ("Night", 97.5, ["lead", "bass"])
    assert scene.voices["lead"].settings == VoiceSettings(channel=3)
    assert not scene.voices["lead"].play
    assert scene.voices["bass"].settings.low == 24


def test_an_empty_scene_is_a_scene() -> None:
    assert parse("") == Scene()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tempo = ", "night.toml: not TOML: Invalid value (at end of document)"),
        ("a = 1\nb = = 2", "(at line 2, column 5)"),
        ("temp = 120", "unknown key temp; did you mean tempo?"),
        ("tempo = 3", "tempo: a tempo is 20 to 999 beats a minute, not 3"),
        ("tempo = 'fast'", "tempo: a tempo is 20 to 999 beats a minute, not 'fast'"),
        ("title = 3", "title must be text, not 3"),
        ("voice = 3", "voice must be a table for each voice"),
        ("[voice]\nlead = 3", "voice.lead must be a table, such as [voice.lead]"),
        ("[voice.lead]\nchanel = 3", "unknown key voice.lead.chanel; did you mean channel?"),
        ("[voice.lead]\nchannel = 17", "voice.lead: channel must be a whole number from 1 to 16, not 17"),
        ("[voice.lead]\nbars = 2.5", "voice.lead: bars must be a whole number from 1 to 32, not 2.5"),
        ("[voice.lead]\ntemp = true", "voice.lead: temp must be a number from 0 to 4, not True"),
        ("[voice.lead]\nswing_at = 12", "voice.lead: swing_at must be 8 or 16, not 12"),
        ("[voice.lead]\nplay = 1", "voice.lead.play must be true or false, not 1"),
        ("[voice.lead]\nmodel = 1", "voice.lead: model must be a name, not 1"),
        ("[voice.'../x']", "voice.../x: a voice's name is 1 to 32 letters"),
        ("[voice.lead]\nlow = 70\nhigh = 75", "the register from low 70 to high 75 must hold an octave"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_what_was_expected(text: str, sentence: str) -> None:
    with pytest.raises(SceneError) as error:
        parse(text, "night.toml")
    assert str(error.value).startswith("night.toml")
    assert sentence in str(error.value)


@given(st.text(max_size=200))
def test_no_text_at_all_breaks_it(text: str) -> None:
    with contextlib.suppress(SceneError):
        parse(text)


@example("guitar" + " " * 30)
@example("N\U0002ebe1")
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50), st.lists))
def test_no_value_gets_past_a_setting_that_is_not_of_its_kind(value: object) -> None:
    for setting in SETTINGS:
        try:
            read = setting.read(value)
        except Exception as error:  # noqa: BLE001  (its class and its text are what is tested)
            assert type(error).__name__ == "RequestError"
            assert len(str(error)) < 200
        else:
            assert type(read) is setting.kind
            assert setting.low is None or setting.low <= read <= setting.high


def test_the_table_of_settings_is_the_settings() -> None:
    assert [(row.name, row.default) for row in SETTINGS] == list(VoiceSettings().pairs())


@pytest.mark.parametrize("name", sorted(scene_files.bundled()))
def test_every_bundled_scene_is_one(name: str) -> None:
    scene = scene_files.find(name)
    assert scene.title
    assert any(voice.play for voice in scene.voices.values())


def test_a_scene_that_is_not_there_is_said_to_be_missing_with_those_that_are(tmp_path) -> None:
    with pytest.raises(
        SceneError, match=r"there is no scene 'nosuch': give a file's path, or one of: .*first-light"
    ):
        scene_files.find("nosuch")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SceneError, match="cannot be read as a scene"):
        scene_files.find(str(tmp_path / "bad.toml"))
    with pytest.raises(SceneError, match="cannot be read as a scene"):
        scene_files.find(str(tmp_path))


def test_osc_can_name_scenes_of_the_folder_but_no_paths(tmp_path) -> None:
    (tmp_path / "mine.toml").write_text("title = 'Mine'")
    (tmp_path.parent / "secret.toml").write_text("title = 'Secret'")
    found = scene_files.Shelf(tmp_path)
    assert found.find("mine").title == found.find("mine.toml").title == "Mine"
    assert found.find("first-light").title == "First light"
    for name in ("../secret", str(tmp_path.parent / "secret.toml"), "", "\0", "x" * 5000):
        with pytest.raises(SceneError, match="there is no scene"):
            found.find(name)
