"""`benchmarks decode`: how long a decode takes, beside other ways to do it, measured in the same run.

All candidates take turns, so that whatever else the machine does meets all of them: two decodes each, of which the
second is timed, so that nobody finds the caches as the one before left them. Weights are random unless a model is
named: speed does not depend on them. Every candidate decodes the same z's with the same chance and must play the same
tokens; one that has no way to be given the chance plays greedily, and is checked against a greedy decode.
"""

import contextlib
import importlib.util
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.peers import Peer, write_case
from livevae.errors import LivevaeError
from livevae.models.checkpoints import files as checkpoint_files, shelf
from livevae.models.checkpoints.layout import lstm_names, shapes
from livevae.models.musicvae.config import Config, configuration
from livevae.models.musicvae.packed import Packed

Floats = NDArray[np.float32]
Decode = Callable[[Floats, Floats], NDArray[Any]]
"""z `[latent]` and noise `[steps, classes]` to tokens `[steps]`, at temperature 1."""

Turn = Callable[[int], tuple[float, NDArray[Any]]]
"""Decodes the z of a number: milliseconds and tokens."""

OURS = "livevae"
READING = "reading"
POINTS = 4
"""Different z's that the candidates decode in turn."""
GREEDY = "greedy"
"""In a peer's title: it is not given the chance."""
JAVASCRIPT = Path(__file__).with_name("mvae_js.js")
TENSORFLOW = Path(__file__).with_name("tf_peer.py")
ONNX_MOST = 1 << 30
"""Bytes of weights above which onnxruntime is left out: a serialised graph may not reach 2 GB."""


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate's times.

    Attributes:
        name: what it is.
        best: milliseconds of the fastest decode.
        p50: of the median.
        p99: of the slowest but one in a hundred.
        ratio: its median over ours.
        same: whether it played the same tokens.
    """

    name: str
    best: float
    p50: float
    p99: float
    ratio: float
    same: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """So many voices in one call.

    Attributes:
        voices: how many.
        best: milliseconds of the fastest decode.
        p50: of the median.
        ratio: of the medians, over one voice in the same rounds.
        ratio_of_best: of the fastest.
    """

    voices: int
    best: float
    p50: float
    ratio: float
    ratio_of_best: float


@dataclass(frozen=True, slots=True)
class Report:
    """What one run measured.

    Attributes:
        config: the configuration's name.
        rows: ours first, then the references.
        batches: several voices together.
        megabytes: decoder weights that are read every step.
        reading: milliseconds of the median of reading as many bytes once a step and nothing else; it took its
            turns with the candidates.
        missing: references that could not run here, and why.
    """

    config: str
    rows: tuple[Row, ...]
    batches: tuple[Batch, ...]
    megabytes: float
    reading: float
    missing: tuple[str, ...]


def random_weights(config: Config, seed: int = 0) -> dict[str, Floats]:
    """Tensors of a configuration, normal with deviation 1 / sqrt(inputs)."""
    rng = np.random.default_rng(seed)
    return {
        name: (rng.standard_normal(shape, np.float32) / np.float32(np.sqrt(shape[-1])))
        for name, shape in shapes(config).items()
    }


@dataclass(frozen=True, slots=True)
class Case:
    """What is decoded.

    Attributes:
        config: a flat model of one softmax.
        weights: by `MusicVAE`'s own names.
        z: `[N, latent]`.
        noise: `[N, steps, classes]`.
    """

    config: Config
    weights: Mapping[str, Floats]
    z: Floats
    noise: Floats

    def turn(self, decode: Decode) -> Turn:
        """A decode that is timed from outside."""

        def timed(number: int) -> tuple[float, NDArray[Any]]:
            begun = time.perf_counter()
            tokens = decode(self.z[number], self.noise[number])
            return (time.perf_counter() - begun) * 1e3, tokens

        return timed


def case(name: str, points: int) -> Case:
    """The model of a name or path, or a configuration with random weights, and z's to decode.

    Raises:
        LivevaeError: neither a model nor a configuration, or of another kind.
    """
    weights: Mapping[str, Floats] | None = None
    if name.startswith("random:") or not shelf.exists(name):
        config = configuration(name.removeprefix("random:"))
    else:
        config, _, weights = checkpoint_files.read(shelf.find(name))
    if config.segments or config.head != "categorical" or len(config.output_depths) > 1 or config.controls:
        raise LivevaeError(
            f"bench decode times flat models of one softmax, such as cat-mel_2bar_small, not {name}"
        )
    rng = np.random.default_rng(1)
    z = rng.standard_normal((points, config.latent), np.float32)
    noise = rng.gumbel(size=(len(z), config.steps, config.output_depth)).astype(np.float32)
    return Case(config, random_weights(config) if weights is None else weights, z, noise)


def measure(
    name: str = "random:cat-mel_2bar_small",
    *,
    seconds: float = 5.0,
    voices: tuple[int, ...] = (4, 16),
    tensorflow: str = "",
    node_modules: Path | None = None,
) -> Report:
    """Time every candidate on one CPU thread.

    Args:
        name: of a model, or of a flat categorical configuration with `random:` before it.
        seconds: about how long all candidates together may take.
        voices: batch sizes to time ours with.
        tensorflow: a Python that has tensorflow; "" is this one, if it has.
        node_modules: where npm put @magenta/music.

    Raises:
        LivevaeError: a configuration of another kind.
    """
    given = case(name, max(POINTS, *voices) if voices else POINTS)
    config = given.config
    packed = Packed(config, given.weights)
    size = _bytes(config)
    with threadpool_limits(limits=1), contextlib.ExitStack() as stack:
        references, missing = _references(config, given.weights)
        turns = {
            who: given.turn(decode)
            for who, decode in {OURS: ours(packed), READING: _reading(size), **references}.items()
        }
        peers, absent = _peers(given, tensorflow, node_modules, stack)
        times, same = _take_turns(turns | peers, packed, given, seconds)
        reading = float(np.median(times.pop(READING)))
        batches = _batches(packed, given.z, given.noise, voices, seconds / 4)
    first = float(np.median(times[OURS]))
    rows = [
        Row(
            who,
            min(found),
            float(np.median(found)),
            float(np.percentile(found, 99)),
            float(np.median(found)) / first,
            same[who],
        )
        for who, found in times.items()
    ]
    return Report(config.name, tuple(rows), tuple(batches), size / 1e6, reading, (*missing, *absent))


def _take_turns(
    turns: Mapping[str, Turn], packed: Packed, given: Case, seconds: float
) -> tuple[dict[str, list[float]], dict[str, bool]]:
    """Milliseconds of every decode, and who played what the exact decoder plays."""
    nothing = np.zeros(POINTS, np.float32)
    expected = {
        greedy: packed(given.z[:POINTS], nothing if greedy else nothing + 1, given.noise[:POINTS])
        for greedy in (False, True)
    }
    # the first decodes set things up and are not timed
    same = {who: bool(np.array_equal(turn(0)[1], expected[GREEDY in who][0])) for who, turn in turns.items()}
    times: dict[str, list[float]] = {who: [] for who in turns}
    end = time.perf_counter() + seconds
    number = 0
    while time.perf_counter() < end or number < 5:
        point = number % POINTS
        for who, turn in turns.items():
            turn(point)  # so that nobody finds the caches as the one before left them
            took, played = turn(point)
            times[who].append(took)
            same[who] &= bool(np.array_equal(played, expected[GREEDY in who][point]))
        number += 1
    return times, same


def _peers(
    given: Case, tensorflow: str, node_modules: Path | None, stack: contextlib.ExitStack
) -> tuple[dict[str, Turn], list[str]]:
    """Other people's decoders in processes of their own, and why some are not here."""
    commands: list[tuple[str, list[str]]] = []
    missing = []
    python = tensorflow or (sys.executable if importlib.util.find_spec("tensorflow") else "")
    if python:
        commands.append(("TensorFlow", [python, str(TENSORFLOW)]))
    else:
        missing.append(
            "TensorFlow (not installed: `python -m venv TF; TF/bin/pip install tensorflow-cpu`, then"
            " `--tensorflow TF/bin/python`)"
        )
    if node_modules is not None and (node := shutil.which("node")):
        folder = str(node_modules.resolve())
        commands += [
            (f"magenta.js, {backend}", [node, str(JAVASCRIPT), folder, backend])
            for backend in ("wasm", "cpu")
        ]
    else:
        missing.append(
            "magenta.js (not installed: Node, and `npm install --ignore-scripts @magenta/music@1.23.1"
            " @tensorflow/tfjs-backend-wasm@2.8.6`, then `--node-modules node_modules`)"
        )
    if not commands:
        return {}, missing
    folder_ = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    write_case(folder_, given.config, given.weights, given.z, given.noise)
    found: dict[str, Turn] = {}
    for who, command in commands:
        try:
            peer = Peer(command, folder_)
        except LivevaeError as error:
            missing.append(f"{who} ({error})")
            continue
        stack.callback(peer.close)
        found[peer.title] = _turn(peer)
    return found, missing


def _turn(peer: Peer) -> Turn:
    return lambda number: peer.decode(number, noisy=True)


def _batches(
    packed: Packed, z: Floats, noise: Floats, voices: tuple[int, ...], seconds: float
) -> list[Batch]:
    """So many voices in one call, taking turns with one voice, so that the ratios are of the same minutes."""
    times: dict[int, list[float]] = {count: [] for count in (1, *voices)}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[1]) < 3:
        for count, found in times.items():
            warm = np.ones(count, np.float32)
            packed(z[:count], warm, noise[:count])
            begun = time.perf_counter()
            packed(z[:count], warm, noise[:count])
            found.append((time.perf_counter() - begun) * 1e3)
    alone = times.pop(1)
    return [
        Batch(
            count,
            min(found),
            float(np.median(found)),
            float(np.median(found)) / float(np.median(alone)),
            min(found) / min(alone),
        )
        for count, found in times.items()
    ]


def _bytes(config: Config) -> int:
    """Bytes of decoder weights that a step cannot do without: recurrences, inputs from below, outputs."""
    below = [0, *config.decoder[:-1]]
    layers = sum(4 * units * (units + under) for units, under in zip(config.decoder, below, strict=True))
    return 4 * (layers + config.decoder[-1] * config.output_depth)


def _reading(size: int) -> Decode:
    """Reads so many bytes of floats once a step, and plays nothing."""
    data = np.ones(size // 4, np.float32)

    def read(_: Floats, noise: Floats) -> NDArray[Any]:
        return np.array([data.dot(data) for _ in noise])

    return read


def ours(packed: Packed) -> Decode:
    """One z at a time."""
    warm = np.ones(1, np.float32)
    return lambda z, noise: np.asarray(packed(z[None], warm, noise[None])[0])


def _references(config: Config, weights: Mapping[str, Floats]) -> tuple[dict[str, Decode], list[str]]:
    """Other ways to decode, as one would write them first; those that cannot run here are named."""
    found: dict[str, Decode] = {"numpy, plain": _plain_numpy(config, weights)}
    missing: list[str] = []
    try:
        from benchmarks import torch_ways
    except ImportError as error:
        missing.append(f"torch ({error})")
    else:
        found |= torch_ways.references(config, weights)
    if sum(weight.nbytes for weight in weights.values()) > ONNX_MOST:
        missing.append("onnxruntime (a graph of 2 GB or more cannot be handed over)")
        return found, missing
    try:
        from benchmarks import decode_onnx
    except ImportError as error:
        missing.append(f"onnxruntime ({error}; pip install onnxruntime onnx)")
    else:
        found["onnxruntime"] = decode_onnx.reference(config, weights)
    return found, missing


def _plain_numpy(config: Config, weights: Mapping[str, Floats]) -> Decode:
    """One product of [input, z] and one of h for each layer and step, sigmoids as they are written."""
    layers = [
        (weights[w_ih], weights[w_hh], weights[b_ih] + weights[b_hh])
        for w_ih, w_hh, b_ih, b_hh in lstm_names("cores.0.layers", config.decoder)
    ]
    dense, dense_bias = weights["cores.0.initial.dense.weight"], weights["cores.0.initial.dense.bias"]
    output, output_bias = weights["cores.0.output.weight"], weights["cores.0.output.bias"]

    def sigmoid(x: Floats) -> Floats:
        return np.asarray(1 / (1 + np.exp(-x)))

    def decode(z: Floats, noise: Floats) -> NDArray[Any]:
        first = np.split(np.tanh(dense @ z + dense_bias), np.cumsum(np.repeat(config.decoder, 2))[:-1])
        states = [(first[2 * i + 1], first[2 * i]) for i in range(len(layers))]
        last = np.zeros(config.output_depth, np.float32)
        tokens = []
        for chance in noise:
            x = np.concatenate([last, z])
            for i, (w_ih, w_hh, bias) in enumerate(layers):
                h, c = states[i]
                gates = np.split(w_ih @ x + w_hh @ h + bias, 4)
                c = sigmoid(gates[1]) * c + sigmoid(gates[0]) * np.tanh(gates[2])
                x = sigmoid(gates[3]) * np.tanh(c)
                states[i] = (x, c)
            token = int(np.argmax(output @ x + output_bias + chance))
            last = np.zeros(config.output_depth, np.float32)
            last[token] = 1
            tokens.append(token)
        return np.array(tokens)

    return decode
