"""Is livevae there, and on which beat is it?

Run it beside `livevae serve`:  python examples/01_hello.py [HOST PORT]
"""

import sys

from livevae.edges.osc.client import Client

with Client(*sys.argv[1:]) as livevae:
    here = livevae.ask("/livevae/ping")
    print(f"livevae plays beat {here['beat']:.2f} at {here['bpm']:g} beats a minute")
