"""The player's loop and the clock that it follows, when the meter changes."""

import socket

from livevae.player import loop
from livevae.player.wire.commands import SetClock


class Sundial:
    """A clock that says nothing."""

    every, shift = 1.0, 0.0

    def __init__(self, quantum):
        self.quantum = quantum
        self.closed = False

    def close(self):
        self.closed = True


def test_another_quantum_reaches_the_clock_without_leaving_those_whom_we_play_with(monkeypatch):
    opened = []

    def open_clock(wanted, now, pace):
        opened.append(Sundial(wanted.quantum))
        return opened[-1]

    ends = [*socket.socketpair(), *socket.socketpair()]
    monkeypatch.setattr(loop, "open_clock", open_clock)
    monkeypatch.setattr(loop, "_signal_pipe", lambda: ends[0])
    player = loop.PlayerLoop(ends[2])
    player._handle(SetClock("link", 3840))
    player._handle(SetClock("link", 2880))
    assert [(one.quantum, one.closed) for one in opened] == [(2880, False)]
    player._handle(SetClock("link", 2880))  # asked for once more: join anew
    player._handle(SetClock("midi", 3840, "drum machine"))
    assert [(one.quantum, one.closed) for one in opened] == [(2880, True), (2880, True), (3840, False)]
    for end in ends:
        end.close()
