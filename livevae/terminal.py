"""What the hub tells, for the server's own terminal; and what the hub's snapshots need of the player and the edges."""

from collections.abc import Callable

from livevae.edges.midi_in import MidiInputs
from livevae.edges.osc.subscriptions import Subscriptions
from livevae.perform.events import Health, LogLine, PortState
from livevae.perform.hub import Hub
from livevae.perform.reporter import Backstage
from livevae.player.client.process import PlayerProcess

WIDTH = 7
"""Columns of the word that says what a line is about."""


def line_of(line: LogLine) -> str:
    """`tempo   140 bpm`."""
    return f"{line.about:<{WIDTH}} {line.text}"


async def follow(hub: Hub, say: Callable[[str], None]) -> None:
    """Say each line that the hub tells, until cancelled."""
    listener = hub.listen(LogLine)
    try:
        while True:
            event = await listener.get()
            if isinstance(event, LogLine):
                say(line_of(event))
    finally:
        listener.close()


def backstage(player: PlayerProcess, subscriptions: Subscriptions, inputs: MidiInputs) -> Backstage:
    """How the player and the edge are now."""
    count = player.counters
    health = Health(
        late_ms_p50=count.late_p50,
        late_ms_p99=count.late_p99,
        late_ms_max=count.late_max,
        sent=count.sent,
        dropped=count.dropped_ons,
        sounding=count.sounding,
        waiting=count.waiting,
        realtime=player.hello.realtime,
        subscribers=subscriptions.count,
    )
    opened = tuple(PortState(name, system) for name, system in player.ports.opened)
    failed = tuple(PortState(name, open=False, why=why) for name, why in player.ports.failed)
    heard = tuple(
        PortState(
            f"in {one.target}",
            one.name,
            open=one.opened,
            input=True,
            why="" if one.opened else "it is not there",
        )
        for one in inputs.inputs
    )
    return Backstage(health, (*opened, *failed, *heard))
