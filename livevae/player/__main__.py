"""`python -m livevae.player [--ordinary] PIPE [TAPE]`: the player's process; its descriptors come from the server."""

import os
import socket
import sys

from livevae.player.loop import PlayerLoop
from livevae.player.realtime import ORDINARY, become_realtime, quiet_collector
from livevae.player.recorder.tape import TapeWriter
from livevae.player.wire.reports import Hello


def main(arguments: list[str]) -> None:
    """Play until the pipe ends."""
    pipe, *tapes = [int(argument) for argument in arguments if argument != ORDINARY]
    loop = PlayerLoop(socket.socket(fileno=pipe), TapeWriter(tapes[0]) if tapes else None)
    realtime, why = become_realtime(ORDINARY not in arguments)
    quiet_collector()
    loop.run(Hello(os.getpid(), realtime, why))


if __name__ == "__main__":
    main(sys.argv[1:])
    # the interpreter's own end would close what is left of lost ports, which can take JACK ten seconds each
    os._exit(0)
