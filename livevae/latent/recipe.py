"""A recipe: all that one decode needs. The same recipe gives the same riff."""

from dataclasses import dataclass

BASE = ""
"""The blend's name for the base model's own prior: no persona."""


NORMAL = "normal"
"""The prior that a model was trained towards: z is drawn from N(0, 1)."""

LEARNED = "learned"
"""The prior that was fitted to a model's own encodings, where it has one; else the normal one."""

PRIORS = (LEARNED, NORMAL)


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that one decode needs; frozen, hashable, comparable.

    Attributes:
        seed: the riff's random numbers, latent and sampled. Any integer in 0 .. 2**63 - 1.
        temperature: of the softmax that tokens are sampled from; 0 is greedy.
        bars: how long the riff is; a multiple of the model's own bars (2 for a 2-bar model).
        index: position on the voice's walk through the latent space; 0 is the seed's own point.
        drift: how far the walk goes from one riff to the next: 0 repeats the riff, 1 forgets it.
        model: name of the base model; "" is the default.
        blend: (persona, weight) pairs; empty is the base model's prior. Weights are positive and sum to 1.
        position: fixed coordinates in the personas' own small latent space, in place of the walk's noise.
        call: notes to answer, (start, length, pitch, velocity) in ticks; empty where nothing was played.
        distance: how far the answer is from the call: 0 a copy, 0.5 in the personas' manner, 1 free.
        context: notes to continue, like those of `call`; the riff begins at tick 0, so they start before it.
        beside: notes that other voices play during the riff, likewise, from tick 0 on.
        top: only so many of the likeliest tokens are sampled from; 0 is all of them.
        prior: what the base model's z's are drawn from: `normal`, or `learned` (see `models.musicvae.prior`).
        attributes: (name, amount) pairs: how far z is pushed along directions such as density; see `attributes`.
    """

    seed: int
    temperature: float = 0.8
    bars: int = 2
    index: int = 0
    drift: float = 1.0
    model: str = ""
    blend: tuple[tuple[str, float], ...] = ()
    position: tuple[float, ...] | None = None
    attributes: tuple[tuple[str, float], ...] = ()
    call: tuple[tuple[int, int, int, int], ...] = ()
    distance: float = 1.0
    prior: str = NORMAL
    context: tuple[tuple[int, int, int, int], ...] = ()
    beside: tuple[tuple[int, int, int, int], ...] = ()
    top: int = 0
