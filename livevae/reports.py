"""The player's reports: what a performer reads of them, and what they change in the session."""

from livevae.perform.session import Session
from livevae.player.clocks.clock import INTERNAL
from livevae.player.wire.reports import (
    ClockChanged,
    Hello,
    PlayerDied,
    PortBack,
    PortLost,
    PortsOpened,
    Problem,
    Report,
    Transport,
)


def lines_of(report: Report) -> tuple[str, ...]:
    """What a performer reads of a report of the player's."""
    match report:
        case Hello(realtime=True, why=how):
            return (f"timing  real-time priority {how}".rstrip(),)
        case Hello(why=why):
            return (f"timing  without real-time priority: {why}",)
        case PortsOpened(opened, failed):
            there = (f"midi    {system}" for _, system in opened)
            missing = (
                f"midi    {name} is not open, playing goes on without it: {why}" for name, why in failed
            )
            return (*there, *missing)
        case PortLost(port, why):
            return (f"midi    {port} is gone: {why}",)
        case PortBack(port):
            return (f"midi    {port} is back",)
        case ClockChanged(source, peers, why):
            others = f", {peers} {'other' if peers == 1 else 'others'}" if source != INTERNAL else ""
            return (f"clock   {why or source + others}",)
        case Transport(playing):
            return ("clock   the others play" if playing else "clock   the others stopped",)
        case PlayerDied(why, released):
            return (f"player  died ({why}); another one plays on, {released} notes released",)
        case Problem(text):
            return (f"player  {text}",)
        case _:
            return ()


def follow(session: Session, report: Report) -> None:
    """Let the session do what a report asks of it: another's clock, its start and stop, a port's sounds."""
    match report:
        case ClockChanged(source, peers, why):
            session.conductor.changed(source, peers, why)
        case PortBack(port):
            session.cast.sounds.forget(port)
        case Transport(playing, tick):
            session.transport(playing, tick)
        case _:
            pass
