"""The end of a port and of a player: what was sent last is given time, before the port is closed."""

import socket

import pytest

from livevae.player import loop as loops
from livevae.player.loop import CROWDED, DRAIN, PlayerLoop
from livevae.player.wire.codec import encode
from livevae.player.wire.commands import OpenPorts, Play, PortSpec, Quit, SetTimeline
from livevae.player.wire.reports import Hello
from livevae.tempo.events import PlayNote
from livevae.tempo.timeline import Timeline

A, B = PortSpec("a", "x"), PortSpec("b", "y")


@pytest.fixture
def perform(monkeypatch):
    """Run a player that is told these commands, and then loses its server; gives what it did, in order."""

    def run(*commands, realtime):
        did = []

        class Port:
            def __init__(self, spec):
                self.name = spec.name
                did.append(("open", self.name))

            def send(self, data):
                did.append(("on" if data[0] & 0xF0 == 0x90 else "off", self.name))

            def close(self):
                did.append(("close", self.name))

        wake = socket.socketpair()
        monkeypatch.setattr(loops, "_signal_pipe", lambda: wake[0])
        monkeypatch.setattr(loops.time, "sleep", lambda seconds: did.append(("sleep", seconds)))
        ours, theirs = socket.socketpair()
        long_ago = SetTimeline(Timeline(0, loops.time.monotonic(), 120))
        theirs.sendall(b"".join(map(encode, (long_ago, *commands))))
        theirs.shutdown(socket.SHUT_WR)
        with ours, theirs, wake[0], wake[1]:
            PlayerLoop(ours, opener=Port).run(Hello(1, realtime=realtime))
        return did

    return run


NOTE = Play((PlayNote(0, 96_000, "a", 1, 60, 96, "v"),))


@pytest.mark.parametrize(
    ("realtime", "last", "pause"), [(False, (), CROWDED), (True, (), DRAIN), (False, (Quit(),), DRAIN)]
)
def test_when_the_server_is_gone_the_last_offs_are_given_time_before_the_port_closes(
    perform, realtime, last, pause
):
    assert perform(OpenPorts((A,)), NOTE, *last, realtime=realtime) == [
        ("open", "a"), ("on", "a"), ("off", "a"), ("sleep", pause), ("close", "a"),
    ]  # fmt: skip


def test_a_port_that_is_given_up_is_closed_later_but_before_another_opens(perform):
    given_up = perform(OpenPorts((A, B)), NOTE, OpenPorts((B,)), realtime=False)
    assert given_up[:4] == [("open", "a"), ("open", "b"), ("on", "a"), ("off", "a")]
    assert given_up.index(("close", "a")) > given_up.index(("sleep", CROWDED))
    again = perform(
        OpenPorts((A, B)), NOTE, OpenPorts((B,)), OpenPorts((PortSpec("a", "z"), B)), realtime=False
    )
    assert again[3:6] == [("off", "a"), ("close", "a"), ("open", "a")]
