"""From other people's checkpoints to ours: `livevae model import`. Nothing is written unless all of it fits."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from livevae.errors import ModelError
from livevae.models.checkpoints import files as checkpoint_files, shelf, step_files
from livevae.models.checkpoints.files import Tensors
from livevae.models.foreign import js_checkpoint, magenta, magenta_rnn, tf_checkpoint
from livevae.models.musicvae.config import CONFIGS, Config, configuration

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
        step_files.write(place, step_files.StepFile("melody_rnn", ours, known, weights))
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
            folder = path.parent if path.name == js_checkpoint.MANIFEST else path
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
    try:
        with path.open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise ModelError(f"{path} is one array, not an npz file of a model's variables")
            with arrays:
                found = {name.replace("|", "/"): arrays[name] for name in arrays}
    except (ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(f"{path} is not a whole npz file of numbers: {error}") from None
    if odd := [name for name, value in found.items() if value.dtype.kind not in "fiu"]:
        raise ModelError(f"{path} is not a whole npz file of numbers: {odd[0]} is none")
    return found


def _hint(path: Path) -> str:
    """What the checkpoint's surroundings say of its configuration: a settings file, or the names of its files."""
    folder = path if path.is_dir() else path.parent
    settings = folder / "config.json"
    if not path.is_file() or path.name.endswith((".index", js_checkpoint.MANIFEST)) or ".data-" in path.name:
        try:
            said = json.loads(settings.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            said = None
        if isinstance(said, dict) and said.get("config") in CONFIGS:
            return str(said["config"])
        names = [item.name for item in folder.glob("*.index")] if path.is_dir() else [path.name]
        return " ".join([*names, folder.resolve().name])
    return path.name
