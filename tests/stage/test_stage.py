"""The main job, end to end, on a real MIDI graph: a message goes in, a riff comes out, and nothing is left hanging."""

import io
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import mido
import pytest
from ears import Receiver, wait_for
from stage_graph import Stage

from livevae.edges.osc.client import Client
from livevae.errors import RequestError

pytestmark = pytest.mark.real

HELD = """
tempo = 60
[voice.drone]
temp = 0
bars = 2
low = 48
high = 72
"""
PATCH = Path(__file__).parents[2] / "patches" / "livevae.scd"


@pytest.fixture
def scene(tmp_path: Path) -> str:
    path = tmp_path / "held.toml"
    path.write_text(HELD)
    return str(path)


def test_a_sample_that_is_asked_for_is_heard_as_it_was_promised(
    serve: Callable[..., Stage], receiver: Receiver, tmp_path: Path
) -> None:
    quiet = tmp_path / "quiet.toml"
    quiet.write_text("tempo = 200\n[voice.lead]\nplay = false\nchannel = 5")
    stage = serve(str(quiet), "--midi", receiver.name)
    assert not receiver.messages
    with Client(port=stage.osc) as livevae:
        answer = livevae.ask("/livevae/sample", "lead", ahead=0.2, bars=1, quantum=1, seed=5)
        assert float(answer["beat"]) % 1 == 0
        wait_for(receiver.ons)
        wait_for(lambda: not receiver.sounding())
        assert {channel for channel, _ in receiver.ons()} == {4}
        with pytest.raises(RequestError, match="temp must be a number from 0 to 4, not 9"):
            livevae.ask("/livevae/sample", "lead", temp=9)
        first = receiver.ons()
        receiver.messages.clear()
        livevae.ask("/livevae/sample", "lead", bars=1, quantum=1, seed=5)
        wait_for(lambda: len(receiver.ons()) >= len(first))
        assert receiver.ons() == first  # the same seed, the same riff


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_note_hangs_however_the_server_ends(
    how: signal.Signals, serve: Callable[..., Stage], receiver: Receiver, scene: str, tmp_path: Path
) -> None:
    stage = serve(scene, "--midi", receiver.name, "--record", str(tmp_path / "night.mid"))
    wait_for(receiver.sounding)
    os.kill(stage.process.pid, how)
    code = stage.process.wait(20)
    wait_for(lambda: not receiver.sounding())
    assert code == (-signal.SIGKILL if how == signal.SIGKILL else 0), stage.said
    wait_for(lambda: whole(tmp_path / "night.mid"))


def test_no_note_hangs_when_the_player_is_killed_and_the_music_goes_on(
    serve: Callable[..., Stage], receiver: Receiver, scene: str, tmp_path: Path
) -> None:
    stage = serve(scene, "--midi", receiver.name, "--record", str(tmp_path / "night.mid"))
    wait_for(receiver.sounding)
    held = receiver.sounding()
    count = len(receiver.messages)
    os.kill(stage.player(), signal.SIGKILL)
    wait_for(lambda: all(any(off(d, note) for _, d in list(receiver.messages)[count:]) for note in held))
    heard = len(receiver.ons())
    wait_for(lambda: len(receiver.ons()) > heard)
    assert "another one plays on" in stage.said
    os.kill(stage.process.pid, signal.SIGTERM)
    assert stage.process.wait(20) == 0
    assert not receiver.sounding()
    assert whole(tmp_path / "night.mid")


def test_panic_and_scene_changes_leave_nothing_sounding(
    serve: Callable[..., Stage], receiver: Receiver, scene: str
) -> None:
    stage = serve(scene, "--midi", receiver.name)
    wait_for(receiver.sounding)
    with Client(port=stage.osc) as livevae:
        livevae.ask("/livevae/scene", "first-light")
        wait_for(lambda: {0, 1, 2} <= {channel for channel, _ in receiver.ons()})
        livevae.ask("/livevae/panic")
        wait_for(lambda: not receiver.sounding())
        assert any(data[:2] == b"\xb0\x7b" for _, data in receiver.messages)


def test_a_virtual_port_is_called_livevae(jack: str, serve: Callable[..., Stage], scene: str) -> None:
    stage = serve(scene)
    assert "midi    livevae" in stage.said
    assert (
        "livevae:livevae" in subprocess.run(["jack_lsp"], capture_output=True, text=True, check=True).stdout
    )


def test_sclang_sends_a_sample_ahead_of_time_and_prints_the_answer(
    serve: Callable[..., Stage], receiver: Receiver, tmp_path: Path
) -> None:
    if shutil.which("sclang") is None:
        if os.environ.get("CI"):
            pytest.fail("sclang must be here in CI")
        pytest.skip("sclang is not installed (Debian: supercollider-language)")
    quiet = tmp_path / "quiet.toml"
    quiet.write_text("tempo = 120\n[voice.lead]\nplay = false")
    stage = serve(str(quiet), "--midi", receiver.name)
    script = tmp_path / "ask.scd"
    script.write_text(
        f"""
        ~livevae = NetAddr("127.0.0.1", {stage.osc});
        OSCdef(\\heard, {{ |msg| ("ANSWER" + msg).postln; 0.exit }}, '/livevae/reply');
        ~livevae.sendBundle(0.2, ["/livevae/sample", \\lead, \\bars, 1, \\quantum, 1, \\seed, 7]);
        SystemClock.sched(20, {{ 1.exit }});
        """
    )
    done = subprocess.run(
        ["sclang", str(script)],
        env={
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "QTWEBENGINE_DISABLE_SANDBOX": "1",
            "XDG_RUNTIME_DIR": str(tmp_path),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "ANSWER" in done.stdout
    assert "beat" in done.stdout
    wait_for(receiver.ons)
    wait_for(lambda: not receiver.sounding())


def off(data: bytes, note: tuple[int, int]) -> bool:
    return data[0] == 0x80 | note[0] and data[1] == note[1]


def whole(path: Path) -> bool:
    """Whether the recording reads, and every on in it has its off."""
    if not path.exists():
        return False
    held, ons = set(), 0
    for track in mido.MidiFile(file=io.BytesIO(path.read_bytes())).tracks:
        for message in track:
            if message.type == "note_on" and message.velocity:
                held.add((message.channel, message.note))
                ons += 1
            elif message.type in ("note_on", "note_off"):
                held.discard((message.channel, message.note))
    return ons > 0 and not held
