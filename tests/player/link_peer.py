"""Another peer of a Link session, for tests: does what it is told on standard input, and says once in a while where it is.

tempo 131 | play | stop | leave | join       in
{"t": ..., "beat": ..., "bpm": ..., "playing": ..., "peers": ...}     out, every 5 ms; t is of CLOCK_MONOTONIC
"""

import json
import select
import sys
import time

import link


def main(bpm: float) -> None:
    peer = link.Link(bpm)
    peer.startStopSyncEnabled = True
    peer.enabled = True
    clock = peer.clock()
    while True:
        if select.select([sys.stdin], [], [], 0.005)[0]:
            words = sys.stdin.readline().split()
            if not words:
                return
            state = peer.captureAppSessionState()
            if words[0] == "tempo":
                state.setTempo(float(words[1]), clock.micros())
                peer.commitAppSessionState(state)
            elif words[0] in ("play", "stop"):
                state.setIsPlaying(words[0] == "play", clock.micros())
                peer.commitAppSessionState(state)
            else:
                peer.enabled = words[0] == "join"
        before = time.monotonic()
        micros = clock.micros()
        after = time.monotonic()
        if after - before > 5e-5:
            continue
        state = peer.captureAppSessionState()
        told = {
            "t": (before + after) / 2,
            "beat": state.beatAtTime(micros, 4.0),
            "bpm": state.tempo(),
            "playing": state.isPlaying(),
            "peers": peer.numPeers(),
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(float(sys.argv[1]))
