"""The player's process against a real MIDI graph, and what happens when anything is killed."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import mido
import pytest
from ears import Receiver, wait_until

from benchmarks.graph import jack_server
from livevae.errors import LivevaeError, PortError
from livevae.midi import list_ports
from livevae.player.client.process import PlayerProcess
from livevae.player.ports import open_port
from livevae.player.wire.commands import PortSpec
from livevae.player.wire.reports import Hello, PlayerDied, PortBack, PortLost
from livevae.tempo.events import PlayNote

pytestmark = pytest.mark.real


async def until(condition, seconds=15.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.01)


def notes_in(path):
    out = []
    for track in mido.MidiFile(path).tracks:
        tick, sounding = 0, set()
        for message in track:
            tick += message.time
            if message.type == "note_on":
                assert message.note not in sounding
                sounding.add(message.note)
                out.append((tick, message.note))
            elif message.type == "note_off":
                sounding.remove(message.note)
        assert sounding == set()
    return out


def soon(player, beats=2.0):
    return int(player.timeline.tick_at(time.monotonic()) + beats * 960)


def test_notes_arrive_on_their_ticks_over_jack(receiver):
    async def music():
        player = await PlayerProcess.start(120, [PortSpec("synth", "rx")])
        assert player.ports.failed == ()
        tick = soon(player)
        player.play([PlayNote(tick + i * 120, 60, "synth", 1, 60 + i % 12, 96, "lead") for i in range(32)])
        await until(lambda: len(receiver.messages) == 64)
        ideal = [player.timeline.time_at(tick + i * 120) for i in range(32)]
        await player.close()
        assert player.counters.sent == 64
        return ideal

    ideal = asyncio.run(music())
    ons = [(when, data) for when, data in receiver.messages if data[0] == 0x90]
    assert [data[1] for _, data in ons] == [60 + i % 12 for i in range(32)]
    assert all(when > due for (when, _), due in zip(ons, ideal, strict=True)), "nothing comes early"
    assert receiver.sounding() == set()


def test_a_virtual_port_is_there_under_its_name(jack):
    async def music():
        player = await PlayerProcess.start(120, [PortSpec("", "virtual"), PortSpec("drums", "virtual")])
        listed = subprocess.run(["jack_lsp"], capture_output=True, text=True, check=True).stdout.split()  # noqa: ASYNC221
        await player.close()
        return listed, player.ports

    listed, ports = asyncio.run(music())
    assert "livevae:livevae" in listed
    assert any(name.endswith(":drums") for name in listed)
    assert ports.opened == (("", "livevae (JACK)"), ("drums", "drums (JACK)"))


def test_an_output_that_is_not_there_is_said_and_the_rest_plays(receiver):
    async def music():
        player = await PlayerProcess.start(120, [PortSpec("a", "no such thing"), PortSpec("b", "rx")])
        player.play([PlayNote(soon(player, 2), 60, port, 1, 60, 96, "v") for port in ("a", "b")])
        await until(lambda: len(receiver.messages) == 2)
        await player.close()
        return player.ports

    ports = asyncio.run(music())
    assert [name for name, _ in ports.opened] == ["b"]
    ((name, why),) = ports.failed
    assert name == "a"
    assert "no such thing" in why
    assert "rx:in" in why


def test_when_the_player_is_killed_another_releases_the_held_note_and_goes_on(receiver):
    async def music():
        reports = []
        player = await PlayerProcess.start(120, [PortSpec("synth", "rx")], on_report=reports.append)
        tick = soon(player, 2)
        player.play([PlayNote(tick, 960 * 60, "synth", 1, 60, 96, "drone")])
        later = tick + 960 * 24  # far enough for a new player on any machine
        player.play([PlayNote(later, 480, "synth", 1, 72, 96, "lead")])
        await until(lambda: receiver.sounding() == {(0, 60)})
        pid, line = player.hello.pid, player.timeline
        os.kill(pid, signal.SIGKILL)
        await until(lambda: receiver.sounding() == set())
        await until(lambda: (0, 72) in receiver.sounding(), 60)
        arrived = time.monotonic()
        await until(lambda: receiver.sounding() == set())
        assert player.timeline == line
        await player.close()
        return pid, reports, arrived - line.time_at(later)

    pid, reports, late = asyncio.run(music())
    (died,) = [r for r in reports if isinstance(r, PlayerDied)]
    assert "-9" in died.why
    assert died.released == 1
    first, second = [r.pid for r in reports if isinstance(r, Hello)]
    assert first == pid != second
    assert late > 0


SERVER = """
import asyncio, sys, time
from pathlib import Path
from livevae.player.wire.commands import PortSpec
from livevae.player.client.process import PlayerProcess
from livevae.tempo.events import PlayNote

async def main():
    record = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    player = await PlayerProcess.start(120, [PortSpec("synth", sys.argv[1])], record=record)
    tick = int(player.timeline.tick_at(time.monotonic()) + 1920)
    player.play([PlayNote(tick + i, 960 * 60, "synth", 1, 60 + i, 96, "drone") for i in range(3)])
    player.play([PlayNote(tick + 9600 + i * 10, 5, "synth", 1, 90, 96, "lead") for i in range(50)])
    print(player.hello.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def start_server(*arguments):
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    return server, int(server.stdout.readline())


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_when_the_server_is_killed_the_player_releases_held_notes_and_ends(receiver, how):
    server, player = start_server("rx")
    try:
        assert wait_until(lambda: len(receiver.sounding()) == 3)
    finally:
        server.send_signal(how)
        server.communicate()
    assert wait_until(lambda: receiver.sounding() == set())
    assert wait_until(lambda: gone(player))
    assert [data[0] for _, data in receiver.messages] == [0x90] * 3 + [0x80] * 3


def test_the_interrupt_key_is_for_the_server_to_decide_and_sigterm_ends_the_player_cleanly(receiver):
    server, player = start_server("rx")
    try:
        assert wait_until(lambda: len(receiver.sounding()) == 3)
        os.kill(player, signal.SIGINT)
        assert len(receiver.sounding()) == 3
        os.kill(player, signal.SIGTERM)
        assert wait_until(lambda: receiver.sounding() == set())
        assert wait_until(lambda: gone(player))
    finally:
        server.kill()
        server.communicate()


@pytest.mark.parametrize("victim", ["server", "player"])
def test_a_recording_is_whole_after_kill_9(jack, receiver, tmp_path, victim):
    path = tmp_path / "take.mid"
    server, player = start_server("rx", path)
    try:
        assert wait_until(lambda: len(receiver.sounding()) == 3)
        if victim == "player":
            os.kill(player, signal.SIGKILL)
            assert wait_until(lambda: receiver.sounding() == set())
    finally:
        server.kill()
        server.communicate()
    assert wait_until(lambda: path.exists() and len(notes_in(path)) >= 3)
    assert [pitch for _, pitch in notes_in(path)][:3] == [60, 61, 62]
    assert wait_until(lambda: [p.name for p in tmp_path.iterdir()] == ["take.mid"])


def test_a_recording_made_without_any_midi_port_is_complete(tmp_path):
    async def music():
        player = await PlayerProcess.start(240, [PortSpec("synth", "none")], record=tmp_path / "take.mid")
        tick = soon(player, 2)
        player.play([PlayNote(tick + i * 60, 30, "synth", 1, 60 + i, 96, "lead") for i in range(8)])
        player.set_tempo(120, tick=tick + 240)
        await until(lambda: player.timeline.time_at(tick + 8 * 60) < time.monotonic())
        await player.close()
        return tick

    tick = asyncio.run(music())
    assert notes_in(tmp_path / "take.mid") == [(tick + i * 60, 60 + i) for i in range(8)]
    tempos = [m.tempo for m in mido.MidiFile(tmp_path / "take.mid").tracks[0] if m.type == "set_tempo"]
    assert tempos == [250_000, 500_000]


def test_recording_into_a_folder_that_is_not_there_is_refused_at_once(tmp_path):
    with pytest.raises(LivevaeError, match="folder that exists"):
        asyncio.run(PlayerProcess.start(record=tmp_path / "nowhere" / "take.mid"))


def test_recording_over_a_device_a_pipe_or_a_folder_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/null")):
        with pytest.raises(LivevaeError, match="give a new name, or a file that may be replaced"):
            asyncio.run(PlayerProcess.start(record=path))
    assert (tmp_path / "pipe").is_fifo()


def test_a_port_by_part_of_its_name_and_the_error_that_lists_the_others(receiver):
    assert ("JACK", "rx:in") in list_ports()
    port = open_port(PortSpec("x", "RX"))
    port.send(b"\xc0\x05")
    assert wait_until(lambda: [data for _, data in receiver.messages] == [b"\xc0\x05"])
    port.close()
    port.close()
    with pytest.raises(PortError, match="rx:in"):
        open_port(PortSpec("x", "nobody"))


def test_ports_can_be_opened_and_closed_while_playing(receiver):
    async def music():
        reports = []
        player = await PlayerProcess.start(120, [PortSpec("a", "none")], on_report=reports.append)
        player.open_ports([PortSpec("a", "none"), PortSpec("b", "rx")])
        await until(lambda: len(player.ports.opened) == 2)
        player.play([PlayNote(soon(player, 2), 96000, "b", 1, 60, 96, "v")])
        await until(lambda: receiver.sounding() == {(0, 60)})
        player.open_ports([PortSpec("a", "none")])
        await until(lambda: receiver.sounding() == set())
        await player.close()
        return reports

    assert not [r for r in asyncio.run(music()) if isinstance(r, PortLost)]


def test_a_port_that_vanishes_is_opened_again_when_it_returns_and_the_others_never_notice(
    jack, receiver, tmp_path
):
    """What was sent is complete; JACK itself may lose a cycle in which a client came or went, without priority."""
    other = Receiver("gear")
    file = tmp_path / "sent.mid"

    async def music():
        nonlocal other
        reports = []
        ports = [PortSpec("steady", "rx"), PortSpec("shaky", "gear")]
        player = await PlayerProcess.start(120, ports, on_report=reports.append, record=file)
        tick = soon(player)
        player.play([PlayNote(tick + i * 480, 240, "steady", 1, 60, 96, "a") for i in range(60)])
        player.play([PlayNote(tick, 960 * 60, "shaky", 1, 50, 96, "b")])
        await until(lambda: other.sounding() == {(0, 50)})
        other.close()
        await until(lambda: any(isinstance(r, PortLost) for r in reports))
        other = Receiver("gear")
        await until(lambda: any(isinstance(r, PortBack) for r in reports))
        await until(lambda: other.messages)
        assert {data for _, data in other.messages} == {b"\x80\x32\x00"}, (
            "offs may come twice, but nothing else"
        )
        player.play([PlayNote(soon(player), 240, "shaky", 1, 52, 96, "b")])
        await until(lambda: other.ons() == [(0, 52)] and other.sounding() == set())
        heard = len(receiver.messages)
        await until(lambda: len(receiver.messages) > heard)
        await until(lambda: player.timeline.time_at(tick + 61 * 480) < time.monotonic(), 60)
        await player.close()
        return reports, tick

    reports, tick = asyncio.run(music())
    other.close()
    assert [at - tick for at, pitch in notes_in(file) if pitch == 60] == [480 * i for i in range(60)]
    assert receiver.sounding() == set()
    assert [r.port for r in reports if isinstance(r, PortLost | PortBack)] == ["shaky", "shaky"]
    assert not [r for r in reports if isinstance(r, PlayerDied)]


def test_a_port_that_is_not_there_yet_is_opened_when_it_comes(jack):
    async def music():
        player = await PlayerProcess.start(120, [PortSpec("late", "latecomer")])
        assert player.ports.opened == ()
        gear = Receiver("latecomer")
        await until(lambda: len(player.ports.opened) == 1)
        player.play([PlayNote(soon(player), 240, "late", 1, 52, 96, "b")])
        await until(lambda: len(gear.messages) == 2)
        await player.close()
        return gear

    gear = asyncio.run(music())
    assert gear.sounding() == set()
    gear.close()


def watch_of(pid):
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    return next(int(line.split()[0]) for line in listed.stdout.splitlines() if "livevae.player.watch" in line)


async def kill_player(player):
    pid = player.hello.pid
    os.kill(pid, signal.SIGKILL)
    await until(lambda: player.hello.pid != pid and player.ports.opened)


async def brief_notes(player, receiver):
    """Thirty notes that sound now, and end one after the other in the next two seconds."""
    tick = soon(player, 0.3)
    player.play([PlayNote(tick, 960 + i * 120, "synth", 1, 40 + i, 96, "v") for i in range(30)])
    await until(lambda: len(receiver.sounding()) == 30)
    return player.timeline.time_at(tick + 960 + 30 * 120)


def test_no_note_hangs_when_players_die_one_after_the_other(receiver):
    async def music():
        player = await PlayerProcess.start(120, [PortSpec("synth", "rx")])
        end = await brief_notes(player, receiver)
        for _ in range(5):
            await kill_player(player)
        await asyncio.sleep(max(0.0, end - time.monotonic()))
        await until(lambda: receiver.sounding() == set())
        await player.close()

    asyncio.run(music())


def test_a_virtual_port_is_connected_again_after_a_players_death_and_its_receivers_get_the_offs(receiver):
    async def music():
        player = await PlayerProcess.start(120, [PortSpec("synth", "virtual")])
        receiver.connect("livevae:synth")
        await asyncio.sleep(1.5)  # the watch looks twice a second
        await brief_notes(player, receiver)
        await kill_player(player)
        await until(lambda: receiver.sounding() == set())
        player.play([PlayNote(soon(player), 240, "synth", 1, 100, 96, "v")])
        await until(lambda: (0, 100) in receiver.ons())
        await until(lambda: receiver.sounding() == set())
        await player.close()

    asyncio.run(music())


def test_a_receiver_that_is_connected_late_to_a_virtual_port_gets_the_offs_of_players_that_died(receiver):
    async def music():
        player = await PlayerProcess.start(120, [PortSpec("synth", "virtual")])
        receiver.connect("livevae:synth")
        await asyncio.sleep(1.5)
        await brief_notes(player, receiver)
        blind = watch_of(os.getpid())
        os.kill(blind, signal.SIGSTOP)  # or it would connect the two itself
        await kill_player(player)
        await kill_player(player)
        held = receiver.sounding()
        receiver.connect("livevae:synth")
        assert held
        os.kill(blind, signal.SIGCONT)
        await until(lambda: receiver.sounding() == set())
        await player.close()

    asyncio.run(music())


@pytest.mark.parametrize("target", ["rx", "virtual"])
def test_when_jack_crashes_the_port_is_lost_and_comes_back_with_it_and_receivers_get_the_offs(target):
    if shutil.which("jackd") is None:
        pytest.skip("jackd is not installed (Debian: apt install jackd2)")

    async def music(server):
        reports = []
        receiver = Receiver("rx")
        player = await PlayerProcess.start(120, [PortSpec("synth", target)], on_report=reports.append)
        if target == "virtual":
            receiver.connect("livevae:synth")
        await asyncio.sleep(1.5)
        player.play([PlayNote(soon(player), 9_600_000, "synth", 1, 60, 96, "drone")])
        await until(lambda: receiver.sounding() == {(0, 60)})
        server.crash()
        await until(lambda: any(isinstance(r, PortLost) for r in reports))
        server.start_again()
        receiver = Receiver("rx")
        await until(lambda: any(isinstance(r, PortBack) for r in reports))
        await until(lambda: b"\x80\x3c\x00" in [data for _, data in receiver.messages])
        player.play([PlayNote(soon(player), 240, "synth", 1, 72, 96, "v")])
        await until(lambda: (0, 72) in receiver.ons())
        await player.close()
        receiver.close()
        return reports

    with jack_server() as server:
        reports = asyncio.run(music(server))
    (lost,) = [r for r in reports if isinstance(r, PortLost)]
    assert lost.why == "JACK is gone"
    assert not [r for r in reports if isinstance(r, PlayerDied)]
