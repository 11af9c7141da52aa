"""Personas on disk: one safetensors file each, in the performer's own folder or beside livevae. No torch.

A file holds a persona's parameters (float16) and in its metadata `format`, `name`, `model`, and `about` as JSON: the
riffs' hashes, options, seed and losses. It is read with suspicion and written whole or not at all; nothing in it is
executed.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from livevae.budget import json_value, reading
from livevae.errors import LimitError, ModelError
from livevae.home import home
from livevae.latent.names import MAX_LATENT
from livevae.latent.personas import CROSSINGS, DRAW, MAX_DIM, MOST_CROSSINGS, Persona, U, Z, layer_shapes
from livevae.models.checkpoints import files as checkpoint_files

FORMAT = "livevae persona 1"
FORMAT_U = "livevae persona 2"
"""Of personas in u; all others are written as before, so that older versions read them."""

FORMAT_CROSSED = "livevae persona 3"
"""Of personas in u that have crossings."""

FORMAT_DRAW = "livevae persona 4"
"""Of those that say how sharply and how loosely these are drawn."""

FORMATS = (FORMAT, FORMAT_U, FORMAT_CROSSED, FORMAT_DRAW)

SUFFIX = ".safetensors"
SHIPPED = Path(__file__).parent / "shipped"

NAME = re.compile(r"\w[\w.-]{0,39}")
"""What a persona may be called: it becomes a file's name and a word of OSC messages."""

RESERVED = frozenset(
    (
        *("base", "voice", "over", "id", "quiet", "livevae"),
        *("_id_", "cps", "cycle", "delta", "duration", "orbit", "oschost", "oscport"),
    )
)
"""Words that mean something else in a blend, or that hosts add to every message."""

MOST_BYTES = 64 * 2**20
"""A persona of 4 over 512 dimensions has 3 to 7 MB."""

MOST_ABOUT = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A persona that can be loaded by name.

    Attributes:
        name: what it is called.
        path: its file.
        shipped: it came with livevae and cannot be removed.
    """

    name: str
    path: Path
    shipped: bool


@dataclass(frozen=True, slots=True)
class Card:
    """What a persona's file says of it.

    Attributes:
        name: what it was called when it was written.
        model: identity of the MusicVAE whose z it speaks.
        dim: size of that z.
        latent: size of its own space.
        about: riffs, options, losses.
        space: `z` or `u`, see `latent.personas.Persona`.
        prior: of a persona in u, the digest of its prior.
        crossed: of a persona in u, whether it has crossings.
        draws: whether it says how those are drawn.
    """

    name: str
    model: str
    dim: int
    latent: int
    about: Mapping[str, Any]
    space: str = Z
    prior: str = ""
    crossed: bool = False
    draws: bool = False


def checked_name(name: str) -> str:
    """The name, in the one spelling that files and messages use (Unicode NFC).

    Raises:
        ModelError: no persona can have it; the text says what a name is.
    """
    plain = unicodedata.normalize("NFC", name)
    shown = plain if len(plain) <= 40 else f"{plain[:40]}..."
    if not NAME.fullmatch(plain):
        raise ModelError(
            "a persona's name is 1 to 40 letters, digits, dots, dashes and underscores, beginning with a letter or"
            f" digit, not {shown!r}"
        )
    if plain.lower() in RESERVED:
        raise ModelError(f"{shown!r} means something else in a blend: give the persona another name")
    return plain


def folder() -> Path:
    """Where a performer's own personas are."""
    return home() / "personas"


def entries() -> dict[str, Entry]:
    """All personas by name; a performer's own hide shipped ones of the same name."""
    found: dict[str, Entry] = {}
    for where, shipped in ((SHIPPED, True), (folder(), False)):
        for path in sorted(where.glob(f"*{SUFFIX}")) if where.is_dir() else []:
            name = unicodedata.normalize("NFC", path.name.removesuffix(SUFFIX))
            if NAME.fullmatch(name) and path.is_file():
                found[name] = Entry(name, path, shipped)
    return found


def find(name: str) -> Entry:
    """A persona by name.

    Raises:
        ModelError: there is none; the text says which there are.
    """
    there = entries()
    if (entry := there.get(checked_name(name))) is None:
        raise ModelError(f"there is no persona {name!r}; there are: {', '.join(there) or 'none yet'}")
    return entry


def load(name: str) -> Persona:
    """A persona by name.

    Raises:
        ModelError: there is none, or its file is broken.
    """
    return read(find(name).path)


def place(name: str) -> Path:
    """Where a performer's own persona of this name is kept.

    Raises:
        ModelError: no persona can have that name.
    """
    return folder() / f"{checked_name(name)}{SUFFIX}"


def save(persona: Persona) -> Path:
    """Keep a persona in the performer's folder, whole or not at all; gives its file.

    Raises:
        ModelError: its name cannot be, or the folder cannot be written.
    """
    path = place(persona.name)
    write(path, persona)
    return path


def write(path: Path, persona: Persona) -> None:
    """Write a persona's file: after a crash at any moment there is the old one or the new one.

    Raises:
        ModelError: parameters beyond float16, or a folder that cannot be written.
    """
    tensors = {}
    for name, value in persona.weights.items():
        with np.errstate(over="ignore"):
            tensors[name] = np.ascontiguousarray(value, np.float16)
        if not np.isfinite(tensors[name]).all():
            raise ModelError(f"persona {persona.name} is not saved: {name} is too large for float16")
    metadata = {
        "format": _format(persona),
        "name": persona.name,
        "model": persona.model,
        "dim": str(persona.dim),
        "latent": str(persona.latent),
        "about": json.dumps(dict(persona.about), sort_keys=True, ensure_ascii=True),
    }
    if persona.space == U:
        metadata["prior"] = persona.prior
    checkpoint_files.write_whole(path, checkpoint_files.to_bytes(tensors, metadata))


def read(path: Path) -> Persona:
    """The persona of a file, called as the file is.

    Raises:
        ModelError: no such file, not a persona, truncated, parameters missing, of other shapes or not finite.
    """
    with reading(path.name, "a persona", ModelError), _opened(path) as file:
        card = _card(path, file.metadata() or {})
        wanted = {
            f"{layer}.{part}": shape
            for layer, (out, inp) in layer_shapes(card.dim, card.latent, card.space).items()
            for part, shape in (("weight", [out, inp]), ("bias", [out]))
        }
        if card.crossed and CROSSINGS in file.keys():  # noqa: SIM118  (not a dict)
            wanted[CROSSINGS] = _crossings_shape(path, file.get_slice(CROSSINGS).get_shape(), card.dim)
        if card.draws:
            wanted[DRAW] = [2]
        if set(file.keys()) != set(wanted) or card.crossed != (CROSSINGS in wanted):
            raise ModelError(f"{path.name} does not hold a persona's parameters")
        weights = {}
        for name, shape in wanted.items():
            part = file.get_slice(name)
            if part.get_dtype() not in ("F16", "F32") or part.get_shape() != shape:
                raise ModelError(
                    f"{path.name}: {name} is {part.get_dtype()} {part.get_shape()}, not F16 {shape}"
                )
            weights[name] = file.get_tensor(name).astype(np.float32)
    name = unicodedata.normalize("NFC", path.name.removesuffix(SUFFIX))
    called = name if NAME.fullmatch(name) else card.name
    return Persona(called, card.model, card.dim, card.latent, weights, card.about, card.space, card.prior)


def describe(path: Path) -> Card:
    """What a persona's file says of it, without its parameters.

    Raises:
        ModelError: no such file, not a persona, truncated.
    """
    with reading(path.name, "a persona", ModelError), _opened(path) as file:
        return _card(path, file.metadata() or {})


def remove(name: str) -> Path:
    """Delete a performer's own persona; gives the file that is gone.

    Raises:
        ModelError: there is none of that name, or it came with livevae.
    """
    entry = find(name)
    if entry.shipped:
        raise ModelError(f"{name!r} comes with livevae and stays")
    try:
        entry.path.unlink()
    except OSError as error:
        raise ModelError(f"{entry.path} cannot be removed: {error.strerror}") from None
    return entry.path


def rename(old: str, new: str) -> Path:
    """Give a performer's own persona another name; gives its new file.

    Raises:
        ModelError: there is none, it came with livevae, or the new name is taken or cannot be.
    """
    entry = find(old)
    if entry.shipped:
        raise ModelError(
            f"{old!r} comes with livevae and keeps its name; export it and import it under another"
        )
    if checked_name(new) in entries():
        raise ModelError(f"there is a persona {new!r} already: remove it first, or choose another name")
    path = place(new)
    try:
        # a link first, so that at no moment there is neither
        path.hardlink_to(entry.path)
        entry.path.unlink()
    except OSError as error:
        raise ModelError(f"{entry.path} cannot be renamed: {error.strerror}") from None
    return path


def _format(persona: Persona) -> str:
    if persona.space != U:
        return FORMAT
    if DRAW in persona.weights:
        return FORMAT_DRAW
    return FORMAT_CROSSED if CROSSINGS in persona.weights else FORMAT_U


def _crossings_shape(path: Path, shape: list[int], dim: int) -> list[int]:
    """The shape, which is one that crossings can have.

    Raises:
        ModelError: it is not.
    """
    if len(shape) != 2 or not 1 <= shape[0] <= MOST_CROSSINGS or not 1 <= shape[1] <= dim:
        raise ModelError(f"{path.name}: {CROSSINGS} is {shape}, which no persona has")
    return shape


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise ModelError(f"there is no persona's file at {path}")
    if path.stat().st_size > MOST_BYTES:
        raise ModelError(f"{path.name} is no persona: it is larger than {MOST_BYTES >> 20} MB")
    try:
        return safe_open(str(path), framework="np")
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path.name} is not a whole persona file: {error}") from None


def _card(path: Path, held: Mapping[str, str]) -> Card:
    if (found := held.get("format")) not in FORMATS:
        version = f"its format is {found[:40]!r}" if found else "it says no format"
        raise ModelError(
            f"{path.name} is not a persona of this version: {version}, expected one of {', '.join(FORMATS)}"
        )
    text = held.get("about", "{}")
    try:
        about = json_value(text) if len(text) <= MOST_ABOUT else None
        dim, latent = int(held.get("dim", "")), int(held.get("latent", ""))
    except (ValueError, LimitError):
        raise ModelError(f"{path.name} is broken: what it says of itself cannot be read") from None
    model, name, prior = held.get("model", ""), held.get("name", ""), held.get("prior", "")
    sizes = 1 <= dim <= MAX_DIM and 1 <= latent <= MAX_LATENT
    in_u = found != FORMAT
    digests = [model, prior] if in_u else [model]
    if (
        not isinstance(about, dict)
        or not sizes
        or not all(re.fullmatch(r"[0-9a-f]{16}", one) for one in digests)
    ):
        raise ModelError(f"{path.name} is broken: what it says of itself is no persona's")
    space, draws = U if in_u else Z, found == FORMAT_DRAW
    crossed = draws or found == FORMAT_CROSSED
    return Card(checked_name(name), model, dim, latent, about, space, prior if in_u else "", crossed, draws)
