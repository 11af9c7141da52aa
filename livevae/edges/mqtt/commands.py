"""Commands that come over MQTT: read by the same table as OSC messages, done once, on the beat that they name.

    {"address": "/livevae/set", "voice": "lead", "temp": 1.2, "at_beat": 64, "id": "a7", "reply": "desk"}

Every name but `address`, `args`, `at_beat` and `reply` is an argument of the address; `args` are those without one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livevae.edges.mqtt.payloads import PayloadError, number, text
from livevae.edges.mqtt.topics import NAME
from livevae.edges.osc.arguments import ID
from livevae.edges.osc.codec import Message
from livevae.perform.requests import Reply

OURS = frozenset(("address", "args", "at_beat", "reply"))
"""Names that are MQTT's own, not the address's."""

MOST_ARGUMENTS = 256
MOST_BEAT = 1e9


@dataclass(frozen=True, slots=True)
class Command:
    """A request as it came.

    Attributes:
        message: the OSC message that asks the same.
        at_beat: the ensemble's beat on which it should sound; None is as soon as can be.
        key: what says that it is the same one again; None where it bears no id.
        reply: who wants the answer; "" for nobody.
    """

    message: Message
    at_beat: float | None = None
    key: object | None = None
    reply: str = ""


def read(table: Mapping[str, Any]) -> Command:
    """A command from a payload.

    Raises:
        PayloadError: it is none.
    """
    args = table.get("args", [])
    if not isinstance(args, list):
        raise PayloadError("args is a list of arguments")
    named = [part for name, value in table.items() if name not in OURS for part in (name, value)]
    values = [*args, *named]
    if len(values) > MOST_ARGUMENTS:
        raise PayloadError(f"a command has at most {MOST_ARGUMENTS} arguments")
    if any(not isinstance(value, int | float | str | bool) for value in values):
        raise PayloadError("arguments are numbers, texts, true and false")
    reply = text(table, "reply", "")
    if reply and not NAME.fullmatch(reply):
        raise PayloadError(f"reply is 1 to 32 of a-z, 0-9 and -, not {reply[:40]!r}")
    key = table.get(ID)
    return Command(
        Message(text(table, "address"), tuple(values)),
        number(table, "at_beat", -MOST_BEAT, MOST_BEAT) if table.get("at_beat") is not None else None,
        None if key is None else (reply, type(key).__name__, key),
        reply,
    )


def answer(
    command: Command, reply: Reply, beats: float = 0.0, ignored: tuple[str, ...] = ()
) -> dict[str, object]:
    """The answer to a command, as a payload's object.

    Args:
        command: what was asked.
        reply: what came of it.
        beats: the room's beats less the ensemble's, in which the answer is.
        ignored: names that meant nothing.
    """
    table: dict[str, object] = {"address": command.message.address[:500], "ok": reply.ok}
    if command.key is not None and isinstance(command.key, tuple):
        table[ID] = command.key[2]
    if not reply.ok:
        return {**table, "text": reply.text[:500]}
    if reply.beat is not None:
        table["beat"] = reply.beat - beats
    if ignored:
        table["ignored"] = " ".join(ignored)[:500]
    # a persona or a voice may be called like a name of ours
    return {**dict(reply.pairs), **table}


def strudel(voice: str, table: Mapping[str, Any]) -> Command:
    """What Strudel's `.mqtt()` sends for an event, as a sample of `voice`: its controls that are settings count.

    It bears no time, so it sounds on the first grid point after its arrival.

    Raises:
        PayloadError: a value is neither a number nor a text.
    """
    pairs = [
        part
        for name, value in table.items()
        if isinstance(value, int | float | str) and not isinstance(value, bool) and name not in ("voice", "s")
        for part in (name, value)
    ]
    if len(pairs) > MOST_ARGUMENTS:
        raise PayloadError(f"an event has at most {MOST_ARGUMENTS // 2} controls")
    return Command(Message("/livevae/sample", ("voice", voice, *pairs)))
