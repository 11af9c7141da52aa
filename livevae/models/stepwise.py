"""The models that go on step by step, by name or path: what `load` and the live decoder open. No torch."""

from functools import lru_cache
from pathlib import Path

from livevae.models import families
from livevae.models.checkpoints import shelf, step_files
from livevae.models.checkpoints.files import facts
from livevae.models.checkpoints.step_files import StepFile
from livevae.models.families import Part, StepDecoder, StepModel
from livevae.models.foreign import magenta_rnn


def read(name: str) -> StepFile | None:
    """A checkpoint by name, path, or path of a Magenta bundle; None where the model is not a step-wise one.

    Raises:
        ModelError: there is no such model, or its checkpoint is broken.
    """
    path = Path(name)
    if path.suffix != shelf.SUFFIX and path.exists() and not shelf.exists(name) and magenta_rnn.is_one(path):
        config, tensors, about = magenta_rnn.read(path)
        return StepFile(magenta_rnn.FAMILY, config, about, tensors)
    found = shelf.find(name)
    return step_files.read(found) if step_files.is_one(found) else None


def opened(name: str) -> StepModel | None:
    """A step-wise model; arguments and errors as `read`."""
    held = read(name)
    return None if held is None else assembled(held)


def decoder(name: str) -> StepDecoder | None:
    """The live decoder of a step-wise model; arguments and errors as `read`."""
    held = read(name)
    return None if held is None else decoder_of(held)


def assembled(held: StepFile) -> StepModel:
    """The model of a checkpoint that was read."""
    return families.named(held.family).model(held.config, held.tensors, held.about)


def decoder_of(held: StepFile) -> StepDecoder:
    """The live decoder of a checkpoint that was read."""
    return families.named(held.family).decoder(assembled(held))


def takes(name: str) -> tuple[str, ...]:
    """The fields of a recipe that have an effect on a step-wise model; () where the model is of another family.

    Only the file's first lines are read, and only once as long as it does not change.

    Raises:
        ModelError: there is no such model, or its checkpoint is broken.
    """
    path = shelf.find(name)
    return _takes(path, facts(path))


@lru_cache(maxsize=256)
def _takes(path: Path, _: tuple[int, ...]) -> tuple[str, ...]:
    if not step_files.is_one(path):
        return ()
    held = step_files.describe(path)
    return families.named(held.family).takes(held.config)


def plays(held: StepFile) -> Part:
    """What of a band a model plays."""
    return families.named(held.family).plays(held.config)
