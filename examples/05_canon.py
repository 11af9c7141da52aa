"""A canon: one riff, by its seed, in three octaves, each entering a bar after the one before.

Run it beside `livevae serve`:  python examples/05_canon.py [HOST PORT]
"""

import sys

from livevae.edges.osc.client import Client

BEATS_A_BAR = 4

with Client(*sys.argv[1:]) as livevae:
    now = livevae.ask("/livevae/ping")
    beat = 60 / now["bpm"]  # seconds
    to_the_bar = (BEATS_A_BAR - now["beat"] % BEATS_A_BAR) * beat

    for entry, octave in enumerate((0, 12, -12)):
        # half a beat before its bar line, so that the bar line is the first grid point after it
        ahead = to_the_bar + ((entry + 1) * BEATS_A_BAR - 0.5) * beat
        answer = livevae.ask(
            "/livevae/sample", bars=4, seed=11, transpose=octave, quantum=BEATS_A_BAR, ahead=ahead
        )
        print(f"entry {entry + 1} on beat {answer['beat']:g}, {octave:+d} semitones")
