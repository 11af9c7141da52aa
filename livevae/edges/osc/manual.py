"""The OSC manual, made from the address table: text for `livevae osc`, Markdown for docs/osc.md."""

import textwrap

from livevae.edges.osc import answers
from livevae.edges.osc.addresses import ADDRESSES, HOST_NAMES, ID, QUIET, SECRET, Address
from livevae.edges.osc.limits import FAR_BYTES, FAR_FACTOR
from livevae.edges.osc.timetags import FARTHEST
from livevae.edges.osc.udp import HOST, LONGEST_MESSAGE, MOST_MESSAGES, PORT
from livevae.perform.settings import SETTINGS, Setting

_INTRO = f"""
livevae listens for OSC over UDP on {HOST}:{PORT} (`livevae serve --osc HOST:PORT` changes that), and
answers every message to the address and port it came from.

Arguments are flat pairs of a name and a value, in any order: `/livevae/sample voice lead bars 4`. Where
an address has a word of its own, the word may stand first without its name: `/livevae/sample lead bars
4`, `/livevae/stop lead`, `/livevae/tempo 140`.

Numbers may come as ints or floats. Names that an address does not know are ignored, because hosts add
their own ({", ".join(sorted(HOST_NAMES))}); the reply lists the others under `ignored`. A message of
which nothing is known is an error.

A packet holds at most {MOST_MESSAGES} messages, each of at most {LONGEST_MESSAGE:,} bytes. What comes faster than it
can be done beside the music waits for its turn; where too much waits, it is left out, and one error says so.

A bundle's timetag says when its messages should *sound*; send them ahead of it, so that there is time
to decode. One in the past means now, and one more than {FARTHEST:g} s ahead is refused.
"""

_ANSWERS = f"""
`{answers.REPLY}`: it is done. Pairs: `address` (what was asked), `{ID}` (if one was sent), `beat` (on
which it takes effect), then those of the address, then `ignored` (names that meant nothing).

`{answers.ERROR}`: it was not done, and nothing has changed. Pairs: `address`, `{ID}` (if one was sent),
`text` (a sentence).

Either may have `held_back`: how many answers before it were not sent, because too many came at once. A
machine elsewhere gets {FAR_BYTES:,.0f} bytes a second and {FAR_FACTOR:g} times what it sends, so that nobody can
flood it through livevae; programs on the same machine get all they ask for.

Every value of an answer is a 32-bit int, a 32-bit float or a string.
"""


def table_text() -> str:
    """The address table for a terminal of 80 columns or more."""
    lines: list[str] = []
    for row in ADDRESSES:
        lines += [_form(row), *_wrapped(row.help, "    ")]
        for setting in _own(row):
            lines += _wrapped(f"{setting.name}: {setting.help}; {_range(setting)}", "    ")
        lines.append("")
    lines += ["settings of /livevae/sample and /livevae/set:"]
    for setting in SETTINGS:
        lines += [
            f"    {setting.name:<10} {_range(setting)}; {_default(setting)}",
            *_wrapped(setting.help, " " * 15),
        ]
    lines += ["", f"answers, to where the message came from: {answers.REPLY}, {answers.ERROR}"]
    return "\n".join(lines) + "\n"


def card() -> str:
    """The table in a few lines, without help: what stands at the head of every patch."""
    names = textwrap.wrap(" ".join(setting.name for setting in SETTINGS), 60)
    return (
        "\n".join(
            [
                *(_form(row) for row in ADDRESSES if row.address.startswith("/livevae/")),
                "names of a voice's settings:",
                *names,
            ]
        )
        + "\n"
    )


def table_markdown() -> str:
    """The whole of docs/osc.md."""
    lines = ["# Talking to livevae over OSC", "", "This page is made from the address table in the code.", ""]
    lines += _paragraphs(_INTRO)
    lines += ["## Addresses", "", "| address | what it does | the reply holds |", "|---|---|---|"]
    lines += [f"| `{_form(row)}` | {row.help} | {_names(row)} |" for row in ADDRESSES]
    lines += ["", f"Every address also takes `{ID}`: any number or word, which the answer brings back;"]
    lines += [f"`{QUIET}`: with 1, only an error is answered; and `{SECRET}`: the word that `livevae serve"]
    lines += ["--secret-file FILE` asks of messages from other machines.", ""]
    lines += ["## Settings of a voice", "", "For `/livevae/sample`, `/livevae/set` and `/dirt/play`.", ""]
    lines += ["| name | value | default | what it is |", "|---|---|---|---|"]
    lines += [
        f"| `{s.name}` | {_range(s)} | {s.default if s.default != '' else ''} | {s.help} |" for s in SETTINGS
    ]
    lines += ["", "## Answers", ""]
    lines += _paragraphs(_ANSWERS)
    lines += ["## Examples", "", "```"]
    lines += [" ".join(str(part) for part in (row.address, *row.example)) for row in ADDRESSES]
    lines += ["```"]
    return "\n".join(lines) + "\n"


def _form(row: Address) -> str:
    """`/livevae/sample [voice] name value ...`: brackets around what can be left out."""
    word = ""
    if row.word is not None:
        word = f" {row.word.name}" if row.needs_word else f" [{row.word.name}]"
    if row.numbers:
        word += f" [{row.numbers[0].name} {row.numbers[1].name} ...]"
    if row.others is not None:
        word += " name number ..."
    own = "".join(f" [{setting.name} {setting.unit or 'value'}]" for setting in _own(row))
    return f"{row.address}{word}{own}{' name value ...' if set(SETTINGS) <= set(row.settings) else ''}"


def _own(row: Address) -> list[Setting]:
    """The named arguments that are no voice's settings."""
    return [setting for setting in row.settings if setting not in SETTINGS]


def _names(row: Address) -> str:
    names = (
        "every setting"
        if len(row.answers) > len(SETTINGS)
        else ", ".join(f"`{name}`" for name in row.answers)
    )
    return f"{names}, and each voice's state" if row.address == "/livevae/status" else names


def _range(setting: Setting) -> str:
    return f"{setting.expected}{f' ({setting.unit})' if setting.unit else ''}"


def _default(setting: Setting) -> str:
    return "empty unless set" if setting.default == "" else f"{setting.default} unless set"


def _paragraphs(text: str) -> list[str]:
    """Wrapped anew, each followed by an empty line."""
    return [line for one in text.strip().split("\n\n") for line in (*_wrapped(" ".join(one.split()), ""), "")]


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
