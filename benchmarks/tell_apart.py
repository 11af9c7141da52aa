"""`benchmarks tell-apart`: can a program tell a model's samples from music that nobody trained on? 0.5 is: it cannot.

Two classifiers, each trained on half of the windows and asked about the other half: a logistic one on n-grams of
intervals and lengths, and a small recurrent one (a GRU) on the tokens. Both hear pitches from the first note on, so
keys and registers do not tell. Of drums they hear which are struck at each step, of grooves neither how hard nor how
early. Held-out music stands on one side, and as much of each source on the other, in turn;
training music among them says what songs give away that are only other songs. A seed draws other windows, samples,
halves and first weights: the table has the mean of the seeds and their standard deviation.
"""

import argparse
from typing import TYPE_CHECKING, Any

from livevae.music.groove import DRUMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from livevae.models.musicvae.model import Model

BUCKETS = 4096
"""N-grams are counted in so many, by their hash."""

HOLD, OFF = 0, 1

MELODIES = 128
"""Symbols of melodies; drums have 2 ** 9."""


def add_command(below: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `tell-apart`."""
    text = "whether a classifier tells a model's samples from held-out music, by prior"
    bench = below.add_parser("tell-apart", help=text, description=text[0].upper() + text[1:] + ".")
    bench.add_argument("--model", default="", metavar="NAME|PATH", help="default: the default melody model")
    bench.add_argument(
        "--beside", action="append", default=[], metavar="MODEL", help="another, such as Magenta's"
    )
    bench.add_argument(
        "--data", required=True, help="a data set's name or folder; its held-out windows are used"
    )
    bench.add_argument("--windows", type=int, default=2000, help="of each side (default: %(default)s)")
    bench.add_argument("--temperature", type=float, default=1.0)
    bench.add_argument("--epochs", type=int, default=8, help="of the recurrent one (default: %(default)s)")
    bench.add_argument(
        "--seeds", type=int, default=3, help="of samples, halves and classifiers (default: %(default)s)"
    )
    bench.set_defaults(run=_run)


def relative(windows: "NDArray[Any]") -> "NDArray[np.int64]":
    """Melody tokens [N, steps] with pitches counted from each window's first note: 60 is that one."""
    import numpy as np

    notes = windows > OFF
    first = np.where(notes.any(1), np.take_along_axis(windows, notes.argmax(1)[:, None], 1)[:, 0], 60)
    return np.where(notes, np.clip(windows - first[:, None].astype(np.int64) + 60, 2, 119), windows).astype(
        np.int64
    )


def struck(windows: "NDArray[Any]") -> "NDArray[np.int64]":
    """Drum tokens [N, steps] as they are, or those of grooves' hits: [N, steps, 27], stored or as rows."""
    import numpy as np

    if windows.ndim == 2:
        return windows.astype(np.int64)
    hits = np.asarray(windows[..., :DRUMS]) > 0.5
    return np.asarray((hits << np.arange(DRUMS)).sum(-1), np.int64)


def ngrams(windows: "NDArray[Any]", *, drums: bool = False) -> "NDArray[np.float64]":
    """Counts [N, BUCKETS] of one, two and three (interval or drums struck, length, place in the beat) in a row."""
    import numpy as np

    found = np.zeros((len(windows), BUCKETS))
    for row, window in enumerate(struck(windows) if drums else relative(windows)):
        places = np.flatnonzero(window != HOLD)
        ends = np.append(places, len(window))[1:]
        steps, before = [], 60
        for place, end in zip(places, ends, strict=True):
            token = int(window[place])
            interval = token + 100 if drums else 99 if token == OFF else token - before
            before = before if token == OFF else token
            steps.append((interval, int(end - place), int(place) % 4))
        for count in (1, 2, 3):
            for start in range(len(steps) - count + 1):
                code = count
                for interval, length, where in steps[start : start + count]:
                    code = (code * 1_000_003 + interval * 961 + length * 31 + where) % 2_147_483_647
                found[row, code % BUCKETS] += 1
    return np.sqrt(found)


def halves(count: int, seed: int) -> "NDArray[np.bool_]":
    """Which of so many rows are learnt from: every second one of an order drawn by the seed."""
    import numpy as np

    learn = np.zeros(count, np.bool_)
    learn[np.random.default_rng(seed).permutation(count)[::2]] = True
    return learn


def logistic_accuracy(
    real: "NDArray[Any]", made: "NDArray[Any]", rounds: int = 300, seed: int = 0, *, drums: bool = False
) -> float:
    """The share that a ridge logistic regression on n-grams gets right of the half that it was not fitted on."""
    import numpy as np

    x = np.concatenate([ngrams(real, drums=drums), ngrams(made, drums=drums)])
    y = np.concatenate([np.ones(len(real)), np.zeros(len(made))])
    learn = halves(len(y), seed)
    x = ((x - x[learn].mean(0)) / (x[learn].std(0) + 0.1)).astype(np.float32)
    known, wanted = x[learn], y[learn].astype(np.float32)
    weights, momentum, bias = *np.zeros((2, BUCKETS), np.float32), 0.0
    for _ in range(rounds):
        wrong = 1 / (1 + np.exp(-np.clip(known @ weights + bias, -30, 30))) - wanted
        momentum = 0.9 * momentum + wrong @ known / len(known) + 0.02 * weights
        weights = weights - 0.02 * momentum
        bias -= 0.1 * float(wrong.mean())
    return float(np.mean(((x[~learn] @ weights + bias) > 0) == (y[~learn] > 0.5)))


def recurrent_accuracy(
    real: "NDArray[Any]", made: "NDArray[Any]", epochs: int, seed: int = 0, *, drums: bool = False
) -> float:
    """The share that a GRU of 48 units gets right of the half that it was not trained on."""
    import numpy as np
    import torch
    from torch import nn

    torch.manual_seed(seed)
    heard, symbols = (struck, 2**DRUMS) if drums else (relative, MELODIES)
    x = torch.from_numpy(np.concatenate([heard(real), heard(made)]))
    y = torch.cat([torch.ones(len(real)), torch.zeros(len(made))])
    chosen = torch.from_numpy(halves(len(y), seed))
    learn, ask = chosen.nonzero()[:, 0], (~chosen).nonzero()[:, 0]
    names, gru, head = nn.Embedding(symbols, 24), nn.GRU(24, 48, batch_first=True), nn.Linear(96, 1)

    def score(rows: torch.Tensor) -> torch.Tensor:
        hidden = gru(names(rows))[0]
        logits: torch.Tensor = head(torch.cat([hidden.mean(1), hidden[:, -1]], 1))[:, 0]
        return logits

    parameters = [*names.parameters(), *gru.parameters(), *head.parameters()]
    loss = torch.optim.AdamW(parameters, 3e-3, weight_decay=0.05)
    for _ in range(epochs):
        for batch in torch.split(learn[torch.randperm(len(learn))], 64):
            value = nn.functional.binary_cross_entropy_with_logits(score(x[batch]), y[batch])
            loss.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            loss.step()
    with torch.no_grad():
        right = (score(x[ask]) > 0) == (y[ask] > 0.5)
    return float(right.float().mean())


class Sources:
    """Held-out music, and what is laid beside it, by seed."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        """Open the data set and the models.

        Raises:
            MusicError: there is no such data set.
            ModelError: there is no such model.
        """
        from livevae.corpus import dataset
        from livevae.models.checkpoints import shelf
        from livevae.models.checkpoints.identity import identity_of
        from livevae.models.musicvae import prior as priors
        from livevae.models.musicvae.model import Model

        self._data = dataset.load(arguments.data)
        self._most, self._temperature = int(arguments.windows), float(arguments.temperature)
        self._model = Model.load(arguments.model)
        self.drums = self._model.config.learns in ("drums", "groove")
        self._learned = priors.load(identity_of(arguments.model))
        self._beside = {name: Model.load(shelf.find(name)) for name in arguments.beside}

    def of(self, seed: int) -> "tuple[NDArray[Any], Mapping[str, NDArray[Any]]]":
        """Held-out windows, and as many of each source."""
        import numpy as np

        from livevae.latent import chance

        order = np.random.default_rng(seed)

        def some(windows: "NDArray[Any]") -> "NDArray[Any]":
            places = np.sort(order.permutation(len(windows))[: self._most])
            return np.asarray(windows[places])

        real = some(self._data.test)
        width = self._model.config.latent
        u = np.stack([chance.normal(7 + seed, chance.LATENT, i, 0, width) for i in range(len(real))])

        def sampled(model: "Model", z: "NDArray[Any]") -> "NDArray[Any]":
            return np.asarray(model.music(z.astype(np.float32), self._temperature, 11 + seed))

        found = {"training music": some(self._data.train), "normal prior": sampled(self._model, u)}
        if self._learned is not None:
            found["learned prior"] = sampled(self._model, self._learned.z(u))
        for name, other in self._beside.items():
            found[name] = sampled(other, u[:, : other.config.latent])
        return real, found


def _run(arguments: argparse.Namespace) -> None:
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    sources = Sources(arguments)
    found: dict[str, list[tuple[float, float]]] = {}
    count = 0
    for seed in range(arguments.seeds):
        real, others = sources.of(seed)
        count = len(real)
        for name, made in others.items():
            told = logistic_accuracy(real, made, seed=seed, drums=sources.drums)
            heard = recurrent_accuracy(real, made, arguments.epochs, seed=seed, drums=sources.drums)
            found.setdefault(name, []).append((told, heard))
    table = Table(
        "held-out music or",
        "logistic, n-grams",
        "recurrent",
        title=f"{count} windows of each, {arguments.seeds} seeds; 0.5: alike",
    )
    for name, shares in found.items():
        means, spread = np.mean(shares, 0), np.std(shares, 0)
        table.add_row(name, *(f"{mean:.3f} ± {one:.3f}" for mean, one in zip(means, spread, strict=True)))
    Console(soft_wrap=True, highlight=False).print(table)
