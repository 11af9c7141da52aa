"""`livevae serve --clock link` beside another peer, in a network namespace of its own; prints what happened.

Never run it outside one: Link multicasts.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from livevae.edges.osc.client import Client

PEER = Path(__file__).parents[1] / "player" / "link_peer.py"
PATIENCE = 40.0


class Peer:
    """The other peer, and the last it said."""

    def __init__(self, bpm: float) -> None:
        self.now: dict = {}
        self.process = subprocess.Popen(
            [sys.executable, str(PEER), str(bpm)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.now = json.loads(line)

    def tell(self, words: str) -> None:
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > end:
            raise TimeoutError("it did not happen")
        time.sleep(0.02)


def main(folder: Path) -> dict:
    scene = folder / "quiet.toml"
    scene.write_text("tempo = 130\n[voice.lead]\nplay = false\nbars = 1\n")
    log = folder / "serve.log"
    peer = Peer(96.0)
    until(lambda: peer.now)
    # of two Link sessions the older one wins; of two that began within half a second, chance decides
    time.sleep(1.0)
    with log.open("w") as out:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "livevae", "serve", str(scene), "--midi", "none", "--seed", "3"),
                *("--clock", "link", "--osc", "127.0.0.1:0"),
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: "\nplaying " in log.read_text() or server.poll() is not None)
        line = next(line for line in log.read_text().splitlines() if line.startswith("osc "))
        with Client(port=int(line.split(";")[0].rsplit(":", 1)[1])) as livevae:

            def status() -> dict:
                return livevae.ask("/livevae/status")

            seen: dict = {}
            until(lambda: abs(float(status()["bpm"]) - 96) < 0.01 and status()["peers"] == 1)
            seen["joined"] = [status()["clock"], status()["peers"]]
            livevae.ask("/livevae/tempo", 110)
            until(lambda: abs(peer.now["bpm"] - 110) < 0.01)
            peer.tell("play")
            until(lambda: status()["lead"] == "playing")
            livevae.ask("/livevae/stop")
            until(lambda: not peer.now["playing"])
            livevae.ask("/livevae/play")
            until(lambda: peer.now["playing"])
            seen["we_play"] = status()["lead"]
            peer.tell("stop")
            until(lambda: status()["lead"] == "stopped")
            seen["internal"] = livevae.ask("/livevae/clock", "internal")["clock"]
            peer.tell("tempo 140")
            until(lambda: abs(peer.now["bpm"] - 140) < 0.01)
            until(lambda: status()["peers"] == 0)
            # a phase that was being caught up with bends the tempo to the end of its beat; then ours is what it was
            until(lambda: abs(float(status()["bpm"]) - 110) < 0.01)
            seen["bpm"] = round(float(status()["bpm"]), 2)
        seen["said"] = [line for line in log.read_text().splitlines() if line.startswith("clock ")]
        return seen
    finally:
        server.terminate()
        server.wait(20)
        peer.process.kill()
        peer.process.wait()


if __name__ == "__main__":
    os.environ["JACK_NO_START_SERVER"] = "1"
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))))
