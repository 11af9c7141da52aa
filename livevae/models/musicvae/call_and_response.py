"""Call and response: what a performer just played, as z, and the way from a copy of it to free play.

distance 0      the call itself, as the model hears it
distance 0.5    the call as the blend's personas would have played it
distance 1      free: the blend alone
"""

from collections.abc import Callable, Sequence

import numpy as np

from livevae.latent.recipe import Recipe
from livevae.latent.vectors import Vector, slerp
from livevae.models.musicvae.config import Config
from livevae.models.musicvae.encoder import PackedEncoder
from livevae.models.musicvae.vocabulary import from_riff
from livevae.music.meter import fitted
from livevae.music.notes import STEPS_PER_BAR, TICKS_PER_BAR, TICKS_PER_STEP, Note, Riff

HALF_WAY = 0.5


class Listener:
    """Hears calls with a model's encoder, which is made when the first call comes. Not thread-safe."""

    def __init__(self, config: Config, encoder: Callable[[], PackedEncoder]) -> None:
        self._config = config
        self._make = encoder
        self._encoder: PackedEncoder | None = None

    def z(self, recipe: Recipe, count: int) -> Vector:
        """The call of a recipe as z of so many windows, `[count, latent]`.

        Raises:
            MusicError: it has notes that the model does not know.
        """
        if self._encoder is None:
            self._encoder = self._make()
        windows = [from_riff(self._config, riff) for riff in call_riffs(recipe, self._config, count)]
        return np.asarray(self._encoder(np.stack(windows)).mu, np.float64)


def call_riffs(recipe: Recipe, config: Config, count: int) -> list[Riff]:
    """A recipe's call in windows of a model; one that is shorter than they are is repeated."""
    # calls come in bars of 4/4, whatever is played in them (`meter.spread`)
    needed = count * config.steps * TICKS_PER_BAR // config.bar
    length = max(TICKS_PER_BAR, -(-max(note[0] + 1 for note in recipe.call) // TICKS_PER_BAR) * TICKS_PER_BAR)
    if length < needed:
        # whole turns, so that the call keeps its place in the bar
        length = next(size for bars in (1, 2, 4, 8, 16, 32, 64) if (size := bars * TICKS_PER_BAR) >= length)
    notes = [
        Note(start + turn * length, span, pitch, velocity)
        for turn in range(-(-needed // length))
        for start, span, pitch, velocity in recipe.call
    ]
    whole = Riff(tuple(notes), needed)
    if config.bar != STEPS_PER_BAR:
        whole = fitted(whole, config.meter, count * config.bars)
    window = config.steps * TICKS_PER_STEP
    return [
        Riff(
            tuple(note for note in whole.moved(-first).notes if -1 < note.start < window),
            window,
            config.bar * TICKS_PER_STEP,
        )
        for first in range(0, count * window, window)
    ]


def answered(call: Vector, manner: Vector, free: Vector, distance: float) -> Vector:
    """From the call over its persona's manner to free play, `[count, latent]` each."""
    if distance <= HALF_WAY:
        return np.stack([slerp(a, b, distance / HALF_WAY) for a, b in _pairs(call, manner)])
    return np.stack([slerp(a, b, (distance - HALF_WAY) / (1 - HALF_WAY)) for a, b in _pairs(manner, free)])


def _pairs(a: Vector, b: Vector) -> Sequence[tuple[Vector, Vector]]:
    return list(zip(a, b, strict=True))
