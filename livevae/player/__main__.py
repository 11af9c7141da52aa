"""`python -m livevae.player PIPE [TAPE]`: the player's process; its descriptors come from the server."""

import os
import socket
import sys

from livevae.player.loop import PlayerLoop
from livevae.player.realtime import become_realtime, quiet_collector
from livevae.player.reports import Hello
from livevae.player.tape import TapeWriter


def main(arguments: list[str]) -> int:
    """Play until the pipe ends."""
    pipe = socket.socket(fileno=int(arguments[0]))
    tape = TapeWriter(int(arguments[1])) if len(arguments) > 1 else None
    loop = PlayerLoop(pipe, tape)
    realtime, why = become_realtime()
    quiet_collector()
    loop.run(Hello(os.getpid(), realtime, why))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
