"""A Music Transformer as programs use it: inputs, labels, logits, continuations, likelihoods.

model = livevae.models.load("music_transformer")
primer = model.events(riff)                                   # tokens of a riff's notes
answer = model.riff(model.continued(primer, 100, seed=1))     # and back
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livevae.errors import ModelError
from livevae.latent import chance
from livevae.models.melody_rnn.model import MEMORY, MOST_STEPS, limited, log_softmax
from livevae.models.music_transformer import grid, performance
from livevae.models.music_transformer.config import Config
from livevae.models.music_transformer.network import Floats, Network
from livevae.music.notes import TICKS_PER_BAR, Note, Riff

TAKES = ("seed", "temperature", "bars", "context", "call", "distance", "top")

STEP_TICKS = 19.2
"""Ticks of 10 ms at 120 beats a minute: how performances and beats are told from each other."""

BLOCK = 256
"""Numbers of chance that are drawn at once, a row each."""


class Model:
    """A transformer. Events are tokens, `[T]`: of the grid (see `grid`) or performance events (see `performance`).

    The first token is given, never predicted. On the grid it is a bar line as a rule, and nothing is played before.

    Attributes:
        config: of the model.
        about: where it comes from, plain JSON.
        network: of its weights.
        bars: that a riff of it is a multiple of.
        memory: bars of context that it reads.
        takes: the settings that have an effect on it.
    """

    bars = 1
    memory = MEMORY
    takes = TAKES

    def __init__(self, config: Config, tensors: Mapping[str, Floats], about: Mapping[str, Any]) -> None:
        """From a checkpoint's tensors, float32."""
        self.config, self.about = config, dict(about)
        self.network = Network(config, tensors)

    @property
    def name(self) -> str:
        """Its configuration's."""
        return self.config.name

    def events(self, riff: Riff) -> NDArray[np.int64]:
        """A riff's notes as tokens `[T]`; on the grid of whole bars, each of which begins with a bar line."""
        played = [(note.start, note.length, note.pitch, note.velocity) for note in riff.notes]
        if self.config.vocabulary == "performance":
            return np.array(performance.encode(performed(played)), np.int64)
        bars = -(-riff.length // TICKS_PER_BAR)
        return np.array(grid.encode(inside(grid.on_grid(played, 0), bars), bars), np.int64)

    def riff(self, events: ArrayLike) -> Riff:
        """Tokens as a riff of whole bars; tokens that make no note are passed over. Errors as `inputs`."""
        tokens = self._tokens(events)
        if self.config.vocabulary == "performance":
            notes = [
                (round(n.start * STEP_TICKS), round((n.end - n.start) * STEP_TICKS), n.pitch, n.velocity)
                for n in performance.decode(tokens)
            ]
            length = round(performance.steps(tokens) * STEP_TICKS)
        else:
            notes = [grid.ticks(note) for note in grid.decode(tokens)]
            length = tokens.count(grid.BAR) * TICKS_PER_BAR
        length = max([length, *(start + 1 for start, *_ in notes), 1])
        return cut(notes, -(-length // TICKS_PER_BAR) * TICKS_PER_BAR)

    def features(self, tokens: Sequence[int]) -> NDArray[np.int64]:
        """What the network is given at each token, `[T, F]` indexes."""
        if self.config.vocabulary == "performance":
            return np.array(tokens, np.int64)[:, None]
        return grid.features(tokens)

    def inputs(self, events: ArrayLike) -> Floats:
        """Input at each token, `[T, sum of Config.features]`: the token, the place in the bar, the duration; one-hot.

        Raises:
            ModelError: events that are no tokens.
        """
        sizes = self.config.features
        rows = self.features(self._tokens(events)).reshape(-1, len(sizes))
        found = np.zeros((len(rows), sum(sizes)), np.float32)
        np.put_along_axis(found, rows + np.cumsum([0, *sizes])[:-1], 1, 1)
        return found

    def labels(self, events: ArrayLike) -> NDArray[np.int64]:
        """Every token but the first, `[T - 1]`; errors as `inputs`."""
        return np.array(self._tokens(events)[1:], np.int64)

    def logits(self, events: ArrayLike) -> Floats:
        """What the network says after each token, `[T, classes]`, with nothing read before; errors as `inputs`."""
        tokens = self._tokens(events)
        return self.network.read(self.features(tokens), self.network.start())

    def log_likelihood(self, events: ArrayLike) -> float:
        """Natural logarithm of the probability of all tokens but the first; errors as `inputs`."""
        labels = self.labels(events)
        if not len(labels):
            return 0.0
        logits = self.logits(events)[:-1].astype(np.float64)
        return float(log_softmax(logits)[np.arange(len(labels)), labels].sum())

    def continued(
        self, events: ArrayLike, n: int, temperature: float = 1.0, seed: int | None = None, *, top: int = 0
    ) -> NDArray[np.int64]:
        """The next `n` tokens, without the primer; the same seed gives the same.

        Any token may follow any other here; riffs of voices keep to the grammar of `grid.Cursor`.

        Args:
            events: the primer, at least one token.
            n: how many.
            temperature: of the softmax; 0 takes the likeliest token every time.
            seed: the same gives the same; None draws one.
            top: only so many of the likeliest; 0 all.

        Raises:
            ModelError: no primer, a temperature below 0, or as `inputs`.
        """
        tokens = self._tokens(events)
        if not tokens or not 0 <= n <= MOST_STEPS or not 0 <= temperature < float("inf") or top < 0:
            raise ModelError(
                "a continuation needs a primer of at least one token, and a temperature of 0 or more"
            )
        number = secrets.randbits(63) if seed is None else seed
        state, cursor = self.network.start(), grid.Cursor()
        logits = self.network.read(self.features(tokens), state)[-1]
        for token in tokens if self.config.vocabulary == "grid" else ():
            cursor.push(token)
        made: list[int] = []
        noise = np.zeros((0, self.config.classes), np.float32)
        for index in range(n):
            if index % BLOCK == 0:
                noise = drawn(number, index // BLOCK, 0, BLOCK, self.config.classes, temperature)
            made.append(chosen(logits, temperature, top, noise[index % BLOCK]))
            if index + 1 < n:
                logits = self.network.step(self.given(made[-1], cursor), state)
        return np.array(made, np.int64)

    def given(self, token: int, cursor: grid.Cursor) -> tuple[int, ...]:
        """What the network is given at a token that comes next, `[F]`; the cursor goes on."""
        if self.config.vocabulary == "performance":
            return (token,)
        cursor.push(token)
        return cursor.features(token)

    def _tokens(self, events: ArrayLike) -> list[int]:
        array = np.asarray(events)
        if array.size == 0:
            return []
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ModelError(f"events are tokens, [T] whole numbers, not of shape {list(array.shape)}")
        if array.min() < 0 or array.max() >= self.config.classes:
            raise ModelError(
                f"tokens of {self.name} are 0 to {self.config.classes - 1}, not {array.min()} to {array.max()}"
            )
        tokens: list[int] = array.tolist()
        return tokens


def performed(played: Sequence[tuple[int, int, int, int]], begin: int = 0) -> list[performance.Performed]:
    """Notes as (start, length, pitch, velocity) in ticks as a performance at 120 beats a minute, from a tick on."""
    found = []
    for start, length, pitch, velocity in played:
        first = max(0, round((start - begin) / STEP_TICKS))
        last = max(first + 1, round((start + length - begin) / STEP_TICKS))
        found.append(performance.Performed(first, last, pitch, velocity))
    return found


def inside(notes: Sequence[grid.GridNote], bars: int) -> list[grid.GridNote]:
    """Notes of some bars, with those that begin later at their last sixteenth."""
    last = bars * grid.BAR_TWELFTHS - 3
    return [note if note.start <= last + 1 else note._replace(start=last) for note in notes]


def cut(notes: Sequence[tuple[int, int, int, int]], length: int) -> Riff:
    """Notes in ticks as a riff: each key ends where it is struck again, and all end with the riff."""
    following: dict[int, int] = {}
    found: list[Note] = []
    for start, lasts, pitch, velocity in sorted(set(notes), reverse=True):
        end = min(start + lasts, following.get(pitch, length), length)
        if end > start >= 0:
            found.append(Note(start, end - start, pitch, velocity))
            following[pitch] = start
    return Riff(tuple(found), length)


def chosen(logits: Floats, temperature: float, top: int, noise: Floats) -> int:
    """The token that chance has it; some logits may be minus infinity."""
    if temperature <= 0:
        return int(np.argmax(logits))
    return int(np.argmax(limited(logits / np.float32(temperature), top) + noise))


def drawn(seed: int, stream: int, index: int, rows: int, classes: int, temperature: float) -> Floats:
    """Chance of some tokens, `[rows, classes]`; nothing where nothing is left to chance."""
    if temperature <= 0:
        return np.zeros((rows, classes), np.float32)
    return chance.gumbel(seed, chance.CHOICE, stream, index, rows * classes).reshape(rows, classes)
