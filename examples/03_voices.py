"""Two voices that go on by themselves until they are stopped: a calm bass, and a lead that grows wilder.

Run it beside `livevae serve`:  python examples/03_voices.py [HOST PORT]
Stop them with:                 livevae send /livevae/stop
"""

import sys

from livevae.edges.osc.client import Client

with Client(*sys.argv[1:]) as livevae:
    livevae.ask(
        "/livevae/set", "bass", new=1, bars=4, temp=0.3, drift=0.1, transpose=-24, low=28, high=52, channel=3
    )
    livevae.ask("/livevae/set", "lead", new=1, bars=2, temp=0.6)
    for voice in ("bass", "lead"):
        print(f"{voice} begins on beat {livevae.ask('/livevae/play', voice)['beat']:g}")

    # what is sent ahead of its time is done at its time: no need to wait here
    for step, temp in enumerate((0.8, 1.0, 1.2, 1.4), start=1):
        livevae.send("/livevae/set", "lead", temp=temp, ahead=4.0 * step)
        print(f"in {4 * step} s the lead plays at temperature {temp}")
