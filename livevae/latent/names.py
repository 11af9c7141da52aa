"""What performers say of the latent space: names and bounds. No numpy: the rehearsal screen reads it too."""

from collections.abc import Mapping

ATTRIBUTES: Mapping[str, tuple[str, str]] = {
    "density": ("more notes", "fewer notes"),
    "height": ("higher notes", "lower notes"),
    "syncopation": ("more off the beat", "more on the beat"),
    "range": ("a wider range of pitches", "a narrower range of pitches"),
}
"""By name: what more of it is, and what less."""

MAX_LATENT = 16
"""Dimensions of a persona's own space, at most: u is drawn in as many, and a persona uses its first."""
