"""Canonical song names, so that versions of one song never fall on both sides of the split."""

import hashlib
import unicodedata

ARTICLES = frozenset({"the", "a", "an", "der", "die", "das", "le", "la", "les", "il"})


def song_name(*parts: str) -> str:
    """Titles and names in one plain spelling: no accents, case, punctuation, articles or order of words."""
    text = unicodedata.normalize("NFKD", " ".join(parts))
    plain = "".join(c for c in text if not unicodedata.combining(c)).replace("'", "").replace("’", "").lower()
    words = "".join(c if c.isalnum() else " " for c in plain).split()
    return " ".join(sorted([word for word in words if word not in ARTICLES] or words))


def held_out(song: str, share: float) -> bool:
    """Whether a song is among the `share` kept for testing: the same answer on every machine and day."""
    number = int.from_bytes(hashlib.sha256(song.encode()).digest()[:8], "big")
    return number < share * 2.0**64
