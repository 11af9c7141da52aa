"""Ableton Link in a soak: a peer that joins, goes and comes back, and a network that is lost, in one of the soak's own.

Link multicasts, so nothing of it runs where the soak has no network namespace of its own (Linux, as root).
"""

import ctypes
import json
import os
import random
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from livevae.children import environment

if TYPE_CHECKING:
    from benchmarks.soak_night import Night

CLONE_NEWNET = 0x4000_0000
"""Of <sched.h>; Python 3.11 has no `os.unshare`."""

TEMPOS = (90.0, 105.0, 132.0)
NEAR = 0.05
"""Beats a minute."""

LONGEST = 9.0
"""Seconds for which a peer or the network is away; after five, Link forgets a peer."""


def own_network() -> str:
    """Put this process, and all that it starts from now on, into a network of its own; why not, where it cannot."""
    if find_spec("link") is None:
        return "LinkPython-extern is not installed (livevae[link])"
    try:
        denied = ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET)
    except AttributeError:
        return "this system has no network namespaces"
    if denied:
        return f"no network namespace may be made ({os.strerror(ctypes.get_errno())})"
    return "" if _network(up=True) else "the network of our own does not come up"


def _network(*, up: bool) -> bool:
    done = subprocess.run(
        ["ip", "link", "set", "lo", "up" if up else "down"], check=False, capture_output=True
    )
    return done.returncode == 0


class Peer:
    """Another peer of the session."""

    def __init__(self, bpm: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.soak_link", str(bpm)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def ask(self, words: str) -> Any:
        """Its answer: beats a minute, and how many others it sees; `tempo 132` sets the session's."""
        assert self.process.stdin is not None  # noqa: S101  (for the type checker)
        assert self.process.stdout is not None  # noqa: S101
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """End it, without a word to the others."""
        self.process.kill()
        self.process.communicate()


def lose(night: "Night", dice: random.Random) -> None:
    """Follow a Link session whose peer, network or player goes away and comes back, and then our own clock again."""
    soak = night.soak
    if soak.no_link:
        return
    peer = Peer(dice.choice(TEMPOS))
    time.sleep(1.0)  # of two sessions the older one wins
    try:
        night.ask("/livevae/clock", "link")
        if not _together(night, peer, "a peer that is there"):
            return
        how = dice.choice(("killed", "stopped", "network", "network", "player"))
        soak.say(f"Link: {how}")
        soak.counts[f"Link: {how}"] += 1
        tempo, away = dice.choice(TEMPOS), dice.random() * LONGEST
        if how == "killed":
            peer.close()
            peer = Peer(tempo)
        elif how == "stopped":
            peer.process.send_signal(signal.SIGSTOP)
            time.sleep(away)
            peer.process.send_signal(signal.SIGCONT)
        elif how == "network":
            _network(up=False)
            try:
                time.sleep(away)
            finally:
                _network(up=True)
        else:
            night.do_player(dice)
        night.plays_on(f"after Link's loss ({how})")
        if _together(night, peer, f"the peer that was lost ({how})"):
            peer.ask(f"tempo {tempo}")
            if not night.until(lambda: abs(night.status("bpm") - tempo) < NEAR):
                soak.found("no answer", f"the tempo {tempo:g} of the Link session is not taken ({how})")
    finally:
        peer.close()
    night.ask("/livevae/clock", "internal")
    night.ask("/livevae/tempo", 120)
    night.plays_on("after Link")


def _together(night: "Night", peer: Peer, whom: str) -> bool:
    """Whether server and peer see each other, and go at one tempo."""

    def together() -> bool:
        told = peer.ask("")
        return (
            bool(told["peers"])
            and night.status("peers") > 0
            and abs(night.status("bpm") - told["bpm"]) < NEAR
        )

    if night.until(together):
        return night.runs
    night.soak.found("no answer", f"Link does not find {whom}")
    return False


def main(bpm: float) -> None:
    """The peer's process: answers each line; ends with its input."""
    import link

    peer = link.Link(bpm)
    peer.startStopSyncEnabled = True
    peer.enabled = True
    for line in sys.stdin:
        state = peer.captureAppSessionState()
        if line.startswith("tempo "):
            state.setTempo(float(line.split()[1]), peer.clock().micros())
            peer.commitAppSessionState(state)
        sys.stdout.write(json.dumps({"bpm": state.tempo(), "peers": peer.numPeers()}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(float(sys.argv[1]))
