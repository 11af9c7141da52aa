"""Answers to OSC messages: what a request came to, as flat pairs of names and values.

    /livevae/reply  address /livevae/sample  id 7  beat 16.0  voice lead ...
    /livevae/error  address /livevae/sample  id 7  text "temp must be a number from 0 to 4, not 'hot'"

Every value is an int32, a float32 or a string, which is what every host reads (sclang takes no 64-bit int);
ints beyond 32 bits become strings, so that none loses its last digits.
"""

from livevae.edges.osc.arguments import ID, Scalar
from livevae.edges.osc.asking import word_of
from livevae.edges.osc.codec import INT32_HIGH, INT32_LOW, Message
from livevae.perform.requests import Reply

REPLY = "/livevae/reply"
ERROR = "/livevae/error"

LONGEST_TEXT = 500
"""Characters of a sentence, an address or an id that an answer repeats."""

LARGEST_FLOAT32 = 3.4028234663852886e38


def reply(asked: Message, answer: Reply, ignored: tuple[str, ...] = (), held_back: int = 0) -> Message:
    """The message that carries `answer` to who asked; an answer that is not ok becomes an error.

    Args:
        asked: the message that was asked.
        answer: what came of it.
        ignored: names in it that meant nothing.
        held_back: how many answers before this one were not sent.
    """
    if not answer.ok:
        return error(asked, answer.text, held_back)
    pairs: list[tuple[str, object]] = [("address", asked.address), *_id(asked)]
    if answer.beat is not None:
        pairs.append(("beat", float(answer.beat)))
    pairs += answer.pairs
    if ignored:
        pairs.append(("ignored", " ".join(ignored)[:LONGEST_TEXT]))
    if held_back:
        pairs.append(("held_back", held_back))
    return _message(REPLY, pairs)


def error(asked: Message | None, text: str, held_back: int = 0) -> Message:
    """The message that says what was wrong; `asked` is None where not even that could be read.

    Args:
        asked: the message that was wrong.
        text: a sentence for the performer.
        held_back: how many answers before this one were not sent.
    """
    address = asked.address[:LONGEST_TEXT] if asked else ""
    pairs: list[tuple[str, object]] = [
        ("address", address),
        *(_id(asked) if asked else ()),
        ("text", text[:LONGEST_TEXT]),
    ]
    if held_back:
        pairs.append(("held_back", held_back))
    return _message(ERROR, pairs)


def _message(address: str, pairs: list[tuple[str, object]]) -> Message:
    return Message(address, tuple(flat(value) for pair in pairs for value in pair))


def flat(value: object) -> Scalar:
    """`value` as something that every host reads: an int32, a float32 or a string."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value if INT32_LOW <= value <= INT32_HIGH else str(value)
    if isinstance(value, float):
        return value if not LARGEST_FLOAT32 < abs(value) < float("inf") else str(value)
    return str(value).replace("\0", "").encode(errors="replace").decode()


def _id(asked: Message) -> tuple[tuple[str, object], ...]:
    """The `id` of a message, whatever else is wrong with it."""
    value = word_of(asked, ID)
    if isinstance(value, int | float | str) and len(str(value)) <= LONGEST_TEXT:
        return ((ID, value),)
    return ()
