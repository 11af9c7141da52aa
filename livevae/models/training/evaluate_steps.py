"""How good a model that continues is: nats of held-out music beside an n-gram's, and what its continuations are like.

Nats a note and a bar are the only ones that can be compared between vocabularies. Of continuations: how near their
pitches and rhythms are to their own prompt's, beside the true next bars and beside another song's; the longest run that
they share with training music; scale and groove consistency, and overlapped areas (see `music_measures`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from livevae.latent.recipe import Recipe
from livevae.models import families, stepwise as opening
from livevae.models.checkpoints.step_files import StepFile
from livevae.models.training import music_measures, stepwise
from livevae.models.training.evaluate import spread
from livevae.models.training.stepwise import StepTask
from livevae.music.notes import STEPS_PER_BAR, TICKS_PER_BAR, TICKS_PER_STEP, Note, Riff

ORDER = 6
"""Tokens that the n-gram sees."""

ROLLS = 6
"""Prompts that are drawn with what came after them."""

LEAST_PIECES = 6
"""Fewer have no distribution that could be compared."""

RUNS = (8, 12, 16, 24, 32, 48, 64)
"""Notes of a run that is looked for in training music."""


class NGram:
    """An n-gram with Witten-Bell smoothing: what can be had without a network.

    Args:
        classes: how many tokens there are.
        order: how many tokens are seen together.
    """

    def __init__(self, classes: int, order: int = ORDER) -> None:
        self._classes, self._order = classes, order
        self._counts: list[dict[tuple[int, ...], dict[int, int]]] = [defaultdict(dict) for _ in range(order)]

    def learn(self, sequence: Sequence[int]) -> None:
        """Count a sequence."""
        for at, token in enumerate(sequence):
            for length in range(min(self._order, at + 1)):
                after = self._counts[length][tuple(sequence[at - length : at])]
                after[token] = after.get(token, 0) + 1

    def nats(self, sequence: Sequence[int], first: int = 1, order: int | None = None) -> float:
        """Of all tokens from `first` on, seen `order` together: all that were counted if not given."""
        seen = order or self._order
        return -float(sum(np.log(self._chance(sequence, at, seen)) for at in range(first, len(sequence))))

    def _chance(self, sequence: Sequence[int], at: int, order: int) -> float:
        chance = 1 / self._classes
        for length in range(min(order, at + 1)):
            after = self._counts[length].get(tuple(sequence[at - length : at]))
            if after is None:
                break
            total, kinds = sum(after.values()), len(after)
            chance = (after.get(sequence[at], 0) + kinds * chance) / (total + kinds)
        return chance


@dataclass(frozen=True, slots=True)
class StepEvaluation:
    """What was found.

    Attributes:
        scores: of held-out windows.
        continuations: what continuations are like.
        rolls: some prompts, what came after them, and what should have: a title and a riff each.
    """

    scores: dict[str, float]
    continuations: dict[str, float]
    rolls: tuple[tuple[str, Riff], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The numbers as JSON values."""
        return {"held out": self.scores, "continuations": self.continuations}


def evaluate(
    held: StepFile, train: Any, test: Any, *, windows: int = 500, samples: int = 100, temperature: float = 1.0
) -> StepEvaluation:
    """Score a checkpoint.

    Args:
        held: the checkpoint.
        train: training windows: what the n-gram learns from, and what a copy is a copy of.
        test: held-out windows.
        windows: of them to score; 0 for all.
        samples: continuations to look at.
        temperature: of those.
    """
    task: StepTask = families.named(held.family).task(held.config)
    module = task.module(0.0)
    with torch.no_grad():
        for name, value in module.tensors().items():
            value.copy_(torch.from_numpy(held.tensors[name]))
    some = spread(test, windows or len(test))
    found = stepwise.scores(task, module, some)
    found |= _n_gram(task, spread(train, 20 * max(100, len(some))), some)
    continuations, rolls = _continuations(held, task, train, test, samples, temperature)
    return StepEvaluation(found, continuations, rolls)


def _n_gram(task: StepTask, train: Any, test: Any) -> dict[str, float]:
    """Of the same windows, by the same count of notes and bars; the order that fits them best is named, too."""
    _, classes, first = task.tokens(train[0])
    model = NGram(classes)
    for window in train:
        model.learn(task.tokens(window)[0])
    totals = dict.fromkeys(range(1, ORDER + 1), 0.0)
    notes = bars = 0.0
    for window in test:
        sequence = task.tokens(window)[0]
        for order in totals:
            totals[order] += model.nats(sequence, first, order)
        batch = [torch.from_numpy(np.asarray(part)[None]) for part in task.prepared(window)]
        bars += task.bars(batch)
        notes += task.notes(batch)
    best = min(totals, key=totals.__getitem__)
    return {
        "n_gram_nats_a_note": totals[ORDER] / notes,
        "n_gram_nats_a_bar": totals[ORDER] / bars,
        "best_n_gram_order": best,
        "best_n_gram_nats_a_note": totals[best] / notes,
        "best_n_gram_nats_a_bar": totals[best] / bars,
    }


def part(riff: Riff, first: int, bars: int) -> tuple[tuple[int, int, int, int], ...]:
    """Notes of some bars of a riff, as recipes have them, from the first of these bars on."""
    begin, end = first * TICKS_PER_BAR, (first + bars) * TICKS_PER_BAR
    return tuple(
        (n.start - begin, n.length, n.pitch, n.velocity) for n in riff.notes if begin <= n.start < end
    )


def features(notes: Iterable[tuple[int, int, int, int]], kind: str) -> NDArray[np.float64]:
    """Where in the bar notes begin, and which pitch classes (drums: which drums) they have; two histograms in one."""
    found = np.zeros(STEPS_PER_BAR + 128)
    for start, _, pitch, _ in notes:
        found[start // TICKS_PER_STEP % STEPS_PER_BAR] += 1
        found[STEPS_PER_BAR + (pitch if kind == "drums" else pitch % 12)] += 1
    total = found[:STEPS_PER_BAR].sum()
    return found / total if total else found


def apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Total variation of rhythm and pitches together, 0 to 1."""
    return float(np.abs(a - b).sum() / 4)


def _continuations(
    held: StepFile, task: StepTask, train: Any, test: Any, samples: int, temperature: float
) -> tuple[dict[str, float], tuple[tuple[str, Riff], ...]]:
    decoder = opening.decoder_of(held)
    kind = task.learns
    riffs = [task.riff(window) for window in spread(test, samples)]
    half = round(riffs[0].bars) // 2
    prompts = [part(riff, 0, half) for riff in riffs]
    truths = [features(part(riff, half, half), kind) for riff in riffs]
    recipes = [
        Recipe(
            i + 1,
            temperature,
            half,
            context=tuple((s - half * TICKS_PER_BAR, n, p, v) for s, n, p, v in prompt),
        )
        for i, prompt in enumerate(prompts)
    ]
    answers = decoder.decode(recipes)
    answered = [features(part(riff, 0, half), kind) for riff in answers]
    own = [features(prompt, kind) for prompt in prompts]
    others = np.roll(np.arange(len(own)), len(own) // 2)
    known = _runs(task.riff(window) for window in spread(train, 4000))
    longest = [_longest(riff, known) for riff in answers]
    true = [part(riff, half, half) for riff in riffs]
    made = [part(riff, 0, half) for riff in answers]
    found = {
        "answer to its own prompt": float(np.mean([apart(a, b) for a, b in zip(answered, own, strict=True)])),
        "answer to another's prompt": float(
            np.mean([apart(a, own[i]) for a, i in zip(answered, others, strict=True)])
        ),
        "true next bars to the prompt": float(
            np.mean([apart(a, b) for a, b in zip(truths, own, strict=True)])
        ),
        "another's next bars to the prompt": float(
            np.mean([apart(truths[i], b) for b, i in zip(own, others, strict=True)])
        ),
        "nearer to its own than to another's": float(
            np.mean(
                [
                    apart(a, own[i]) < apart(a, own[o])
                    for i, (a, o) in enumerate(zip(answered, others, strict=True))
                ]
            )
        ),
        "notes a bar": float(np.mean([len(riff.notes) / riff.bars for riff in answers])),
        "notes a bar of the true next bars": float(
            np.mean([len(part(riff, half, half)) / half for riff in riffs])
        ),
        "silent answers": float(np.mean([not riff.notes for riff in answers])),
        "longest copied run, notes, at most": float(max(longest)),
        "longest copied run, notes, mean": float(np.mean(longest)),
        **_measures(true, made, half, drums=kind == "drums"),
    }
    return found, tuple(_rolls(prompts, answers, true, half))


def _rolls(
    prompts: Sequence[music_measures.Played],
    answers: Sequence[Riff],
    true: Sequence[music_measures.Played],
    bars: int,
) -> Iterator[tuple[str, Riff]]:
    """Of some prompts, evenly spread, three riffs each."""
    length = bars * TICKS_PER_BAR
    for number in spread(np.arange(len(prompts)), ROLLS).tolist():
        prompt, after = (
            Riff(tuple(Note(*n) for n in notes), length) for notes in (prompts[number], true[number])
        )
        yield f"{number + 1}: prompt", prompt
        yield f"{number + 1}: answer", answers[number]
        yield f"{number + 1}: true next bars", after


def _measures(
    true: Sequence[music_measures.Played], made: Sequence[music_measures.Played], bars: int, *, drums: bool
) -> dict[str, float]:
    """Consistencies of answers and of true next bars; overlapped areas of both, beside those of music with music."""
    found: dict[str, float] = {}
    for name, pieces in (("", made), (" of the true next bars", true)):
        if not drums:
            scales = [music_measures.scale_consistency(notes) for notes in pieces]
            found[f"scale consistency{name}"] = float(np.mean(scales))
        grooves = [music_measures.groove_consistency(notes, bars) for notes in pieces]
        found[f"groove consistency{name}"] = float(np.mean(grooves))
    if len(true) >= LEAST_PIECES:
        areas = music_measures.overlapped_areas(true, made, drums=drums)
        found |= {f"overlapped area, {name}": value for name, value in areas.items()}
        floor = music_measures.overlapped_areas(true[::2], true[1::2], drums=drums)
        found["overlapped area, mean, of music with other music"] = floor["mean"]
    return found


def _moves(riff: Riff) -> list[tuple[int, int]]:
    """Steps and intervals from note to note: the same in every transposition."""
    return [(b.start - a.start, b.pitch - a.pitch) for a, b in zip(riff.notes, riff.notes[1:], strict=False)]


def _runs(riffs: Iterable[Riff]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {length: set() for length in RUNS}
    for riff in riffs:
        moves = _moves(riff)
        for length in RUNS:
            found[length] |= {hash(tuple(moves[i : i + length - 1])) for i in range(len(moves) - length + 2)}
    return found


def _longest(riff: Riff, known: dict[int, set[int]]) -> int:
    moves, longest = _moves(riff), 0
    for length in RUNS:
        if any(
            hash(tuple(moves[i : i + length - 1])) in known[length] for i in range(len(moves) - length + 2)
        ):
            longest = length
    return longest
