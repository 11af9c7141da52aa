"""The rehearsal UI beside real servers and in real terminals: killed, cut off, flooded, made tiny."""

import asyncio
import contextlib
import fcntl
import os
import pty
import random
import shutil
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import mido
import pytest

from benchmarks.rehearsal import FakeServer
from livevae.children import environment
from livevae.perform.events import RiffEvent
from livevae.perform.scene import parse
from livevae.server import Models, Options, Server, running
from livevae.testing import FakeDecoder
from livevae.tui.app import Watch
from livevae.tui.keys import Config
from livevae.tui.state import LOG_LINES
from tests.tui.stand import shown

pytestmark = [pytest.mark.real, pytest.mark.asyncio]

KILLS = int(os.environ.get("LIVEVAE_KILLS", "6"))
"""How often the UI is killed; 50 in a soak."""

SCENE = parse("title = 'Test'\ntempo = 240\n[voice.a]\nquantum = 1\n[voice.b]\nquantum = 1\nchannel = 2")


@contextlib.asynccontextmanager
async def fake(voices: int, port: int = 0) -> AsyncIterator[FakeServer]:
    """A server that plays nothing, for a while."""
    server = FakeServer(voices)
    await server.open(port)
    try:
        yield server
    finally:
        server.close()
        await asyncio.sleep(0.01)


async def until(true: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait until something is true."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not true():
        assert loop.time() < end, what
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def watching(port: int, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Watch]:
    """The UI in this process, without a terminal, with its real link."""
    app = Watch(("127.0.0.1", port), Config("dark"))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app


@contextlib.contextmanager
def in_terminal(port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """`livevae watch` in a terminal of its own, whose output is thrown away."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "livevae", "watch", f"127.0.0.1:{port}", "--theme", "dark"]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment())
    os.close(slave)
    loop = asyncio.get_running_loop()

    def drain() -> None:
        try:
            os.read(master, 65536)
        except OSError:
            loop.remove_reader(master)

    loop.add_reader(master, drain)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        loop.remove_reader(master)
        os.close(master)


async def test_the_ui_may_be_killed_at_any_moment_and_not_one_note_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "night.mid"
    models = Models(lambda _: FakeDecoder(), lambda name: not name, "fake")
    options = Options(scene=SCENE, shelf=lambda _: SCENE, port=0, midi=("none",), record=path)
    committed: list[RiffEvent] = []
    chance = random.Random(7)
    async with running(options, models, lambda _: None) as server:
        listener = server.session.hub.listen(RiffEvent, size=100_000)
        port = server.osc.address[1]
        for _ in range(KILLS):
            with in_terminal(port) as ui:
                await until(lambda: clients(server), "the UI does not subscribe")
                await asyncio.sleep(chance.uniform(0.0, 0.6))
                os.kill(ui.pid, signal.SIGKILL)
            await until(lambda: not clients(server), "a UI that is gone is still subscribed")
        # quick kills leave little music to compare
        await until(lambda: server.session.clock.tick() > 32 * 960, "the server does not play on")
        end = server.session.clock.tick()
        committed = [event for event in listener.drain() if isinstance(event, RiffEvent)]
    wanted = sorted(
        (event.start + note.start, event.channel, note.pitch)
        for event in committed
        for note in event.notes
        if event.start + note.start < end - 960
    )
    first = wanted[0][0]
    found = sorted(note for note in recorded(path) if first <= note[0] < end - 960)
    assert len(wanted) > 20
    assert found == wanted


def clients(server: Server) -> int:
    """How many are subscribed."""
    subscriptions = server.osc._subscriptions
    return subscriptions.count if subscriptions is not None else 0


def recorded(path: Path) -> Iterator[tuple[int, int, int]]:
    """Tick, channel and pitch of each note of a recording."""
    for track in mido.MidiFile(path).tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity:
                yield tick, message.channel + 1, message.note


async def test_a_server_that_goes_and_returns_is_found_again() -> None:
    async with fake(3) as server, watching(port := server.port) as app:
        await until(lambda: app.state.voices and app.state.riffs, "no picture came")
        app.draw()
        assert "First light" in app.state.title
        assert "lead" in shown(app)
        server.close()
        await until(lambda: app.state.link == "lost", "the loss is not seen")
        app.draw()
        assert "no longer answers" in shown(app)
        async with fake(5, port):
            await until(lambda: len(app.state.voices) == 5, "it is not found again")
            app.draw()
            assert "pad" in shown(app)


async def test_ten_thousand_lines_at_once_are_borne() -> None:
    async with fake(3) as server, watching(server.port) as app:
        await until(lambda: app.state.voices, "no picture came")
        for _ in range(100):
            server.log(100)
            await asyncio.sleep(0.01)

        def filled() -> bool:
            # a busy machine drops most of a flood, and the lines that come after it fill the log
            server.log(1)
            return len(app.state.log) == LOG_LINES

        await until(filled, "the log does not fill")
        app.action_tap()
        await until(lambda: "/livevae/tap" in [asked[0] for asked in server.asked], "keys do not arrive")


async def test_a_tiny_terminal_and_back() -> None:
    app = Watch(("127.0.0.1", 1), Config("dark"))
    async with fake(8) as server:
        app.where = ("127.0.0.1", server.port)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(lambda: len(app.state.voices) == 8, "no picture came")
            await pilot.resize_terminal(20, 5)
            await pilot.pause()
            app.draw()
            assert "▌ 1  ▶" in shown(app)
            await pilot.press("0")
            await pilot.resize_terminal(80, 24)
            await pilot.pause()
            app.draw()
            assert "drone" in shown(app)
            await until(lambda: "/livevae/panic" in [asked[0] for asked in server.asked], "no panic came")


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
async def test_in_tmux_rehearse_starts_a_server_that_outlives_the_screen(tmp_path: Path) -> None:
    port = 20_000 + os.getpid() % 20_000
    scene = tmp_path / "quiet.toml"
    scene.write_text("title = 'Quiet'\ntempo = 200\n[voice.solo]\nquantum = 1\nbars = 1\n")
    run = f"{sys.executable} -m livevae rehearse {scene} --osc 127.0.0.1:{port} --midi none --device cpu"
    env = {**environment(), "LIVEVAE_HOME": str(tmp_path), "TERM": "xterm-256color"}

    def tmux(*words: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", f"livevae{port}", *words], check=False, capture_output=True, text=True, env=env
        )
        return done.stdout

    def screen() -> str:
        return tmux("capture-pane", "-p")

    tmux("new-session", "-d", "-x", "100", "-y", "30", f"{run}; sleep 100")
    try:
        await until(lambda: "▶ solo" in screen() and "bpm" in screen(), "no picture came", 120)
        tmux("send-keys", "1")
        await until(lambda: "> /livevae/mute solo on 1" in screen(), "the key is not there")
        tmux("send-keys", ":")
        await until(lambda: "tab completes" in screen(), "no line to type in")
        tmux("send-keys", "-l", "/livevae/tempo 150")
        tmux("send-keys", "Enter")
        await until(lambda: "150.0 bpm" in screen(), "the tempo does not change")
        tmux("send-keys", "?")
        await until(lambda: "Stop everything and silence every port." in screen(), "no help")
        tmux("send-keys", "q")
        await until(lambda: "Stop everything and silence" not in screen(), "help does not go")
        tmux("send-keys", "C-q")
        await until(lambda: "shall the music go on?" in screen(), "it does not ask")
        tmux("send-keys", "Enter")
        await until(lambda: "plays on: livevae watch" in screen(), "it does not say how to come back")
        pid = int(screen().partition("kill ")[2].split()[0])
        tmux("respawn-pane", "-k", f"{run.replace('rehearse ' + str(scene), 'rehearse')}; sleep 100")
        await until(lambda: "150.0 bpm" in screen(), "it does not find the server that plays")
        os.kill(pid, signal.SIGTERM)
        await until(lambda: "no longer answers" in screen(), "the end of the server is not seen")
    finally:
        tmux("kill-server")


async def test_a_server_that_does_not_start_is_said_with_its_own_words(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "livevae", "rehearse", "no-such-scene", "--osc", "127.0.0.1:7797"]
    env = {**environment(), "LIVEVAE_HOME": str(tmp_path)}
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen, os.fdopen(theirs, "wb") as terminal:
        done = await asyncio.to_thread(
            subprocess.run,
            run,
            check=False,
            stdin=terminal,
            stdout=terminal,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )
        said = screen.read(1 << 16).decode()
    assert done.returncode == 1
    assert "no-such-scene" in said + done.stderr
    assert "the server did not start" in done.stderr


async def test_without_a_terminal_no_server_is_started(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "livevae", "rehearse", "--osc", "127.0.0.1:7797"]
    env = {**environment(), "LIVEVAE_HOME": str(tmp_path)}
    done = await asyncio.to_thread(subprocess.run, run, check=False, capture_output=True, text=True, env=env)
    assert done.returncode == 1
    assert "needs a terminal" in done.stderr
    assert os.listdir(tmp_path) == []  # noqa: PTH208  (nothing was written, a server's log neither)
