"""From a message to a request: its arguments by name, read by the address table, or the sentence that says why not."""

import difflib
from dataclasses import dataclass, replace

from livevae.edges.osc.addresses import BY_ADDRESS
from livevae.edges.osc.arguments import ANYWHERE, HOST_NAMES, QUIET, VOICE, Address, Values
from livevae.edges.osc.codec import Message, Value
from livevae.errors import RequestError
from livevae.perform.requests import Request
from livevae.perform.settings import Setting

LONGEST_NAME = 64
"""Characters in a voice's name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A message, understood.

    Attributes:
        row: its row of the table.
        values: its arguments.
        ignored: names that meant nothing.
        quiet: whether only an error should be answered.
    """

    row: Address
    values: Values
    ignored: tuple[str, ...] = ()
    quiet: bool = False

    def request(self, at: float | None) -> Request:
        """The request, to sound at session time `at` (None is now)."""
        return self.row.make(self.values, at)


def request(message: Message, at: float | None = None) -> Request:
    """What `message` asks for, to sound at session time `at` (None is now).

    Raises:
        RequestError: no such address, a word that is missing, or a value of the wrong kind or range.
    """
    return ask(message).request(at)


def ask(message: Message) -> Asked:
    """A message, understood, or the sentence that says why not.

    Raises:
        RequestError: no such address, a word that is missing, or a value of the wrong kind or range.
    """
    row = BY_ADDRESS.get(message.address)
    if row is None:
        raise RequestError(_no_such_address(message.address))
    given = _pairs(row, message)
    table = (*([row.word] if row.word else []), *row.numbers, *row.settings)
    known = {setting.name: setting for setting in table}
    values = {name: known[name].read(value) for name, value in given.items() if name in known}
    anyones = HOST_NAMES | ANYWHERE
    if row.others is not None:
        for name in [name for name in given if name not in known and name not in anyones]:
            known[name] = replace(row.others, name=f"{row.others.name} {_shown(name)}")
            values[name] = known[name].read(given[name])
    ignored = tuple(name for name in given if name not in known and name not in anyones)
    if ignored and not HOST_NAMES & set(given):
        if not values and ignored[0] == next(iter(given)):
            raise RequestError(_nothing_known(row, message, ignored[0]))
        if not set(values) - ({row.word.name} if row.word else set()) and (near := _near(row, ignored[0])):
            raise RequestError(
                f"{row.address} knows no argument called {_shown(ignored[0])}; did you mean {near}?"
            )
    if row.word is not None:
        _check_word(row, row.word, values)
    return Asked(row, values, ignored, quiet=given.get(QUIET) in (1, True))


def word_of(message: Message, name: str) -> Value:
    """What follows `name` among a message's pairs, whatever else is wrong with it; None where it is not there."""
    args = message.args[len(message.args) % 2 :]
    return next((value for given, value in zip(args[::2], args[1::2], strict=True) if given == name), None)


def without(message: Message, name: str) -> Message:
    """The message without the pairs of that name."""
    odd = len(message.args) % 2
    args = message.args[odd:]
    kept = (pair for pair in zip(args[::2], args[1::2], strict=True) if pair[0] != name)
    return Message(message.address, (*message.args[:odd], *(part for pair in kept for part in pair)))


def _pairs(row: Address, message: Message) -> dict[str, object]:
    """A message's arguments by name, its own word included; of a name given twice the last counts."""
    args = list(message.args)
    given: dict[str, object] = {}
    while args and isinstance(args[0], str) and args[0] in row.words and not _is_flag(args):
        given[str(args.pop(0))] = 1
    if row.numbers and row.word is not None and args and args[0] not in row.names:
        given[row.word.name] = args.pop(0)
        bare = 0
        while bare < len(args) and isinstance(args[bare], int | float):
            bare += 1
        if bare > len(row.numbers):
            raise RequestError(
                f"{row.address} takes at most {len(row.numbers)} numbers, not {bare}: {_usage(row)}"
            )
        given.update(zip((setting.name for setting in row.numbers), args[:bare], strict=False))
        args = args[bare:]
        if len(args) % 2:
            raise RequestError(f"{_shown(args[-1])} is one argument too many: {_usage(row)}")
    elif len(args) % 2:
        if row.word is None:
            what = "nothing more" if not row.settings else "only names and values"
            raise RequestError(f"{row.address} takes {what}, not {_shown(args[0])}: {_usage(row)}")
        given[row.word.name] = args.pop(0)
    for name, value in zip(args[::2], args[1::2], strict=True):
        if not isinstance(name, str):
            raise RequestError(f"{_shown(name)} came where a name should stand: {_usage(row)}")
        if (
            row.word is not None
            and row.word.name in given
            and message.args[0] != name
            and name == row.word.name
        ):
            raise RequestError(f"the {name} is said twice: first as {_shown(message.args[0])}, then by name")
        given[name] = value
    return given


def _is_flag(args: list[Value]) -> bool:
    """Whether a word is followed by its own 0 or 1, as a pair is."""
    return len(args) > 1 and args[1] in (0, 1, True, False)


def _check_word(row: Address, word: Setting, values: Values) -> None:
    value = values.get(word.name, "")
    if row.needs_word and value == "":
        raise RequestError(f"{row.address} needs a {word.name}: {_usage(row)}")
    if word is VOICE and isinstance(value, str) and (len(value) > LONGEST_NAME or not value.isprintable()):
        raise RequestError(
            f"a voice's name has at most {LONGEST_NAME} printable characters, not {_shown(value)}"
        )


def _no_such_address(address: str) -> str:
    near = difflib.get_close_matches(address, BY_ADDRESS, 1, 0.85) if len(address) <= LONGEST_NAME else []
    hint = f"did you mean {near[0]}?" if near else "`livevae osc` lists those there are"
    return f"there is no address {_shown(address)}; {hint}"


def _nothing_known(row: Address, message: Message, name: str) -> str:
    # a name in the second place was taken for the value of the first
    after = message.args[1] if len(message.args) > 1 else ""
    if row.word is not None and after in row.names and name == message.args[0]:
        return f"{after} is a name without its value: {_usage(row)}"
    near = _near(row, name)
    hint = f"; did you mean {near}?" if near else f": {_usage(row)}"
    return f"{row.address} knows no argument called {_shown(name)}{hint}"


def _near(row: Address, name: str) -> str:
    """The name that was probably meant; "" where none is like it."""
    near = difflib.get_close_matches(name, row.names, 1, 0.7) if len(name) <= LONGEST_NAME else []
    return near[0] if near else ""


def _usage(row: Address) -> str:
    """How a whole message looks, for errors: `send /livevae/tempo 140`."""
    return f"send {' '.join(str(part) for part in (row.address, *row.example))}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_NAME + 2 else f"{text[:LONGEST_NAME]}..."
