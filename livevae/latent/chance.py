"""Random numbers by position: the same key gives the same numbers, whatever was drawn before or beside it.

Philox is a counter-based generator (Salmon et al. 2011): a key and a place in its stream are all its state,
so riff 7 of a walk needs nothing of riffs 0 to 6, and a row of a batch nothing of its neighbours. Only its
raw 64-bit stream is used, which numpy promises never to change; the distributions are made here.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LATENT = 1
"""Purpose of a stream: the walk through the latent space."""
CHOICE = 2
"""Purpose of a stream: which token is sampled."""


def uniform(seed: int, purpose: int, stream: int, index: int, count: int) -> NDArray[np.float64]:
    """`count` numbers in the open interval (0, 1).

    Args:
        seed: 0 to 2**63 - 1 (larger and negative ones are taken modulo 2**64).
        purpose: `LATENT` or `CHOICE`.
        stream: which of the purpose's streams; any integer from 0.
        index: place in the stream; any integer from 0. Places never overlap.
        count: how many numbers.
    """
    return (_raw(seed, purpose, stream, index, count) >> np.uint64(11)).astype(
        np.float64
    ) * 2.0**-53 + 2.0**-54


def normal(seed: int, purpose: int, stream: int, index: int, count: int) -> NDArray[np.float64]:
    """`count` numbers of the standard normal distribution. Arguments as `uniform`."""
    return np.asarray(normals(seed, purpose, stream, [index], count)[0])


def normals(seed: int, purpose: int, stream: int, indices: Sequence[int], count: int) -> NDArray[np.float64]:
    """`normal` of several places at once, `[places, count]` (Box and Muller 1958)."""
    pairs = (count + 1) // 2
    u = np.stack([uniform(seed, purpose, stream, index, 2 * pairs) for index in indices])
    radius, angle = np.sqrt(-2.0 * np.log(u[:, :pairs])), 2.0 * np.pi * u[:, pairs:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], -1)[:, :count]


def gumbel(seed: int, purpose: int, stream: int, index: int, count: int) -> NDArray[np.float32]:
    """`count` numbers of the standard Gumbel distribution. Arguments as `uniform`."""
    return -np.log(-np.log(_short(seed, purpose, stream, index, count)))


def logistic(seed: int, purpose: int, stream: int, index: int, count: int) -> NDArray[np.float32]:
    """`count` numbers of the standard logistic distribution. Arguments as `uniform`."""
    u = _short(seed, purpose, stream, index, count)
    return np.log(u) - np.log1p(-u)


def _short(seed: int, purpose: int, stream: int, index: int, count: int) -> NDArray[np.float32]:
    """Numbers in (0, 1) as float32, two from each raw word: 23 bits, so that neither end rounds to 0 or 1."""
    words = _raw(seed, purpose, stream, index, (count + 1) // 2).astype("<u8", copy=False).view("<u4")[:count]
    return (words >> np.uint32(9)).astype(np.float32) * np.float32(2.0**-23) + np.float32(2.0**-24)


def _raw(seed: int, purpose: int, stream: int, index: int, count: int) -> NDArray[np.uint64]:
    word = (1 << 64) - 1
    key = np.array([seed & word, purpose & word], np.uint64)
    # the low two words of the counter count blocks of four numbers; the high two are the place
    counter = np.array([0, 0, index & word, stream & word], np.uint64)
    raw: Any = np.random.Philox(key=key, counter=counter).random_raw(count)
    return np.asarray(raw, np.uint64)
