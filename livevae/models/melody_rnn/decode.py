"""A step-wise RNN that serves recipes: it reads what was played, and goes on for some bars.

The same recipe gives the same riff: all that is random is drawn from the recipe's seed and index, rows go through
the network in common steps but each as if it were alone, and what is kept from one recipe to the next (the state after
a context) only saves reading it again.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from livevae.latent import chance
from livevae.latent.recipe import Recipe
from livevae.models.melody_rnn import chord_inputs
from livevae.models.melody_rnn.events import NO_EVENT, NOTE_OFF, squashed, transposed
from livevae.models.melody_rnn.model import Model, Reading, Way
from livevae.models.melody_rnn.network import Floats
from livevae.models.step_model import ModelDecoder
from livevae.music import chords, drums
from livevae.music.notes import STEPS_PER_BAR, TICKS_PER_BAR, TICKS_PER_BEAT, TICKS_PER_STEP, Note, Riff

Played = tuple[tuple[int, int, int, int], ...]
"""Notes as (start, length, pitch, velocity) in ticks."""

KEPT = 16
"""How many readings are kept."""

FIRST_NOTES = (60, 62, 64, 65, 67, 69, 71, 72)
"""Where nothing was played, a melody begins with one of these."""

FIRST_DRUMS = (1, 5, 9, 129)
"""And a rhythm with one of these: the kick, with a hi-hat or a crash or without."""

DRUM_PART = 2
VELOCITY = 96


@dataclass(frozen=True, slots=True)
class Task:
    """What a recipe asks for.

    Attributes:
        events: that are read.
        made: the riff's first events, the last of those that are read.
        way: to go on.
        velocity: of its notes.
        amount: semitones that the events were transposed by.
    """

    events: Sequence[int]
    made: list[int]
    way: Way
    velocity: int
    amount: int


class MelodyDecoder(ModelDecoder[Model]):
    """One model, ready to decode: `perform.protocols.Decoder`. Not thread-safe: one worker thread owns it.

    Args:
        model: of any of the configurations.
        keep: whether readings are kept between recipes; the riffs are the same without.
    """

    def __init__(self, model: Model, *, keep: bool = True) -> None:
        super().__init__(model)
        self._keep = keep
        self._readings: OrderedDict[tuple[int, ...], Reading] = OrderedDict()

    @property
    def memory(self) -> int:
        """Bars of context that are read."""
        return self.model.memory

    def decode(self, recipes: Sequence[Recipe]) -> list[Riff]:
        """One riff a recipe, in order, in one batch."""
        with self.threads.limit(limits=1, user_api="blas"):
            tasks = [self._task(recipe) for recipe in recipes]
            readings = self._read(tasks)
            new = self.model.go_on(readings, [task.way for task in tasks])
        return [
            self._riff(recipe, task, more) for recipe, task, more in zip(recipes, tasks, new, strict=True)
        ]

    def _task(self, recipe: Recipe) -> Task:
        steps = recipe.bars * STEPS_PER_BAR
        played, kept = primer(recipe, self.memory)
        velocity = round(sum(note[3] for note in played) / len(played)) if played else VELOCITY
        if self.model.config.family == "drums":
            events = drum_events(played)
            amount = 0
        else:
            config = self.model.config
            events, amount = squashed(melody_events(played), config.min_note, config.max_note, config.key)
        made: list[int] = []
        if not events:
            events = made = [self._first(recipe)]
        elif kept:
            # the answer begins as the call does, and goes on from there
            made = list(events[:kept])
            events = [*events, *made]
        controls = self._controls(recipe, len(events) - len(made), steps)
        left = steps - len(made)
        classes = self.model.config.classes
        noise: Floats = np.zeros((left, classes), np.float32)
        if recipe.temperature > 0:
            noise = chance.gumbel(recipe.seed, chance.CHOICE, 0, recipe.index, left * classes).reshape(
                left, classes
            )
        way = Way(left, recipe.temperature, noise, controls, recipe.top)
        return Task(events, made, way, velocity, amount)

    def _riff(self, recipe: Recipe, task: Task, new: list[int]) -> Riff:
        steps = recipe.bars * STEPS_PER_BAR
        whole = (task.made + new)[:steps]
        if self.model.config.family == "drums":
            riff = drums.decode(whole, task.velocity)
            return riff.map(lambda note: Note(note.start, note.length, note.pitch, note.velocity, DRUM_PART))
        notes = melody_notes(transposed(whole, -task.amount), task.velocity)
        return Riff(tuple(notes), steps * TICKS_PER_STEP)

    def _first(self, recipe: Recipe) -> int:
        options = FIRST_DRUMS if self.model.config.family == "drums" else FIRST_NOTES
        number = chance.uniform(recipe.seed, chance.LATENT, 0, recipe.index, 1)[0]
        return options[int(number * len(options))]

    def _read(self, tasks: Sequence[Task]) -> list[Reading]:
        """Readings of the tasks' events that may be gone on from; what was read before is not read again."""
        readings, rest = [], []
        for task in tasks:
            begin, done = self._begun(task)
            readings.append(begin)
            rest.append(task.events[done:])
        self.model.read(readings, rest, [task.way.controls for task in tasks])
        for task, reading in zip(tasks, readings, strict=True):
            if self._keep and task.way.controls is None:
                self._readings[tuple(task.events)] = reading.copy()
        while len(self._readings) > KEPT:
            self._readings.popitem(last=False)
        return readings

    def _begun(self, task: Task) -> tuple[Reading, int]:
        """A copy of the kept reading that is the longest beginning of a task's events, and how many it has read."""
        key = tuple(task.events)
        begin, done = None, 0
        if task.way.controls is None:
            for known, reading in self._readings.items():
                if done < len(known) <= len(key) and key[: len(known)] == known:
                    begin, done = reading, len(known)
        return (self.model.reading() if begin is None else begin.copy()), done

    def _controls(self, recipe: Recipe, before: int, steps: int) -> Floats | None:
        """Encoded chords of context and riff, one an input, from what other voices play."""
        if not self.model.config.control:
            return None
        encode = chord_inputs.triad_row if self.model.config.control == "triad" else chord_inputs.pitches_row
        symbols = chords_beside(recipe.beside, before, steps)
        return np.stack([encode(symbol) for symbol in [*symbols[1:], symbols[-1]]])


def primer(recipe: Recipe, memory: int) -> tuple[Played, int]:
    """What a recipe's riff goes on from, its notes ending at tick 0, and how many steps of it the answer repeats.

    A call is answered: its first steps are kept, the fewer the greater the distance, in whole beats.
    """
    if recipe.call:
        last = max(start + length for start, length, _, _ in recipe.call)
        bars = min(max(1, -(-last // TICKS_PER_BAR)), max(memory, recipe.bars))
        length = bars * TICKS_PER_BAR
        notes = tuple((start - length, *rest) for start, *rest in recipe.call)
        beats = min(bars, recipe.bars) * TICKS_PER_BAR // TICKS_PER_BEAT
        kept = round((1 - recipe.distance) * beats) * (TICKS_PER_BEAT // TICKS_PER_STEP)
        return _recent(notes, max(memory, bars)), min(kept, recipe.bars * STEPS_PER_BAR - 1)  # type: ignore[arg-type]
    return _recent(recipe.context, memory), 0


def _recent(notes: Played, memory: int) -> Played:
    return tuple(note for note in notes if -memory * TICKS_PER_BAR <= note[0] < 0)


def _steps_before(notes: Played) -> int:
    """Steps from the bar line at or before the first note to tick 0."""
    return -(min(note[0] for note in notes) // TICKS_PER_BAR) * STEPS_PER_BAR if notes else 0


def melody_events(notes: Played) -> list[int]:
    """Notes before tick 0 as events of whole bars, one voice: of several the highest, and each ends at the next."""
    steps = _steps_before(notes)
    highest: dict[int, tuple[int, int]] = {}
    for start, length, pitch, _ in notes:
        step = min(steps - 1, _nearest(start) + steps)
        if step not in highest or pitch > highest[step][0]:
            highest[step] = (pitch, max(step + 1, _nearest(start + length) + steps))
    events = [NO_EVENT] * steps
    starts = sorted(highest)
    for start, following in zip(starts, [*starts, steps][1:], strict=True):
        events[start], end = highest[start]
        if end < following:
            events[end] = NOTE_OFF
    return events


def drum_events(notes: Played) -> list[int]:
    """Hits before tick 0 as drum classes of whole bars; pitches that no drum has are left out."""
    steps = _steps_before(notes)
    of = drums.instruments(drums.REDUCED)
    events = [0] * steps
    for start, _, pitch, _ in notes:
        if pitch in of:
            events[min(steps - 1, _nearest(start) + steps)] |= 1 << of[pitch]
    return events


def _nearest(tick: int) -> int:
    return (2 * tick + TICKS_PER_STEP) // (2 * TICKS_PER_STEP)


def melody_notes(events: Sequence[int], velocity: int = VELOCITY) -> list[Note]:
    """Events as notes, a step each 240 ticks; what is held from before is silent."""
    notes: list[Note] = []
    start, pitch = 0, -1
    for step, event in enumerate([*events, NOTE_OFF]):
        if event == NO_EVENT:
            continue
        if pitch >= 0:
            notes.append(Note(start * TICKS_PER_STEP, (step - start) * TICKS_PER_STEP, pitch, velocity))
        start, pitch = step, event
    return notes


def chords_beside(notes: Played, before: int, steps: int) -> list[str]:
    """A chord symbol for each step of context and riff, from what sounds beside it, half bar by half bar.

    The triad with most of the sounding time wins; a half bar with fewer than two pitch classes keeps the last chord.
    """
    half = STEPS_PER_BAR // 2
    found: list[str] = []
    symbol = chord_inputs.NO_CHORD
    for first in range(-before, steps, half):
        begin, end = first * TICKS_PER_STEP, (first + half) * TICKS_PER_STEP
        weights = np.zeros(12)
        for start, length, pitch, _ in notes:
            weights[pitch % 12] += max(0, min(end, start + length) - max(begin, start))
        if (weights > 0).sum() > 1:
            scores = [
                sum(weights[(root + tone) % 12] for tone in triad)
                for triad in chords.TRIADS
                for root in range(12)
            ]
            quality, root = divmod(int(np.argmax(scores)), 12)
            symbol = chords.decode(chords.triad(root, quality))
        found += [symbol] * half
    return found[: before + steps]
