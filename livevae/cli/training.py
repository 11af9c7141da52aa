"""`livevae dataset build|info`, `train` and `evaluate`: what the command line asks of this room.

Every command imports what it needs itself: to build the command line costs no torch.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livevae.cli.alignment import add_options as add_alignment_options, alignment_of
from livevae.cli.common import old_name
from livevae.errors import LivevaeError

if TYPE_CHECKING:
    from rich.progress import Progress

    from livevae.corpus.dataset import Dataset
    from livevae.models.training.trainer import Report


MOST_ROWS = 12
"""Files that a report shows one by one."""

KINDS = ("melody", "songs", "notes", "piano", "chords", "drums", "all-drums", "groove", "trio")
"""`livevae.corpus.kinds.KINDS` by name: importing that one costs more than a command line should."""

GRIDS = ("4/4", "3/4", "6/8", "12")
"""`livevae.corpus.lines.GRIDS` by name."""


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `dataset` and `train` to a command line; `args.run(args)` does what was asked."""
    _add_dataset(commands)
    _add_train(commands)


def _add_dataset(commands: Any) -> None:
    parser = commands.add_parser("dataset", help="build training data from music files, or describe it")
    verbs = parser.add_subparsers(required=True, metavar="build|info")
    build = verbs.add_parser("build", help="read, quantise, deduplicate, split by song")
    build.add_argument("name", help="a name, or a folder (with a / in it)")
    build.add_argument("paths", nargs="+", type=Path, help="folders or files: .mxl .musicxml .abc .mid")
    build.add_argument("--music", choices=KINDS, default="melody", help="chords: melodies over them")
    build.add_argument(
        "--window",
        dest="steps",
        type=int,
        default=0,
        metavar="STEPS",
        help="sixteenths (default: two bars; 4 bars of 4/4 are 64)",
    )
    build.add_argument(
        "--grid", choices=GRIDS, default=GRIDS[0],
        help="of melodies, the bars: 4/4 and its kin (default), 3/4, 6/8, or 12 for both of those",
    )  # fmt: skip
    old_name(build, "--steps", dest="steps", type=int)
    build.add_argument("--held-out", type=float, default=0.05, help="share of the songs kept for testing")
    add_alignment_options(build)
    build.set_defaults(run=_build)
    info = verbs.add_parser("info", help="what is in a data set, what was refused and why")
    info.add_argument("name")
    info.set_defaults(run=_info)


def _add_train(commands: Any) -> None:
    parser = commands.add_parser("train", help="train a model; goes on where the run folder was left")
    parser.add_argument("config", help="a configuration, such as cat-mel_2bar_small")
    parser.add_argument("--data", required=True, help="a data set's name or folder")
    parser.add_argument(
        "--run",
        "--run-folder",
        dest="run_folder",
        required=True,
        help="folder of this run's checkpoints and log",
    )
    parser.add_argument("--resume", action="store_true", help="insist that the run has begun")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--hours", type=float, help="time to train, pauses not counted")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--max-beta", type=float, help="weight of the KL")
    parser.add_argument("--beta-rate", type=float, help="beta = (1 - rate ** step) * max_beta")
    parser.add_argument("--free-bits", type=float)
    parser.add_argument(
        "--transpose", type=int, default=7, metavar="SEMITONES", help="up and down, at random"
    )
    parser.add_argument("--vary", type=float, default=0.0, metavar="SHARE", help="of drum windows varied")
    parser.add_argument(
        "--sampled", type=float, default=0.0, metavar="SHARE", help="scheduled sampling's last share"
    )
    parser.add_argument("--narrow", type=int, default=0, metavar="UNITS", help="encoder units to begin with")
    parser.add_argument(
        "--widen-at", type=float, default=0.6, metavar="SHARE", help="of the run, when they become all"
    )
    parser.add_argument(
        "--lengths", default="", metavar="STEPS:SHARE,...", help="shorter stretches first: 8:0.05,16:0.15"
    )
    parser.add_argument("--dropout", type=float, metavar="SHARE", help="of every LSTM layer's input")
    parser.add_argument(
        "--begin-with", default="", metavar="MODEL", help="a model whose weights, those that fit, come first"
    )
    parser.add_argument(
        "--keep-encoder", action="store_true", help="train the decoder alone: every z stays what it is"
    )
    parser.add_argument(
        "--rests", type=float, default=1.0, metavar="WEIGHT",
        help="grooves: of velocities' and offsets' errors where nothing is struck (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--only-strokes", action="store_true",
        help="grooves: train how hard and how early strokes are said; hits stay",
    )  # fmt: skip
    parser.add_argument(
        "--average", type=float, default=0.999, help="decay of the running average of weights"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--precision", default="float32", choices=["float32", "bf16"])
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each process")
    parser.add_argument(
        "--processes", type=int, default=1, help="on this machine (for several, use torchrun)"
    )
    parser.add_argument("--save-minutes", type=float, default=3.0)
    parser.set_defaults(run=_train, test_windows=512)


def _build(args: argparse.Namespace) -> None:
    from livevae.budget import shown
    from livevae.corpus import dataset

    with _progress() as progress:
        task = progress.add_task("reading", total=None)
        built = dataset.build(
            args.name,
            args.paths,
            music=args.music,
            steps=args.steps,
            grid=args.grid,
            share=args.held_out,
            on_file=lambda path: progress.update(task, advance=1, description=shown(path.name, 40)),
            alignment=alignment_of(args),
            isolated=True,
        )
    _show_info(built)


def _info(args: argparse.Namespace) -> None:
    from livevae.corpus import dataset

    _show_info(dataset.load(args.name))


def _show_info(data: "Dataset") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False)
    info = data.info
    console.print(f"{data.path}: {info['counts']['train']:,} training windows of {info['steps']} steps,")
    console.print(f"{info['counts']['test']:,} of held-out songs")
    table = Table("set", "files", "used", "songs", "held out", "windows", "test windows")
    for name in info["sets"]:
        report = info["reports"][name]
        columns = ("files", "files_used", "train_songs", "test_songs", "train_windows", "test_windows")
        table.add_row(name, *(f"{report[column]:,}" for column in columns))
    console.print(table)
    for name in info["sets"]:
        refused = Table("refused", name, title=None)
        for reason, count in info["reports"][name]["refused"].items():
            refused.add_row(f"{count:,}", reason)
        console.print(refused)
        beats = info["reports"][name].get("beats", {})
        if found := {file: words for file, words in beats.items() if words.startswith("beats found")}:
            console.print(
                f"{name}: the file's beats in {len(beats) - len(found)} files, found in {len(found)}:"
            )
            for file, words in list(found.items())[:MOST_ROWS]:
                console.print(f"  {file}: {words}")
        unread = info["reports"][name].get("files_refused", [])
        for line in unread[:MOST_ROWS]:
            console.print(f"  refused: {line}")
        if len(unread) > MOST_ROWS:
            console.print(f"  and {len(unread) - MOST_ROWS} more: see {data.path / 'info.json'}")


def _train(args: argparse.Namespace) -> None:
    from rich.console import Console

    from livevae.corpus import dataset
    from livevae.models.musicvae.config import configuration
    from livevae.models.training import (
        crew as training_crew,
        options as run_options,
        run_folder,
        stepwise,
        strokes,
        trainer as training_loop,
    )

    if args.resume and not (Path(args.run_folder) / "state.safetensors").exists():
        raise LivevaeError(f"there is nothing to resume in {args.run_folder}")
    device = training_crew.prepare(args.threads, args.device)
    training_crew.follow()
    others = []
    if args.processes > 1 and "RANK" not in os.environ:
        others = training_crew.helpers(args.processes, sys.argv[sys.argv.index("train") :])
    data = dataset.load(args.data)
    stepping = stepwise.task_of(args.config)
    wanted = stepping.learns if stepping else configuration(args.config).learns
    if data.info["music"] != wanted:
        raise LivevaeError(f"{args.data} is {data.info['music']}; {args.config} learns {wanted}")
    if not stepping and data.bar != (bar := configuration(args.config).bar):
        raise LivevaeError(
            f"{args.data} has bars of {data.bar} sixteenths; {args.config} learns bars of {bar}"
        )
    options: Any
    if stepping:
        named = set(run_options.names(run_options.RunOptions)) - {"run", "device"}
        options = run_options.RunOptions(
            run=args.run_folder, device=device, **{name: getattr(args, name) for name in named}
        )
    else:
        options = run_options.Options(
            run=args.run_folder,
            device=device,
            transpose=(-args.transpose, args.transpose),
            lengths=_lengths(args.lengths),
            **{
                name: getattr(args, name)
                for name in run_options.names(run_options.Options)
                if name not in {"run", "device", "transpose", "lengths"}
            },
        )
    with _progress(quiet=not training_crew.is_first()) as progress:
        task = progress.add_task("training", total=1.0)
        began = [Path(args.run_folder)] if training_crew.is_first() else []

        def show(step: int, done: float, report: "Report") -> None:
            if began and (words := run_folder.begun(began.pop())):
                progress.console.print(words, markup=False)
            if step % 10 == 0:
                kl = f"KL {report['kl']:.1f}  " if "kl" in report else ""
                text = (
                    f"step {step:,}  nll {report['nll']:.2f}  {kl}"
                    f"right {report['accuracy']:.3f}  notes {report['note_accuracy']:.3f}"
                )
                progress.update(task, completed=done, description=text)

        if stepping:
            state = stepwise.train(options, data.train, data.test, show)
        else:
            kind = strokes.StrokeTrainer if options.only_strokes else training_loop.Trainer
            state = training_loop.train(options, data.train, data.test, show, kind)
    for other in others:
        other.wait()
    if training_crew.is_first():
        Console(markup=False).print(
            f"{state.step:,} steps in {state.seconds / 3600:.2f} h of training: {args.run_folder}"
        )


def _lengths(text: str) -> tuple[tuple[int, float], ...]:
    try:
        pairs = [part.split(":") for part in text.split(",") if part]
        return tuple((int(steps), float(share)) for steps, share in pairs)
    except ValueError as error:
        raise LivevaeError(f"--lengths is like 8:0.05,16:0.15, not {text}") from error


def _progress(*, quiet: bool = False) -> "Progress":
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn(), disable=quiet
    )


def main(arguments: list[str] | None = None) -> int:
    """These commands alone, without the rest of livevae; the exit status."""
    parser = argparse.ArgumentParser(prog="livevae")
    add_commands(parser.add_subparsers(required=True))
    args = parser.parse_args(arguments)
    try:
        args.run(args)
    except LivevaeError as error:
        sys.stderr.write(f"livevae: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
