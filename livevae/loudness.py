"""How loud audio is, and making it as loud as it should be. Numpy alone.

Loudness in LUFS and true peaks in dBTP are those of ITU-R BS.1770-4: two filters that weigh as ears do, blocks of
400 ms, a gate that leaves silence out; peaks between the samples by four times as many.
Audio is float `[samples, channels]`, 1 is full scale.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float64]

TARGET = -14.0
"""LUFS: what music players and streams are made for."""

CEILING = -1.0
"""dBTP: room for what a lossy codec adds."""

OVERSAMPLED = 4
TAPS = 12
"""Of each phase of the filter between the samples."""

WINDOW = 0.012
"""Seconds over which the limiter's gain falls and rises."""

ROUNDS = 6
"""Times that the gain is set anew after limiting; three are usually enough."""


def _weights(frequency: NDArray[Any], rate: int) -> NDArray[np.complex128]:
    """The response of the K-weighting at frequencies in Hz: a high shelf, then a high pass.

    The analogue filters that BS.1770's coefficients for 48 kHz come from, taken to `rate` by the bilinear transform.
    """
    z = np.exp(-2j * np.pi * frequency / rate)
    k = math.tan(math.pi * 1681.974450955533 / rate)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    shelf = (high + middle * k / q + k * k) + 2 * (k * k - high) * z + (high - middle * k / q + k * k) * z**2
    shelf /= (1 + k / q + k * k) + 2 * (k * k - 1) * z + (1 - k / q + k * k) * z**2
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    a = 1 + k / q + k * k
    found: NDArray[np.complex128] = (
        shelf * (1 - 2 * z + z**2) / (1 + 2 * (k * k - 1) / a * z + (1 - k / q + k * k) / a * z**2)
    )
    return found


def integrated(audio: Audio, rate: int) -> float:
    """Loudness of the whole in LUFS, gated; -inf where nothing is louder than -70.

    Args:
        audio: one or two channels; of several more, all weigh alike.
        rate: samples a second.
    """
    block, hop = round(0.4 * rate), round(0.1 * rate)
    samples = max(len(audio), block)
    size = 1 << (samples + rate - 1).bit_length()  # a second of silence: the filters ring out in it
    frequencies = np.linspace(0.0, rate / 2, size // 2 + 1)
    response = _weights(frequencies, rate)
    power = np.zeros(samples)
    for channel in audio.T:
        power += np.fft.irfft(np.fft.rfft(channel, size) * response, size)[:samples] ** 2
    sums = np.concatenate([[0.0], np.cumsum(power)])
    starts = np.arange(0, samples - block + 1, hop)
    means = (sums[starts + block] - sums[starts]) / block
    loud = means[means > 10 ** ((-70 + 0.691) / 10)]
    if not len(loud):
        return -math.inf
    loud = loud[loud > loud.mean() / 10]
    return -0.691 + 10 * math.log10(float(loud.mean()))


def _phases() -> NDArray[np.float64]:
    """Filters `[OVERSAMPLED, TAPS]` that read between samples: a windowed sinc."""
    places = np.arange(TAPS) - TAPS / 2 + 1
    shifts = np.arange(OVERSAMPLED)[:, None] / OVERSAMPLED
    distance = places - shifts
    window = np.cos(np.pi * distance / (TAPS + 2)) ** 2
    filters = np.sinc(distance) * window
    found: NDArray[np.float64] = filters / filters.sum(1, keepdims=True)
    return found


def peaks(audio: Audio) -> NDArray[np.float64]:
    """The largest value at and after each sample, of all channels, between the samples too: `[samples]`."""
    found = np.zeros(len(audio))
    for channel in audio.T:
        padded = np.pad(channel, (TAPS // 2 - 1, TAPS // 2))
        for taps in _phases():
            found = np.maximum(found, np.abs(np.convolve(padded, taps[::-1], "valid")[: len(audio)]))
    return found


def true_peak(audio: Audio) -> float:
    """The highest peak in dBTP; -inf of silence."""
    return _decibels(float(peaks(audio).max(initial=0.0)))


@dataclass(frozen=True, slots=True, eq=False)
class Levelling:
    """What makes some audio as loud as it should be: the same for its stems, so that they still add up to it.

    Attributes:
        gain: decibels, before the limiter.
        curve: the limiter's gain at each sample, `[samples]`, 0 to 1; with `gain` in it.
    """

    gain: float
    curve: NDArray[np.float64]

    def of(self, audio: Audio) -> Audio:
        """Audio with the gain; what is longer goes on as the end does."""
        curve = self.curve[: len(audio)]
        if len(curve) < len(audio):
            last = curve[-1:] if len(curve) else np.ones(1)
            curve = np.concatenate([curve, np.repeat(last, len(audio) - len(curve))])
        found: Audio = audio * curve[:, None]
        return found


def levelling(
    audio: Audio, rate: int, target: float = TARGET, ceiling: float = CEILING, gain: float = 0.0
) -> Levelling:
    """The gain that brings audio to a loudness, with its peaks below a ceiling.

    Args:
        audio: the whole.
        rate: samples a second.
        target: LUFS.
        ceiling: dBTP; where louder would break it, it is kept and the loudness is less.
        gain: decibels more (or, negative, less) than `target`.
    """
    before = integrated(audio, rate)
    if not math.isfinite(before):
        return Levelling(0.0, np.ones(len(audio)))
    heights = peaks(audio)
    wanted = target + gain
    decibels = wanted - before
    width = max(1, round(WINDOW * rate))
    for _ in range(ROUNDS):
        curve = _limited(heights, 10 ** (decibels / 20), 10 ** ((ceiling - 0.1) / 20), width)
        short = wanted - integrated(audio * curve[:, None], rate)
        if abs(short) < 0.05:
            break
        decibels += min(short, 6.0)
    return Levelling(decibels, curve)


def _limited(heights: NDArray[np.float64], gain: float, ceiling: float, width: int) -> NDArray[np.float64]:
    """A gain curve that keeps `heights` under the ceiling and turns smoothly: a running minimum, then its mean."""
    needed = gain * np.minimum(1.0, ceiling / np.maximum(heights * gain, 1e-12))
    lowest = _running_minimum(needed, 2 * width + 1)
    sums = np.concatenate([[0.0], np.cumsum(np.pad(lowest, width, mode="edge"))])
    curve: NDArray[np.float64] = (sums[2 * width + 1 :] - sums[: -2 * width - 1]) / (2 * width + 1)
    return curve


def _running_minimum(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """The least of `width` (odd) values around each (van Herk 1992: two passes, whatever the width)."""
    half = width // 2
    padded = np.pad(values, half, mode="edge")
    padded = np.pad(padded, (0, -len(padded) % width), mode="edge").reshape(-1, width)
    ahead = np.minimum.accumulate(padded, axis=1).ravel()
    back = np.minimum.accumulate(padded[:, ::-1], axis=1)[:, ::-1].ravel()
    found: NDArray[np.float64] = np.minimum(back[: len(values)], ahead[width - 1 : width - 1 + len(values)])
    return found


def _decibels(value: float) -> float:
    return 20 * math.log10(value) if value > 0 else -math.inf
