"""From a model's numbers to riffs and back, whichever vocabulary its configuration speaks."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.errors import MusicError
from livevae.models.musicvae.config import Config
from livevae.music import drums, groove, melody, trio
from livevae.music.notes import TICKS_PER_STEP, Riff


def to_riff(config: Config, music: NDArray[Any]) -> Riff:
    """One window of music as the decoders give it: tokens `[steps]` or `[steps, parts]`, or rows.

    The notes of drum models are of the drums' part: no key or register moves them.
    """
    values = music.tolist()
    if config.music == "melody":
        return replace(melody.decode(values), bar=config.bar * TICKS_PER_STEP)
    if config.music == "trio":
        return trio.decode(values)
    if config.music == "groove":
        beat = groove.decode(values)
    else:
        beat = drums.decode_roll(values) if config.head == "nade" else drums.decode(values)
    return beat.map(lambda note: replace(note, part=trio.DRUMS))


def from_riff(config: Config, riff: Riff) -> NDArray[Any]:
    """The riff's first window as the networks take it: tokens `[steps]` or `[steps, parts]`, or rows.

    Raises:
        MusicError: the riff is shorter than a window, or has pitches that the model does not know.
    """
    if riff.length < config.steps * TICKS_PER_STEP:
        raise MusicError(f"{config.name} hears {config.bars} bars; these are {riff.bars:g}")
    if config.music == "melody":
        return np.array(melody.encode(riff, config.steps), np.int64)
    if config.music == "trio":
        return np.array(trio.encode(riff, config.steps), np.int64)
    if config.music == "groove":
        return np.array(groove.encode(riff, config.steps), np.float32)
    if config.head == "nade":
        return np.array(drums.encode_roll(riff, drums.kit_of(config.output_depth), config.steps), np.float32)
    return np.array(drums.encode(riff, config.steps), np.int64)
