"""Does a persona sound like its performer? A simple classifier, trained on songs that no persona heard, is asked.

Songs of each set are split in three by their files: one part trains the persona, one trains the classifier, one is
the ceiling (what the classifier makes of real riffs that it never saw). Then it names the set of persona samples and of
the base model's own. Beside it: exact copies of training windows, and how much samples differ among themselves.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.persona_features import Features, Windows, features, intervals, jensen_shannon, symbols
from livevae.latent.personas import SPACES, Personas, Z
from livevae.latent.recipe import LEARNED, Recipe
from livevae.models.live import LiveDecoder
from livevae.models.midime import train as midime_training, windows as persona_windows
from livevae.models.midime.network import Options
from livevae.models.musicvae.config import Config
from livevae.models.musicvae.vocabulary import from_riff

PARTS = 3

FIRST_SEED = 1000
"""Of samples; a round's are those after the round's before."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What the classifier said; shares from 0 to 1.

    Attributes:
        chance: of naming a set by luck.
        real: held-out riffs named right: the ceiling.
        personas: persona samples named right, all sets together.
        base: samples of the base model, by the set they were named (a share each).
        each: by set: windows trained on, share of real riffs right, of samples right, that as a share of the ceiling,
            the deviation of samples right from round to round, shares of exact copies, of distinct
            samples in a round, and mean edit distances within samples, within real riffs, and from samples to the
            nearest riff; of melodies the Jensen-Shannon divergence, in bits, of intervals from the performer's riffs
            that nobody trained on: of the persona's samples, of the base model's, and of the riffs that it was
            trained on.
    """

    chance: float
    real: float
    personas: float
    base: Mapping[str, float]
    each: Mapping[str, Mapping[str, float]]


class Classifier:
    """Multinomial logistic regression on standardised features, sets weighted alike."""

    def __init__(self, x: Features, y: NDArray[np.int64], classes: int, penalty: float = 1e-3) -> None:
        self._mean, self._spread = x.mean(0), x.std(0) + 1e-6
        x = self._ready(x)
        share = 1.0 / np.bincount(y, minlength=classes)[y] / classes
        target = np.eye(classes)[y]
        self._weights = np.zeros((x.shape[1], classes))
        momentum = np.zeros_like(self._weights)
        for _ in range(600):
            error = (_softmax(x @ self._weights) - target) * share[:, None]
            momentum = 0.9 * momentum + x.T @ error + penalty * self._weights
            self._weights -= 0.3 * momentum

    def __call__(self, x: Features) -> Features:
        """Probability of each set, `[N, sets]`."""
        return _softmax(self._ready(x) @ self._weights)

    def _ready(self, x: Features) -> Features:
        return np.concatenate([(x - self._mean) / self._spread, np.ones((len(x), 1))], 1)


def _softmax(x: Features) -> Features:
    e = np.exp(x - x.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def part_of(path: Path) -> int:
    """Which of the three parts a file's song is in: the same on every machine."""
    return hashlib.sha256(path.name.encode()).digest()[0] % PARTS


def split(
    paths: Sequence[Path], config: Any, most: int, seed: int = 0, choice: persona_windows.Choice | None = None
) -> list[Windows]:
    """A set's windows in three parts by song, `most` of each at the most, drawn at random."""
    random = np.random.default_rng(seed)
    found = []
    for part in range(PARTS):
        files = [path for path in persona_windows.find(paths) if part_of(path) == part]
        windows = persona_windows.read(files, config, choice).windows
        found.append(windows[np.sort(random.permutation(len(windows))[:most])])
    return found


def all_features(windows: Windows, config: Config) -> Features:
    """Features of many windows."""
    return np.stack([features(window, config) for window in windows])


def all_symbols(windows: Windows, config: Config) -> NDArray[np.int64]:
    """Symbols of many windows, `[N, steps]`."""
    return np.stack([symbols(window, config) for window in windows])


def sample(
    decoder: LiveDecoder,
    count: int,
    blend: tuple[tuple[str, float], ...],
    temperature: float,
    first: int = FIRST_SEED,
) -> Windows:
    """So many windows of a blend, every one of a seed of its own, from `first` on."""
    recipes = [
        Recipe(seed=first + i, temperature=temperature, blend=blend, drift=1.0, prior=LEARNED)
        for i in range(count)
    ]
    decoded = [riff for at in range(0, count, 50) for riff in decoder.decode(recipes[at : at + 50])]
    return np.stack([from_riff(decoder.config, riff) for riff in decoded])


def distance(a: Sequence[int], b: Sequence[int]) -> float:
    """Levenshtein's edit distance of two windows' tokens, a share of their length."""
    row = np.arange(len(b) + 1)
    right = np.asarray(b)
    for i, token in enumerate(a, 1):
        changed = row[:-1] + (right != token)
        best = np.minimum(row[1:] + 1, changed)
        new = np.concatenate([[i], best])
        # an insertion costs one more than the cell to the left, whichever of those it is
        row = np.minimum.accumulate(new - np.arange(len(new))) + np.arange(len(new))
    return float(row[-1]) / max(len(a), len(b))


def spread(windows: Windows, pairs: int, seed: int = 0) -> float:
    """Mean edit distance between pairs of windows."""
    random = np.random.default_rng(seed)
    every = list(combinations(range(len(windows)), 2))
    chosen = random.permutation(len(every))[:pairs]
    return float(np.mean([distance(windows[every[i][0]], windows[every[i][1]]) for i in chosen]))


def recognise(
    parts: Mapping[str, Sequence[Windows]],
    model: str = "",
    *,
    options: Options | None = None,
    samples: int = 200,
    temperature: float = 0.8,
    rounds: int = 1,
) -> Recognition:
    """Train a persona for each set and ask the classifier.

    Args:
        parts: sets by name, two at least, each as `split` gives it.
        model: the base model.
        options: of the personas' training.
        samples: of each persona and of the base model, in each round.
        temperature: of all samples.
        rounds: so often personas are trained and sampled, each time with other seeds.
    """
    base = midime_training.Base.open(model)
    names = list(parts)
    x = np.concatenate([all_features(parts[name][1], base.config) for name in names])
    y = np.concatenate([np.full(len(parts[name][1]), i) for i, name in enumerate(names)])
    classifier = Classifier(x, y, len(names))
    personas = Personas()
    decoder = LiveDecoder.open(model, device="cpu", personas=personas)
    own = sample(decoder, samples, (), temperature)
    made: dict[str, list[Windows]] = {name: [] for name in names}
    asked = options or Options()
    for number in range(rounds):
        for name in names:
            heard = parts[name][0]
            report = persona_windows.FileReport(name, "")
            found = persona_windows.Imported(heard, (report,), np.zeros(len(heard), np.int64))
            personas.put(
                name, midime_training.train(name, found, base, replace(asked, seed=asked.seed + number))
            )
            first = FIRST_SEED + number * samples
            made[name].append(sample(decoder, samples, ((name, 1.0),), temperature, first))
    each: dict[str, dict[str, float]] = {}
    right_real, right_persona = [], []
    for i, name in enumerate(names):
        heard, _, held = parts[name]
        said_real = classifier(all_features(held, base.config)).argmax(1) == i
        said = [(classifier(all_features(one, base.config)).argmax(1) == i).mean() for one in made[name]]
        right_real.append(said_real.mean())
        right_persona.append(np.mean(said))
        riffs_of = all_symbols(heard, base.config)
        samples_of = [all_symbols(one, base.config) for one in made[name]]
        known = {window.tobytes() for window in riffs_of}
        each[name] = {
            "windows": float(len(heard)),
            "real": float(said_real.mean()),
            "samples": float(np.mean(said)),
            "of the ceiling": float(np.mean(said) / said_real.mean()),
            "deviation": float(np.std(said, ddof=1)) if rounds > 1 else 0.0,
            "copies": float(np.mean([window.tobytes() in known for one in samples_of for window in one])),
            "distinct": float(np.mean([len({w.tobytes() for w in one}) / samples for one in samples_of])),
            "within samples": spread(samples_of[0], 300),
            "within riffs": spread(riffs_of, 300),
            "to nearest riff": float(
                np.mean([min(distance(m, h) for h in riffs_of[:200]) for m in samples_of[0][:40]])
            ),
        }
        if base.config.music == "melody":
            there = intervals(held)
            sources = {
                "intervals": np.concatenate(made[name]),
                "intervals of base": own,
                "intervals of riffs": heard,
            }
            each[name] |= {title: jensen_shannon(intervals(of), there) for title, of in sources.items()}
    named = classifier(all_features(own, base.config)).argmax(1)
    return Recognition(
        1 / len(names),
        float(np.mean(right_real)),
        float(np.mean(right_persona)),
        {name: float((named == i).mean()) for i, name in enumerate(names)},
        each,
    )


def add_command(below: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The measurement `persona-recognise`."""
    text = "let a classifier name the performers of persona samples"
    command = below.add_parser("persona-recognise", help=text, description=__doc__)
    command.add_argument("sets", nargs="+", metavar="NAME=PATH[,PATH...]", help="music of each performer")
    command.add_argument("--model", default="")
    command.add_argument("--most", type=int, default=400, help="windows of each part (default: %(default)s)")
    command.add_argument("--samples", type=int, default=200)
    command.add_argument("--rounds", type=int, default=1, help="with other seeds each (default: %(default)s)")
    command.add_argument("--temp", type=float, default=0.8)
    command.add_argument("--epochs", type=int, default=Options().epochs)
    command.add_argument("--jitter", type=float, default=0.0)
    command.add_argument("--space", choices=SPACES, default=Z, help="of the personas (default: %(default)s)")
    command.add_argument("--json", type=Path)
    command.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    config = midime_training.Base.open(args.model).config
    parts: dict[str, list[Windows]] = {}
    for word in args.sets:
        name, _, paths = word.partition("=")
        parts[name] = split([Path(path) for path in paths.split(",")], config, args.most)
    options = Options(epochs=args.epochs, jitter=args.jitter, space=args.space)
    found = recognise(
        parts,
        args.model,
        options=options,
        samples=args.samples,
        temperature=args.temp,
        rounds=args.rounds,
    )
    show(found, Console(highlight=False))
    if args.json is not None:
        args.json.write_text(json.dumps(asdict(found), indent=1) + "\n")


def show(found: Recognition, console: Console) -> None:
    """As tables."""
    console.print(
        f"named right: persona samples {found.personas:.3f}, real riffs {found.real:.3f} (the ceiling),"
        f" by luck {found.chance:.3f}"
    )
    console.print(
        "base model's samples are named " + ", ".join(f"{k} {v:.2f}" for k, v in found.base.items())
    )
    columns = list(next(iter(found.each.values())))
    table = Table("set", *columns, box=None, pad_edge=False)
    for name, row in found.each.items():
        table.add_row(name, *(f"{row[column]:.3f}".removesuffix(".000") for column in columns))
    console.print(table)
