"""Rooms in virtual time on a fake broker: one time, commands on the beat, conductors that come and go."""

import asyncio
import json
import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from ensemble import Stage, stage
from fake_broker import FakeBroker

from livevae.edges.mqtt.messages import Arrived
from livevae.perform.disk import Disk, Writer
from livevae.perform.requests import PENDING
from livevae.perform.scene import Scene, parse
from livevae.virtual_time import virtual_time

SCENE = parse("""
title = "trio"
tempo = 120
[voice.lead]
bars = 2
seed = 7
""")
SILENT = parse("tempo = 97\n[voice.lead]\nseed = 3\nplay = false\n")


def run(play: Callable[[], Awaitable[None]]) -> None:
    with virtual_time() as loop:
        loop.run_until_complete(play())


def apart(one: Stage, other: Stage) -> float:
    """Seconds between two rooms' places in the ensemble."""
    now = asyncio.get_running_loop().time()
    ticks = [room.player.timeline.tick_at(now) - room.room.time.base for room in (one, other)]
    return (ticks[0] - ticks[1]) * one.player.timeline.seconds_per_tick


def send(broker: FakeBroker, room: str, retain: bool = False, **table: object) -> None:
    broker.publish(f"livevae/1/trio/{room}/do", json.dumps(table).encode(), 1, retain)


async def pair(broker: FakeBroker, scene: Scene = SCENE) -> tuple[Stage, Stage]:
    """Two rooms that play together: bass conducts, cello has another tempo and came later."""
    bass = stage(broker, "bass", scene=scene)
    await asyncio.sleep(6.3)
    cello = stage(broker, "cello", bpm=97, scene=scene)
    await asyncio.sleep(9)
    return bass, cello


def test_a_room_that_comes_later_is_soon_in_tempo_and_in_phase_and_on_the_same_bar() -> None:
    async def play() -> None:
        bass, cello = await pair(FakeBroker())
        assert bass.room.time.election.conducting
        assert cello.room.time.election.conductor == "bass"
        assert cello.player.timeline.bpm == 120
        assert abs(apart(bass, cello)) < 1e-4
        assert cello.room.time.base % 3840 == 0
        assert cello.do("/livevae/clock").pairs == (
            ("clock", "mqtt"),
            ("peers", 1),
            ("why", ""),
            ("conductor", "bass"),
            ("apart_ms", 0.0),
        )

    run(play)


def test_a_command_for_a_beat_sounds_on_that_beat_in_every_room() -> None:
    async def play() -> None:
        broker = FakeBroker()
        bass, cello = await pair(broker, SILENT)
        beat = 64
        send(broker, "all", address="/livevae/play", voice="lead", at_beat=beat, id="a")
        await asyncio.sleep(60)
        for room in (bass, cello):
            assert room.ons[0][0] == beat * 960
        assert [tick for tick, _ in bass.ons][:20] == [tick for tick, _ in cello.ons][:20]

    run(play)


def test_a_command_keeps_its_beat_when_the_tempo_changes_before_it() -> None:
    async def play() -> None:
        broker = FakeBroker()
        bass, cello = await pair(broker, SILENT)
        send(broker, "all", address="/livevae/play", voice="lead", at_beat=80, id="a")
        bass.do("/livevae/tempo", 160, "over", 16)
        await asyncio.sleep(60)
        assert bass.ons[0][0] == cello.ons[0][0] == 80 * 960
        assert cello.player.timeline.bpm == 160

    run(play)


def test_a_command_that_comes_twice_is_done_once_and_answered_twice() -> None:
    async def play() -> None:
        broker = FakeBroker()
        bass = stage(broker, "bass", scene=SILENT)
        for _ in range(3):
            send(broker, "bass", address="/livevae/sample", voice="lead", id=7, reply="desk")
        await asyncio.sleep(1)
        replies = [json.loads(data) for topic, data in bass.connection.sent if topic.endswith("/reply/desk")]
        assert len(replies) == 3
        assert replies[0] == replies[1] == replies[2]
        assert (replies[0]["id"], replies[0]["ok"], replies[0]["voice"]) == (7, True, "lead")
        assert len(bass.session.cast["lead"].shots) == 1
        assert bass.room.repeated == 2

    run(play)


def test_a_command_that_waits_for_the_disk_is_answered_when_it_is_done_and_then_again() -> None:
    async def play() -> None:
        broker = FakeBroker()
        bass = stage(broker, "bass", scene=SILENT)
        free, writer = threading.Event(), Writer("test")
        bass.session.disk = Disk(writer)
        bass.session.disk.do(free.wait, lambda _: PENDING, lambda _: None)

        def replies() -> list[dict[str, Any]]:
            sent = [data for topic, data in bass.connection.sent if topic.endswith("/reply/desk")]
            return [json.loads(data) for data in sent]

        def save() -> None:
            send(broker, "bass", address="/livevae/scene/write", name="quiet", id=7, reply="desk")

        save()
        save()
        await asyncio.sleep(10)
        assert replies() == []
        free.set()
        assert writer.close()
        await asyncio.sleep(1)
        save()
        await asyncio.sleep(1)
        first, again = replies()
        assert first == again
        assert (first["id"], first["ok"]) == (7, True)

    run(play)


def test_a_command_that_cannot_be_done_is_answered_with_the_sentence_of_osc() -> None:
    async def play() -> None:
        broker = FakeBroker()
        bass = stage(broker, "bass", scene=SILENT)
        send(broker, "bass", address="/livevae/set", voice="lead", temp="hot", reply="desk", at_beat=10_000)
        send(broker, "bass", address="/livevae/nowhere", reply="desk")
        await asyncio.sleep(1)
        texts = [
            json.loads(data)["text"] for topic, data in bass.connection.sent if topic.endswith("/reply/desk")
        ]
        assert texts[0] == "temp must be a number from 0 to 4, not 'hot'"
        assert texts[1].startswith("there is no address '/livevae/nowhere'")

    run(play)


def test_a_retained_command_is_ignored() -> None:
    async def play() -> None:
        broker = FakeBroker()
        send(broker, "bass", retain=True, address="/livevae/tempo", bpm=200)
        bass = stage(broker, "bass", scene=SILENT)
        await asyncio.sleep(1)
        assert bass.player.timeline.bpm == 97

    run(play)


def test_a_cue_for_all_changes_the_scene_on_its_beat() -> None:
    async def play() -> None:
        broker = FakeBroker()
        chorus = parse('title = "chorus"\ntempo = 140\n[voice.lead]\nseed = 5\n[voice.high]\nseed = 9\n')
        bass = stage(broker, "bass", scene=SILENT, scenes=lambda _: chorus)
        await asyncio.sleep(5)
        broker.publish("livevae/1/trio/cue", b'{"go":"chorus","beat":32}', 1)
        await asyncio.sleep(40)
        assert bass.ons[0][0] == 32 * 960
        assert bass.player.tempos[-1] == (32 * 960, 140)

    run(play)


def test_the_conductors_tempo_is_everybodys_and_nobody_elses_is() -> None:
    async def play() -> None:
        bass, cello = await pair(FakeBroker())
        for refused in (cello.do("/livevae/tempo", 90), cello.do("/livevae/tap")):
            assert not refused.ok
            assert refused.text.startswith("bass conducts this ensemble")
        assert bass.do("/livevae/tempo", 131).ok
        await asyncio.sleep(3)
        assert cello.player.timeline.bpm == 131
        assert abs(apart(bass, cello)) < 1e-3

    run(play)


def test_when_the_conductor_is_lost_the_other_room_conducts_and_no_note_is_moved() -> None:
    async def play() -> None:
        bass, cello = await pair(FakeBroker())
        before = cello.player.timeline
        bass.connection.drop()
        await asyncio.sleep(20)
        assert cello.room.time.election.conducting
        assert cello.player.timeline.bpm == before.bpm
        now = asyncio.get_running_loop().time()
        assert abs(cello.player.timeline.tick_at(now) - before.tick_at(now)) < 1
        bass.connection.connect()
        await asyncio.sleep(10)
        assert bass.room.time.election.conductor == cello.room.time.election.conductor == "cello"
        assert abs(apart(bass, cello)) < 1e-3

    run(play)


def test_a_room_can_be_asked_to_conduct() -> None:
    async def play() -> None:
        bass, cello = await pair(FakeBroker())
        assert cello.do("/livevae/clock", "mqtt", "conduct", 1).ok
        await asyncio.sleep(10)
        assert bass.room.time.election.conductor == cello.room.time.election.conductor == "cello"
        assert cello.do("/livevae/tempo", 150).ok
        await asyncio.sleep(4)
        assert bass.player.timeline.bpm == 150
        assert abs(apart(bass, cello)) < 1e-3

    run(play)


def test_a_conductor_that_goes_by_its_own_clock_again_leaves_the_place() -> None:
    async def play() -> None:
        bass, cello = await pair(FakeBroker())
        bass.do("/livevae/clock", "internal")
        await asyncio.sleep(12)
        assert cello.room.time.election.conducting

    run(play)


def test_the_conductors_stop_stops_the_others_and_play_starts_them() -> None:
    async def play() -> None:
        broker = FakeBroker()
        plays = [True]
        bass = stage(broker, "bass", scene=SCENE, playing=lambda: plays[0])
        await asyncio.sleep(5)
        cello = stage(broker, "cello", scene=SCENE)
        await asyncio.sleep(6)
        assert cello.session.cast["lead"].playing
        plays[0] = False
        await asyncio.sleep(3)
        assert not cello.session.cast["lead"].playing
        plays[0] = True
        await asyncio.sleep(3)
        assert cello.session.cast["lead"].playing
        assert bass.room.time.election.conducting

    run(play)


def test_a_room_that_is_stopped_alone_is_not_started_by_the_line_that_goes_on() -> None:
    async def play() -> None:
        _, cello = await pair(FakeBroker())
        cello.do("/livevae/stop")
        await asyncio.sleep(8)
        assert not cello.session.cast["lead"].playing

    run(play)


def test_a_broker_that_dies_twenty_times_moves_nobody_by_a_tick_and_costs_no_note() -> None:
    async def play() -> None:
        broker = FakeBroker(lambda: 0.002)
        bass, cello = await pair(broker)
        for _ in range(20):
            broker.kill()
            await asyncio.sleep(3)
            bass.connection.connect()
            await asyncio.sleep(0.5)
            cello.connection.connect()
            await asyncio.sleep(4)  # two bars
            assert abs(apart(bass, cello)) < 1e-3
            assert cello.room.time.election.conductor == "bass"
        assert cello.player.counters.dropped_ons == bass.player.counters.dropped_ons == 0
        ticks = {tick for tick, _ in cello.ons}
        assert ticks
        late = [tick for tick, _ in bass.ons if min(ticks) <= tick < max(ticks) and tick not in ticks]
        assert not late

    run(play)


def test_repeated_and_reordered_messages_change_nothing() -> None:
    async def play() -> None:
        broker = FakeBroker(lambda: 0.003)
        broker.repeat, broker.reorder = 0.5, 0.3
        bass, cello = await pair(broker, SILENT)
        for beat in range(80, 120, 4):
            send(broker, "all", address="/livevae/sample", voice="lead", bars=1, at_beat=beat, id=beat)
        await asyncio.sleep(60)
        assert [tick for tick, _ in bass.ons] == [tick for tick, _ in cello.ons]
        assert len(bass.ons) == 10 * 4
        assert abs(apart(bass, cello)) < 1e-2

    run(play)


def test_strudels_events_are_samples_of_the_voice_that_their_topic_is_mapped_to() -> None:
    async def play() -> None:
        broker = FakeBroker()
        bass = stage(broker, "bass", scene=SILENT, topics={"strudel": "lead"})
        event = {"s": "lead", "temp": 0.4, "note": "c3", "duration": 0.5, "cps": 0.5}
        broker.publish("strudel", json.dumps(event).encode())
        await asyncio.sleep(4)
        assert len(bass.ons) > 0
        assert not [line for line in bass.says if "/livevae/sample" in line]

    run(play)


def test_hostile_payloads_on_every_topic_stop_nothing() -> None:
    async def play() -> None:
        broker = FakeBroker()
        bass, cello = await pair(broker)
        before = bass.player.timeline
        bad = [
            b"",
            b"[" * 9000,
            b'{"a":1}',
            b"\xff",
            b'{"address":["x"]}',
            b'{"address":"/livevae/set","x":{}}',
        ]
        bad += [
            b'{"boot":1,"state":"ready"}',
            b'{"n":1e400}',
            b"null",
            b'{"address":"/livevae/stop","at_beat":"x"}',
        ]
        topics = ["bass/do", "all/do", "cue", "clock", "clock/ping/zoe", "bass/pong", "bass/decoded"]
        topics += ["zoe/$state", "bass/$state", "zoe/riff/lead", "zoe/voice/lead", "../..", "clock/ping/+"]
        for topic in topics:
            for payload in bad:
                broker.publish(f"livevae/1/trio/{topic}", payload, 1)
        await asyncio.sleep(5)
        assert bass.room.refused > 40
        assert bass.player.timeline == before
        assert bass.room.time.election.conducting
        assert abs(apart(bass, cello)) < 1e-3

    run(play)


def test_the_will_of_an_earlier_connection_is_answered_with_a_birth() -> None:
    async def play() -> None:
        broker = FakeBroker()
        _, cello = await pair(broker)
        topic = "livevae/1/trio/bass/$state"
        broker.publish(topic, json.dumps({"state": "lost", "boot": "bass-1", "session": 1}).encode(), 1, True)
        await asyncio.sleep(8)
        assert json.loads(broker.retained[topic])["state"] == "ready"
        assert cello.room.time.election.conductor == "bass"

    run(play)


def test_two_livevaes_of_one_name_are_told_so() -> None:
    async def play() -> None:
        broker = FakeBroker()
        first = stage(broker, "bass", scene=SILENT)
        await asyncio.sleep(1)
        stage(broker, "bass", boot="bass-2", scene=SILENT)
        await asyncio.sleep(2)
        assert any("another livevae is called bass" in line for line in first.says)

    run(play)


def test_a_room_says_who_it_is_and_how_it_stands() -> None:
    async def play() -> None:
        broker = FakeBroker()
        bass = stage(broker, "bass", scene=SCENE, describe=lambda: {"models": ["a"], "personas": ["nora"]})
        await asyncio.sleep(3)
        said = json.loads(broker.retained["livevae/1/trio/bass/$description"])
        assert said["voices"] == ["lead"]
        assert said["personas"] == ["nora"]
        assert said["addresses"]["/livevae/tempo"]["names"][0] == "bpm"
        state = json.loads(broker.retained["livevae/1/trio/bass/$state"])
        assert (state["state"], state["boot"], state["follows"]) == ("ready", "bass-1", True)
        will = json.loads(bass.room.will()[1])
        assert (will["state"], will["session"]) == ("lost", 2)

    run(play)


FAR = parse('tempo = 97\n[voice.far]\nfrom = "bass/lead"\nchannel = 5\nlow = 0\nhigh = 127\n')


def test_sixteen_rooms_at_twenty_messages_a_second_go_by_one_line_and_lose_no_note() -> None:
    async def play() -> None:
        broker = FakeBroker(lambda: 0.002)
        rooms = [stage(broker, f"room-{i:02}", bpm=80 + i, scene=SCENE) for i in range(16)]
        await asyncio.sleep(8)
        for _ in range(20):
            for room in rooms:
                send(broker, room.name, address="/livevae/set", voice="lead", gate=0.5, reply="desk")
            await asyncio.sleep(0.05)
        assert {room.room.time.election.conductor for room in rooms} == {"room-00"}
        assert max(abs(apart(rooms[0], room)) for room in rooms) < 1e-3
        assert sum(room.player.counters.dropped_ons for room in rooms) == 0
        replies = [len([1 for topic, _ in room.connection.sent if topic.endswith("desk")]) for room in rooms]
        assert min(replies) >= 19

    run(play)


MINUTES = int(os.environ.get("LIVEVAE_MINUTES", "2"))
"""Of virtual time; an hour takes some minutes of real time: LIVEVAE_MINUTES=60."""


def test_a_long_piece_of_two_rooms_and_a_desk() -> None:
    """Every riff that one room publishes is what the other gets; commands sound on their beat in both."""

    async def play() -> None:
        broker = FakeBroker(lambda: 0.002)
        both = parse(
            "tempo = 120\n[voice.lead]\nbars = 2\nseed = 7\n[voice.hit]\nplay = false\nbars = 1\nchannel = 2\n"
        )
        bass = stage(broker, "bass", scene=both)
        await asyncio.sleep(6.3)
        cello = stage(broker, "cello", bpm=97, scene=both)
        await asyncio.sleep(12)
        got: list[tuple[str, bytes]] = []
        receive = cello.room.arrived

        def arrived(message: Arrived) -> None:
            if message.topic.endswith("bass/riff/lead"):
                got.append((message.topic, message.payload))
            receive(message)

        cello.room.arrived = arrived
        start = len([1 for topic, _ in bass.connection.sent if topic.endswith("bass/riff/lead")])
        beats = []
        for minute in range(MINUTES):
            beats.append(bass.room.time.election.line.beat // 4 * 4 + 32)
            send(broker, "all", address="/livevae/sample", voice="hit", at_beat=beats[-1], id=minute, bars=1)
            if minute % 7 == 3:
                bass.do("/livevae/tempo", 100 + minute, "over", 8)
            await asyncio.sleep(60)
        sent = [(topic, data) for topic, data in bass.connection.sent if topic.endswith("bass/riff/lead")]
        assert len(got) > 13 * MINUTES
        assert got == sent[start : start + len(got)]
        assert len(sent) - start - len(got) <= 1
        for room in (bass, cello):
            base = room.room.time.base
            hits = [one.tick - base for one in room.player.sent if one.data[0] == 0x91]
            assert hits[::4] == [beat * 960 for beat in beats]
            assert room.player.counters.dropped_ons == 0
        assert abs(apart(bass, cello)) < 1e-4

    run(play)


async def near_and_far(broker: FakeBroker) -> tuple[Stage, Stage]:
    """Bass plays; cello, which came later, plays what bass plays."""
    bass = stage(broker, "bass", scene=SCENE)
    await asyncio.sleep(6.3)
    cello = stage(broker, "cello", bpm=97, scene=FAR)
    await asyncio.sleep(12)
    return bass, cello


def since(room: Stage, tick: int) -> list[tuple[int, int]]:
    return [one for one in room.ons if one[0] >= tick]


def test_a_voice_of_another_room_is_played_here_on_the_same_ticks() -> None:
    async def play() -> None:
        bass, cello = await near_and_far(FakeBroker())
        start = int(bass.ons[-1][0])
        await asyncio.sleep(120)
        played = since(cello, start)
        assert len(played) > 200
        assert played == since(bass, start)[: len(played)]
        assert cello.session.cast["far"].counters.late == 0
        assert {sent.data[0] for sent in cello.player.sent if sent.data[0] & 0xF0 == 0x90} == {0x94}

    run(play)


def test_while_the_broker_is_gone_the_last_riff_is_repeated_in_time() -> None:
    async def play() -> None:
        broker = FakeBroker()
        bass, cello = await near_and_far(broker)
        broker.kill()
        await asyncio.sleep(4)
        gone = len(cello.ons)
        await asyncio.sleep(20)
        repeated = cello.ons[gone:]
        assert len(repeated) >= 32
        assert [pitch for _, pitch in repeated[:8]] == [pitch for _, pitch in repeated[8:16]]
        assert {tick % 960 for tick, _ in repeated} == {0}
        for room in (bass, cello):
            room.connection.connect()
        await asyncio.sleep(15)
        start = cello.ons[-8][0]
        assert since(cello, start) == since(bass, start)[: len(since(cello, start))]

    run(play)


def test_when_the_voice_stops_there_it_stops_here_and_begins_again_with_it() -> None:
    async def play() -> None:
        bass, cello = await near_and_far(FakeBroker())
        bass.do("/livevae/stop", "lead")
        await asyncio.sleep(2)
        count = len(cello.ons)
        await asyncio.sleep(10)
        assert len(cello.ons) == count
        bass.do("/livevae/play", "lead")
        await asyncio.sleep(10)
        assert len(cello.ons) > count

    run(play)


def test_a_voice_goes_from_another_rooms_riffs_to_its_own_and_back() -> None:
    async def play() -> None:
        _, cello = await near_and_far(FakeBroker())
        assert cello.do("/livevae/set", "far", "from", "", "seed", 3).ok
        await asyncio.sleep(10)
        own = {pitch for tick, pitch in cello.ons[-16:]}
        assert cello.do("/livevae/set", "far", "from", "bass/lead").ok
        await asyncio.sleep(10)
        assert {pitch for tick, pitch in cello.ons[-16:]} != own
        ticks = [tick for tick, _ in cello.ons]
        assert ticks == sorted(ticks)
        assert len(set(ticks)) == len(ticks)

    run(play)


def test_a_room_knows_who_is_here_in_time_by_how_much_and_what_they_play() -> None:
    async def play() -> None:
        broker = FakeBroker()
        bass, cello = await pair(broker)
        ensemble, members = cello.room.ensemble, cello.room.members
        assert (ensemble.name, ensemble.room, ensemble.online) == ("trio", "cello", True)
        assert (ensemble.conductor, ensemble.rooms) == ("bass", 2)
        assert [(one.name, one.state, one.time, one.bpm, one.plays) for one in members] == [
            ("bass", "ready", "conducts", 120.0, "lead"),
            ("cello", "ready", "follows", 120.0, "lead"),
        ]
        assert abs(members[1].apart_ms) < 0.1
        bass.connection.drop()
        await asyncio.sleep(1)
        assert ("bass", "lost", "") in [(one.name, one.state, one.time) for one in cello.room.members]
        broker.kill()
        await asyncio.sleep(1)
        assert not cello.room.ensemble.online

    run(play)


def test_a_flood_of_rooms_is_not_known_without_end() -> None:
    async def play() -> None:
        broker = FakeBroker()
        bass = stage(broker, "bass", scene=SCENE)
        await asyncio.sleep(1)
        for i in range(400):
            state = {"state": "ready", "boot": f"b{i}", "session": 1, "follows": False}
            broker.publish(f"livevae/1/trio/r{i}/$state", json.dumps(state).encode(), 1)
        await asyncio.sleep(1)
        assert bass.room.ensemble.rooms <= 256
        assert len(bass.room.members) == 32
        assert bass.room.members[0].name == "bass"

    run(play)


def test_a_source_that_is_none_is_refused() -> None:
    async def play() -> None:
        bass = stage(FakeBroker(), "bass", scene=SCENE)
        assert "a voice of this room" in bass.do("/livevae/set", "lead", "from", "bass/lead").text
        assert bass.do("/livevae/set", "lead", "from", "nowhere").text.startswith(
            "from names a room and a voice"
        )
        bass.session.cast.incoming.open = False
        assert "in no ensemble" in bass.do("/livevae/set", "lead", "from", "rack/lead").text

    run(play)
