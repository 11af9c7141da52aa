"""`livevae sample`, `interpolate`, `reconstruct`, `groove`: riffs of a model, written to MIDI files.

Every command imports what it needs itself: to build the command line costs no torch.
"""

import argparse
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livevae.cli.common import add_prior, old_name, positive, say
from livevae.errors import LivevaeError, ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from livevae.models.musicvae.config import Config
    from livevae.models.musicvae.model import Model
    from livevae.music.notes import Riff

GROOVES = {
    "humanize": ("groovae_2bar_humanize", "play a drum pattern as a human would"),
    "tap": ("groovae_2bar_tap_fixed_velocity", "make a groove of a tapped rhythm"),
    "add-hats": ("groovae_2bar_add_closed_hh", "add a closed hi-hat to a groove"),
}
"""What `groove` can do, with which model."""


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these commands to a command line; `args.run(args)` does what was asked."""
    sample = commands.add_parser("sample", help="write riffs from a model to MIDI files")
    old_name(sample, "model", nargs="?")
    _add_model_option(sample)
    sample.add_argument("-n", type=positive, default=8, help="how many riffs (default: %(default)s)")
    sample.add_argument("--bars", type=positive, help="length of each; default: the model's own")
    sample.add_argument("--chords", nargs="+", metavar="CHORD", help="for a model over chords: C Am F G ...")
    _add_playing(sample, 0.8)
    add_prior(sample)
    sample.set_defaults(run=_sample)
    between = commands.add_parser("interpolate", help="write the riffs on the way from one file to another")
    between.add_argument("a", type=Path, metavar="A.mid")
    between.add_argument("b", type=Path, metavar="B.mid")
    between.add_argument(
        "-n",
        dest="steps",
        type=positive,
        default=9,
        help="how many riffs, both ends included (default: %(default)s)",
    )
    old_name(between, "--steps", dest="steps", type=positive)
    _add_model_option(between)
    _add_playing(between, 0.0)
    add_prior(between)
    between.set_defaults(run=_interpolate)
    again = commands.add_parser("reconstruct", help="write what a model makes of a file, window by window")
    again.add_argument("file", type=Path, metavar="FILE.mid")
    _add_model_option(again)
    _add_playing(again, 0.0)
    again.set_defaults(run=_reconstruct)
    groove = commands.add_parser("groove", help="GrooVAE on a drum file: humanize, tap, add-hats")
    verbs = groove.add_subparsers(required=True, metavar="|".join(GROOVES))
    for verb, (model, help_) in GROOVES.items():
        command = verbs.add_parser(verb, help=help_, description=help_[0].upper() + help_[1:] + ".")
        command.add_argument("file", type=Path, metavar="FILE.mid")
        command.add_argument("--model", default=model, metavar="NAME|PATH", help="default: %(default)s")
        _add_playing(command, 0.0)
        command.set_defaults(run=_groove, verb=verb)


def _add_model_option(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", default="", metavar="NAME|PATH", help="default: the default melody model")


def _add_playing(command: argparse.ArgumentParser, temperature: float) -> None:
    command.add_argument(
        "--temp", type=_temperature, default=temperature, help="0 is greedy; default: %(default)s"
    )
    command.add_argument("--seed", type=int, help="the same seed gives the same files; default: a new one")
    command.add_argument("--bpm", type=float, default=120.0, help="tempo of the files (default: %(default)s)")
    command.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="default: this folder")
    command.add_argument("--picture", type=Path, metavar="FILE.png", help="draw the riffs as piano rolls")


def _temperature(text: str) -> float:
    number = float(text)
    if not 0 <= number < 100:
        raise argparse.ArgumentTypeError(f"0 or more, not {text}")
    return number


def _sample(arguments: argparse.Namespace) -> None:
    from livevae.latent.recipe import Recipe
    from livevae.models import stepwise
    from livevae.models.live import LiveDecoder
    from livevae.models.musicvae.config import configuration

    seed = _seed(arguments)
    if arguments.chords:
        config, riffs = _over_chords(arguments, seed)
    else:
        stepping = stepwise.decoder(arguments.model) if arguments.model else None
        if stepping is not None:
            recipes = [
                Recipe(seed, arguments.temp, arguments.bars or 2, index) for index in range(arguments.n)
            ]
            name = stepping.model.name
            riffs = stepping.decode(recipes)
            _write(
                [(f"{name}-{seed}-{i + 1:02}", riff) for i, riff in enumerate(riffs)],
                configuration("cat-mel_2bar_small"),
                arguments,
            )
            return
        decoder = LiveDecoder.open(arguments.model, device="cpu")
        config, bars = decoder.config, arguments.bars or decoder.bars
        riffs = decoder.decode(
            [Recipe(seed, arguments.temp, bars, index, prior=arguments.prior) for index in range(arguments.n)]
        )
    named = [(f"{config.name}-{seed}-{i + 1:02}", riff) for i, riff in enumerate(riffs)]
    _write(named, config, arguments)


def _over_chords(arguments: argparse.Namespace, seed: int) -> "tuple[Config, list[Riff]]":
    """Samples of a model that hears chords."""
    import numpy as np

    from livevae.models import load
    from livevae.music import chords

    model = load(arguments.model)
    if model.config.controls != chords.CLASSES:
        raise ModelError(f"{model.config.name} hears no chords")
    if arguments.bars not in (None, model.config.bars):
        raise ModelError(
            f"{model.config.name} plays {model.config.bars} bars over chords, not {arguments.bars}"
        )
    controls = np.array(chords.controls(arguments.chords, model.config.steps), np.float32)
    return model.config, model.sample(arguments.n, arguments.temp, seed, controls, arguments.prior)


def _interpolate(arguments: argparse.Namespace) -> None:
    from livevae.models import load
    from livevae.models.musicvae import midi_riffs

    model = load(arguments.model)
    ends = [midi_riffs.windows(midi_riffs.read(path, model.config), model.config)[0]
            for path in (arguments.a, arguments.b)]  # fmt: skip
    riffs = model.interpolate(
        ends[0], ends[1], arguments.steps, arguments.temp, _seed(arguments), arguments.prior
    )
    stem = f"{arguments.a.stem}-{arguments.b.stem}"
    _write([(f"{stem}-{i + 1:02}", riff) for i, riff in enumerate(riffs)], model.config, arguments)


def _reconstruct(arguments: argparse.Namespace) -> None:
    from livevae.models import load
    from livevae.models.musicvae import midi_riffs
    from livevae.music.notes import join

    model = load(arguments.model)
    windows = midi_riffs.windows(midi_riffs.read(arguments.file, model.config), model.config)
    mu, _ = model.encode(windows)
    made = join(model.decode(mu, arguments.temp, _seed(arguments)))
    given = (arguments.file.name, join(windows))
    _write([(f"{arguments.file.stem}-reconstructed", made)], model.config, arguments, [given])


def _groove(arguments: argparse.Namespace) -> None:
    from livevae.models import load
    from livevae.models.musicvae import midi_riffs
    from livevae.music.notes import join

    model = load(arguments.model)
    if model.config.music != "groove" or model.config.controls:
        raise ModelError(f"{model.config.name} is no GrooVAE that `groove {arguments.verb}` can use")
    windows = midi_riffs.windows(midi_riffs.read(arguments.file, model.config), model.config)
    mu, _ = model.encode(_rows(model, arguments.verb, windows))
    made = join(model.decode(mu, arguments.temp, _seed(arguments)))
    given = (arguments.file.name, join(windows))
    _write([(f"{arguments.file.stem}-{arguments.verb}", made)], model.config, arguments, [given])


def _rows(model: "Model", verb: str, riffs: "Sequence[Riff]") -> Any:
    """What the model of this verb hears of a drum riff, `[N, steps, 27]`."""
    import numpy as np

    from livevae.music import groove

    windows = []
    for riff in riffs:
        rows = groove.encode(riff, model.config.steps)
        if verb == "humanize":
            rows = groove.straightened(rows)
        elif verb == "tap":
            rows = groove.tapped(rows, fixed_velocity="fixed_velocity" in model.config.name)
        else:
            rows = groove.without(rows, groove.CLOSED_HAT)
        windows.append(rows)
    return np.array(windows, np.float32)


def _seed(arguments: argparse.Namespace) -> int:
    return secrets.randbits(31) if arguments.seed is None else int(arguments.seed)


def _write(
    riffs: "Sequence[tuple[str, Riff]]",
    config: "Config",
    arguments: argparse.Namespace,
    beside: "Sequence[tuple[str, Riff]]" = (),
) -> None:
    """Write riffs to MIDI files of their names, and all of them to a picture where one is asked for."""
    from livevae.cli import riff_pictures
    from livevae.models.musicvae import midi_riffs
    from livevae.music import midi_file

    if not 1 <= arguments.bpm <= 1000:
        raise LivevaeError(f"--bpm: a tempo is 1 to 1000, not {arguments.bpm:g}")
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        for name, riff in riffs:
            path = arguments.out / f"{name}.mid"
            midi_file.write(path, midi_riffs.to_bytes(riff, config, arguments.bpm))
            say(f"{path}: {riff.bars:g} bars, {len(riff.notes)} notes")
    except OSError as error:
        raise LivevaeError(f"{arguments.out} cannot be written: {error.strerror}") from None
    if arguments.picture is not None:
        riff_pictures.rolls([*beside, *riffs], arguments.picture)
        say(f"{arguments.picture}")
