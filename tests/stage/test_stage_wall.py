"""The whole server while the wall clock is set by hours and months, for its processes alone."""

import json
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import mido
import pytest
from ears import wait_for

from benchmarks.soak_wall import WallClock
from livevae.children import environment
from livevae.edges.osc.client import Client

pytestmark = pytest.mark.real

HOUR = 3600
STEPS = (3 * HOUR, -24 * HOUR, 9000 * HOUR)
SCENE = "tempo = 120\n[voice.lead]\nbars = 1\nchannel = 2\n[voice.bell]\nplay = false\n"


def test_a_wall_clock_that_is_set_breaks_no_recording_log_subscription_or_timetag(tmp_path: Path) -> None:
    log, take, said, scene = (tmp_path / name for name in ("night.log", "take.mid", "said", "wall.toml"))
    scene.write_text(SCENE)
    wall, ours = WallClock(tmp_path / "clock"), environment()
    env = ours | wall.variables(ours["PYTHONPATH"])
    command = [
        *(sys.executable, "-m", "livevae", "serve", str(scene), "--osc", "127.0.0.1:0", "--midi", "none"),
        *("--seed", "3", "--log", str(log), "--record", str(take)),
    ]
    with said.open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, env=env)
    try:
        wait_for(lambda: "\nplaying " in said.read_text() or server.poll() is not None)
        osc = next(line for line in said.read_text().splitlines() if line.startswith("osc "))
        port = int(osc.split(";")[0].rsplit(":", 1)[1])
        with Client(port=port, patience=20, wall=wall.now) as livevae:
            livevae.ask("/livevae/subscribe", "beat", seconds=600)
            for step in (0, *STEPS):
                wall.jump(step)
                now = float(livevae.ask("/livevae/ping")["beat"])
                sounds = float(livevae.ask("/livevae/sample", "bell", bars=1, quantum=1, ahead=1.0)["beat"])
                assert now + 1 < sounds < now + 60
                assert next(iter(livevae.later(20)), None) is not None
            until = time.monotonic() + 60
            while float(livevae.ask("/livevae/ping")["beat"]) < sounds + 4:
                assert time.monotonic() < until
    finally:
        server.terminate()
        server.wait(60)
    tracks = {track.name: track for track in mido.MidiFile(take).tracks}
    starts, tick = [], 0
    for message in tracks["lead"]:
        tick += message.time
        starts += [tick] if message.type == "note_on" and message.velocity else []
    assert max(later - sooner for sooner, later in pairwise(starts)) < 3 * 4 * 960
    assert "bell" in tracks
    times = [json.loads(line)[0] for line in log.read_text().splitlines()[1:]]
    assert times == sorted(times)
    assert times[-1] < HOUR
    again = [
        sys.executable,
        "-m",
        "livevae",
        "replay",
        str(log),
        str(scene),
        "--out",
        str(tmp_path / "again.mid"),
    ]
    done = subprocess.run(again, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
