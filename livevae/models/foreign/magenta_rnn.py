"""Magenta's melody, improv and drums RNNs from other people's files to ours: names, sizes, which one it is.

Three generations of names are known: TensorFlow before 1.0 (`RNN/MultiRNNCell/Cell0/BasicLSTMCell/Linear/Matrix`),
1.0 and 1.1 (`.../weights`) and later ones (`rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel`); and attention around
the whole stack (until May 2017) or around the first layer. magenta.js' checkpoints of these networks have the later
names; its attention, which is around the whole stack, leaves out a bias that the checkpoint has and Magenta uses.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.budget import file_bytes, json_value, reading, shown
from livevae.errors import LimitError, ModelError
from livevae.models.foreign import generator_bundle, js_checkpoint, tf_checkpoint
from livevae.models.foreign.tf_bundle import MAGIC
from livevae.models.melody_rnn import family
from livevae.models.melody_rnn.config import CONFIGS, Config, by_shape
from livevae.models.melody_rnn.layout import shapes

Variables = Mapping[str, NDArray[Any]]
Tensors = dict[str, NDArray[np.float32]]

FAMILY = family.NAME
"""What these checkpoints are of."""

LICENCE = "Apache-2.0 where it is Magenta's own; else as its makers say"
BUNDLE = ".mag"
MAX_SETTINGS = 1 << 20
"""Bytes of the config.json beside a checkpoint."""

LAYER = re.compile(r"cell_?(\d+)/")
SLOTS = re.compile(r"adam|momentum|rmsprop|adagrad|power|global_step|exponentialmovingaverage")


def wanted(name: str) -> bool:
    """Whether a variable of this name is part of such a network: no state of an optimiser."""
    lowered = name.lower()
    return not SLOTS.search(lowered) and (
        lowered.startswith(("rnn/", "fully_connected/")) or "lstm" in lowered
    )


def is_one(path: Path) -> bool:
    """Whether a path looks like a step-wise RNN's checkpoint.

    That is a bundle, a table of the first format, a checkpoint of the second whose variables say so, or such a one of
    magenta.js.
    """
    if path.is_file() and path.suffix == BUNDLE:
        return True
    if js_checkpoint.is_one(path):
        return _is_js(path)
    if not tf_checkpoint.is_one(path):
        return path.is_file() and _is_table(path)
    try:
        names = tf_checkpoint.names(path)
    except (ModelError, OSError):
        return False
    return any(name.startswith("fully_connected/") for name in names)


def _is_js(path: Path) -> bool:
    try:
        names = js_checkpoint.names(js_checkpoint.folder_of(path))
    except ModelError:
        return False
    return any(name.startswith("fully_connected/") for name in names)


def _is_table(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(-8, 2)
            return int.from_bytes(file.read(8), "little") == MAGIC
    except OSError:
        return False


def read(path: Path, config: str = "") -> tuple[Config, Tensors, dict[str, Any]]:
    """Configuration, tensors and origin of a bundle or a checkpoint.

    Args:
        path: a `.mag` file, a checkpoint's file, index, prefix or folder, or a folder or manifest of magenta.js.
        config: its configuration's name, where the shapes leave it open.

    Raises:
        ModelError: it is none, it is not whole, or of a shape that no configuration has.
    """
    with reading(str(path), "a checkpoint of a step-wise RNN", ModelError):
        return _read(path, config)


def _read(path: Path, config: str) -> tuple[Config, Tensors, dict[str, Any]]:
    if js_checkpoint.is_one(path):
        return _read_js(js_checkpoint.folder_of(path), config)
    hint, length = config, 0
    if path.is_file() and path.suffix == BUNDLE:
        bundle = generator_bundle.read(path)
        variables: Variables = bundle.variables
        hint, length = config or bundle.id, bundle.attention
        origin = f"generator bundle {path.name}"
    elif tf_checkpoint.is_one(path):
        variables, origin = tf_checkpoint.variables(path, wanted), f"TensorFlow checkpoint {path.name}"
    else:
        variables = generator_bundle.variables(file_bytes(path, generator_bundle.MOST), str(path))
        origin = f"TensorFlow checkpoint {path.name}"
    beside = _settings(path)
    named = hint or str(beside.get("config", "")) or path.name
    length = length or _count(beside.get("attn_length"))
    found, tensors = convert(variables, str(path), named, length)
    return found, tensors, {"origin": origin, "licence": LICENCE}


def _read_js(folder: Path, config: str) -> tuple[Config, Tensors, dict[str, Any]]:
    """A checkpoint of magenta.js; what its settings say of pitches has to fit."""
    settings = js_checkpoint.settings(folder)
    if settings.get("type", "MusicRNN") != "MusicRNN":
        raise ModelError(f"{folder}: its settings are of a {shown(str(settings['type']))}, not of a MusicRNN")
    variables = js_checkpoint.variables(folder)
    length = _count(settings.get("attentionLength"))
    found, tensors = convert(variables, str(folder), config or folder.resolve().name, length)
    converter = settings.get("dataConverter")
    given = converter.get("args") if isinstance(converter, dict) else None
    if isinstance(given, dict) and found.family != "drums":
        for name, ours in (("minPitch", found.min_note), ("maxPitch", found.max_note - 1)):
            if given.get(name, ours) != ours:
                raise ModelError(
                    f"{folder}: its melodies have {name} {shown(str(given[name]))}, {found.name}'s {ours}"
                )
    return found, tensors, {"origin": f"magenta.js checkpoint {folder.name}", "licence": LICENCE}


def _settings(path: Path) -> dict[str, Any]:
    """The config.json beside a checkpoint, where there is one."""
    try:
        beside = (path if path.is_dir() else path.parent) / "config.json"
        held = json_value(file_bytes(beside, MAX_SETTINGS))
    except (OSError, ValueError, LimitError):
        return {}
    return held if isinstance(held, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def convert(variables: Variables, origin: str, hint: str = "", length: int = 0) -> tuple[Config, Tensors]:
    """Configuration and tensors from variables by TensorFlow's names.

    Args:
        variables: float32.
        origin: named in errors.
        hint: a text that may hold the configuration's name, where the shapes leave it open.
        length: how many outputs the attention looks at; 0 takes the configuration's own.

    Raises:
        ModelError: they are no step-wise RNN's, or do not fit together.
    """
    tensors: Tensors = {}
    kind = ""
    for name in sorted(variables):
        if not wanted(name) or (ours := _ours(name)) is None:
            continue
        value = np.ascontiguousarray(variables[name], np.float32)
        if ours.startswith("attention."):
            kind = kind or (
                "first" if LAYER.search(name.lower().split("attention", maxsplit=1)[0]) else "stack"
            )
        tensors[ours] = value.reshape(value.shape[-2:]) if ours == "attention.rows" else value
    layers: list[int] = []
    while (bias := tensors.get(f"layers.{len(layers)}.bias")) is not None:
        layers.append(bias.size // 4)
    for name in ("output.kernel", "output.bias", "layers.0.kernel"):
        if name not in tensors:
            raise ModelError(
                f"{origin}: there is no {name.replace('.', ' ')}; is this a melody, improv or drums RNN?"
            )
    if any(tensors[name].ndim != 2 for name in tensors if name.endswith("kernel")):
        raise ModelError(f"{origin}: a kernel of it is not a matrix")
    inputs = tensors["attention.input.kernel"].shape[1] if kind and "attention.input.kernel" in tensors else (
        len(tensors["layers.0.kernel"]) - layers[0]
    )  # fmt: skip
    shaped = _chosen(inputs, tensors["output.bias"].size, hint, origin).replace(
        layers=tuple(layers), attention=kind, attention_length=0 if not kind else 1
    )
    if kind:
        usual = CONFIGS[shaped.name].attention_length
        if not (length := length or usual):
            raise ModelError(
                f"{origin}: how many steps its attention looks back is not known; say which --config"
            )
        shaped = shaped.replace(attention_length=length)
    return shaped, _fitting(shaped, tensors, origin)


def _ours(name: str) -> str | None:
    """Our name of a variable; None of one that the network does not have."""
    lowered = name.lower()
    last = lowered.rsplit("/", 1)[-1]
    end = (
        "kernel" if last in ("kernel", "matrix", "weights") else "bias" if last in ("bias", "biases") else ""
    )
    if last in ("attn_w", "attnw"):
        return "attention.rows"
    if last in ("attn_v", "attnv"):
        return "attention.vector"
    if not end:
        return None
    if lowered.startswith("fully_connected/"):
        return f"output.{end}"
    if "lstm" in lowered:
        layer = LAYER.search(lowered)
        return f"layers.{layer.group(1) if layer else 0}.{end}"
    _, found, inside = lowered.rpartition("wrapper/")
    if not found:
        return None
    if "output" in inside:
        return f"attention.output.{end}"
    return f"attention.{'query' if inside.startswith('attention/') else 'input'}.{end}"


def _chosen(inputs: int, classes: int, hint: str, origin: str) -> Config:
    like = by_shape(inputs, classes)
    if not like:
        known = ", ".join(
            f"{config.name} ({config.inputs} to {config.classes})" for config in CONFIGS.values()
        )
        raise ModelError(
            f"{origin}: no configuration has {inputs} inputs and {classes} outputs; known are {known}"
        )
    named = [config for config in like if config.name in hint]
    if hint in CONFIGS and not named:
        raise ModelError(
            f"{origin} is not a {hint}: its shape is that of {' or '.join(c.name for c in like)}"
        )
    return max(named, key=lambda config: len(config.name)) if named else like[0]


def _fitting(config: Config, tensors: Tensors, origin: str) -> Tensors:
    needed = shapes(config)
    for name, shape in needed.items():
        if name not in tensors:
            raise ModelError(f"{origin}: {name} is missing")
        if tensors[name].shape != shape:
            raise ModelError(
                f"{origin}: {name} has shape {list(tensors[name].shape)}, expected {list(shape)}"
            )
        if not bool(np.isfinite(tensors[name]).all()):
            raise ModelError(f"{origin}: {name} holds values that are not finite")
    return {name: tensors[name] for name in needed}
