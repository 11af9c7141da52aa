"""Rooms on a real mosquitto: they find each other, survive their broker, and do what an ACL lets them do."""

import asyncio
import gc
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ensemble import Mosquitto, Stage, free_port, need_mosquitto, stage_on

from livevae.cli import ensemble as cli_ensemble, main
from livevae.edges.mqtt import topics
from livevae.edges.mqtt.clients import Asker, Watcher
from livevae.edges.mqtt.connection import Connection
from livevae.edges.mqtt.payloads import write
from livevae.models.midime import files as persona_files
from livevae.perform.scene import parse

pytestmark = [pytest.mark.real, pytest.mark.asyncio]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "ensemble"
SCENE = parse("tempo = 120\n[voice.lead]\nbars = 1\nseed = 7\n")


async def until(true: Callable[[], object], what: str) -> None:
    """Wait for something that must come; a minute is for a machine that does much else."""
    for _ in range(3000):
        if true():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"in a minute it never came true that {what}")


@asynccontextmanager
async def room(url: str, **more: Any) -> AsyncIterator[Stage]:
    made = await stage_on(url, scene=SCENE, **more)
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def client(url: str, who: Any) -> AsyncIterator[Connection]:
    connection = Connection(topics.parse(url, room=False), f"test-{id(who)}")
    task = asyncio.create_task(connection.keep(who))
    try:
        yield connection
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def conductor(one: Stage) -> str:
    return one.room.time.election.conductor


async def test_two_rooms_find_each_other_survive_their_broker_and_are_watched(mosquitto: Mosquitto) -> None:
    async with room(mosquitto.url("bass")) as bass, room(mosquitto.url("cello"), bpm=90) as cello:
        await until(lambda: conductor(bass) == conductor(cello) != "", "both go by one conductor")
        await until(lambda: bass.player.timeline.bpm == cello.player.timeline.bpm, "their tempo is one")
        watcher, asker = Watcher(topics.parse(mosquitto.url("x")).place), Asker(bass.room.place, "desk-1")
        async with client(mosquitto.url("")[:-1], watcher), client(mosquitto.url("")[:-1], asker) as asking:
            await until(lambda: len(watcher.rows) == 2, "both are seen")
            assert [row[:2] for row in watcher.rows] == [("bass", "ready"), ("cello", "ready")]
            await until(lambda: asking.online, "the desk is there")
            ask = {"address": "/livevae/ping", "reply": "desk-1", "id": 1}
            asking.send(bass.room.place.topic("all", "do"), write(ask), 1)
            await until(lambda: len(asker.answers) == 2, "both answer")
            assert {one for one, _ in asker.answers} == {"bass", "cello"}
        before = conductor(bass)
        mosquitto.kill()
        await until(lambda: any("plays on" in line for line in cello.says), "the loss is said")
        assert bass.session.cast["lead"].playing
        mosquitto.start()
        await until(lambda: any("is back" in line for line in cello.says), "they come back")
        await until(lambda: conductor(bass) == conductor(cello) == before, "the same room conducts")
        assert bass.player.counters.dropped_ons == cello.player.counters.dropped_ons == 0


def passwords(folder: Path, *users: str) -> Path:
    path = folder / "passwords"
    path.touch(0o600)
    for user in users:
        subprocess.run(
            ["mosquitto_passwd", "-b", str(path), user, f"{user}'s"], check=True, capture_output=True
        )
    return path


async def test_with_the_examples_acl_a_room_cannot_conduct_and_a_listener_cannot_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_mosquitto()
    users = passwords(tmp_path, "conductor", "bass", "audience")
    own = ("user root", "allow_anonymous false", f"password_file {users}", f"acl_file {EXAMPLES / 'acl'}")
    broker = Mosquitto(tmp_path, own)
    broker.start()
    try:
        monkeypatch.setenv(topics.PASSWORD, "bass's")
        async with room(broker.url("bass", "bass")) as bass:
            await until(lambda: bass.room.time.election.denied, "the room's claim is swallowed")
            assert conductor(bass) == ""
            monkeypatch.setenv(topics.PASSWORD, "conductor's")
            async with room(broker.url("conductor", "conductor")) as leader:
                await until(
                    lambda: conductor(bass) == conductor(leader) == "conductor", "the conductor conducts"
                )
                monkeypatch.setenv(topics.PASSWORD, "audience's")
                watcher = Watcher(bass.room.place)
                async with client(broker.url("", "audience")[:-1], watcher) as listening:
                    await until(lambda: len(watcher.rows) == 2, "the audience sees both")
                    stop = write({"address": "/livevae/tempo", "args": [200]})
                    listening.send(bass.room.place.topic("all", "do"), stop, 1)
                    monkeypatch.setenv(topics.PASSWORD, "conductor's")
                    asker = Asker(bass.room.place, "desk-1")
                    async with client(broker.url("", "conductor")[:-1], asker) as asking:
                        await until(lambda: asking.online, "the desk is there")
                        ask = {"address": "/livevae/ping", "reply": "desk-1"}
                        asking.send(bass.room.place.topic("all", "do"), write(ask), 1)
                        await until(lambda: len(asker.answers) == 2, "the desk may command")
                    assert bass.player.timeline.bpm == leader.player.timeline.bpm == 120
        monkeypatch.setenv(topics.PASSWORD, "guessed")
        stranger = Watcher(bass.room.place)
        async with client(broker.url("", "conductor")[:-1], stranger) as connection:
            await asyncio.sleep(0.5)
            assert not connection.online
    finally:
        broker.kill()


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """A CA, and a certificate that it signed for 127.0.0.1, with its key."""
    ca, key = folder / "ca.crt", folder / "server.key"
    request, signed, names = folder / "server.csr", folder / "server.crt", folder / "names"
    names.write_text("subjectAltName=IP:127.0.0.1\n")
    steps = (
        f"req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out {ca} -days 2 -subj /CN=test-ca",
        f"req -newkey rsa:2048 -nodes -keyout {key} -out {request} -subj /CN=127.0.0.1",
        f"x509 -req -in {request} -CA {ca} -CAkey ca.key -CAcreateserial -out {signed} -days 2 -extfile {names}",
    )
    for step in steps:
        subprocess.run(["openssl", *step.split()], check=True, capture_output=True, cwd=folder)
    return ca, signed, key


# paho leaves the socket of a handshake that failed to the collector
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_over_tls_a_broker_is_believed_whose_certificate_the_given_ca_signed_and_no_other(
    tmp_path: Path,
) -> None:
    need_mosquitto()
    ca, signed, key = certificates(tmp_path)
    broker = Mosquitto(
        tmp_path, ("user root", "allow_anonymous true", f"certfile {signed}", f"keyfile {key}")
    )
    broker.start()
    try:
        async with room(broker.url("bass", tls=True), ca=ca) as bass:
            await until(lambda: bass.connection.online, "the room is connected")
            async with room(broker.url("cello", tls=True)) as other:
                await until(lambda: other.says, "why there is no connection is said")
                assert "certificate verify failed" in other.says[0]
                assert not other.connection.online
        gc.collect()
    finally:
        broker.kill()


async def test_a_broker_that_is_not_there_costs_a_line_and_no_music() -> None:
    url = "mqtt://127.0.0.1:1/trio/bass"
    async with room(url) as bass:
        await until(lambda: bass.says, "it is said")
        await until(lambda: bass.ons, "it plays")
        assert "no broker at 127.0.0.1:1" in bass.says[0]
        assert len(bass.says) == 1
    assert json.loads(bass.room.farewell()[1])["state"] == "disconnected"


async def test_the_broker_for_a_first_try_ends_with_its_command_and_leaves_nothing_behind() -> None:
    need_mosquitto()
    port = free_port()
    words = [sys.executable, "-m", "livevae", "ensemble", "broker", "--port", str(port)]
    command = await asyncio.create_subprocess_exec(
        *words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def answers() -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    try:
        await until(answers, "it answers")
    finally:
        command.terminate()
    assert await command.wait() == 0
    assert not answers()


async def test_a_persona_that_the_broker_does_not_take_is_not_said_to_be_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    need_mosquitto()
    users = passwords(tmp_path, "bass", "audience")
    own = ("user root", "allow_anonymous false", f"password_file {users}", f"acl_file {EXAMPLES / 'acl'}")
    broker = Mosquitto(tmp_path, own)
    broker.start()
    monkeypatch.setattr(cli_ensemble, "BACK", 1.0)
    shipped = next(iter(persona_files.entries()))

    async def offered(user: str) -> int:
        monkeypatch.setenv(topics.PASSWORD, f"{user}'s")
        return await asyncio.to_thread(main, ["ensemble", "offer", shipped, broker.url("", user)[:-1]])

    try:
        assert await offered("audience") == 1
        assert "the broker does not let audience write" in capsys.readouterr().err
        monkeypatch.setattr(cli_ensemble, "BACK", 60.0)
        assert await offered("bass") == 0
        monkeypatch.setenv(topics.PASSWORD, "guessed")
        assert (
            await asyncio.to_thread(main, ["ensemble", "do", broker.url("", "bass")[:-1], "/livevae/ping"])
            == 1
        )
        assert "Not authorized" in capsys.readouterr().err
    finally:
        broker.kill()
