"""A model's directions of attributes: measured on music, found from its z's, kept by the model's identity. No torch."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.errors import ModelError
from livevae.latent.attributes import Directions
from livevae.latent.names import ATTRIBUTES
from livevae.latent.personas import MAX_DIM
from livevae.models.checkpoints.attached import Attached
from livevae.models.musicvae.config import Config
from livevae.models.musicvae.vocabulary import to_riff
from livevae.music.melody import nearest_step
from livevae.music.notes import STEPS_PER_BAR, TICKS_PER_STEP, Riff

KIND = Attached("directions", "livevae directions 1", 1 << 20)
"""The file of a model's directions."""

METER = tuple(
    max(0 if step == 0 else -(5 - (step & -step).bit_length()), -4) for step in range(STEPS_PER_BAR)
)
"""How strong each sixteenth of a bar is: 0 the downbeat, -1 the half, -2 quarters, -3 eighths, -4 sixteenths
(Longuet-Higgins and Lee 1984)."""

TWELVE = tuple(0 if step == 0 else -2 if step % 4 == 0 or step == 6 else -3 - step % 2 for step in range(12))
"""The same of twelve: quarters of 3/4 and the half of 6/8 alike, eighths, sixteenths."""


def measured(riff: Riff) -> dict[str, float]:
    """What each attribute of a riff is: notes a bar, mean pitch, syncopation a note, pitches from low to high.

    Syncopation is how much weaker, on average, the steps are on which notes begin than the strongest step that they
    sound through (after Longuet-Higgins and Lee 1984).
    """
    meter = TWELVE if riff.bar == len(TWELVE) * TICKS_PER_STEP else METER
    pitches = [note.pitch for note in riff.notes]
    if not pitches:
        return dict.fromkeys(ATTRIBUTES, 0.0)
    off = []
    for note in riff.notes:
        first, last = nearest_step(note.start), max(nearest_step(note.end), nearest_step(note.start) + 1)
        strongest = max(meter[step % len(meter)] for step in range(first, last))
        off.append(strongest - meter[first % len(meter)])
    return {
        "density": len(pitches) / riff.bars,
        "height": sum(pitches) / len(pitches),
        "syncopation": sum(off) / len(off),
        "range": float(max(pitches) - min(pitches)),
    }


def table(config: Config, windows: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """The attributes of many windows, `[N]` each; those that never change in the model's music are left out."""
    rows = [measured(to_riff(config, window)) for window in windows]
    columns = {name: np.array([row[name] for row in rows]) for name in ATTRIBUTES}
    if config.music in ("drums", "groove"):
        columns = {name: column for name, column in columns.items() if name in ("density", "syncopation")}
    return {name: column for name, column in columns.items() if column.std() > 0}


def save(path: Path, directions: Directions, identity: str) -> None:
    """Write directions, whole or not at all.

    Raises:
        ModelError: the folder cannot be written.
    """
    KIND.write(
        path, identity, {name: vector.astype(np.float32) for name, vector in directions.vectors.items()}
    )


def load(identity: str) -> Directions | None:
    """The directions of a model, or None where nobody has found any.

    Raises:
        ModelError: their file is broken.
    """
    path = KIND.find(identity)
    return None if path is None else read(path, identity)


def read(path: Path, identity: str) -> Directions:
    """The directions of a file.

    Raises:
        ModelError: it is broken, or another model's.
    """
    tensors, _ = KIND.read(path, identity)
    vectors = {name: vector for name, vector in tensors.items() if name in ATTRIBUTES}
    for name, vector in vectors.items():
        if (
            vector.dtype != np.float32
            or vector.ndim != 1
            or len(vector) > MAX_DIM
            or not np.isfinite(vector).all()
        ):
            raise ModelError(f"{path} is broken: {name} is no direction")
    return Directions(vectors)
