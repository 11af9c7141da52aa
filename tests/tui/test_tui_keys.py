"""Every key of the rehearsal UI, and the mouse: what is asked of the server."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from livevae.edges.osc.addresses import BY_ADDRESS
from livevae.errors import LivevaeError
from livevae.perform.events import PersonaState, Takes, Training
from livevae.tui import dialogs, keys
from livevae.tui.canvas import Canvas
from livevae.tui.rows import span_at, text_of
from tests.tui.stand import screen, shown

pytestmark = pytest.mark.asyncio

REQUESTS: tuple[tuple[Sequence[str], Sequence[tuple[object, ...]]], ...] = (
    ("0", [("/livevae/panic",)]),
    (["f12"], [("/livevae/panic",)]),
    (["space"], [("/livevae/stop",)]),
    ("1", [("/livevae/mute", "lead", "on", 1)]),
    ("11", [("/livevae/mute", "lead", "on", 1), ("/livevae/mute", "lead", "on", 0)]),
    ("22", [("/livevae/mute", "tenor", "on", 1)]),
    ("s", [("/livevae/solo", "lead", "on", 1)]),
    ("3s", [("/livevae/solo", "bass", "on", 1)]),
    ("p", [("/livevae/stop", "lead")]),
    ("k", [("/livevae/keep", "lead", "on", 1)]),
    ("2k", [("/livevae/keep", "tenor", "on", 0)]),
    ("t", [("/livevae/tap",)]),
    (["left_square_bracket"], [("/livevae/nudge", "ms", -10.0)]),
    (["right_square_bracket"], [("/livevae/nudge", "ms", 10.0)]),
    (["comma"], [("/livevae/tempo", 111.0)]),
    (["full_stop", "full_stop"], [("/livevae/tempo", 113.0), ("/livevae/tempo", 114.0)]),
    (["left"], [("/livevae/set", "lead", "temp", 0.65)]),
    (["right", "right"], [("/livevae/set", "lead", "temp", 0.75), ("/livevae/set", "lead", "temp", 0.8)]),
    (["shift+right"], [("/livevae/set", "lead", "temp", 1.2)]),
    (["shift+left"], [("/livevae/set", "lead", "temp", 0.2)]),
    (["3", "up"], [("/livevae/blend", "bass", "base", 0.95, "arcade", 0.05)]),
    (["3", "shift+up"], [("/livevae/blend", "bass", "base", 0.5, "arcade", 0.5)]),
    (["3", "down"], [("/livevae/blend", "bass", "lied", 0.05, "base", 0.95)]),
    (["3", "shift+down"], [("/livevae/blend", "bass", "lied", 0.5, "base", 0.5)]),
    ("u", [("/livevae/undo",)]),
    ("U", [("/livevae/redo",)]),
    ("a", [("/livevae/state",)]),
    ("R", [("/livevae/persona/record", "stop", 1)]),
    ("n", [("/livevae/cue", "next")]),
    ("b", [("/livevae/cue", "back")]),
    ("l", [("/livevae/crib",)]),
    (["v", "minus"], [("/livevae/set", "lead", "temp", 0.5)]),
)


async def test_each_key_asks_for_what_this_table_says() -> None:
    async with screen() as (app, pilot, recorder):
        before = app.state
        for press, asked in REQUESTS:
            await pilot.press(*press)
            assert recorder.asked == asked, press
            while len(app.screen_stack) > 2:
                await app.pop_screen()
            recorder.asked.clear()
            app.state = before


async def test_every_key_of_the_table_has_an_action_and_every_action_is_there() -> None:
    async with screen() as (app, _, _):
        for key in keys.KEYS:
            name = key.action.partition("(")[0]
            assert hasattr(app, f"action_{name}"), key.id


async def test_page_keys_choose_a_setting_and_minus_and_equals_turn_it() -> None:
    async with screen() as (app, pilot, recorder):
        await pilot.press("v")
        while app.settings[app.state.setting].name != "drift":
            await pilot.press("pagedown")
        await pilot.press("equals_sign", "minus", "minus")
        assert recorder.asked == [("/livevae/set", "lead", "drift", drift) for drift in (0.4, 0.35, 0.3)]
        while app.settings[app.state.setting].name != "key":
            await pilot.press("pageup")
        await pilot.press("enter", "C", "enter")
        assert recorder.asked[3:] == [("/livevae/set", "lead", "key", "C")]


async def test_every_request_of_a_key_is_an_address_of_the_table() -> None:
    assert {asked[0] for _, several in REQUESTS for asked in several} <= set(BY_ADDRESS)


async def test_each_f_key_and_tab_shows_its_screen() -> None:
    async with screen() as (app, pilot, _):
        for press, name in (
            ("f3", "voice"),
            ("f4", "personas"),
            ("f5", "set"),
            ("f6", "health"),
            ("f2", "stage"),
        ):
            await pilot.press(press)
            assert app.state.screen == name
        await pilot.press("tab", "tab")
        assert app.state.screen == "personas"
        await pilot.press("shift+tab")
        assert app.state.screen == "voice"
        await pilot.press("f2", "v")
        assert app.state.screen == "voice"


async def test_a_new_seed_is_asked_for_and_shown() -> None:
    async with screen() as (app, pilot, recorder):
        recorder.answers["/livevae/reroll"] = (True, {"voice": "lead", "seed": 8123})
        await pilot.press("r")
        assert recorder.asked == [("/livevae/reroll", "lead")]
        assert "lead: seed 8123 from its next riff on" in shown(app)


async def test_a_kept_riff_is_said_by_name_and_the_crib_is_looked_into() -> None:
    async with screen() as (app, pilot, recorder):
        recorder.answers["/livevae/keep"] = (True, {"voice": "lead", "kept": 1, "name": "lead-7"})
        recorder.answers["/livevae/crib"] = (True, {"riffs": 2, "names": "hook lead-7"})
        await pilot.press("k")
        assert "lead-7 is kept" in shown(app)
        await pilot.press("v")
        assert "- lead-7" in shown(app)


async def test_nothing_recorded_means_record_first() -> None:
    async with screen(takes=Takes()) as (app, pilot, recorder):
        await pilot.press("T")
        assert "no take yet" in shown(app)
        await pilot.press("R")
        assert recorder.asked == [("/livevae/persona/record",)]


async def test_training_and_writing_ask_for_a_name_and_take_it_as_typed() -> None:
    async with screen() as (app, pilot, recorder):
        await pilot.press("T")
        assert isinstance(app.screen, dialogs.Typing)
        await pilot.press(*"ada", "enter")
        assert recorder.asked == [("/livevae/persona/train", "ada")]
        await pilot.press("w", *"late0", "enter")
        assert recorder.asked[1:] == [("/livevae/scene/write", "late0")]


async def test_a_scene_that_was_written_can_be_loaded_by_a_click() -> None:
    async with screen(scenes=("first-light",)) as (app, pilot, recorder):
        recorder.answers["/livevae/scene/write"] = (
            True,
            {"address": "/livevae/scene/write", "scene": "late"},
        )
        await pilot.press("w", *"late", "enter", "f5")
        assert app.state.scenes == ("first-light", "late")
        view = app.screen.query_one("#view")
        rows = app._views.rows(app.state, 0.0, view.size.width, view.size.height)
        (line,) = [y for y, row in enumerate(rows) if text_of([row]).endswith(" late")]
        await pilot.click("#view", offset=(text_of([rows[line]]).index("late") + 1, line))
        assert recorder.asked[-1] == ("/livevae/scene", "late")


async def test_while_one_types_a_nought_is_a_digit_and_f12_panics() -> None:
    async with screen() as (_, pilot, recorder):
        await pilot.press("colon", *"/livevae/set lead temp 0.90", "enter")
        assert recorder.asked == [("/livevae/set", "lead", "temp", 0.9)]
        await pilot.press("colon", "f12")
        assert recorder.asked[1:] == [("/livevae/panic",)]


async def test_over_help_the_panic_key_panics() -> None:
    async with screen() as (app, pilot, recorder):
        await pilot.press("question_mark")
        assert isinstance(app.screen, dialogs.Listing)
        await pilot.press("0")
        assert recorder.asked == [("/livevae/panic",)]
        await pilot.press("escape")
        assert not isinstance(app.screen, dialogs.Listing)


async def test_tab_completes_addresses_voices_and_settings() -> None:
    async with screen() as (app, pilot, recorder):
        await pilot.press("colon", *"tem", "tab")
        line = app.screen.query_one("#line").value  # type: ignore[attr-defined]
        assert line == "/livevae/tempo "
        await pilot.press(*"99", "enter")
        assert recorder.asked == [("/livevae/tempo", 99)]
        await pilot.press("colon", *"/livevae/set te", "tab", *"dri", "tab")
        assert app.screen.query_one("#line").value == "/livevae/set tenor drift "  # type: ignore[attr-defined]


async def test_a_kept_riff_is_played_again_from_the_crib() -> None:
    async with screen() as (app, pilot, recorder):
        recorder.answers["/livevae/crib"] = (True, {"riffs": 2, "names": "hook night-3"})
        await pilot.press("l")
        assert "▶ night-3" in shown(app)
        await pilot.press("down", "enter")
        assert recorder.asked == [("/livevae/crib",), ("/livevae/recall", "hook", "voice", "lead")]


@pytest.mark.parametrize(("press", "how"), [("enter", "stay"), ("s", "stop"), ("e", "all")])
async def test_leaving_asks_whether_the_music_goes_on(press: str, how: str) -> None:
    async with screen() as (app, pilot, recorder):
        app.ours = True
        await pilot.press("ctrl+q")
        assert isinstance(app.screen, dialogs.Leave)
        await pilot.press("escape")
        assert not isinstance(app.screen, dialogs.Leave)
        await pilot.press("ctrl+q", press)
        await pilot.pause()
    assert app.return_value == how
    assert recorder.asked == ([("/livevae/stop", "quiet", 1)] if how == "stop" else [])


async def test_another_server_than_ours_is_not_ended() -> None:
    async with screen() as (app, pilot, _):
        await pilot.press("ctrl+q", "e")
        assert isinstance(app.screen, dialogs.Leave)


async def test_without_a_server_nothing_is_sent_and_that_is_said() -> None:
    async with screen(link="lost") as (app, pilot, recorder):
        await pilot.press("space")
        assert recorder.asked == []
        assert "not sent: no server answers" in shown(app)


async def test_a_click_does_what_the_key_does() -> None:
    async with screen(size=(120, 40)) as (app, pilot, recorder):
        view = app.screen.query_one("#view", Canvas)
        y = next(y for y, row in enumerate(view.rows) if any("tenor" in span.text for span in row))
        await pilot.click("#view", offset=(30, y))
        assert app.state.selected == 1
        bottom = app.screen.query_one("#keys", Canvas)
        for y, row in enumerate(bottom.rows):
            for x in range(120):
                found = span_at(row, x)
                if found is not None and found[0].action == "panic" and not recorder.asked:
                    await pilot.click("#keys", offset=(x, y))
        assert recorder.asked == [("/livevae/panic",)]
        await pilot.click("#tabs", offset=(12, 0))
        assert app.state.screen == "voice"


async def test_keys_come_from_the_config_file(tmp_path: Path) -> None:
    file = tmp_path / "ui.toml"
    file.write_text('theme = "light"\n[keys]\ntap = "x"\npanic = "f10"\n')
    async with screen(config=keys.load(file)) as (app, pilot, recorder):
        assert app.theme == "livevae-light"
        await pilot.press("x", "t", "f10", "0")
        assert recorder.asked == [("/livevae/tap",), ("/livevae/panic",)]
        assert "f10" in shown(app).lower()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("keys = 3", "a table of names"),
        ("[keys]\ntepm = 't'", "has no 'tepm'"),
        ("[keys]\ntap = 3", "a key or several"),
        ("[keys]\ntap = 's'", "s is both"),
        ("theme = 'pink'", "auto, dark, light"),
        ("colour = 1", "there is no 'colour'"),
        ("[keys", "is no TOML"),
    ],
)
async def test_a_wrong_config_file_says_what_is_wrong(tmp_path: Path, text: str, what: str) -> None:
    file = tmp_path / "ui.toml"
    file.write_text(text)
    with pytest.raises(LivevaeError, match=what):
        keys.load(file)


async def test_the_table_as_a_config_file_reads_back(tmp_path: Path) -> None:
    file = tmp_path / "ui.toml"
    file.write_text(keys.as_toml(keys.Config()))
    read = keys.load(file)
    assert read.keys == {key.id: key.keys for key in keys.KEYS}
    assert replace(read, keys={}) == keys.Config()


async def test_on_personas_page_keys_choose_one_and_enter_blends_the_voice_to_it_alone() -> None:
    async with screen() as (app, pilot, recorder):
        await pilot.press("f4")
        assert app.state.chosen == "arcade"
        await pilot.press("pagedown", "pagedown", "enter")
        assert recorder.asked[-1] == ("/livevae/blend", "lead", "lied", 1.0, "over", 4.0)
        await pilot.press("pageup", "enter")
        assert recorder.asked[-1][2] == "fiddle"
        app.receive(Training("mine", "ready", beat=64.0))
        app.state = replace(app.state, personas=(*app.state.personas, PersonaState("mine", source="1 take")))
        await pilot.press("enter")
        assert recorder.asked[-1][2] == "mine"


async def test_a_persona_that_is_not_on_disk_is_said_to_be_and_saved_with_a_key() -> None:
    mine = (PersonaState("mine", source="1 take", saved=False), PersonaState("ada", source="2 takes"))
    async with screen(personas=mine) as (app, pilot, recorder):
        await pilot.press("S")
        assert recorder.asked == []
        await pilot.press("f4", "S")
        assert recorder.asked == [("/livevae/persona/save", "mine")]
        app.draw()
        assert shown(app).count("not on disk yet: S saves") == 1


async def test_who_trains_or_writes_is_told_what_to_type() -> None:
    async with screen(takes=Takes(takes=1)) as (app, pilot, _):
        for key, words in (("T", "a name for the new persona, then enter"), ("w", "a name for the scene")):
            await pilot.press(key)
            await pilot.pause()
            assert words in shown(app)
            await pilot.press("n")
            await pilot.pause()
            assert words not in shown(app)
            await pilot.press("escape")
