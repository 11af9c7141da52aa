"""`livevae continue`: go on from the end of a MIDI file with a model that continues."""

import argparse
import secrets
from pathlib import Path

from livevae.cli.common import say
from livevae.errors import LivevaeError
from livevae.models.checkpoints.shelf import DEFAULT_STEPWISE


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to a command line; `args.run(args)` does what was asked."""
    text = "write what a model makes of a MIDI file's end: its last bars are read, and gone on from"
    command = commands.add_parser("continue", help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("file", type=Path, metavar="FILE.mid")
    command.add_argument(
        "--model", default=DEFAULT_STEPWISE, metavar="NAME|PATH", help="default: %(default)s"
    )
    command.add_argument("-n", type=int, default=1, help="how many continuations (default: %(default)s)")
    command.add_argument("--bars", type=int, default=4, help="length of each (default: %(default)s)")
    command.add_argument("--temp", type=float, default=0.8, help="0 is greedy; default: %(default)s")
    command.add_argument("--top", type=int, default=0, help="so many of the likeliest choices; 0 is all")
    command.add_argument("--seed", type=int, help="the same seed gives the same files; default: a new one")
    command.add_argument("--bpm", type=float, default=120.0, help="tempo of the files (default: %(default)s)")
    command.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="default: this folder")
    command.add_argument("--picture", type=Path, metavar="FILE.png", help="draw prompt and continuations")
    command.set_defaults(run=_continue)


def _continue(arguments: argparse.Namespace) -> None:
    from livevae.cli import riff_pictures
    from livevae.corpus import midi
    from livevae.corpus.score import band, fullest, notes_of
    from livevae.latent.recipe import Recipe
    from livevae.models import stepwise
    from livevae.models.musicvae import midi_riffs
    from livevae.models.musicvae.config import configuration
    from livevae.music import midi_file
    from livevae.music.notes import TICKS_PER_BAR, Note, Riff

    if not 1 <= arguments.n <= 1000 or not 1 <= arguments.bars <= 64 or not 0 <= arguments.temp < 100:
        raise LivevaeError(
            "continue writes 1 to 1000 files (-n) of 1 to 64 --bars, with a --temp of 0 or more"
        )
    if not 1 <= arguments.bpm <= 1000 or arguments.top < 0:
        raise LivevaeError("--bpm is a tempo from 1 to 1000, and --top 0 or more")
    held = stepwise.read(arguments.model)
    if held is None:
        raise LivevaeError(f"{arguments.model} does not continue; `livevae model list` shows which models do")
    score = midi.read(arguments.file)
    players = band(score.parts)
    decoder, plays = stepwise.decoder_of(held), stepwise.plays(held)
    tuned = [part for part in score.parts if not part.is_drums]
    chosen = {
        "drums": players.drums,
        "band": tuned,
        "line": fullest([*players.lines, *players.chords] or tuned),
    }[plays]
    notes = notes_of([(part, 0) for part in chosen])
    if not notes:
        raise LivevaeError(f"{arguments.file} has nothing that {arguments.model} could continue")
    end = -(-max(note.start + 1 for note in notes) // TICKS_PER_BAR) * TICKS_PER_BAR
    context = tuple(
        (n.start - end, min(n.length, end - n.start), n.pitch, n.velocity)
        for n in notes
        if n.start >= end - decoder.model.memory * TICKS_PER_BAR
    )
    seed = secrets.randbits(31) if arguments.seed is None else arguments.seed
    recipes = [
        Recipe(seed, arguments.temp, arguments.bars, index, context=context, top=arguments.top)
        for index in range(arguments.n)
    ]
    riffs = decoder.decode(recipes)
    names = [f"{arguments.file.stem}-{decoder.model.name}-{seed}-{i + 1:02}" for i in range(arguments.n)]
    melody = configuration("cat-mel_2bar_small")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, riff in zip(names, riffs, strict=True):
        path = arguments.out / f"{name}.mid"
        midi_file.write(path, midi_riffs.to_bytes(riff, melody, arguments.bpm))
        say(f"{path}: {riff.bars:g} bars, {len(riff.notes)} notes")
    if arguments.picture is not None:
        length = decoder.model.memory * TICKS_PER_BAR
        prompt = Riff(tuple(Note(s + length, n, p, v) for s, n, p, v in context), length)
        riff_pictures.rolls([("prompt", prompt), *zip(names, riffs, strict=True)], arguments.picture)
        say(str(arguments.picture))
