"""The families that go on step by step, by name or path: what `load` and the live decoder open. No torch."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from livevae.errors import ModelError
from livevae.models.checkpoints import shelf, step_files
from livevae.models.checkpoints.step_files import StepFile
from livevae.models.foreign import magenta_rnn
from livevae.models.melody_rnn import model as melody_model
from livevae.models.melody_rnn.decode import MelodyDecoder
from livevae.models.note_rnn import model as note_model


def opened(name: str) -> Any | None:
    """A step-wise model by name, checkpoint's path, or path of a Magenta bundle; None where it is of another family.

    Raises:
        ModelError: there is no such model, or its checkpoint is broken.
    """
    path = Path(name)
    if path.suffix != shelf.SUFFIX and path.exists() and not shelf.exists(name) and magenta_rnn.is_one(path):
        config, tensors, about = magenta_rnn.read(path)
        return assembled(StepFile("melody_rnn", config, about, tensors))
    found = shelf.find(name)
    return assembled(step_files.read(found)) if step_files.is_one(found) else None


def assembled(held: StepFile) -> Any:
    """The model of a checkpoint that was read.

    Raises:
        ModelError: no such family.
    """
    if held.family == "melody_rnn":
        return melody_model.Model(held.config, held.tensors, held.about)
    if held.family == "note_rnn":
        return note_model.Model(held.config, held.tensors, held.about)
    raise ModelError(f"there are no models of the family {held.family}")


def takes(name: str) -> tuple[str, ...]:
    """The parts of a recipe that have an effect on a step-wise model; () where the model is of another family.

    Only the file's first lines are read, and only once as long as it does not change.

    Raises:
        ModelError: there is no such model, or its checkpoint is broken.
    """
    path = shelf.find(name)
    return _takes(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _takes(path: Path, _: int) -> tuple[str, ...]:
    if not step_files.is_one(path):
        return ()
    held = step_files.describe(path)
    return melody_model.takes(held.config) if held.family == "melody_rnn" else note_model.TAKES


def plays_drums(path: Path) -> bool:
    """Whether the step-wise model at a path plays drums.

    Raises:
        ModelError: its checkpoint is broken.
    """
    held = step_files.describe(path)
    return held.family == "melody_rnn" and held.config.family == "drums"


def drums(decoder: MelodyDecoder | note_model.NoteDecoder) -> bool:
    """Whether a decoder plays drums."""
    return isinstance(decoder, MelodyDecoder) and decoder.model.config.family == "drums"


def decoder(name: str) -> MelodyDecoder | note_model.NoteDecoder | None:
    """The live decoder of a step-wise model; None where the model is of another family.

    Raises:
        ModelError: there is no such model, or its checkpoint is broken.
    """
    model = opened(name)
    return None if model is None else decoder_of(model)


def decoder_of(model: Any) -> MelodyDecoder | note_model.NoteDecoder:
    """A live decoder around a step-wise model."""
    return note_model.NoteDecoder(model) if isinstance(model, note_model.Model) else MelodyDecoder(model)
