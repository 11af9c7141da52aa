"""One riff, once; then the same riff again, by its seed, an octave higher.

Run it beside `livevae serve`:  python examples/02_one_riff.py [HOST PORT]
"""

import sys

from livevae.edges.osc.client import Client

with Client(*sys.argv[1:]) as livevae:
    first = livevae.ask("/livevae/sample", bars=2, temp=0.9)
    print(f"a riff with seed {first['seed']} on beat {first['beat']:g}")

    again = livevae.ask("/livevae/sample", bars=2, temp=0.9, seed=first["seed"], transpose=12, quantum=8)
    print(f"the same riff, an octave higher, on beat {again['beat']:g}")
