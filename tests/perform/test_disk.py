"""The disk beside the music: the loop never waits for it, and nobody is told of a file before it is there."""

import asyncio
import threading
from pathlib import Path

import pytest
from stand import BAR, played

from livevae.errors import SceneError
from livevae.perform import requests as ask
from livevae.perform.disk import Disk, Writer
from livevae.perform.requests import PENDING
from livevae.perform.scene import parse
from livevae.scene_files import Shelf


class SlowDisk:
    """A shelf whose disk hangs until it is `free`.

    Attributes:
        written: (name, text) in the order of their writing.
    """

    def __init__(self):
        self.free = threading.Event()
        self.written = []

    def write(self, name, text, again):
        assert self.free.wait(60)
        if not again and name in dict(self.written):
            raise SceneError(f"there is a scene {name} already")
        self.written.append((name, text))
        return f"/scenes/{name}.toml"

    def find(self, name):
        return parse(dict(self.written)[name.removesuffix(".toml")], name)


async def settled(disk, writer):
    """Let the disk write all that waits, and the loop hear of it."""
    disk.free.set()
    assert writer.close()
    for _ in range(3):
        await asyncio.sleep(0)


def played_on(line):
    """Run `line(stand, disk, writer)` on a disk that hangs."""
    disk, writer = SlowDisk(), Writer("test")
    return played(
        lambda stand: line(stand, disk, writer), writes=disk.write, scenes=disk.find, disk=Disk(writer)
    )


def test_the_music_goes_on_while_the_disk_hangs_and_the_answer_comes_when_it_is_there():
    async def line(stand, disk, writer):
        answers = []
        await stand.until(BAR)
        assert stand.do(ask.WriteScene("evening"), answers.append) is PENDING
        await stand.until(9 * BAR)
        assert {tick // BAR for tick, channel, _ in stand.sent if channel == 1} >= set(range(9))
        assert (answers, disk.written) == ([], [])
        await settled(disk, writer)
        (answer,) = answers
        assert answer.ok
        assert dict(answer.pairs) == {"scene": "evening", "file": "/scenes/evening.toml"}
        assert answer.beat == pytest.approx(4.0, abs=0.01)

    played_on(line)


def test_of_two_saves_of_one_name_the_last_one_stays():
    async def line(stand, disk, writer):
        answers = []
        for transpose in (3, 5):
            stand.asked(ask.Set("lead", {"transpose": transpose}))
            stand.do(ask.WriteScene("evening", replace=True), answers.append)
        stand.asked(ask.Set("lead", {"transpose": 7}))
        await settled(disk, writer)
        assert [answer.ok for answer in answers] == [True, True]
        transposes = [parse(text).voices["lead"].settings.transpose for _, text in disk.written]
        assert transposes == [3, 5]

    played_on(line)


def test_what_cannot_be_written_is_said_by_name_and_counted():
    async def line(stand, disk, writer):
        answers = []
        for _ in range(2):
            assert stand.do(ask.WriteScene("evening"), answers.append).pending
        await settled(disk, writer)
        assert [answer.ok for answer in answers] == [True, False]
        assert answers[1].text == "there is a scene evening already"
        assert stand.session.snapshot().health.errors == 1

    played_on(line)


def test_a_scene_that_is_loaded_right_after_it_was_written_is_that_scene():
    async def line(stand, disk, writer):
        answers = []
        stand.asked(ask.Set("lead", {"transpose": 3}))
        stand.do(ask.WriteScene("evening"), answers.append)
        stand.asked(ask.Set("lead", {"transpose": 0}))
        assert stand.do(ask.LoadScene("evening"), answers.append).pending
        assert stand.session.cast["lead"].settings.transpose == 0
        await settled(disk, writer)
        assert [dict(answer.pairs)["scene"] for answer in answers] == ["evening", "evening"]
        assert stand.session.cast["lead"].settings.transpose == 3

    played_on(line)


def test_another_scene_is_loaded_at_once_and_what_is_set_after_it_stays():
    """It waited for the disk, and then undid what had been set meanwhile."""

    async def line(stand, disk, writer):
        disk.written.append(("other", "tempo = 120\n[voice.lead]\ntranspose = 5"))
        assert stand.do(ask.WriteScene("evening")).pending
        stand.asked(ask.LoadScene("other"))
        stand.asked(ask.Set("lead", {"transpose": 7}))
        await settled(disk, writer)
        assert stand.session.cast["lead"].settings.transpose == 7

    played_on(line)


def test_a_load_between_two_saves_is_of_the_first_of_them():
    async def line(stand, disk, writer):
        answers = []
        for transpose in (3, 5):
            stand.asked(ask.Set("lead", {"transpose": transpose}))
            stand.do(ask.WriteScene("evening", replace=True), answers.append)
            if transpose == 3:
                assert stand.do(ask.LoadScene("evening.toml"), answers.append).pending
        await settled(disk, writer)
        assert len(answers) == 3
        assert stand.session.cast["lead"].settings.transpose == 3

    played_on(line)


@pytest.mark.parametrize("then", [ask.LoadScene("other"), ask.Panic()], ids=["scene", "panic"])
def test_a_scene_that_waits_for_the_disk_gives_way_to_another_and_to_panic(then):
    async def line(stand, disk, writer):
        answers = []
        disk.written.append(("other", "tempo = 120\n[voice.lead]\ntranspose = 5"))
        stand.asked(ask.Set("lead", {"transpose": 3}))
        stand.do(ask.WriteScene("evening"))
        stand.do(ask.LoadScene("evening"), answers.append)
        stand.asked(then)
        playing = [voice.playing for voice in stand.session.cast]
        transpose = stand.session.cast["lead"].settings.transpose
        await settled(disk, writer)
        (answer,) = answers
        assert not answer.ok
        assert "is not loaded" in answer.text
        assert [voice.playing for voice in stand.session.cast] == playing
        assert stand.session.cast["lead"].settings.transpose == transpose

    played_on(line)


def test_a_program_change_whose_scene_waits_for_the_disk_and_is_refused_is_said(caplog):
    async def line(stand, disk, writer):
        stand.session.controls.scenes = {0: "evening"}
        stand.do(ask.WriteScene("evening"))
        stand.session.receive_midi(bytes((0xC0, 0)), 0.0)
        stand.do(ask.Panic())
        await settled(disk, writer)
        assert "midi: evening is not loaded" in caplog.text

    played_on(line)


def test_a_server_that_ends_loads_no_scene_and_does_nothing_that_was_for_later():
    async def line(stand, disk, writer):
        answers = []
        await stand.until(BAR)
        stand.do(ask.WriteScene("evening"), answers.append)
        stand.do(ask.LoadScene("evening"), answers.append)
        stand.do(ask.Undo(at=asyncio.get_running_loop().time() + 0.5), answers.append)
        await stand.session.close()
        await settled(disk, writer)
        await asyncio.sleep(1)
        assert [answer.ok for answer in answers] == [True, False]
        assert "is not loaded" in answers[1].text
        assert not any(voice.playing for voice in stand.session.cast)

    played_on(line)


def test_a_write_that_was_put_off_is_answered_when_it_is_done():
    async def line(stand, disk, writer):
        answers = []
        loop = asyncio.get_running_loop()
        assert stand.asked(ask.WriteScene("mine", at=loop.time() + 1.0)) == {"waits": 1}
        stand.do(ask.WriteScene("evening", at=loop.time() + 1.0), answers.append)
        await asyncio.sleep(1.5)
        assert answers == []
        await settled(disk, writer)
        assert [dict(answer.pairs)["scene"] for answer in answers] == ["evening"]

    played_on(line)


def test_a_fault_while_writing_is_answered_too():
    def write(name, text, again):
        raise KeyError(name)

    async def line(stand):
        answers = []
        assert stand.do(ask.WriteScene("evening"), answers.append).pending
        assert writer.close()
        for _ in range(3):
            await asyncio.sleep(0)
        assert [answer.text for answer in answers] == ["livevae stumbled over this: KeyError: 'evening'"]

    writer = Writer("test")
    played(line, writes=write, disk=Disk(writer))


def test_a_disk_that_hangs_for_ever_keeps_nobody_for_ever(tmp_path):
    free, writer = threading.Event(), Writer("test")
    disk = Disk(writer)

    async def line():
        disk.do(free.wait, lambda _: PENDING, lambda _: None)
        disk.do(lambda: Path(tmp_path / "a").touch(), lambda _: PENDING, lambda _: None)
        return await disk.close(0.0)

    assert asyncio.run(line()) == 2
    free.set()
    assert writer.close()
    assert (tmp_path / "a").exists()


def test_nothing_that_was_not_written_has_to_be_waited_for():
    assert Writer("test").close(0.0)
    assert asyncio.run(Disk().close(0.0)) == 0


def test_the_shelf_writes_whole_scenes_from_another_thread(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    shelf, writer = Shelf(None), Writer("test")

    async def line(stand):
        for _ in range(20):
            stand.do(ask.WriteScene("evening", replace=True))
        assert writer.close()

    played(line, writes=shelf.write, scenes=shelf.find, disk=Disk(writer))
    assert [path.name for path in (tmp_path / "scenes").iterdir()] == ["evening.toml"]
    assert list(shelf.find("evening").voices) == ["lead", "bass"]
