"""`livevae bench precision`: what weights of fewer bits gain in time, and what they change of the music.

The same z's are decoded greedily in every precision, and every precision hears float32's tokens once more to say its
logits for them. Times are of decodes in turn, one z at a time, on one thread.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from livevae.bench.decode import Case, case
from livevae.models.narrow import BYTES, narrowing
from livevae.models.packed import Packed

EXACT = "float32"


@dataclass(frozen=True, slots=True)
class Row:
    """One precision.

    Attributes:
        precision: its name.
        megabytes: weights that are read every step.
        best: milliseconds of the fastest decode.
        p50: of the median.
        ratio: float32's median over its own: how many times faster.
        riffs: share of greedy riffs that are float32's, note for note.
        tokens: share of their tokens; after a first other token a riff goes its own way.
        choices: share of tokens that it would choose after having heard the same as float32.
        largest: largest difference of a logit, after having heard the same.
        typical: root of the mean square of all differences.
    """

    precision: str
    megabytes: float
    best: float
    p50: float
    ratio: float
    riffs: float
    tokens: float
    choices: float
    largest: float
    typical: float


def measure(name: str = "", *, points: int = 300, seconds: float = 10.0) -> tuple[str, list[Row]]:
    """Decode in every precision.

    Args:
        name: of a model, or of a configuration with `random:` before it (its fidelity says nothing of a trained one's).
        points: z's from the prior.
        seconds: how long to measure times.

    Returns:
        The configuration's name, and a row for every precision, float32 first.

    Raises:
        LivevaeError: a model of another kind, or kernels that this processor does not have.
    """
    given = case(name, points)
    with threadpool_limits(limits=1):
        networks = {which: Packed(given.config, given.weights, narrowing(which)) for which in BYTES}
        played = {which: _greedy(network, given) for which, network in networks.items()}
        said = {which: network.outputs(given.z, played[EXACT]) for which, network in networks.items()}
        times = _times(networks, given, seconds)
    exact = float(np.median(times[EXACT]))
    rows = []
    for which, network in networks.items():
        apart = said[which] - said[EXACT]
        same = played[which] == played[EXACT]
        rows.append(
            Row(
                precision=which,
                megabytes=network.nbytes / 4 * BYTES[which] / 1e6,
                best=min(times[which]),
                p50=float(np.median(times[which])),
                ratio=exact / float(np.median(times[which])),
                riffs=float(same.all(1).mean()),
                tokens=float(same.mean()),
                choices=float((said[which].argmax(-1) == played[EXACT]).mean()),
                largest=float(np.abs(apart).max()),
                typical=float(np.sqrt(np.mean(np.square(apart, dtype=np.float64)))),
            )
        )
    return given.config.name, rows


def _greedy(network: Packed, given: Case) -> NDArray[Any]:
    nothing = np.zeros(1, np.float32)
    return np.concatenate([network(z[None], nothing, given.noise[:1]) for z in given.z])


def _times(networks: dict[str, Packed], given: Case, seconds: float) -> dict[str, list[float]]:
    nothing = np.zeros(1, np.float32)
    times: dict[str, list[float]] = {which: [] for which in networks}
    end = time.perf_counter() + seconds
    turn = 0
    while time.perf_counter() < end or turn < 3:
        z = given.z[turn % len(given.z)][None]
        for which, network in networks.items():
            begun = time.perf_counter()
            network(z, nothing, given.noise[:1])
            times[which].append((time.perf_counter() - begun) * 1e3)
        turn += 1
    return times
