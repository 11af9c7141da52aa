"""Limits for everything that others made and livevae reads: bytes, nesting, counts.

A reader of files, logs or manifests takes its bytes by `file_bytes` or `stream_bytes`, its JSON by `json_value`, and
does its work inside `reading`, so that it ends in a result or in one sentence: never in a traceback, and never in more
memory than its limit allows. Limits of time and memory for a whole file are the reading process'
(`livevae.corpus.reading`).
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from livevae.errors import LimitError, LivevaeError

MAX_DEPTH = 32
"""Levels of nesting in JSON; the deepest file that livevae itself writes has 6."""

_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def file_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes, whatever its size claims to be.

    Raises:
        LimitError: it is larger, or no regular file (a device has no end).
        OSError: it cannot be read.
    """
    if path.exists() and not path.is_file():
        raise LimitError(f"{shown(path.name)} is no regular file")
    with path.open("rb") as file:
        return stream_bytes(file, limit, path.name)


def stream_bytes(stream: IO[bytes], limit: int, name: str) -> bytes:
    """All bytes of a stream that unpacks or arrives, at most `limit`.

    Raises:
        LimitError: there are more; no more than one byte beyond the limit was read.
    """
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise LimitError(f"{shown(name)} is larger than {size(limit)}")
    return data


def json_value(text: str | bytes, depth: int = MAX_DEPTH) -> Any:
    """JSON of at most `depth` levels.

    Raises:
        LimitError: it is nested deeper.
        ValueError: it is no JSON in UTF-8, or a number in it has thousands of digits.
    """
    if isinstance(text, bytes):
        text = text.decode()
    check_nesting(text, depth)
    return json.loads(text)


def check_nesting(text: str, depth: int = MAX_DEPTH) -> None:
    """See that brackets outside of double-quoted strings are nested at most `depth` deep; linear in the text.

    Raises:
        LimitError: they are nested deeper.
    """
    level = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        sign = match[0]
        if sign in "[{":
            level += 1
            if level > depth:
                raise LimitError(f"it is nested more than {depth} levels deep")
        elif sign in "]}":
            level -= 1


@contextmanager
def reading(name: str, kind: str, error: type[LivevaeError]) -> Iterator[None]:
    """Whatever goes wrong while a file is read becomes `error`, with one sentence.

    Args:
        name: of the file, for the sentence.
        kind: what it was read as, with its article: "a MIDI file".
        error: the reader's error; errors of livevae's own pass as they are, but for `LimitError`.
    """
    try:
        yield
    except LimitError as fault:
        raise error(f"{shown(name)} cannot be read as {kind}: {fault}") from None
    except LivevaeError:
        raise
    except (MemoryError, RecursionError):
        raise error(f"{shown(name)} cannot be read as {kind}: it needs too much memory") from None
    except OSError as fault:
        reason = fault.strerror or str(fault) or type(fault).__name__
        raise error(f"{shown(name)} is not {kind} that can be read ({shown(reason, 120)})") from None
    except Exception as fault:  # noqa: BLE001
        # a parser, ours or a library's, stumbles over bytes in more ways than can be listed
        reason = shown(str(fault) or type(fault).__name__, 120)
        raise error(f"{shown(name)} is not {kind} that can be read ({reason})") from None


def shown(text: str, most: int = 80) -> str:
    """Foreign text as it may be printed on any terminal: cut short, without lone surrogates or control characters."""
    cut = text if len(text) <= most else text[:most] + "..."
    plain = cut.encode("utf-8", "backslashreplace").decode()
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in plain)


def size(count: int) -> str:
    """A number of bytes in the largest unit that it fills."""
    for shift, unit in ((30, "GB"), (20, "MB"), (10, "kB")):
        if count >> shift:
            return f"{count >> shift} {unit}"
    return f"{count} bytes"
