"""What a scene says of a voice's personas: a blend, a tour, a position. Pure.

[voice.lead.blend]                  [voice.lead.tour]
nora = 0.7                          stops = ["nora", { nora = 1, petra = 1 }, "base"]
base = 0.3                          beats = 32

[voice.lead]
latent = [0.5, -1, 0, 0]
"""

from collections.abc import Mapping
from typing import Any

from livevae.errors import RequestError, SceneError
from livevae.music.notes import TICKS_PER_BEAT
from livevae.perform import blend
from livevae.perform.blend import BASE_ALONE, WALKING, Blend, Place, Tour

KEYS = ("blend", "tour", "latent")
"""What a voice's table may hold besides its settings."""

LONGEST_LEG = 4096
"""Beats; more is a standstill."""


def read_blend(table: Mapping[str, Any]) -> Blend | Tour:
    """The blend or the tour of a voice's table.

    Raises:
        SceneError: it says neither rightly; the text begins with the key.
    """
    if "tour" in table:
        if "blend" in table:
            raise SceneError("tour: there is a blend too; a voice has one of them")
        return _tour(table["tour"])
    return Blend(_weights("blend", table["blend"])) if "blend" in table else BASE_ALONE


def read_place(table: Mapping[str, Any]) -> Place:
    """The position of a voice's table.

    Raises:
        SceneError: it is no list of coordinates.
    """
    given = table.get("latent")
    if given is None:
        return WALKING
    if not isinstance(given, list):
        raise SceneError("latent must be a list of coordinates, such as [0.5, -1, 0, 0]")
    try:
        return Place(blend.position(given))
    except RequestError as error:
        raise SceneError(f"latent: {error}") from None


def _tour(given: object) -> Tour:
    if not isinstance(given, dict) or not {"stops"} <= set(given) <= {"stops", "beats"}:
        raise SceneError("tour must be a table with stops and beats, and nothing else")
    stops, beats = given["stops"], given.get("beats", 32)
    if not isinstance(stops, list) or len(stops) < 2:
        raise SceneError('tour.stops must be two or more personas, such as ["nora", "petra"]')
    if isinstance(beats, bool) or not isinstance(beats, int | float) or not 1 <= beats <= LONGEST_LEG:
        raise SceneError(f"tour.beats must be a number from 1 to {LONGEST_LEG}, not {beats!r}")
    weights = (_weights("tour.stops", {stop: 1} if isinstance(stop, str) else stop) for stop in stops)
    return Tour(tuple(weights), round(beats * TICKS_PER_BEAT))


def _weights(key: str, given: object) -> blend.Weights:
    if not isinstance(given, dict):
        raise SceneError(f"{key} must be a table of personas and weights, such as nora = 0.7")
    try:
        return blend.weights(given.items())
    except RequestError as error:
        raise SceneError(f"{key}: {error}") from None
