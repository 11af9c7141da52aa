"""The clocks that can be followed here, and opening one. Each is imported only when it is asked for."""

from importlib.util import find_spec

from livevae.player.clocks.clock import INTERNAL, LINK, MIDI, MQTT, NO_LINK, Clock, ClockError
from livevae.player.clocks.led import LedClock
from livevae.player.wire.commands import SetClock
from livevae.tempo.pace import Pace

NO_ENSEMBLE = "this server is in no ensemble whose time it could go by: start it with --mqtt"


def why_not(*, ensemble: bool = False) -> dict[str, str]:
    """The clocks by name, each with the reason why it cannot be followed here; empty where it can. Imports none."""
    return {
        INTERNAL: "",
        MIDI: "",
        LINK: "" if find_spec("link") else NO_LINK,
        MQTT: "" if ensemble else NO_ENSEMBLE,
    }


def open_clock(wanted: SetClock, now: float, pace: Pace) -> Clock | None:
    """The clock that is asked for; None for our own.

    Raises:
        ClockError: it cannot be followed here.
    """
    if wanted.source == INTERNAL:
        return None
    if wanted.source == LINK:
        from livevae.player.clocks.link import LinkClock  # noqa: PLC0415  (GPL: only ever loaded when asked for)

        return LinkClock(now, pace, wanted.quantum)
    if wanted.source == MIDI:
        from livevae.player.clocks.midi import MidiClock  # noqa: PLC0415  (rtmidi, only when asked for)

        return MidiClock(wanted.target, wanted.quantum)
    if wanted.source == MQTT:
        return LedClock(wanted.quantum)
    raise ClockError(f"there is no clock {wanted.source[:40]!r}; there are: {', '.join(why_not())}")
