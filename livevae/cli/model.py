"""`livevae model`: list, info, import, pull, remove, prior, export, attributes.

Every command imports what it needs itself: to build the command line costs no torch.
"""

import argparse
from pathlib import Path
from typing import Any

from livevae.cli.common import positive, say
from livevae.errors import LivevaeError, ModelError

MOST_WINDOWS = 8000
"""More music says little more about a direction."""


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this room's commands to a command line; `args.run(args)` does what was asked."""
    _add_model(commands.add_parser("model", help="the models that can be played: list, import, pull, remove"))
    _add_export(commands.add_parser("export"))  # where they were before; without help, no list shows them
    _add_attributes(commands.add_parser("attributes"))


def _add_model(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(
        required=True, metavar="list|info|import|pull|remove|prior|export|attributes"
    )
    listing = verbs.add_parser("list", help="the models that are here, and those that can be pulled")
    listing.set_defaults(run=_list)
    info = verbs.add_parser("info", help="what is known about a model")
    info.add_argument("name", nargs="?", default="", help="default: the default melody model")
    info.set_defaults(run=_info)
    bring = verbs.add_parser("import", help="take a checkpoint of Magenta's, of magenta.js' or of livevae's")
    bring.add_argument("path", type=Path, help="a .mag, .tar, .index or .safetensors file, or a folder")
    bring.add_argument("--name", default="", help="what to call it; default: its configuration's name")
    bring.add_argument("--config", default="", help="its configuration, where the checkpoint leaves it open")
    bring.set_defaults(run=_import)
    fetch = verbs.add_parser("pull", help="fetch a published checkpoint; goes on where a fetch broke off")
    fetch.add_argument("name", help="see `livevae model list`")
    fetch.set_defaults(run=_pull)
    remove = verbs.add_parser("remove", help="delete one of your own models")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)
    _add_export(verbs.add_parser("export", help="a trained model as a checkpoint to give away"))
    _add_attributes(
        verbs.add_parser(
            "attributes", help="find a model's directions of density, height, syncopation and range in music"
        )
    )
    fit = verbs.add_parser(
        "prior", help="fit a model's learned prior to music: what its riffs are drawn from"
    )
    fit.add_argument("name", metavar="MODEL", help="a model's name, or a checkpoint's path")
    fit.add_argument("--data", required=True, help="a data set's name or folder (`livevae dataset build`)")
    fit.add_argument(
        "--run", "--run-folder", dest="run_folder", required=True, type=Path,
        help="folder of its checkpoints and log; a run that was left goes on",
    )  # fmt: skip
    fit.add_argument("--hours", type=float, default=0.25, help="time to train (default: %(default)s)")
    fit.add_argument("--dim", type=positive, default=64, help="principal directions (default: %(default)s)")
    fit.add_argument("--layers", type=positive, default=12, help="couplings (default: %(default)s)")
    fit.add_argument("--hidden", type=positive, default=256, help="units of each (default: %(default)s)")
    fit.add_argument("--batch", type=positive, default=256, help="encodings a step (default: %(default)s)")
    fit.add_argument("--learning-rate", type=float, default=1.2e-3, help="default: %(default)s")
    fit.add_argument("--weight-decay", type=float, default=1e-3, help="default: %(default)s")
    fit.add_argument("--dropout", type=float, default=0.0, metavar="SHARE", help="default: %(default)s")
    fit.add_argument(
        "--own-key", type=float, default=0.85, metavar="SHARE",
        help="of melodies that stay in their key; the rest is moved by up to 7 semitones (default: %(default)s)",
    )  # fmt: skip
    fit.add_argument(
        "--vary", type=float, default=0.0, metavar="SHARE",
        help="of drum windows and grooves that come with their halves swapped and others' instruments (default: 0)",
    )  # fmt: skip
    fit.add_argument(
        "--noise", type=float, default=1.0, metavar="SHARE",
        help="how much of each window's spread about its own z is heard (default: 1, all)",
    )  # fmt: skip
    fit.add_argument(
        "--critic", type=float, default=0.0, metavar="WEIGHT",
        help="of a critic that tells what samples play from music, beside likelihood; for drums (default: 0, none)",
    )  # fmt: skip
    fit.add_argument(
        "--last", action="store_true",
        help="keep the flow as it is at the end; default: where held-out music was likeliest",
    )  # fmt: skip
    fit.add_argument(
        "--temper", type=float, nargs=2, default=(1.0, 1.0), metavar=("FLOW", "REST"),
        help="how far u is drawn in (above 1: out), along the principal directions and the rest (default: 1 1)",
    )  # fmt: skip
    fit.add_argument(
        "--begin-with", type=Path, metavar="FILE",
        help="a prior of this model to begin with: its directions stay, its couplings learn on",
    )  # fmt: skip
    fit.add_argument("--seed", type=int, default=1)
    fit.add_argument("--threads", type=positive, default=1)
    fit.add_argument(
        "--out", type=Path, metavar="FILE", help="default: your own priors, where models look first"
    )
    fit.set_defaults(run=_prior)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="a run's model.safetensors")
    parser.add_argument("file", type=Path, help="the checkpoint to write")
    parser.add_argument("--half", action="store_true", help="store the weights as float16")
    parser.add_argument("--evaluation", type=Path, help="evaluation.json of `livevae evaluate --out`")
    parser.add_argument("--licence", default="", help="of the weights")
    parser.set_defaults(run=_export)


def _add_attributes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a model's name or path")
    parser.add_argument("paths", nargs="+", type=Path, help="files or folders of music that the model knows")
    parser.set_defaults(run=_attributes)


def _list(_: argparse.Namespace) -> None:
    from livevae.models.checkpoints import shelf, step_files
    from livevae.models.foreign.pull import PUBLISHED

    here = shelf.entries()
    for entry in here.values():
        try:
            if step_files.is_one(entry.path):
                held = step_files.describe(entry.path)
                text = f"{held.family}, goes on step by step; {held.about.get('origin', 'trained here')}"
                say(f"{entry.name:<32} {'comes with livevae' if entry.bundled else 'yours':<19} {text}")
                continue
            config, about = entry.describe()
            text = f"{config.music}, {config.bars} bars, z {config.latent}; {about.get('origin', 'trained here')}"
        except ModelError as error:
            text = f"broken: {error}"
        say(f"{entry.name:<32} {'comes with livevae' if entry.bundled else 'yours':<19} {text}")
    for one in PUBLISHED.values():
        if one.name not in here:
            say(f"{one.name:<32} {'can be pulled':<19} {one.about}")


def _info(arguments: argparse.Namespace) -> None:
    import json

    from livevae.models.checkpoints import files as checkpoint_files, shelf, step_files

    path = shelf.find(arguments.name)
    config: Any
    if step_files.is_one(path):
        held = step_files.describe(path)
        config, about = held.config, held.about
    else:
        config, about = checkpoint_files.describe(path)
    say(f"{path}, {path.stat().st_size / 2**20:.1f} MB")
    for name, value in sorted(json.loads(config.to_json()).items()):
        say(f"  {name:<18} {value}")
    say(json.dumps(about, indent=2, sort_keys=True))


def _import(arguments: argparse.Namespace) -> None:
    from livevae.models.checkpoints import step_files
    from livevae.models.checkpoints.files import describe
    from livevae.models.foreign.import_model import import_model

    path = import_model(arguments.path, arguments.name, arguments.config)
    config = step_files.describe(path).config if step_files.is_one(path) else describe(path)[0]
    say(f"{path.stem}: {config.name}, kept as {path}")


def _pull(arguments: argparse.Namespace) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from livevae.models.foreign.pull import pull

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns) as bars:
        tasks: dict[str, Any] = {}

        def progress(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name)
            bars.update(tasks[name], completed=done, total=total or None)

        path = pull(arguments.name, progress)
    say(f"{path.stem}, kept as {path}")


def _remove(arguments: argparse.Namespace) -> None:
    from livevae.models.checkpoints import shelf

    say(f"removed {shelf.remove(arguments.name)}")


def _prior(arguments: argparse.Namespace) -> None:
    from dataclasses import fields

    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from livevae.corpus import dataset
    from livevae.models.checkpoints import shelf
    from livevae.models.checkpoints.identity import identity_at
    from livevae.models.musicvae import assemble as assembling, prior as priors
    from livevae.models.training import crew as training_crew, prior as fitting

    training_crew.prepare(arguments.threads)
    path = shelf.find(arguments.name)
    model, _ = assembling.load(path)
    data = dataset.load(arguments.data)
    if data.info["music"] != model.config.learns or data.info["steps"] != model.config.steps:
        raise LivevaeError(
            f"{arguments.data} is {data.info['music']} of {data.info['steps']} steps; {model.config.name} learns "
            f"{model.config.learns} of {model.config.steps}"
        )
    called = identity_at(path)
    begin = None
    if arguments.begin_with is not None:
        priors.read(arguments.begin_with, called)
        begin = priors.KIND.read(arguments.begin_with, called)[0]
    given = vars(arguments)
    options = fitting.Options(
        **{one.name: given[one.name] for one in fields(fitting.Options) if one.name in given}
    )
    with Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()
    ) as progress:
        task = progress.add_task("prior", total=1.0)
        tensors, about = fitting.train(
            model,
            data.train,
            data.test,
            arguments.run_folder,
            options,
            lambda text, done: progress.update(task, completed=done, description=text),
            begin,
        )
    about |= {"temper": list(arguments.temper), "data": data.info["sha256"]}
    place = arguments.out or priors.KIND.place(called)
    place.parent.mkdir(parents=True, exist_ok=True)
    priors.save(place, tensors, about, called)
    say(f"{about['steps']:,} steps; {place}: {model.config.name} draws from it now")


def _export(args: argparse.Namespace) -> None:
    from livevae.models.checkpoints import step_files
    from livevae.models.musicvae import assemble as assembling
    from livevae.models.training import growth

    if step_files.is_one(args.model):
        _export_steps(args)
        return
    model, about = assembling.load(args.model)
    assembling.save(args.file, growth.full_size(model), _told(about, args), half=args.half)


def _export_steps(args: argparse.Namespace) -> None:
    from dataclasses import replace

    import numpy as np

    from livevae.models.checkpoints import step_files

    held = step_files.read(args.model)
    kind = np.float16 if args.half else np.float32
    tensors = {name: value.astype(kind) for name, value in held.tensors.items()}
    step_files.write(args.file, replace(held, about=_told(held.about, args), tensors=tensors))


def _told(about: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    """What is known about a model, with what the command line adds."""
    import json

    told = dict(about)
    if args.evaluation is not None:
        try:
            told["evaluation"] = json.loads(args.evaluation.read_text())
        except ValueError as error:
            raise LivevaeError(f"--evaluation: {args.evaluation} is not JSON: {error}") from None
    if args.licence:
        told["licence"] = args.licence
    return told


def _attributes(args: argparse.Namespace) -> None:
    from rich.progress import Progress

    from livevae.latent import attributes
    from livevae.models.midime import train as midime_training, windows as persona_windows
    from livevae.models.musicvae import directions

    with Progress(transient=True) as progress:
        task = progress.add_task("reading", total=None)
        base = midime_training.Base.open(args.model)
        windows = persona_windows.read(
            args.paths, base.config, on_file=lambda _: progress.advance(task), isolated=True
        ).windows
        windows = windows[:: -(-len(windows) // MOST_WINDOWS)]
        progress.update(task, description="encoding", total=len(windows))
        z = base.encode(windows, lambda done: progress.update(task, completed=done)).mu
    found = attributes.found(z, directions.table(base.config, windows))
    path = directions.KIND.place(base.identity)
    directions.save(path, found, base.identity)
    say(f"{', '.join(found.vectors)} from {len(windows)} windows: {path}")
