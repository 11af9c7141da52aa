"""A blend moved from one persona to another in nine steps, at fixed seeds: does it move evenly, and does it sound so?

`benchmarks persona-morph A B --music FOLDER FOLDER` measures each step's edit distance to its neighbours beside
the direct hop, and what a classifier trained on the sets' own windows makes of every step.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.persona_recognition import Classifier, all_features, all_symbols, distance
from livevae.errors import LivevaeError
from livevae.latent.personas import Personas
from livevae.latent.recipe import Recipe
from livevae.models.live import LiveDecoder
from livevae.models.midime import files as persona_files, windows as persona_windows
from livevae.models.musicvae.vocabulary import from_riff

STEPS = 9


@dataclass(frozen=True, slots=True)
class Morph:
    """What nine steps from one persona to the other came to, means over seeds.

    Attributes:
        hops: edit distance from each step to the next, a share of the window's length.
        direct: from the first to the last.
        worst: the largest hop of any seed, as a share of that seed's direct hop.
        larger: share of all hops that are larger than their seed's direct hop.
        probability: of the second persona, by the classifier, at each step.
    """

    hops: tuple[float, ...]
    direct: float
    worst: float
    larger: float
    probability: tuple[float, ...]


def morph(
    names: tuple[str, str],
    sets: Sequence[Sequence[Path]],
    model: str = "",
    seeds: int = 40,
    temperature: float = 0.0,
) -> Morph:
    """Move between two personas on disk.

    Args:
        names: from and to.
        sets: music of each, for the classifier.
        model: the base model.
        seeds: how many walks.
        temperature: 0 shows what z does, and nothing of chance.
    """
    personas = Personas({name: persona_files.load(name) for name in names})
    decoder = LiveDecoder.open(model, device="cpu", personas=personas)
    windows = [persona_windows.read(list(paths), decoder.config).windows for paths in sets]
    config = decoder.config
    x = np.concatenate([all_features(part, config) for part in windows])
    classifier = Classifier(x, np.repeat([0, 1], [len(part) for part in windows]), 2)
    recipes = [
        Recipe(seed=1 + seed, temperature=temperature, blend=_between(names, step / (STEPS - 1)))
        for seed in range(seeds)
        for step in range(STEPS)
    ]
    prior = next((one.prior for one in personas.values() if one.prior), "")
    if any(name not in personas.of(personas[names[0]].model, prior) for name in names):
        raise LivevaeError(f"{names[0]} and {names[1]} speak different models")
    decoded = [riff for at in range(0, len(recipes), 64) for riff in decoder.decode(recipes[at : at + 64])]
    made = np.stack([from_riff(config, riff) for riff in decoded])
    walks = all_symbols(made, config).reshape(seeds, STEPS, -1)
    hops = np.array([[distance(walk[i], walk[i + 1]) for i in range(STEPS - 1)] for walk in walks])
    direct = np.array([distance(walk[0], walk[-1]) for walk in walks])
    said = classifier(all_features(made, config))[:, 1].reshape(seeds, STEPS)
    far = direct > 0
    return Morph(
        tuple(hops.mean(0).tolist()),
        float(direct.mean()),
        float((hops[far] / direct[far, None]).max()),
        float((hops > direct[:, None]).mean()),
        tuple(said.mean(0).tolist()),
    )


def _between(names: tuple[str, str], t: float) -> tuple[tuple[str, float], ...]:
    return tuple((name, weight) for name, weight in zip(names, (1 - t, t), strict=True) if weight > 0)


def picture(found: Morph, names: tuple[str, str], path: Path) -> None:
    """Draw it (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    weights = np.linspace(0, 1, STEPS)
    left.bar((weights[:-1] + weights[1:]) / 2, found.hops, 0.1, color="#4477aa", label="step to step")
    left.axhline(found.direct, color="#ee6677", label="direct hop")
    left.set(xlabel=f"weight of {names[1]}", ylabel="edit distance / window", ylim=(0, None))
    left.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False
    )  # beside all that is drawn
    right.plot(weights, found.probability, "o-", color="#228833")
    right.set(xlabel=f"weight of {names[1]}", ylabel=f"P({names[1]})", ylim=(0, 1))
    figure.savefig(path, dpi=110)


def add_command(below: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The measurement `persona-morph`."""
    text = "move a blend from one persona to another in nine steps"
    command = below.add_parser("persona-morph", help=text, description=__doc__)
    command.add_argument("a")
    command.add_argument("b")
    command.add_argument(
        "--music", nargs=2, type=Path, required=True, metavar=("A", "B"), help="each one's music"
    )
    command.add_argument("--model", default="")
    command.add_argument("--seeds", type=int, default=40)
    command.add_argument("--picture", type=Path)
    command.add_argument("--json", type=Path)
    command.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    names = (args.a, args.b)
    found = morph(names, [[path] for path in args.music], args.model, args.seeds)
    console = Console(highlight=False)
    console.print("hops        " + " ".join(f"{hop:.3f}" for hop in found.hops))
    console.print(
        f"direct hop  {found.direct:.3f}; the largest hop of any seed {found.worst:.2f} of its direct one"
    )
    console.print(f"hops larger than the direct one: {found.larger:.3f} of all")
    console.print(f"P({names[1]})  " + " ".join(f"{p:.3f}" for p in found.probability))
    if args.picture is not None:
        picture(found, names, args.picture)
    if args.json is not None:
        args.json.write_text(json.dumps(asdict(found), indent=1) + "\n")
