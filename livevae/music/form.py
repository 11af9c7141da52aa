"""Form: which riffs come back, a letter for each in turn, such as AABA. Pure."""

from typing import NamedTuple

from livevae.errors import MusicError

MOST = 64
"""Letters of a form."""


class Place(NamedTuple):
    """Where a riff is in a form.

    Attributes:
        letter: what it is called.
        round: how often the form has been gone through before.
        before: how often the letter has come in this round.
    """

    letter: str
    round: int
    before: int


def parse(text: str) -> str:
    """The letters of a form, which may have spaces, commas and bar lines between them.

    Raises:
        MusicError: something else is in it, or too many of them.
    """
    letters = "".join(text.replace(",", " ").replace("|", " ").split())
    if letters and not (letters.isascii() and letters.isalpha()):
        raise MusicError(f"a form is letters, such as AABA, not {text[:40]!r}")
    if len(letters) > MOST:
        raise MusicError(f"{MOST} letters are the most, not {len(letters)}")
    return letters


def place(text: str, number: int) -> Place:
    """Where riff `number`, counted from 0 on, is in a form of one letter at least."""
    letters = parse(text)
    round_, here = divmod(number, len(letters))
    return Place(letters[here], round_, letters[:here].count(letters[here]))
