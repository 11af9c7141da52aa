"""A note RNN as programs use it, and as it serves recipes.

model = livevae.models.load("note_rnn")
more = model.continued([(60, 0, 4), (64, 4, 4), (67, 4, 8)], 16, seed=1)   # pitch, step, duration, in sixteenths
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livevae.errors import ModelError
from livevae.latent import chance
from livevae.latent.recipe import Recipe
from livevae.models.melody_rnn.decode import FIRST_NOTES, VELOCITY, Played, primer
from livevae.models.melody_rnn.model import MEMORY, MOST_STEPS, limited, log_softmax
from livevae.models.melody_rnn.network import Floats
from livevae.models.note_rnn.config import DURATIONS, INPUTS, LOWEST, PITCHES, STEPS, WIDTHS, Config, binned
from livevae.models.note_rnn.network import Network, State, encoded
from livevae.models.step_model import ModelDecoder
from livevae.music.notes import STEPS_PER_BAR, TICKS_PER_STEP, Note, Riff

TAKES = ("seed", "temperature", "bars", "context", "call", "distance", "top")
NOTES_A_BAR = 48
"""The budget: however much there is to say, a bar has no more notes, so that time is bounded."""


class Model:
    """A note RNN. Events are `[T, 3]`: pitch, sixteenths since the last note began, sixteenths that it lasts.

    The first note is taken to begin on a bar line after its own step. Steps and durations go to the nearest bin.

    Attributes:
        config: of the model.
        about: where it comes from, plain JSON.
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

    def inputs(self, events: ArrayLike) -> Floats:
        """Input of each note, `[T, INPUTS]`.

        Raises:
            ModelError: events that are no notes.
        """
        rows = [encoded(note) for note in self._bins(events)]
        return np.stack(rows) if rows else np.zeros((0, INPUTS), np.float32)

    def labels(self, events: ArrayLike) -> NDArray[np.int64]:
        """Bins of step, pitch and duration of every note but the first, `[T - 1, 3]`; errors as `inputs`."""
        return np.array([note[:3] for note in self._bins(events)[1:]], np.int64).reshape(-1, 3)

    def logits(self, events: ArrayLike) -> Floats:
        """What is said after each note, `[T, steps + pitches + durations]`, pitch and duration given what came.

        After the last note nothing came: there they are given the likeliest step and pitch. Errors as `inputs`.
        """
        notes = self._bins(events)
        state, rows = self.network.start(), []
        for i, note in enumerate(notes):
            state = self.network.read(note, state)
            steps = self.network.step(state)
            step = notes[i + 1][0] if i + 1 < len(notes) else int(np.argmax(steps))
            pitches = self.network.pitch(state, step)
            pitch = notes[i + 1][1] if i + 1 < len(notes) else int(np.argmax(pitches))
            rows.append(np.concatenate([steps, pitches, self.network.duration(state, step, pitch)]))
        return np.stack(rows) if rows else np.zeros((0, sum(WIDTHS)), np.float32)

    def log_likelihood(self, events: ArrayLike) -> float:
        """Natural logarithm of the probability of all notes but the first; errors as `inputs`."""
        labels, logits = self.labels(events), self.logits(events).astype(np.float64)
        total, first = 0.0, 0
        for i, width in enumerate(WIDTHS):
            part = log_softmax(logits[: len(labels), first : first + width]) if len(labels) else logits[:0]
            total += float(part[np.arange(len(labels)), labels[:, i]].sum()) if len(labels) else 0.0
            first += width
        return total

    def continued(
        self, events: ArrayLike, n: int, temperature: float = 1.0, seed: int | None = None, *, top: int = 0
    ) -> NDArray[np.int64]:
        """The next `n` notes, `[n, 3]`, without the primer; the same seed gives the same.

        Raises:
            ModelError: no primer, a temperature below 0, or as `inputs`.
        """
        notes = self._bins(events)
        if not notes or not 0 <= n <= MOST_STEPS or not 0 <= temperature < float("inf") or top < 0:
            raise ModelError(
                "a continuation needs a primer of at least one note, and a temperature of 0 or more"
            )
        state = self.read(notes)
        place, made = notes[-1][3], []
        for index in range(n):
            noise = _noise(secrets.randbits(63) if seed is None else seed, index, 0, temperature)
            note = self.next(state, place, 0, temperature, top, noise)
            place = note[3]
            state = self.network.read(note, state)
            made.append((note[1] + LOWEST, STEPS[note[0]], DURATIONS[note[2]]))
        return np.array(made, np.int64).reshape(-1, 3)

    def read(self, notes: Sequence[tuple[int, int, int, int]]) -> State:
        """The state after the last notes, as many as the model reads."""
        state = self.network.start()
        for note in notes[-self.config.window :]:
            state = self.network.read(note, state)
        return state

    def next(
        self, state: State, place: int, least: int, temperature: float, top: int, noise: Floats
    ) -> tuple[int, int, int, int]:
        """The note that comes next, as bins of step, pitch and duration and its place in the bar.

        Args:
            state: after the last note.
            place: of the last note, in sixteenths of its bar.
            least: sixteenths that must go by before it.
            temperature: 0 is greedy.
            top: only so many of the likeliest; 0 all.
            noise: Gumbel, `[sum of WIDTHS]`.
        """
        allowed = np.array([s >= least for s in STEPS])
        allowed[-1] |= not allowed.any()
        first, second = WIDTHS[0], WIDTHS[0] + WIDTHS[1]
        steps = np.where(allowed, self.network.step(state), np.float32(-np.inf))
        step = _chosen(steps, temperature, top, noise[:first])
        pitch = _chosen(self.network.pitch(state, step), temperature, top, noise[first:second])
        duration = _chosen(self.network.duration(state, step, pitch), temperature, top, noise[second:])
        return step, pitch, duration, (place + STEPS[step]) % STEPS_PER_BAR

    def _bins(self, events: ArrayLike) -> list[tuple[int, int, int, int]]:
        array = np.asarray(events)
        if array.size == 0:
            return []
        if array.ndim != 2 or array.shape[1] != 3 or array.dtype.kind not in "iu":
            raise ModelError(
                f"notes are [T, 3] whole numbers (pitch, step, duration), not of shape {list(array.shape)}"
            )
        found, at = [], 0
        for pitch, step, duration in array.tolist():
            if not LOWEST <= pitch < LOWEST + PITCHES or step < 0 or duration < 1:
                raise ModelError(
                    f"a note's pitch is {LOWEST} to {LOWEST + PITCHES - 1}, its step 0 or more and its duration 1 or "
                    f"more, not {pitch}, {step}, {duration}"
                )
            at += step
            found.append(
                (binned(step, STEPS), pitch - LOWEST, binned(duration, DURATIONS), at % STEPS_PER_BAR)
            )
        return found


class NoteDecoder(ModelDecoder[Model]):
    """A note RNN, ready to decode: `perform.protocols.Decoder`. Not thread-safe: one worker thread owns it."""

    def decode(self, recipes: Sequence[Recipe]) -> list[Riff]:
        """One riff a recipe, in order; each by itself, so that none feels its neighbours."""
        with self.threads.limit(limits=1, user_api="blas"):
            return [self._riff(recipe) for recipe in recipes]

    def _riff(self, recipe: Recipe) -> Riff:
        played, kept = primer(recipe, self.model.memory)
        steps = recipe.bars * STEPS_PER_BAR
        velocity = round(sum(note[3] for note in played) / len(played)) if played else VELOCITY
        notes = on_grid(played)
        made: list[tuple[int, int, int]] = []
        if kept and notes:
            begin = min(note[0] for note in notes) // STEPS_PER_BAR * STEPS_PER_BAR
            made = [(start - begin, pitch, length) for start, pitch, length in notes if start - begin < kept]
        elif not notes:
            number = chance.uniform(recipe.seed, chance.LATENT, 0, recipe.index, 1)[0]
            made = [(0, FIRST_NOTES[int(number * len(FIRST_NOTES))] - LOWEST, 4)]
        before = [*notes, *made]
        state, last = self.model.read(as_bins(before)), before[-1][0]
        for index in range(recipe.bars * NOTES_A_BAR):
            least = max(0, kept - last)
            noise = _noise(recipe.seed, index, recipe.index, recipe.temperature)
            note = self.model.next(state, last % STEPS_PER_BAR, least, recipe.temperature, recipe.top, noise)
            last += STEPS[note[0]]
            if last >= steps:
                break
            made.append((last, note[1], DURATIONS[note[2]]))
            state = self.model.network.read(note, state)
        return Riff(tuple(_notes(made, steps, velocity)), steps * TICKS_PER_STEP)


def on_grid(played: Played) -> list[tuple[int, int, int]]:
    """Notes that were played as (start, key, length) in sixteenths, sorted; those that no piano has are left out."""
    found = {
        (round(start / TICKS_PER_STEP), pitch - LOWEST, max(1, round(length / TICKS_PER_STEP)))
        for start, length, pitch, _ in played
        if LOWEST <= pitch < LOWEST + PITCHES
    }
    return sorted(found)


def as_bins(notes: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Notes as (start, key, length), sorted, to bins of step, pitch and duration and the place in the bar."""
    found, last = [], 0
    for i, (start, key, length) in enumerate(notes):
        step = start - last if i else 0
        found.append((binned(step, STEPS), key, binned(length, DURATIONS), start % STEPS_PER_BAR))
        last = start
    return found


def _notes(made: Sequence[tuple[int, int, int]], steps: int, velocity: int) -> list[Note]:
    """Notes of a riff: each key ends where it is struck again, and all end with the riff."""
    following: dict[int, int] = {}
    found: list[Note] = []
    for start, key, length in sorted(set(made), reverse=True):
        end = min(start + length, following.get(key, steps), steps)
        if end > start:
            found.append(Note(start * TICKS_PER_STEP, (end - start) * TICKS_PER_STEP, key + LOWEST, velocity))
            following[key] = start
    return found


def _chosen(logits: Floats, temperature: float, top: int, noise: Floats) -> int:
    if temperature <= 0:
        return int(np.argmax(logits))
    return int(np.argmax(limited(logits / np.float32(temperature), top) + noise))


def _noise(seed: int, note: int, index: int, temperature: float) -> Floats:
    count = sum(WIDTHS)
    if temperature <= 0:
        return np.zeros(count, np.float32)
    return chance.gumbel(seed, chance.CHOICE, note, index, count)
