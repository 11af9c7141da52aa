"""A riff on each of four moments to come: the timetag of a bundle says when it should sound.

livevae decodes at once and plays on the first grid point at or after the timetag; with quantum 1, on a beat.

Run it beside `livevae serve`:  python examples/04_in_time.py [HOST PORT]
"""

import sys

from livevae.edges.osc.client import Client

with Client(*sys.argv[1:]) as livevae:
    for number in range(4):
        answer = livevae.ask("/livevae/sample", bars=1, quantum=1, seed=number + 1, ahead=0.5 + 2.0 * number)
        print(f"riff {number + 1} sounds on beat {answer['beat']:g}")
