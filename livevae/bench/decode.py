"""`livevae bench decode`: how long a decode takes, beside other ways to do it, measured in the same run.

All candidates take turns, so that whatever else the machine does meets all of them. Weights are random: speed does
not depend on them. Every candidate decodes the same z with the same chance and must play the same tokens.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from livevae.errors import LivevaeError
from livevae.models.config import Config, configuration
from livevae.models.layout import lstm_names, shapes
from livevae.models.packed import Packed

Floats = NDArray[np.float32]
Decode = Callable[[Floats, Floats], NDArray[Any]]
"""z `[latent]` and noise `[steps, classes]` to tokens `[steps]`, at temperature 1."""

OURS = "livevae"
READING = "reading"
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
        p50: milliseconds of the median.
        ratio: over one voice.
    """

    voices: int
    p50: float
    ratio: float


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


def measure(
    name: str = "cat-mel_2bar_small", *, seconds: float = 5.0, voices: tuple[int, ...] = (4, 16)
) -> Report:
    """Time every candidate on one CPU thread.

    Args:
        name: of a flat categorical configuration.
        seconds: about how long all candidates together may take.
        voices: batch sizes to time ours with.

    Raises:
        LivevaeError: a configuration of another kind.
    """
    config = configuration(name)
    if config.segments or config.head != "categorical" or len(config.output_depths) > 1 or config.controls:
        raise LivevaeError(
            f"bench decode times flat models of one softmax, such as cat-mel_2bar_small, not {name}"
        )
    weights = random_weights(config)
    packed = Packed(config, weights)
    rng = np.random.default_rng(1)
    z = rng.standard_normal((max(voices, default=1), config.latent), np.float32)
    noise = rng.gumbel(size=(len(z), config.steps, config.output_depth)).astype(np.float32)
    with threadpool_limits(limits=1):
        candidates, missing = _references(config, weights)
        size = _bytes(config)
        candidates = {OURS: _ours(packed), READING: _reading(size), **candidates}
        times, played = _take_turns(candidates, z[0], noise[0], seconds)
        reading = float(np.median(times.pop(READING)))
        batches = _batches(packed, z, noise, voices, seconds / 4)
    ours = float(np.median(times[OURS]))
    rows = [
        Row(
            candidate,
            float(np.min(found)),
            float(np.median(found)),
            float(np.percentile(found, 99)),
            float(np.median(found)) / ours,
            bool(np.array_equal(played[candidate], played[OURS])),
        )
        for candidate, found in times.items()
    ]
    together = tuple(Batch(count, found, found / ours) for count, found in batches)
    return Report(config.name, tuple(rows), together, size / 1e6, reading, tuple(missing))


def _take_turns(
    candidates: Mapping[str, Decode], z: Floats, noise: Floats, seconds: float
) -> tuple[dict[str, list[float]], dict[str, NDArray[Any]]]:
    """Milliseconds of every decode, and what was played."""
    played = {name: decode(z, noise) for name, decode in candidates.items()}
    times: dict[str, list[float]] = {name: [] for name in candidates}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[OURS]) < 5:
        for name, decode in candidates.items():
            begun = time.perf_counter()
            decode(z, noise)
            times[name].append((time.perf_counter() - begun) * 1e3)
    return times, played


def _batches(
    packed: Packed, z: Floats, noise: Floats, voices: tuple[int, ...], seconds: float
) -> list[tuple[int, float]]:
    found = []
    for count in voices:
        times: list[float] = []
        end = time.perf_counter() + seconds / len(voices)
        while time.perf_counter() < end or len(times) < 3:
            begun = time.perf_counter()
            packed(z[:count], np.ones(count, np.float32), noise[:count])
            times.append((time.perf_counter() - begun) * 1e3)
        found.append((count, float(np.median(times))))
    return found


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


def _ours(packed: Packed) -> Decode:
    warm = np.ones(1, np.float32)
    return lambda z, noise: np.asarray(packed(z[None], warm, noise[None])[0])


def _references(config: Config, weights: Mapping[str, Floats]) -> tuple[dict[str, Decode], list[str]]:
    """Other ways to decode, as one would write them first; those that cannot run here are named."""
    found: dict[str, Decode] = {"numpy, plain": _plain_numpy(config, weights)}
    missing: list[str] = []
    try:
        from livevae.models import bench_torch  # noqa: PLC0415  (torch is slow to import)
    except ImportError as error:
        missing.append(f"torch ({error})")
    else:
        found |= bench_torch.references(config, weights)
    if sum(weight.nbytes for weight in weights.values()) > ONNX_MOST:
        missing.append("onnxruntime (a graph of 2 GB or more cannot be handed over)")
        return found, missing
    try:
        from livevae.bench import decode_onnx  # noqa: PLC0415  (only where it is installed)
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
