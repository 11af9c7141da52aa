"""A transformer that serves recipes: it reads what was played bar by bar, and goes on bar by bar.

The same recipe gives the same riff: all that is random is drawn from the recipe's seed and index, rows are computed one
by one, and a context is read in the same stretches whether its beginning was kept or not.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

import numpy as np

from livevae.latent import chance
from livevae.latent.recipe import Recipe
from livevae.models.melody_rnn.decode import FIRST_NOTES, VELOCITY, Played, primer
from livevae.models.music_transformer import grid, performance
from livevae.models.music_transformer.model import STEP_TICKS, Model, chosen, cut, drawn, inside, performed
from livevae.models.music_transformer.network import Floats, State
from livevae.models.step_model import ModelDecoder
from livevae.music.notes import STEPS_PER_BAR, TICKS_PER_BAR, TICKS_PER_STEP, Riff
from livevae.music.piano_roll import LOWEST, TWELFTHS, velocity_bin

KEPT = 8
"""How many readings are kept."""

EVENTS_A_BAR = 160
"""Performance events of a bar, all bars together: a riff that needs more ends early."""

Notes = list[tuple[int, int, int, int]]


class TransformerDecoder(ModelDecoder[Model]):
    """A transformer, ready to decode: `perform.protocols.Decoder`. Not thread-safe: one worker thread owns it.

    Args:
        model: of either vocabulary.
        keep: whether what was read is kept between recipes; the riffs are the same without.
    """

    def __init__(self, model: Model, *, keep: bool = True) -> None:
        super().__init__(model)
        self._keep = keep
        self._readings: OrderedDict[tuple[int, ...], State] = OrderedDict()

    def decode(self, recipes: Sequence[Recipe]) -> list[Riff]:
        """One riff a recipe, in order; each by itself, so that none feels its neighbours."""
        return [
            cut([note for bar in self.stream(recipe) for note in bar], recipe.bars * TICKS_PER_BAR)
            for recipe in recipes
        ]

    def stream(self, recipe: Recipe) -> Iterator[Notes]:
        """A riff bar by bar, each as soon as it is there: notes in ticks from the riff's beginning.

        A note may be longer than its bar, or sound into another of its key; `decode` cuts them. Of a performance all
        bars come together.
        """
        with self.threads.limit(limits=1, user_api="blas"):
            if self.model.config.vocabulary == "performance":
                yield self._performance(recipe)
            else:
                yield from self._grid(recipe)

    def _grid(self, recipe: Recipe) -> Iterator[Notes]:
        model = self.model
        played, kept = primer(recipe, model.memory)
        begin, before = _begin(played)
        notes = inside(grid.on_grid(played, begin), before)
        state = self._read(grid.encode(notes, before))
        # an answer's first steps are the call's
        whole, rest = divmod(kept, STEPS_PER_BAR)
        given = grid.encode([note for note in notes if note.start < kept * 3], before)
        blocks = list(grid.blocks(given))[: whole + (rest > 0)]
        if not notes:
            begun = grid.GridNote(0, TWELFTHS, _first(recipe) - LOWEST, velocity_bin(VELOCITY))
            blocks, whole, rest = [grid.encode([begun], 1)], 0, 0
        cursor = grid.Cursor()
        for number in range(recipe.bars):
            made: list[grid.GridNote] = []
            block, least = [grid.BAR], 0
            if number < len(blocks):
                block, least = blocks[number], rest * 3
            made += [note for token in block if (note := cursor.push(token)) is not None]
            logits = model.network.read(model.features(block), state)[-1]
            if number >= min(whole, len(blocks)):
                self._finish(recipe, state, cursor, logits, least, made)
            yield [grid.ticks(note) for note in made]

    def _finish(
        self,
        recipe: Recipe,
        state: State,
        cursor: grid.Cursor,
        logits: Floats,
        least: int,
        made: list[grid.GridNote],
    ) -> None:
        """Choose the rest of a bar: what comes at `least` twelfths or later, until a bar line or the budget's end."""
        noise = drawn(recipe.seed, cursor.bar, recipe.index, grid.BUDGET, grid.CLASSES, recipe.temperature)
        for row in noise[cursor.tokens :]:
            may = np.where(cursor.allowed(least), logits, np.float32(-np.inf))
            token = chosen(may, recipe.temperature, recipe.top, row)
            if token == grid.BAR:
                return
            if (note := cursor.push(token)) is not None:
                made.append(note)
            logits = self.model.network.step(cursor.features(token), state)

    def _read(self, tokens: Sequence[int]) -> State:
        """The state after a context; the longest beginning of it that is kept is not read again."""
        blocks = [tuple(block) for block in grid.blocks(tokens)]
        done = len(blocks)
        while done and sum(blocks[:done], ()) not in self._readings:
            done -= 1
        state = self._readings[sum(blocks[:done], ())].copy() if done else self.model.network.start()
        for block in blocks[done:]:
            self.model.network.read(self.model.features(block), state)
        if self._keep and blocks:
            key = sum(blocks, ())
            self._readings[key] = state.copy()
            self._readings.move_to_end(key)
            while len(self._readings) > KEPT:
                self._readings.popitem(last=False)
        return state

    def _performance(self, recipe: Recipe) -> Notes:
        model = self.model
        played, kept = primer(recipe, model.memory)
        begin, before = _begin(played)
        bar = round(TICKS_PER_BAR / STEP_TICKS)
        context = _filled(performed(played, begin), before * bar)
        share = round(kept * TICKS_PER_STEP / STEP_TICKS) if context else 0
        first = [note for note in performed(played, begin) if note.start < share]
        made = _filled([note._replace(end=min(note.end, share)) for note in first], share)
        if not context:
            loud = performance.velocity_bin(VELOCITY)
            made = [performance.VELOCITY + loud - 1, performance.ON + _first(recipe)]
        state = model.network.start()
        read = [*(context or [performance.SHIFT]), *made]
        logits = model.network.read(model.features(read), state)[-1]
        classes, most = model.config.classes, recipe.bars * EVENTS_A_BAR
        noise = drawn(recipe.seed, 0, recipe.index, most, classes, recipe.temperature)
        now = share
        for row in noise:
            event = chosen(logits, recipe.temperature, recipe.top, row)
            made.append(event)
            now += performance.steps([event])
            if now >= recipe.bars * bar:
                break
            logits = model.network.step((event,), state)
        return [
            (round(n.start * STEP_TICKS), max(1, round((n.end - n.start) * STEP_TICKS)), n.pitch, n.velocity)
            for n in performance.decode(made)
            if n.start < recipe.bars * bar
        ]


def _first(recipe: Recipe) -> int:
    """Where nothing was played: the pitch that a riff begins with, which the seed chooses."""
    number = chance.uniform(recipe.seed, chance.LATENT, 0, recipe.index, 1)[0]
    return FIRST_NOTES[int(number * len(FIRST_NOTES))]


def _begin(played: Played) -> tuple[int, int]:
    """The bar line at or before the first note, in ticks, and bars from there to tick 0."""
    if not played:
        return 0, 0
    bars = -(min(note[0] for note in played) // TICKS_PER_BAR)
    return -bars * TICKS_PER_BAR, bars


def _filled(notes: Sequence[performance.Performed], steps: int) -> list[int]:
    """Notes as events that last at least so many steps."""
    events = performance.encode(notes)
    while (left := steps - performance.steps(events)) > 0:
        events.append(performance.SHIFT + min(left, performance.SHIFTS) - 1)
    return events
