"""A keyboard on a real MIDI graph: what it plays arrives, what it breaks changes nothing that plays."""

import contextlib
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ears import SOON, Receiver, wait_for
from stage_graph import Stage

from benchmarks.graph import jack_server
from livevae.edges.osc.client import Client

pytestmark = pytest.mark.real

SCENE = """
tempo = 120
[midi]
scenes = ["first-light"]
[midi.map]
74 = { to = "lead.temp", least = 0, most = 2 }
[voice.lead]
temp = 0.5
bars = 1
"""


KEYBOARD = """
import sys
import rtmidi
out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=sys.argv[1])
out.open_virtual_port("keys")
print("here", flush=True)
for line in sys.stdin:
    out.send_message(bytes.fromhex(line))
out.close_port()
out.delete()
"""


class Keyboard:
    """A virtual MIDI output, in a process of its own.

    rtmidi waits for room in its buffer with the interpreter's lock held. The receiver of this process would wait for
    the lock, and JACK, which goes on when all clients have, for the receiver.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-c", KEYBOARD, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "here\n"

    def send(self, *data: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(bytes(data).hex() + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.communicate()


def insist(send: Callable[[], object], what: Callable[[], object]) -> None:
    """Send until `what` is true: without real-time priority JACK may lose a cycle, and what was in it."""
    until = time.monotonic() + SOON
    while True:
        send()
        try:
            return wait_for(what, 2.0)
        except AssertionError:
            if time.monotonic() > until:
                raise


@pytest.fixture
def keyboard(jack: str) -> Iterator[Keyboard]:
    one = Keyboard(f"keyboard-{jack}")
    yield one
    one.close()


@pytest.fixture
def scene(tmp_path: Path) -> str:
    path = tmp_path / "knobs.toml"
    path.write_text(SCENE)
    return str(path)


def test_knobs_turn_settings_are_learned_and_programs_change_scenes(
    serve: Callable[..., Stage], receiver: Receiver, keyboard: Keyboard, scene: str
) -> None:
    stage = serve(scene, "--midi", receiver.name, "--midi-in", keyboard.name)
    assert f"midi in {keyboard.name}" in stage.said
    with Client(port=stage.osc) as livevae:

        def temp() -> float:
            return float(livevae.ask("/livevae/set", "lead")["temp"])

        assert temp() == 0.5
        insist(lambda: keyboard.send(0xB0, 74, 127), lambda: temp() == 2.0)
        assert livevae.ask("/livevae/learn", "lead", setting="drift", most=0.9)["learning"] == "lead.drift"
        insist(lambda: keyboard.send(0xB3, 20, 127), lambda: "cc20.4" in livevae.ask("/livevae/map"))
        assert round(float(livevae.ask("/livevae/set", "lead")["drift"]), 3) == 0.9
        insist(
            lambda: keyboard.send(0xC0, 0),
            lambda: livevae.ask("/livevae/status")["title"] == "First light",
        )
        insist(
            lambda: keyboard.send(0xB0, 123, 0),
            lambda: any(data[:2] == b"\xb0\x7b" for _, data in receiver.messages),
        )
        wait_for(lambda: not receiver.sounding())


def test_an_input_of_our_own_can_be_connected_to(
    serve: Callable[..., Stage], receiver: Receiver, keyboard: Keyboard, scene: str
) -> None:
    stage = serve(scene, "--midi", receiver.name, "--midi-in", "virtual")
    subprocess.run(
        ["jack_connect", f"{keyboard.name}:keys", "livevae-in:in"], check=True, capture_output=True
    )
    with Client(port=stage.osc) as livevae:
        insist(
            lambda: keyboard.send(0xB0, 74, 0),
            lambda: float(livevae.ask("/livevae/set", "lead")["temp"]) == 0.0,
        )


def test_broken_input_changes_nothing_that_plays(
    serve: Callable[..., Stage], receiver: Receiver, keyboard: Keyboard, scene: str
) -> None:
    """Sysex floods, notes without offs, and bytes that are no message; the music goes on and knobs still turn."""
    stage = serve(scene, "--midi", receiver.name, "--midi-in", keyboard.name)
    with Client(port=stage.osc) as livevae:
        before = livevae.ask("/livevae/set", "lead")
        wait_for(lambda: len(receiver.ons()) > 4)
        rng = random.Random(7)
        for i in range(400):
            keyboard.send(0xF0, *(rng.randrange(128) for _ in range(400)), 0xF7)
            keyboard.send(0x90, i % 128, 100)
            keyboard.send(0xF8)
            keyboard.send(0x3C, 0x40)
            for piece in ((0x90, i % 128), (0xF8,), (100,)):  # a note cut in pieces by a realtime byte
                keyboard.send(*piece)
            if i % 20 == 0:
                time.sleep(0.01)  # a wire carries 31250 bits a second; this is a thousand times that
        played = len(receiver.ons())
        wait_for(lambda: len(receiver.ons()) > played + 4)
        after = livevae.ask("/livevae/set", "lead")
        assert {**after, "beat": 0, "id": 0} == {**before, "beat": 0, "id": 0}
        assert livevae.ask("/livevae/status")["lead"] == "playing"
        insist(
            lambda: keyboard.send(0xB0, 74, 64),
            lambda: 1.0 < float(livevae.ask("/livevae/set", "lead")["temp"]) < 1.02,
        )


def test_a_keyboard_that_is_unplugged_is_listened_to_when_it_comes_back(
    jack: str, serve: Callable[..., Stage], receiver: Receiver, scene: str
) -> None:
    keyboard = Keyboard(f"hot-{jack}")
    stage = serve(scene, "--midi", receiver.name, "--midi-in", "hot-", "--midi-in", "nothing of this name")
    assert "midi in nothing of this name is not there yet" in stage.said
    keyboard.close()
    wait_for(lambda: "is gone" in stage.said)
    played = len(receiver.ons())
    keyboard = Keyboard(f"hot-{jack}")
    wait_for(lambda: "is back" in stage.said)
    with Client(port=stage.osc) as livevae:
        insist(
            lambda: keyboard.send(0xB0, 74, 127),
            lambda: float(livevae.ask("/livevae/set", "lead")["temp"]) == 2.0,
        )
    wait_for(lambda: len(receiver.ons()) > played)
    keyboard.close()


def watches(server: int) -> bool:
    """Whether the server's watch is a client of JACK's: it has a thread more then."""
    found = subprocess.run(
        ["ps", "-o", "nlwp=,args=", "--ppid", str(server)], capture_output=True, text=True, check=True
    )
    return any(
        int(line.split()[0]) > 1 for line in found.stdout.splitlines() if "livevae.player.watch" in line
    )


# slow, for without real-time priority JACK passes things on every 21 ms only
DRUM_BOX = """
import time
import rtmidi
out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="drumbox")
out.open_virtual_port("clock")
print("here", flush=True)
due = time.monotonic()
while True:
    out.send_message([0xF8])
    due += 60 / 40 / 24
    time.sleep(max(0.0, due - time.monotonic()))
"""


@pytest.mark.parametrize(("keys", "clock"), [("crashing", "midi:drumbox"), ("virtual", "midi")])
def test_inputs_and_a_midi_clock_come_back_after_jack_crashed(
    jack: str, serve: Callable[..., Stage], scene: str, keys: str, clock: str
) -> None:
    def devices() -> list[subprocess.Popen[str]]:
        started = [
            subprocess.Popen([sys.executable, "-c", text, "crashing"], stdin=-1, stdout=-1, text=True)
            for text in (KEYBOARD, DRUM_BOX)
        ]
        assert [process.stdout.readline() for process in started if process.stdout] == ["here\n"] * 2
        return started

    def end(started: list[subprocess.Popen[str]]) -> None:
        for process in started:
            process.kill()
            process.communicate()

    with jack_server() as server, contextlib.ExitStack() as leaving:
        started = devices()
        leaving.callback(lambda: end(started))
        stage = serve(scene, "--midi", "none", "--midi-in", keys, "--clock", clock)
        for crashes in (1, 2):
            wait_for(lambda: stage.said.count("clock   midi") == crashes)  # noqa: B023  (called at once)
            wait_for(lambda: watches(stage.process.pid))
            server.crash()
            end(started)
            wait_for(lambda: stage.said.count("is gone: JACK has ended") == crashes)  # noqa: B023
            wait_for(lambda: stage.said.count("is gone: its tempo is held until it is back") == crashes)  # noqa: B023
            server.start_again()
            started = devices()
            wait_for(lambda: stage.said.count("(JACK) is back") == crashes)  # noqa: B023
        wait_for(lambda: stage.said.count("clock   midi") == 3)
        if keys == "virtual":
            for pair in (("crashing:keys", "livevae-in:in"), ("drumbox:clock", "livevae-clock:clock")):
                subprocess.run(["jack_connect", *pair], check=True, capture_output=True)
        with Client(port=stage.osc) as livevae:

            def turn() -> None:
                assert started[0].stdin is not None
                started[0].stdin.write("b04a7f\n")
                started[0].stdin.flush()

            insist(turn, lambda: float(livevae.ask("/livevae/set", "lead")["temp"]) == 2.0)
            wait_for(lambda: abs(float(livevae.ask("/livevae/status")["bpm"]) - 40) < 2)
        stage.process.terminate()
        assert stage.process.wait(20) == 0
    assert "player  died" not in stage.said


def test_who_played_to_our_own_inputs_is_connected_again_after_jack_crashed(
    jack: str, serve: Callable[..., Stage], scene: str
) -> None:
    """A keyboard and a drum box that other programs had connected, and one that comes back late."""
    pairs = (("returning:keys", "livevae-in:in"), ("drumbox:clock", "livevae-clock:clock"))
    texts = (KEYBOARD, DRUM_BOX)

    def begin(text: str) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", text, "returning"], stdin=-1, stdout=-1, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        return process

    def connected() -> set[tuple[str, str]]:
        said = subprocess.run(["jack_lsp", "-c"], capture_output=True, text=True, check=False).stdout
        found, port = set(), ""
        for name in said.splitlines():
            if name.startswith("   "):
                found.add((port, name.strip()))
            else:
                port = name
        return found & set(pairs)

    with jack_server() as server, contextlib.ExitStack() as leaving:
        devices = [begin(text) for text in texts]

        def end() -> None:
            for process in devices:
                process.kill()
                process.communicate()

        leaving.callback(end)
        stage = serve(scene, "--midi", "none", "--midi-in", "virtual", "--clock", "midi")
        wait_for(lambda: stage.said.count("clock   midi") == 1)
        for pair in pairs:
            subprocess.run(["jack_connect", *pair], check=True, capture_output=True)
        with Client(port=stage.osc) as livevae:
            wait_for(lambda: abs(float(livevae.ask("/livevae/status")["bpm"]) - 40) < 2)
            wait_for(lambda: watches(stage.process.pid))
            time.sleep(1.0)  # the watch looks twice a second, and nothing says what it has seen
            server.crash()
            end()
            wait_for(lambda: stage.said.count("is gone") == 2)
            server.start_again()
            devices = [begin(KEYBOARD)]
            wait_for(lambda: connected() == {pairs[0]})
            devices.append(begin(DRUM_BOX))
            wait_for(lambda: connected() == set(pairs))

            def turn() -> None:
                assert devices[0].stdin is not None
                devices[0].stdin.write("b04a7f\n")
                devices[0].stdin.flush()

            insist(turn, lambda: float(livevae.ask("/livevae/set", "lead")["temp"]) == 2.0)
            wait_for(lambda: stage.said.count("clock   midi") == 2)
        stage.process.terminate()
        assert stage.process.wait(20) == 0
