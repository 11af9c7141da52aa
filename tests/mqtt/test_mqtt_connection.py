"""A connection holds nobody up; the player goes along the line that it is handed, and so does the next one."""

import argparse
import asyncio
import os
import signal

import pytest

from livevae.cli import main
from livevae.cli.common import add_mqtt_options, mqtt_of
from livevae.edges.mqtt import topics
from livevae.edges.mqtt.connection import WAITING, Connection
from livevae.errors import LivevaeError
from livevae.player.client.process import PlayerProcess
from livevae.player.wire.commands import PortSpec
from livevae.tempo.timeline import Timeline

URL = "mqtt://127.0.0.1:1/trio/bass"


@pytest.mark.asyncio
async def test_what_a_broker_does_not_take_is_dropped_oldest_first_and_counted() -> None:
    connection = Connection(topics.parse(URL), "test")
    connection.send("lost", b"")
    assert (len(connection._queue), connection.dropped) == (0, 0)
    connection.online = True
    for number in range(1000):
        connection.send(str(number), b"")
    assert len(connection._queue) == WAITING
    assert connection.dropped == 1000 - WAITING
    assert connection._queue[-1][0] == "999"


@pytest.mark.asyncio
@pytest.mark.real
async def test_a_player_goes_along_the_ensembles_line_and_the_next_one_too_if_it_dies() -> None:
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    player = await PlayerProcess.start(120.0, [PortSpec("main", "none")], realtime=False)
    player.on_timeline = lambda _: changed.set()

    async def led(bpm: float) -> None:
        while abs(player.timeline.bpm - bpm) > 1e-6 or abs(apart()) > 1e-3:
            changed.clear()
            await asyncio.wait_for(changed.wait(), 60)

    line = Timeline(3840 * 7 + 100, loop.time(), 97.0)

    def apart() -> float:
        now = loop.time()
        return (player.timeline.tick_at(now) - line.tick_at(now)) * line.seconds_per_tick

    try:
        player.begin(loop.time())
        player.set_clock("mqtt")
        here = player.timeline.tick_at(loop.time())
        line = Timeline(here + 200, loop.time(), 97.0)
        player.follow_line(line, True, 0.0, 2)
        await led(97.0)
        os.kill(player.hello.pid, signal.SIGKILL)
        line = Timeline(line.tick + 300, line.time, 101.0)
        player.follow_line(line, True, 0.0, 2)
        await led(101.0)
    finally:
        await player.close()


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_mqtt_options(parser)
    return parser.parse_args(words)


def test_the_options_of_an_ensemble() -> None:
    assert mqtt_of(parsed()) is None
    found = mqtt_of(parsed("--mqtt", URL, "--mqtt-map", "strudel=lead", "--decode", "mqtt"))
    assert found is not None
    assert (str(found.address), dict(found.topics), found.decode) == (URL, {"strudel": "lead"}, True)
    from_scene = mqtt_of(parsed(), URL)
    assert from_scene is not None
    assert from_scene.address.place.room == "bass"
    for words, why in (
        (("--decode", "mqtt"), "are for an ensemble"),
        (("--mqtt", URL, "--mqtt-map", "strudel"), "takes a topic and a voice"),
        (("--mqtt", URL, "--mqtt-map", "a/#=lead"), "takes a topic and a voice"),
    ):
        with pytest.raises(LivevaeError, match=why):
            mqtt_of(parsed(*words))


def test_a_command_for_an_ensemble_whose_url_is_none_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ensemble", "watch", "http://x/y"]) == 1
    assert "takes a URL as in mqtt://127.0.0.1/trio/rack" in capsys.readouterr().err
