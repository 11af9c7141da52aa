"""The whole server with a decoder that needs no network: real processes, real sockets, no MIDI hardware."""

import asyncio
import io
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import mido
import pytest

from livevae.edges.osc.client import Client
from livevae.edges.osc.limits import network
from livevae.edges.osc.udp import Door
from livevae.errors import LivevaeError, RequestError
from livevae.inputs import load
from livevae.models.fingerprint import Fingerprint
from livevae.perform.requests import Clock
from livevae.perform.scene import parse
from livevae.perform.timing import MOST_LEAD
from livevae.scene_files import Shelf
from livevae.server import (
    LEAST_LEAD,
    PRELUDE,
    Models,
    Options,
    Server,
    alone_for,
    lead_for,
    port_names,
    prelude_for,
    running,
    serve,
)
from livevae.testing import FakeDecoder

pytestmark = [pytest.mark.real, pytest.mark.asyncio]

SCENE = parse("title = 'Test'\ntempo = 240\n[voice.a]\nquantum = 1\n[voice.b]\nquantum = 1\nchannel = 2")


@asynccontextmanager
async def stage(**options: object) -> AsyncIterator[tuple[Server, list[str]]]:
    said: list[str] = []
    models = Models(lambda _: FakeDecoder(), lambda name: not name, "fake")
    wanted = Options(**{"scene": SCENE, "shelf": lambda _: SCENE, "port": 0, "midi": ("none",), **options})
    async with running(wanted, models, said.append) as server:
        yield server, said


def ask(server: Server, address: str, *words: object, **pairs: object) -> "asyncio.Future[dict[str, object]]":
    def call() -> dict[str, object]:
        with Client(port=server.osc.address[1]) as livevae:
            return livevae.ask(address, *words, **pairs)

    return asyncio.get_running_loop().run_in_executor(None, call)


async def sounding(server: Server) -> None:
    """Wait until the player says that notes sound."""
    while not server.player.counters.sounding:
        await asyncio.sleep(0.02)


async def test_it_says_what_it_plays_where_and_how_to_talk_to_it_and_answers() -> None:
    async with stage() as (server, said):
        text = "\n".join(said)
        assert f"127.0.0.1:{server.osc.address[1]}" in text
        assert "playing Test: a, b, at 240 bpm" in text
        assert " send /livevae/status --osc 127.0.0.1" in text
        status = await ask(server, "/livevae/status")
        assert status["a"] == status["b"] == "playing"
        assert (await ask(server, "/livevae/tempo", 300))["bpm"] == 300
        assert (await ask(server, "/livevae/sample", "a", quantum=1))["beat"] % 1 == 0
        with pytest.raises(RequestError, match="there is no voice 'x'; there are: a, b"):
            await ask(server, "/livevae/stop", "x")


async def test_a_clock_that_is_not_there_is_said_and_we_play_at_our_own_tempo() -> None:
    async with stage(clock=Clock("midi", device="drumbox")) as (server, said):
        while not any("drumbox" in line for line in said):
            await asyncio.sleep(0.02)
        assert next(line for line in said if "drumbox" in line).startswith("clock   no MIDI clock: ")
        await sounding(server)
        assert (await ask(server, "/livevae/clock"))["clock"] == "internal"


async def test_garbage_on_the_socket_is_answered_and_the_show_goes_on() -> None:
    async with stage() as (server, _):
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=("127.0.0.1", server.osc.address[1])
        )
        for size in (0, 1, 3, 4, 100, 9000):
            transport.sendto(os.urandom(size))
        transport.sendto(b"#bundle\0" + b"\xff" * 40)
        transport.close()
        assert (await ask(server, "/livevae/status"))["a"] == "playing"


async def test_a_port_that_other_machines_reach_is_said_in_a_line_unless_somebody_is_kept_out() -> None:
    async with stage(host="0.0.0.0") as (_, said):
        assert sum("whoever reaches it plays: --allow" in line for line in said) == 1
    async with stage(host="0.0.0.0", door=Door((network("192.168.1.0/24"),))) as (server, said):
        assert not any("--allow" in line for line in said)
        assert (await ask(server, "/livevae/ping"))["beat"]


async def test_leaving_releases_every_note_and_the_recording_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "night.mid"
    async with stage(record=path) as (server, _):
        await asyncio.wait_for(sounding(server), 20)
    assert_whole(path)


async def test_a_killed_player_is_replaced_and_what_it_left_sounding_is_released(tmp_path: Path) -> None:
    path = tmp_path / "night.mid"
    async with stage(record=path) as (server, said):
        await asyncio.wait_for(sounding(server), 20)
        first = server.player.hello.pid
        os.kill(first, signal.SIGKILL)
        while server.player.hello.pid == first:
            await asyncio.sleep(0.02)
        await asyncio.wait_for(sounding(server), 20)
        assert any("died" in line and "another one plays on" in line for line in said)
        assert (await ask(server, "/livevae/ping"))["beat"] > 0
    assert_whole(path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_is_saved_when_the_server_is_told_to_end_is_whole(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk hangs until every note is released, and then takes the scenes and the log."""
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    free, said = threading.Event(), []
    shelf = Shelf(None)

    def write(name: str, text: str, again: bool) -> str:
        assert free.wait(60)
        return shelf.write(name, text, again)

    def say(line: str) -> None:
        said.append(line)
        if line == "disk    writing what was saved last":
            free.set()

    fake = Fingerprint("fake", "", "w")
    models = Models(lambda _: FakeDecoder(), lambda name: not name, "fake", fingerprint=lambda _: fake)
    log = tmp_path / "night.log"
    options = Options(SCENE, shelf.find, port=0, midi=("none",), writes=write, log=log)
    serving = asyncio.create_task(serve(options, models, say))
    while not any(line.startswith("playing") for line in said):
        await asyncio.sleep(0.02)
    port = int(next(line for line in said if line.startswith("osc")).split(";")[0].rpartition(":")[2])

    def save() -> None:
        with Client(port=port) as livevae:
            for name in ("evening", "night"):
                livevae.send("/livevae/scene/write", name)
            livevae.ask("/livevae/ping")

    await asyncio.to_thread(save)
    os.kill(os.getpid(), number)
    await serving
    written = {path.name: parse(path.read_text()) for path in (tmp_path / "scenes").iterdir()}
    assert sorted(written) == ["evening.toml", "night.toml"]
    assert all(list(scene.voices) == ["a", "b"] for scene in written.values())
    model, *inputs = load(log).inputs
    assert model.model == ("", fake)
    assert [item.kind for item in inputs] == ["osc", "osc", "end"]


async def test_two_servers_on_one_port_are_one_too_many_and_the_second_touches_no_file(
    tmp_path: Path,
) -> None:
    """It emptied the first one's log, and the recording of the night before."""
    night = {"log": tmp_path / "night.log", "record": tmp_path / "night.mid"}
    async with stage(log=night["log"]) as (server, _):
        night["record"].write_bytes(b"of the night before")
        with pytest.raises(LivevaeError, match="--osc"):
            async with stage(port=server.osc.address[1], **night):
                pass
        await ask(server, "/livevae/tempo", 300)
    assert night["record"].read_bytes() == b"of the night before"
    assert [item.kind for item in load(night["log"]).inputs] == ["osc", "end"]


async def test_a_model_that_does_not_load_ends_it_with_its_sentence() -> None:
    def load(_: str) -> FakeDecoder:
        raise LivevaeError("the model is broken")

    options = Options(scene=SCENE, shelf=lambda _: SCENE, port=0, midi=("none",))
    with pytest.raises(LivevaeError, match="the model is broken"):
        async with running(options, Models(load, bool, "x"), lambda _: None):
            pass


async def test_a_scene_that_asks_for_what_is_not_there_ends_it_with_its_sentence() -> None:
    scene = parse("[voice.a]\nmodel = 'nosuch'")
    with pytest.raises(LivevaeError, match="voice a: there is no model 'nosuch'"):
        async with stage(scene=scene):
            pass


async def test_lead_and_port_names_follow_simple_rules() -> None:
    assert lead_for(0.001) == LEAST_LEAD
    # after a worker was waited for: the notes that come early, twice the batch, and something in hand
    assert 0.06 + 0.12 + 2 * 0.02 < alone_for(0.02) < 0.06 + 0.13 + 2 * 0.02 + 0.05
    assert lead_for(0.5) > 2.0
    assert lead_for(40.0) == MOST_LEAD
    assert prelude_for(0.001) == PRELUDE
    assert prelude_for(0.5) > 2.0
    assert port_names(("virtual", "TR-8", "minilogue")) == ("livevae", "TR-8", "minilogue")
    with pytest.raises(LivevaeError, match="the same port twice"):
        port_names(("a", "a"))


def assert_whole(path: Path) -> None:
    """A MIDI file that reads, with music in it, in which every on has its off."""
    file = mido.MidiFile(file=io.BytesIO(path.read_bytes()))
    held: set[tuple[int, int]] = set()
    ons = 0
    for track in file.tracks:
        for message in track:
            if message.type == "note_on" and message.velocity:
                ons += 1
                assert (message.channel, message.note) not in held
                held.add((message.channel, message.note))
            elif message.type in ("note_on", "note_off"):
                held.discard((message.channel, message.note))
    assert ons
    assert not held


async def test_a_shell_that_allows_few_files_is_said_and_nothing_hangs() -> None:
    for few in (10, 12, 20):
        command = f"ulimit -n {few}; exec {sys.executable} -m livevae serve --midi none --osc 127.0.0.1:0"
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        text, _ = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 1
        assert text.decode().endswith(
            f"livevae: this shell lets a program open {few} files, and livevae needs 64: `ulimit -n 256` in a new"
            " shell, then again\n"
        )
