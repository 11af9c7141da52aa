"""From other people's checkpoints to ours: `livevae model import`. Nothing is written unless all of it fits."""

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from livevae.budget import file_bytes, json_value, reading, shown, size
from livevae.errors import LimitError, ModelError
from livevae.models.checkpoints import files as checkpoint_files, shelf, step_files
from livevae.models.checkpoints.files import Tensors
from livevae.models.foreign import js_checkpoint, magenta, magenta_rnn, tf_checkpoint
from livevae.models.musicvae.config import CONFIGS, Config, configuration

MAX_NPZ = 3 << 30
"""Bytes of all variables of an npz file."""

MAX_VARIABLES = 4_000
MAX_DIMENSIONS = 8

LICENCE = "Apache-2.0 where it is Magenta's own; else as its makers say"


def import_model(path: Path | str, name: str = "", config: str = "") -> Path:
    """Read a checkpoint of Magenta's, of magenta.js' or of livevae's and keep it as a model of that name.

    Args:
        path: a generator bundle (`.mag`); a `.tar`, folder, index file or prefix of TensorFlow's; a magenta.js folder;
            an `.npz` of Magenta's variables (`|` for `/` in names; without the encoder's kernels it decodes and cannot
            encode); a `.safetensors` file.
        name: what it is called from now on; "" is the configuration's name.
        config: name of the configuration, where the checkpoint itself leaves it open; "" to find out.

    Returns:
        The file that was written.

    Raises:
        ModelError: it is none of these, or it is broken, or it does not fit; nothing is written then.
    """
    path = Path(path)
    if not path.exists() and not tf_checkpoint.is_one(path):
        raise ModelError(f"there is nothing at {path}")
    if path.suffix == shelf.SUFFIX and step_files.is_one(path):
        held = step_files.read(path)
        place = shelf.place(name or path.stem)
        step_files.write(place, held)
        return place
    if magenta_rnn.is_one(path):
        ours, weights, known = magenta_rnn.read(path, config)
        place = shelf.place(name or ours.name)
        step_files.write(place, step_files.StepFile(magenta_rnn.FAMILY, ours, known, weights))
        return place
    found, tensors, about = read(path, config)
    place = shelf.place(name or found.name)
    checkpoint_files.write(place, found, tensors, about)
    return place


def read(path: Path, config: str = "") -> tuple[Config, Tensors, dict[str, Any]]:
    """Configuration, tensors and origin of a checkpoint; arguments and errors as `import_model`."""
    if path.suffix == shelf.SUFFIX:
        ours, about, tensors = checkpoint_files.read(path)
        return ours, tensors, about
    facts: dict[str, Any] = {}
    about_encoder: dict[str, str] = {}
    try:
        if js_checkpoint.is_one(path):
            folder = js_checkpoint.folder_of(path)
            kind, variables = "magenta.js", js_checkpoint.variables(folder)
            facts = js_checkpoint.facts(folder)
        elif path.suffix == ".npz":
            kind, variables = "Magenta", _from_npz(path)
            if magenta.lacks_encoder(variables):
                variables = magenta.with_silent_encoder(variables)
                about_encoder = {"encoder": "missing: it decodes and cannot encode"}
        elif path.is_file() or tf_checkpoint.is_one(path):
            kind, variables = "TensorFlow", tf_checkpoint.variables(path)
        else:
            raise ModelError(f"{path} holds neither a TensorFlow checkpoint nor a magenta.js one")
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from None
    hint = configuration(config).name if config else _hint(path)
    found, tensors = magenta.convert(variables, str(path), hint, facts)
    checkpoint_files.check(found, tensors, str(path))
    return found, tensors, {"origin": f"{kind} checkpoint {path.name}", "licence": LICENCE, **about_encoder}


def _from_npz(path: Path) -> dict[str, Any]:
    with reading(str(path), "a whole npz file of numbers", ModelError):
        found: dict[str, Any] = {}
        left = MAX_NPZ
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > MAX_VARIABLES:
                raise LimitError(f"it holds more than {MAX_VARIABLES} variables")
            for member in archive.infolist():
                with archive.open(member) as stream:
                    count = _declared(stream)
                left -= count
                # deflate makes at most 1032 bytes of one
                if left < 0 or count > min(member.file_size, 1100 * member.compress_size):
                    raise LimitError(f"{shown(member.filename)} declares {size(count)} of numbers")
                with archive.open(member) as stream:
                    array = np.lib.format.read_array(stream, allow_pickle=False)
                name = member.filename.removesuffix(".npy").replace("|", "/")
                if array.dtype.kind not in "fiu":
                    raise ModelError(f"{path} is not a whole npz file of numbers: {shown(name)} is none")
                found[name] = array
        return found


def _declared(stream: IO[bytes]) -> int:
    """How many bytes an array's header says that follow; nothing is set aside for them.

    Raises:
        LimitError: it has too many dimensions.
        ValueError: it is no header.
    """
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if len(shape) > MAX_DIMENSIONS:
        raise LimitError(f"an array of it has more than {MAX_DIMENSIONS} dimensions")
    return math.prod(shape) * dtype.itemsize


def _hint(path: Path) -> str:
    """What the checkpoint's surroundings say of its configuration: a settings file, or the names of its files."""
    folder = path if path.is_dir() else path.parent
    settings = folder / "config.json"
    if not path.is_file() or path.name.endswith((".index", js_checkpoint.MANIFEST)) or ".data-" in path.name:
        try:
            about = json_value(file_bytes(settings, js_checkpoint.MAX_MANIFEST))
        except (OSError, ValueError, LimitError):
            about = None
        if isinstance(about, dict) and isinstance(about.get("config"), str) and about["config"] in CONFIGS:
            return str(about["config"])
        names = [item.name for item in folder.glob("*.index")] if path.is_dir() else [path.name]
        return " ".join([*names, folder.resolve().name])
    return path.name
