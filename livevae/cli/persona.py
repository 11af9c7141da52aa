"""`livevae persona ...`: train, list, show, rename, remove, export and import personas. No torch."""

import argparse
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from livevae.cli.alignment import add_options as add_alignment_options, alignment_of
from livevae.errors import ModelError
from livevae.latent.personas import CROSSINGS, SPACES, U, Z
from livevae.models.checkpoints import shelf
from livevae.models.checkpoints.identity import identity_of
from livevae.models.midime import (
    files as persona_files,
    fitting,
    train as midime_training,
    windows as persona_windows,
)
from livevae.models.midime.network import FEW, PUBLISHED_EPOCHS, Losses, Options, usual_epochs
from livevae.models.midime.windows import Choice, Imported

MOST_WINDOWS = 8000
"""Windows that directions are found in; more change nothing."""

MOST_ROWS = 24
"""Files that a report shows one by one; of more it shows the sums."""


EPOCHS = (
    ", ".join(f"{times * PUBLISHED_EPOCHS:g} below {below} windows" for below, times in FEW)
    + f", else {PUBLISHED_EPOCHS}; for trios three times as many"
)


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `persona` to a command line; `args.run(args)` does what was asked."""
    parser = commands.add_parser("persona", help="train personas on a performer's riffs, and keep them")
    verbs = parser.add_subparsers(required=True, metavar="train|list|show|rename|remove|export|import")
    _add_train(verbs)
    listing = verbs.add_parser("list", help="the personas that can be played")
    listing.set_defaults(run=_list)
    show = verbs.add_parser("show", help="what a persona was trained on, and how it went")
    show.add_argument("name", help="a persona, or a persona's file")
    show.set_defaults(run=_show)
    rename = verbs.add_parser("rename", help="give a persona another name")
    rename.add_argument("name")
    rename.add_argument("new")
    rename.set_defaults(run=_rename)
    remove = verbs.add_parser("remove", help="delete a persona")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)
    export = verbs.add_parser("export", help="copy a persona to a file, for another machine or player")
    export.add_argument("name")
    export.add_argument("file", type=Path)
    export.set_defaults(run=_export)
    bring = verbs.add_parser("import", help="take a persona's file into the folder of personas")
    bring.add_argument("file", type=Path)
    bring.add_argument("--name", help="default: the file's")
    bring.add_argument("--force", action="store_true", help="replace a persona of that name")
    bring.set_defaults(run=_import)


def _add_train(verbs: Any) -> None:
    train = verbs.add_parser("train", help="read riffs, say what was used, train")
    train.add_argument("name", help="what to call the persona")
    train.add_argument("paths", nargs="+", type=Path, help="files or folders: .mid .mxl .musicxml .abc")
    train.add_argument("--model", default="", metavar="NAME|PATH", help="default: the bundled melody model")
    train.add_argument("--epochs", type=int, help=f"default: {EPOCHS}")
    train.add_argument("--beta", type=float, default=1.0, help="weight of the KL (default: %(default)s)")
    train.add_argument("--latent", type=int, default=4, help="dimensions of its own (default: %(default)s)")
    train.add_argument(
        "--space", choices=("auto", *SPACES), default="auto",
        help="z: MidiMe; u: riffs' crossings in the space of the model's learned prior; auto: u where a model of"
        " melodies has one and nothing that only MidiMe has is asked for (default: %(default)s)",
    )  # fmt: skip
    train.add_argument("--seed", type=int, default=1, help="the same seed and riffs give the same persona")
    train.add_argument(
        "--jitter",
        type=float,
        default=Options().jitter,
        help="deviations by which z moves (default: %(default)s)",
    )
    train.add_argument(
        "--windows-from", choices=("bar", "beat"), default=Choice().hop, help="default: %(default)s"
    )
    train.add_argument("--track", default="", help="of MIDI files: a number from 1, or a part of its name")
    train.add_argument(
        "--channel", type=int, default=0, choices=range(17), metavar="1-16", help="of MIDI files"
    )
    train.add_argument("--skyline", action="store_true", help="of chords, take the highest notes")
    add_alignment_options(train)
    train.add_argument("--dry-run", action="store_true", help="only the report")
    train.set_defaults(run=_train)


def _train(args: argparse.Namespace) -> None:
    name = persona_files.checked_name(args.name)
    alignment = alignment_of(args)
    console = Console(highlight=False, markup=False)
    with _progress(console) as progress:
        reading = progress.add_task("reading", total=None)
        base = midime_training.Base.open(args.model)
        choice = Choice(args.track, args.channel, args.skyline, args.windows_from)
        found = persona_windows.read(
            args.paths,
            base.config,
            choice,
            lambda _: progress.advance(reading),
            alignment=alignment,
            isolated=True,
        )
        progress.update(reading, total=1, completed=1, visible=False)
    show_report(console, found)
    if args.dry_run:
        return
    usual = usual_epochs(len(found.windows), base.config.music)
    space = args.space
    if space == "auto":
        for_midime = (args.epochs, args.beta, args.jitter) != (None, Options().beta, Options().jitter)
        space = midime_training.usual_space(base, for_midime=for_midime)
    options = Options(
        latent=args.latent,
        epochs=usual if args.epochs is None else args.epochs,
        beta=args.beta,
        jitter=args.jitter,
        seed=args.seed,
        space=space,
    )
    with _progress(console) as progress:
        task = progress.add_task("training", total=options.epochs)

        def on_epoch(epoch: int, losses: Losses) -> None:
            text = f"training  loss {losses.reconstruction:8.3f} + KL {losses.kl:.3f}"
            progress.update(task, completed=epoch, description=text)

        persona = midime_training.train(name, found, base, options, on_epoch)
    path = persona_files.save(persona)
    manner = _manner(space, crossed=CROSSINGS in persona.weights)
    console.print(f"{name}: {manner} of {len(found.windows)} windows, kept in {path}")


def show_report(console: Console, found: Imported) -> None:
    """Which files and tracks gave how many windows, what was left out and why."""
    files = found.files if len(found.files) <= MOST_ROWS else ()
    if files:
        table = Table("file", "windows", "from", "beats", "left out", box=None, pad_edge=False)
        for file in files:
            sources = "; ".join(file.parts)
            table.add_row(
                *(file.name, str(file.windows), sources, file.beats.removeprefix("beats ")),
                _reasons(file.left_out),
            )
        console.print(table)
    else:
        used = [file for file in found.files if file.windows]
        console.print(f"{len(used)} of {len(found.files)} files gave windows; left out:")
        total = sum((file.left_out for file in found.files), Counter[str]())
        for reason, count in total.most_common(12):
            console.print(f"  {count:>6}  {reason}")
        for file in [file for file in found.files if not file.windows][:6]:
            console.print(f"  nothing of {file.name}: {_reasons(file.left_out)}")
        beats = Counter(_source(file.beats) for file in used if file.beats)
        if beats:
            console.print(
                "beats: " + ", ".join(f"{words} in {count} files" for words, count in beats.items())
            )
    console.print(found.expectation)


def _source(beats: str) -> str:
    return "found" if beats.startswith("beats found") else "the file's"


def _reasons(left_out: "Counter[str]") -> str:
    return "; ".join(f"{count} {reason}" for reason, count in left_out.most_common(4))


def _list(_: argparse.Namespace) -> None:
    entries = persona_files.entries()
    console = Console(highlight=False, markup=False)
    if not entries:
        console.print("no persona yet: livevae persona train NAME FILES-or-FOLDERS...")
        return
    models = {identity_of(name): name for name in shelf.with_latent()}
    table = Table("persona", "model", "windows", "loss", "", box=None, pad_edge=False)
    for name, entry in entries.items():
        try:
            card = persona_files.describe(entry.path)
        except ModelError as error:
            table.add_row(name, "", "", "", str(error))
            continue
        total = _mapping(card.about.get("losses")).get("total")
        loss = f"{total:.3f}" if isinstance(total, float) else ""
        model = models.get(card.model, f"not here ({card.about.get('base', card.model)})")
        origin = "comes with livevae" if entry.shipped else ""
        if fitting.prior_trouble(card):
            origin = "its learned prior is not here"
        table.add_row(name, str(model), str(card.about.get("windows", "")), loss, origin)
    console.print(table)


def _show(args: argparse.Namespace) -> None:
    path = Path(args.name) if args.name.endswith(persona_files.SUFFIX) else persona_files.find(args.name).path
    card = persona_files.describe(path)
    console = Console(highlight=False, markup=False)
    about = card.about
    manner = _manner(card.space, crossed=card.crossed)
    console.print(
        f"{card.name}: {manner}, {card.latent} dimensions over the {card.dim} of {about.get('base', '?')}"
    )
    console.print(f"  file     {path}")
    fits = [name for name in shelf.with_latent() if identity_of(name) == card.model]
    console.print(f"  model    {card.model}, {'here: ' + fits[0] if fits else 'which is not here'}")
    if card.space == U:
        console.print(
            f"  prior    {card.prior}, {'which is not here' if fitting.prior_trouble(card) else 'here'}"
        )
    for title in ("windows", "options", "losses", "licence"):
        if title in about:
            value = about[title]
            text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
            console.print(f"  {title:<8} {text}")
    for riff in about.get("riffs", [])[:MOST_ROWS] if isinstance(about.get("riffs"), list) else []:
        row = _mapping(riff)
        console.print(f"  {row.get('sha256', ''):<16}  {row.get('windows', ''):>5}  {row.get('name', '')}")


def _manner(space: str, *, crossed: bool) -> str:
    """What a persona is, in words."""
    if space == Z:
        return "a MidiMe"
    return "crossings of riffs in u" if crossed else "a Gaussian in u"


def _rename(args: argparse.Namespace) -> None:
    path = persona_files.rename(args.name, args.new)
    Console(highlight=False, markup=False).print(f"{args.name} is {args.new} now: {path}")


def _remove(args: argparse.Namespace) -> None:
    Console(highlight=False, markup=False).print(f"{persona_files.remove(args.name)} is gone")


def _export(args: argparse.Namespace) -> None:
    persona = persona_files.load(args.name)
    if args.file.is_dir():
        args.file /= f"{persona.name}{persona_files.SUFFIX}"
    persona_files.write(args.file, persona)
    Console(highlight=False, markup=False).print(f"{persona.name}: {args.file}")


def _import(args: argparse.Namespace) -> None:
    persona = persona_files.read(args.file)
    wanted = args.name or unicodedata.normalize("NFC", args.file.name.removesuffix(persona_files.SUFFIX))
    name = persona_files.checked_name(wanted)
    if name in persona_files.entries() and not args.force:
        raise ModelError(f"there is a persona {name!r} already: choose another --name, or --force")
    path = persona_files.save(replace(persona, name=name))
    console = Console(highlight=False, markup=False)
    console.print(f"{name}: {path}")
    if words := fitting.trouble(replace(persona, name=name)):
        console.print(words)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
