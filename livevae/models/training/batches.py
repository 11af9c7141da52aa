"""Training batches: which windows come when, how melodies are moved in pitch and drums varied.

A pure function of seed and step. Nothing is drawn from a generator that has a past, so a run that was
killed goes on with exactly the batches that it would have had, and every process of a run knows its own
part without asking.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.corpus import chord_windows
from livevae.music import drums, melody, trio
from livevae.music.notes import STEPS_PER_BEAT

TOMS = [index for index, name in enumerate(drums.NAMES) if name.endswith("tom")]
CYMBALS = [drums.NAMES.index("closed hi-hat"), drums.NAMES.index("ride")]


@dataclass(frozen=True, slots=True)
class Batches:
    """Batches of stored windows.

    Attributes:
        windows: [N, steps] tokens, or [N, steps, width] stored rows.
        size: windows a step, of all processes together.
        transpose: semitones down and up (-7, 7) that a melody may be moved by, within the vocabulary's range; (0, 0)
            for everything else.
        seed: of order and transposition.
        orders: the last round's order, kept because it is long.
    """

    windows: NDArray[Any]
    size: int
    transpose: tuple[int, int]
    seed: int
    orders: dict[int, NDArray[np.int64]] = field(default_factory=dict, repr=False, compare=False)

    def at(
        self, step: int, rank: int = 0, world: int = 1, length: int | None = None, vary: float = 0.0
    ) -> NDArray[np.int64]:
        """One process's part of a step's batch, [size / world, length, ...], transposed at random.

        With a `length` shorter than the windows, a stretch of them that begins on a beat drawn for the batch.
        With a share to `vary`, for drums, see `varied`.
        Every window comes once before any comes again; the order of each round is new.
        """
        part = self.size // world
        first = step * self.size + rank * part
        count = len(self.windows)
        rounds, places = np.divmod(np.arange(first, first + part), count)
        chosen = np.empty(part, np.int64)
        for number in np.unique(rounds):
            here = rounds == number
            chosen[here] = self._order(int(number))[places[here]]
        batch = self.windows[np.sort(chosen)].astype(np.int64)
        chance = np.random.default_rng((self.seed, step, rank, 1))
        if vary > 0:
            batch = varied(batch, vary, chance)
        if length is not None and length < batch.shape[1]:
            first = STEPS_PER_BEAT * int(chance.integers((batch.shape[1] - length) // STEPS_PER_BEAT + 1))
            batch = batch[:, first : first + length]
        return transposed(batch, self.transpose, chance) if any(self.transpose) else batch

    def _order(self, number: int) -> NDArray[np.int64]:
        if number not in self.orders:
            self.orders.clear()
            self.orders[number] = np.random.default_rng((self.seed, number, 0)).permutation(len(self.windows))
        return self.orders[number]


def transposed(
    batch: NDArray[np.int64], by: tuple[int, int], chance: np.random.Generator
) -> NDArray[np.int64]:
    """Each window moved by semitones drawn evenly from those that keep it in the vocabulary's range.

    Windows are melodies [N, steps]; or trios [N, steps, 3], whose melody and bass move together; or melodies over
    chords [N, steps, 2], which move with them.
    """
    columns = {2: chord_windows.CHORD, 3: trio.DRUMS}
    pitched = batch if batch.ndim == 2 else batch[..., : columns[batch.shape[2]]]
    steps = tuple(range(1, batch.ndim))
    notes = pitched > melody.OFF
    lowest = np.where(notes, pitched, melody.CLASSES).min(steps)
    highest = np.where(notes, pitched, 0).max(steps)
    down = np.maximum(by[0], np.minimum(0, melody.OFF + 1 - lowest))
    up = np.minimum(by[1], np.maximum(0, melody.CLASSES - 1 - highest))
    moves = np.expand_dims(chance.integers(down, up + 1), steps)
    moved = np.where(notes, pitched + moves, pitched)
    if batch.ndim == 2:
        return moved
    rest = batch[..., pitched.shape[2] :]
    return np.concatenate([moved, chord_windows.moved(rest, moves) if batch.shape[2] == 2 else rest], -1)


def varied(batch: NDArray[np.int64], share: float, chance: np.random.Generator) -> NDArray[np.int64]:
    """Drums as they might have been played: tokens [N, steps], or rows [N, steps, 27] of hits, velocities, offsets.

    Each of four things happens to each window with probability `share`: it begins on another beat; its second half is
    another window's; some of its instruments are another window's; its toms change places among themselves, and, every
    other time, closed hi-hat and ride.
    """
    count, steps = batch.shape[:2]
    batch = batch.copy()
    turned, spliced, lent, moved = chance.random((4, count)) < share
    for index in np.flatnonzero(turned):
        beats = int(chance.integers(1, steps // STEPS_PER_BEAT))
        batch[index] = np.roll(batch[index], STEPS_PER_BEAT * beats, axis=0)
    batch[spliced, steps // 2 :] = batch[chance.permutation(count)][spliced, steps // 2 :]
    others = batch[chance.permutation(count)]
    own = chance.random((count, len(drums.NAMES))) < 0.5
    batch[lent] = _joined(batch[lent], others[lent], own[lent])
    for index in np.flatnonzero(moved):
        order = np.arange(len(drums.NAMES))
        order[TOMS] = chance.permutation(TOMS)
        if chance.random() < 0.5:
            order[CYMBALS] = CYMBALS[::-1]
        batch[index] = _reordered(batch[index], order)
    return batch


def rearranged(batch: NDArray[np.int64], chance: np.random.Generator) -> NDArray[np.int64]:
    """Drums that the same players might have played: like `varied`, but a bar's places and its density stay.

    The halves of every other window change places. In 7 of 10 each instrument is, one time in four, another window's.
    """
    count, steps = batch.shape[:2]
    batch = batch.copy()
    turned = chance.random(count) < 0.5
    batch[turned] = np.roll(batch[turned], steps // 2, axis=1)
    own = (chance.random((count, len(drums.NAMES))) < 0.75) | (chance.random((count, 1)) < 0.3)
    return _joined(batch, batch[chance.permutation(count)], own)


def _joined(
    windows: NDArray[np.int64], others: NDArray[np.int64], own: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Each window's `own` [N, 9] instruments, and the others' rest."""
    if windows.ndim == 2:
        kept = (own << np.arange(own.shape[1])).sum(1)[:, None]
        joined: NDArray[np.int64] = (windows & kept) | (others & ~kept)
        return joined
    groups = np.tile(own, windows.shape[2] // own.shape[1])
    return np.where(groups[:, None], windows, others)


def _reordered(window: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """What instrument `order[i]` played is played by i."""
    if window.ndim == 1:
        places = np.arange(len(order))
        played: NDArray[np.int64] = (((window[:, None] >> order) & 1) << places).sum(1)
        return played
    groups = window.reshape(len(window), -1, len(order))
    return groups[..., order].reshape(window.shape)
