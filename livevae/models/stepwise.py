"""The families that go on step by step, by name or path: what `load` and the live decoder open. No torch."""

from pathlib import Path
from typing import Any

from livevae.errors import ModelError
from livevae.models.checkpoints import shelf, step_files
from livevae.models.checkpoints.step_files import StepFile
from livevae.models.foreign import magenta_rnn
from livevae.models.melody_rnn.decode import MelodyDecoder
from livevae.models.melody_rnn.model import Model as MelodyRNN


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
        return MelodyRNN(held.config, held.tensors, held.about)
    raise ModelError(f"there are no models of the family {held.family}")


def decoder(name: str) -> MelodyDecoder | None:
    """The live decoder of a step-wise model; None where the model is of another family.

    Raises:
        ModelError: there is no such model, or its checkpoint is broken.
    """
    model = opened(name)
    return None if model is None else MelodyDecoder(model)
