"""A ritardando and back: tempo ramps, counted in beats.

Run it beside `livevae serve`:  python examples/06_tempo.py [HOST PORT]
"""

import sys

from livevae.edges.osc.client import Client

with Client(*sys.argv[1:]) as livevae:
    usual = livevae.ask("/livevae/ping")["bpm"]
    livevae.ask("/livevae/tempo", usual * 0.75, over=8)
    print(f"from {usual:g} to {usual * 0.75:g} beats a minute, over eight beats")

    livevae.ask("/livevae/tempo", usual, over=4, ahead=12.0)
    print(f"in twelve seconds back to {usual:g}, over four")
