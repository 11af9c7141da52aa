"""`livevae evaluate`: how near a model is to held-out music, in numbers and pictures.

The command imports what it needs itself: to build the command line costs no torch.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livevae.cli.common import old_name, say
from livevae.errors import LivevaeError

if TYPE_CHECKING:
    from livevae.corpus.dataset import Dataset
    from livevae.models.musicvae.networks import MusicVAE
    from livevae.models.training.evaluate import Evaluation
    from livevae.models.training.evaluate_steps import StepEvaluation


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to a command line; `args.run(args)` does what was asked."""
    parser = commands.add_parser(
        "evaluate", help="score a model on held-out music, and its samples beside it"
    )
    parser.add_argument("model", help="a model's name, or a checkpoint's path")
    parser.add_argument("--data", required=True, help="a data set's name or folder")
    parser.add_argument("--windows", type=int, default=2000, help="held-out windows to score, 0 for all")
    parser.add_argument("--samples", type=int, default=2000, help="from the prior")
    parser.add_argument("--temp", type=float, default=1.0, help="of the samples (default: %(default)s)")
    old_name(parser, "--temperature", dest="temp", type=float)
    parser.add_argument(
        "--beside", action="append", default=[], metavar="MODEL", help="another, only sampled from"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="evaluation.json and, with matplotlib, pictures go there"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.set_defaults(run=_evaluate)


def _evaluate(args: argparse.Namespace) -> None:
    from livevae.corpus import dataset
    from livevae.models.checkpoints import shelf, step_files
    from livevae.models.checkpoints.identity import identity_at
    from livevae.models.musicvae import assemble as assembling, prior as priors
    from livevae.models.training import crew as training_crew, encodings, evaluate, evaluate_groove

    training_crew.prepare(args.threads)

    def opened(name: str) -> Any:
        return assembling.load(name if Path(name).is_file() else shelf.find(name))[0]

    checkpoint = Path(args.model) if Path(args.model).is_file() else shelf.find(args.model)
    if step_files.is_one(checkpoint):
        _evaluate_steps(args, checkpoint)
        return
    data = dataset.load(args.data)
    model = opened(args.model)
    if data.info["music"] != model.config.learns:
        raise LivevaeError(
            f"{args.data} is {data.info['music']}; {model.config.name} learns {model.config.learns}"
        )
    judge = evaluate_groove.evaluate if model.config.music == "groove" else evaluate.evaluate
    latents = {}
    if not model.config.controls:
        learned = priors.load(identity_at(shelf.find(args.model)))
        latents = encodings.compared(model, data.train, learned, args.samples)
    found = judge(
        model,
        data.train,
        data.test,
        windows=args.windows,
        samples=args.samples,
        temperature=args.temp,
        beside={Path(name).stem: opened(name) for name in args.beside},
        latents=latents,
    )
    _show_evaluation(found)
    if args.out is not None:
        _keep(args.out, found.as_json())
        _draw(args, model, data, found)


def _draw(args: argparse.Namespace, model: "MusicVAE", data: "Dataset", found: "Evaluation") -> None:
    """Pictures of an evaluation; without matplotlib, a line that says how to have them."""
    from livevae.models.training import evaluate, pictures

    out: Path = args.out
    try:
        pictures.statistics(found.statistics, out / "statistics.png")
        if model.config.music == "melody":
            lines = found.samples if found.samples.ndim == 2 else found.samples[..., 0]
            pictures.rolls([(str(i), line) for i, line in enumerate(lines[:32])], out / "samples.png")
            if (learned := found.others.get("learned prior")) is not None:
                pictures.rolls([(str(i), line) for i, line in enumerate(learned[:24])], out / "learned.png")
            a, b = data.test[len(data.test) // 3], data.test[2 * len(data.test) // 3]
            path = evaluate.interpolation(model, a, b)
            shares = ["", *(f"{100 * share:.0f} % new" for share in evaluate.changes(path))]
            pictures.rolls(list(zip(shares, path, strict=True)), out / "interpolation.png", columns=3)
        log = Path(args.model).parent / "log.jsonl"
        if log.is_file():
            pictures.curves(log, out / "curves.png")
    except pictures.NoPicturesError as error:
        say(f"{out} holds the numbers alone: {error}")


def _keep(out: Path, numbers: dict[str, Any]) -> None:
    """An evaluation's numbers as a file of JSON in a folder."""
    import json

    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps(numbers, indent=1) + "\n")


def _evaluate_steps(args: argparse.Namespace, path: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from livevae.corpus import dataset
    from livevae.models import families
    from livevae.models.checkpoints import step_files
    from livevae.models.training import evaluate_steps

    data, held = dataset.load(args.data), step_files.read(path)
    learns = families.named(held.family).task(held.config).learns
    if data.info["music"] != learns:
        raise LivevaeError(f"{args.data} is {data.info['music']}; {held.config.name} learns {learns}")
    found = evaluate_steps.evaluate(
        held,
        data.train,
        data.test,
        windows=args.windows,
        samples=min(args.samples, 200),
        temperature=args.temp,
    )
    table = Table("score", "held out")
    for name, value in (*found.scores.items(), *found.continuations.items()):
        table.add_row(name, f"{value:.4f}")
    Console(markup=False).print(table)
    if args.out is not None:
        _keep(args.out, found.as_json())
        _draw_steps(args.out, found)


def _draw_steps(out: Path, found: "StepEvaluation") -> None:
    """Prompts, what the model made of them and what came next; without matplotlib, a line as in `_draw`."""
    from livevae.cli import riff_pictures

    try:
        riff_pictures.rolls(found.rolls, out / "continuations.png")
    except LivevaeError as error:
        say(f"{out} holds the numbers alone: {error}")


def _show_evaluation(found: "Evaluation") -> None:
    from rich.console import Console
    from rich.table import Table

    scores = Table("score", "held out")
    for name, value in found.scores.items():
        scores.add_row(name, f"{value:.4f}")
    apart = Table("distance to held-out music", *found.distances)
    for name in next(iter(found.distances.values())):
        apart.add_row(name, *(f"{of[name]:.3f}" for of in found.distances.values()))
    apart.add_row("distinct", *(f"{found.distinct[source]:.3f}" for source in found.distances))
    if found.copies:
        apart.add_row("copies of training", *(f"{found.copies[source]:.3f}" for source in found.distances))
    console = Console(markup=False)
    console.print(scores)
    console.print(apart)
