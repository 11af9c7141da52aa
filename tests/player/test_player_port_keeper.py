"""The keeper of ports, by what a watch that is made up sees."""

import asyncio

import pytest

from livevae.player.client import port_keeper
from livevae.player.client.mirror import Mirror
from livevae.player.client.port_keeper import PortKeeper
from livevae.player.wire.commands import LosePort, OpenPorts, PortSpec, Release
from livevae.player.wire.reports import PortsOpened
from livevae.tempo.events import PlayNote
from livevae.virtual_time import virtual_time

OURS, THEIRS = "livevae:livevae", "synth:in"


class FakeSeen:
    """What a watch saw; the test says what and when."""

    def __init__(self, changed, _gone):
        self.changed = changed
        self.outputs, self.inputs, self.systems, self.sources = [], None, ["JACK"], []
        self.links, self.heard, self.fresh, self.connect = {}, {}, False, []

    def begin(self, *, inputs=False):
        """Nothing watches."""

    def ask(self, connect=()):
        self.fresh = False
        self.connect += connect

    def sees(self, links):
        self.links, self.outputs, self.fresh = {"JACK": links}, [f"{THEIRS} (JACK)"], True
        self.changed()


@pytest.fixture
def keeper(monkeypatch):
    """One virtual port on JACK, to which a synthesizer is connected; and the commands that its player is given."""
    monkeypatch.setattr(port_keeper, "PortsSeen", FakeSeen)
    given = []

    async def made():
        specs = (PortSpec("", "virtual"),)
        nothing = lambda *_: None  # noqa: E731
        return PortKeeper(
            specs, Mirror(), lambda *commands: given.extend(commands), nothing, nothing, nothing
        )

    with virtual_time() as loop:
        found = loop.run_until_complete(made())
        found.ports_opened(PortsOpened((("", "livevae (JACK)"),)))
        found._seen.sees({OURS: [THEIRS]})
        yield found, given
        loop.run_until_complete(asyncio.sleep(0))


def test_who_was_connected_is_again_where_the_system_went_while_nobody_watched(keeper):
    keeper, given = keeper
    keeper._seen.sees({})  # the next watch's first look at the next JACK
    assert any(isinstance(command, LosePort) for command in given)
    keeper.port_lost("", "JACK is gone")
    assert any(isinstance(command, OpenPorts) for command in given)
    keeper.ports_opened(PortsOpened((("", "livevae (JACK)"),)))
    keeper._seen.sees({OURS: []})
    assert keeper._seen.connect == [(OURS, THEIRS)]


def test_whoever_was_taken_away_by_hand_is_not_connected_again(keeper):
    keeper, _ = keeper
    keeper._seen.sees({OURS: []})
    keeper.port_lost("", "JACK is gone")
    keeper.ports_opened(PortsOpened((("", "livevae (JACK)"),)))
    keeper._seen.sees({OURS: []})
    assert keeper._seen.connect == []


def test_where_nobody_sees_who_is_connected_what_is_owed_is_sent_again_at_each_port(keeper, monkeypatch):
    """One of two virtual ports had its turn, and the other none."""
    keeper, given = keeper
    keeper.specs = (PortSpec("", "virtual"), PortSpec("drums", "virtual"))
    keeper.ports_opened(PortsOpened((("", "livevae (CoreMIDI)"), ("drums", "drums (CoreMIDI)"))))
    notes = tuple(PlayNote(0, 960, port, 1, 60, 90, "lead") for port in ("", "drums"))
    monkeypatch.setattr(
        keeper._mirror, "owed", lambda ports: tuple(note for note in notes if note.port in ports)
    )
    given.clear()
    keeper._seen.sees({OURS: []})
    keeper._loop.run_until_complete(asyncio.sleep(sum(port_keeper.REPEATED) + 1))
    ports = [note.port for command in given if isinstance(command, Release) for note in command.notes]
    assert ports.count("") == ports.count("drums") == len(port_keeper.REPEATED)
