"""The OSC manual, made from the address table: text for `livevae osc`, Markdown for docs/osc.md."""

import textwrap

from livevae.edges.osc import answers, feed
from livevae.edges.osc.addresses import ADDRESSES
from livevae.edges.osc.arguments import HOST_NAMES, ID, QUIET, SECRET, SUBJECTS, Address
from livevae.edges.osc.limits import FAR_BYTES, FAR_FACTOR
from livevae.edges.osc.subscriptions import MOST, PACKETS_PER_SECOND
from livevae.edges.osc.timetags import FARTHEST
from livevae.edges.osc.udp import HOST, LONGEST_MESSAGE, MOST_MESSAGES, PORT
from livevae.perform.requests import LEASE
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
to decode. One in the past means now, and one more than {FARTHEST:g} s ahead is refused. What makes no
sound of its own (`undo`, `redo`, `state`, `reroll`, `scene/write`, `map`, `learn`, most of `persona/`)
is done at that time: the answer says `waits`, and a second one what came of it. Questions and `panic`
never wait.
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

_SUBSCRIPTIONS = f"""
`/livevae/subscribe beat riff` has livevae send what happens to the port that asked (or to `port 57121` of
the same machine), until {LEASE:g} s (`for`) after the last packet that came from there; any packet will do,
such as `/livevae/ping`. There are at most {MOST} subscribers, each gets at most {PACKETS_PER_SECOND:g} packets a
second, and one whose port is closed is dropped at once.

From another machine the first answer brings a `token`, and nothing else is sent until the same message
comes again with `token` and that number: so nobody can have livevae send to a third machine.

Messages come in bundles of less than {feed.MOST_BYTES:,} bytes. The timetag says when a beat, a bar or a riff
sounds, and when a snapshot or a log line was made. What does not fit one message comes in several, which
have the same `n` and are numbered `part` of `parts`. Names with a dot belong together: `settings.temp`,
`blend.nora`, `missing.1`. What is true or false is 1 or 0.
"""

_RIFFS = f"""
A riff's pairs end with `notes` and how many follow (at most {feed.MOST_NOTES} in a message), then four numbers a
note: beat (from the first downbeat of the riff, so a little below 0 where the feel is early), duration in
beats, pitch, velocity. Then
`{feed.RECIPE}` brings what the riff was decoded from, as text; `/livevae/sample VOICE recipe TEXT` plays it
again.
"""


def _sent(topic: str) -> str:
    return "one a part" if topic == "snapshot" else f"`/livevae/{topic}`"


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
    lines += ["## Subscriptions", ""]
    lines += _paragraphs(_SUBSCRIPTIONS)
    lines += ["| topic | what it is | messages |", "|---|---|---|"]
    lines += [f"| `{topic}` | {about} | {_sent(topic)} |" for topic, about in SUBJECTS.items()]
    lines += ["", "| message | names of its pairs |", "|---|---|"]
    lines += [
        f"| `{address}` | {', '.join(f'`{n}`' for n in names)} |" for address, names in feed.NAMES.items()
    ]
    lines += ["", *_paragraphs(_RIFFS)]
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
    if row.words:
        word += " [topic topic ...]"
    shown = (setting for setting in _own(row) if setting.name not in row.words)
    own = "".join(f" [{setting.name} {setting.unit or 'value'}]" for setting in shown)
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
