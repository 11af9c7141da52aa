"""Magenta's variables as our tensors: which configuration they are, and where each goes.

TensorFlow's LSTM has one kernel `[input + units, 4 units]` with the gates i, j (candidate), f, o, one bias, and adds
1 to the forget gate; torch's has `[4 units, input]` and `[4 units, units]` with i, f, g, o. Magenta and magenta.js
name their variables alike.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.errors import ModelError
from livevae.models.checkpoints.layout import lstm_names
from livevae.models.musicvae.config import ALIASES, CONFIGS, WALTZ_BAR, Config

Variables = Mapping[str, NDArray[Any]]

CELL = "lstm_cell/kernel"


def wanted(name: str) -> bool:
    """Whether a variable is a weight of a MusicVAE, and not an optimiser's or a counter."""
    return name.startswith(("encoder/", "decoder/", "core_decoder/")) and "/Adam" not in name


def convert(
    variables: Variables, origin: str, hint: str = "", facts: Mapping[str, Any] | None = None
) -> tuple[Config, dict[str, NDArray[np.float32]]]:
    """A configuration and our tensors from Magenta's variables.

    Args:
        variables: by Magenta's names, float32.
        origin: named in errors.
        hint: text that may say which configuration it is (its name, a file's name), or "".
        facts: fields of the configuration that are known from elsewhere (magenta.js says steps and segments).

    Raises:
        ModelError: variables missing or of shapes that do not belong together, or several configurations would do
            and nothing says which.
    """
    config = _sized(variables, origin, hint, dict(facts or {}))
    found: dict[str, NDArray[np.float32]] = {}
    for stack, cells in _stacks(config, variables):
        both_ways = stack.startswith("encoder.")
        sizes = config.encoder if both_ways else config.decoder
        for names, cell in zip(lstm_names(stack, sizes, both_ways=both_ways), cells, strict=True):
            kernel, bias = _get(variables, f"{cell}kernel", origin), _get(variables, f"{cell}bias", origin)
            w_ih, w_hh, b_ih, b_hh = names
            found[w_ih], found[w_hh], found[b_ih] = _cell(kernel, bias, cell, origin)
            found[b_hh] = np.zeros_like(found[b_ih])
    for ours, theirs in _dense(config):
        found[f"{ours}.weight"] = np.ascontiguousarray(_get(variables, f"{theirs}/kernel", origin).T)
        found[f"{ours}.bias"] = _get(variables, f"{theirs}/bias", origin)
    if config.head == "nade":
        shape = (config.output_depth, config.nade_hidden)
        for ours, theirs in (("encoder", "w_enc"), ("decoder", "w_dec_t")):
            weight = _get(variables, f"decoder/nade/{theirs}", origin)
            if weight.size != shape[0] * shape[1]:
                raise ModelError(f"{origin}: decoder/nade/{theirs} has shape {list(weight.shape)}")
            found[f"cores.0.head.{ours}"] = weight.reshape(shape)
    return config, found


def _get(variables: Variables, name: str, origin: str) -> NDArray[Any]:
    if name not in variables:
        raise ModelError(f"{origin}: there is no {name}; is this a MusicVAE?")
    return np.asarray(variables[name], np.float32)


def _cell(kernel: NDArray[Any], bias: NDArray[Any], name: str, origin: str) -> tuple[NDArray[Any], ...]:
    """A TensorFlow cell as (w_ih, w_hh, b_ih) with torch's gates; the forget gate's 1 goes into its bias."""
    units = len(bias) // 4
    if kernel.ndim != 2 or bias.ndim != 1 or kernel.shape[1] != 4 * units or len(kernel) <= units:
        raise ModelError(f"{origin}: {name}kernel of shape {list(kernel.shape)} is no LSTM's")
    i, j, f, o = np.split(kernel.T, 4)
    rows = np.concatenate([i, f, j, o])
    b_i, b_j, b_f, b_o = np.split(bias, 4)
    return (
        np.ascontiguousarray(rows[:, :-units]),
        np.ascontiguousarray(rows[:, -units:]),
        np.concatenate([b_i, b_f + np.float32(1), b_j, b_o]),
    )


def _core(config: Config, i: int) -> str:
    """Magenta's scope of a core decoder."""
    outer = "core_decoder/" if config.segments else ""
    return f"{outer}core_decoder_{i}/decoder/" if config.split else f"{outer}decoder/"


def _ways(scope: str, layers: int) -> list[str]:
    """Magenta's cells of a bidirectional stack, layer by layer, forward and backward."""
    inner = "multi_rnn_cell/cell_0/lstm_cell/"
    return [f"{scope}cell_{i}/bidirectional_rnn/{way}/{inner}" for i in range(layers) for way in ("fw", "bw")]


def _stacks(config: Config, variables: Variables) -> Iterator[tuple[str, list[str]]]:
    """(our stack, Magenta's cells in order) of every LSTM."""
    deep = range(len(config.decoder))
    if config.encode_segments:
        yield "encoder.segments", _ways("encoder/hierarchical_level_0/", len(config.encoder))
        yield "encoder.layers", _ways("encoder/hierarchical_level_1/", len(config.encoder))
    else:
        yield "encoder.layers", _ways("encoder/", len(config.encoder))
    if config.segments:
        scope = _conductor(variables)
        yield "conductor.layers", [f"{scope}cell_{i}/lstm_cell/" for i in deep]
    for core in range(len(config.core_depths)):
        scope = f"{_core(config, core)}multi_rnn_cell/"
        yield f"cores.{core}.layers", [f"{scope}cell_{i}/lstm_cell/" for i in deep]


def _conductor(variables: Variables) -> str:
    """Magenta's scope of the conductor's cells; some versions put a multi_rnn_cell around them."""
    scope = "decoder/hierarchical_level_0/"
    return scope if f"{scope}cell_0/{CELL}" in variables else f"{scope}multi_rnn_cell/"


def _dense(config: Config) -> Iterator[tuple[str, str]]:
    """(our dense layer, Magenta's) of every dense layer."""
    yield "encoder.mu", "encoder/mu"
    yield "encoder.sigma", "encoder/sigma"
    if config.segments:
        yield "conductor.initial.dense", "decoder/hierarchical_level_0/initial_state"
    for core in range(len(config.core_depths)):
        yield f"cores.{core}.initial.dense", f"{_core(config, core)}z_to_initial_state"
        yield f"cores.{core}.output", f"{_core(config, core)}output_projection"


# which configuration it is


def _sized(variables: Variables, origin: str, hint: str, facts: dict[str, Any]) -> Config:
    """The configuration with the variables' own sizes."""
    latent = len(_get(variables, "encoder/mu/bias", origin))
    segmented = "decoder/hierarchical_level_0/initial_state/kernel" in variables
    parts = 0
    while f"core_decoder/core_decoder_{parts}/decoder/output_projection/bias" in variables:
        parts += 1
    outer = "core_decoder/" if segmented else ""
    scopes = [f"{outer}core_decoder_{i}/decoder/" for i in range(parts)] or [f"{outer}decoder/"]
    raw = tuple(len(_get(variables, f"{scope}output_projection/bias", origin)) for scope in scopes)
    nade = variables.get("decoder/nade/w_enc")
    hidden = 0
    if nade is not None:
        if nade.ndim != 3 or not 0 < nade.shape[2] < raw[0]:
            raise ModelError(
                f"{origin}: decoder/nade/w_enc of shape {list(nade.shape)} does not fit the outputs"
            )
        hidden = int(nade.shape[2])
        raw = (raw[0] - hidden,)
    encode_segments = any(name.startswith("encoder/hierarchical_level_1/") for name in variables)
    encoder_scope = "encoder/hierarchical_level_1/" if encode_segments else "encoder/"
    encoder = _units(
        variables, encoder_scope + "cell_{}/bidirectional_rnn/fw/multi_rnn_cell/cell_0/lstm_cell/bias"
    )
    decoder = _units(variables, scopes[0] + "multi_rnn_cell/cell_{}/lstm_cell/bias")
    if not encoder or not decoder:
        raise ModelError(f"{origin}: there is no LSTM of an encoder and a decoder; is this a MusicVAE?")
    first = _get(variables, f"{scopes[0]}multi_rnn_cell/cell_0/{CELL}", origin)
    embedding = decoder[-1] if segmented else latent
    controls = len(first) - decoder[0] - raw[0] - embedding
    if controls < 0:
        raise ModelError(
            f"{origin}: the decoder's first kernel of {len(first)} rows has no room for its inputs"
        )
    like = [
        config
        for config in CONFIGS.values()
        if config.bar != WALTZ_BAR
        and bool(config.segments) == segmented
        and config.encode_segments == encode_segments
        and config.split == (parts > 0)
        and (config.output_depths if config.split else (config.output_depth,)) == raw
        and (config.head == "nade") == (hidden > 0)
        and bool(config.controls) == (controls > 0)
    ]
    if not like:
        depths = " + ".join(str(depth) for depth in raw)
        raise ModelError(f"{origin}: no configuration has outputs of {depths} and controls of {controls}")
    chosen = _chosen(like, origin, hint, encoder, decoder, facts)
    sizes = {
        "encoder": encoder,
        "decoder": decoder,
        "latent": latent,
        "controls": controls,
        "nade_hidden": hidden,
    }
    return chosen.replace(**sizes | facts)


def _units(variables: Variables, pattern: str) -> tuple[int, ...]:
    found: list[int] = []
    while (bias := variables.get(pattern.format(len(found)))) is not None:
        found.append(len(bias) // 4)
    return tuple(found)


def _chosen(
    like: Sequence[Config],
    origin: str,
    hint: str,
    encoder: tuple[int, ...],
    decoder: tuple[int, ...],
    facts: Mapping[str, Any],
) -> Config:
    """Of configurations with the same variables the one that the hint names, or the one of these sizes."""
    named = [config for config in like if _names(config) & _words(hint)]
    if named:
        return max(named, key=lambda config: len(config.name))
    if other := _named_otherwise(hint):
        raise ModelError(f"{origin} is not a {other}: its variables are those of {_or(like)}")
    layers = len(encoder), len(decoder)
    exact = [config for config in like if (config.encoder, config.decoder) == (encoder, decoder)]
    as_deep = [config for config in like if (len(config.encoder), len(config.decoder)) == layers]
    for candidates in (exact, as_deep, like):
        if len(candidates) == 1 or (candidates and "steps" in facts):
            return candidates[0]
    raise ModelError(f"{origin} may be {_or(like)}: say which with --config")


def _names(config: Config) -> set[str]:
    return {config.name, *(alias for alias, name in ALIASES.items() if name == config.name)}


def _words(hint: str) -> set[str]:
    """The names of configurations that occur in a text, the longest where one contains another."""
    every = [name for config in CONFIGS.values() for name in _names(config) if name in hint]
    return {name for name in every if not any(name != other and name in other for other in every)}


def _named_otherwise(hint: str) -> str:
    return max(_words(hint), key=len, default="")


def _or(configs: Sequence[Config]) -> str:
    return " or ".join(config.name for config in configs)


def lacks_encoder(variables: Variables) -> bool:
    """Whether this is a flat model whose encoder's kernels are missing, but not their biases."""
    cells = _ways("encoder/", 1)
    return all(f"{cell}bias" in variables and f"{cell}kernel" not in variables for cell in cells)


def with_silent_encoder(variables: Variables) -> dict[str, NDArray[Any]]:
    """Variables whose encoder has biases but lost its kernels, with zeros in their place: it decodes, and only that.

    Google Creative Lab's copy of Magenta's mel_2bar_small is such a one.
    """
    filled = dict(variables)
    for way in ("fw", "bw"):
        cell = f"encoder/cell_0/bidirectional_rnn/{way}/multi_rnn_cell/cell_0/lstm_cell"
        units = len(variables[f"{cell}/bias"]) // 4
        width = len(variables["decoder/output_projection/bias"])
        filled.setdefault(f"{cell}/kernel", np.zeros((width + units, 4 * units), np.float32))
    return filled
