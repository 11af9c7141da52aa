"""`--align`, `--bpm`, `--meter` and `--quantise`: where the beats of MIDI files come from."""

import argparse
from typing import TYPE_CHECKING

from livevae.errors import LivevaeError

if TYPE_CHECKING:
    from livevae.corpus.align import Alignment


def add_options(command: argparse.ArgumentParser) -> None:
    """The four options, for commands that read music files."""
    command.add_argument(
        "--align",
        choices=("auto", "file", "off"),
        default="auto",
        help="beats of MIDI files. auto: the file's where its notes lie on them, else found in the onsets;"
        " file: always the file's; off: the file's, and nothing is moved (default: %(default)s)",
    )
    command.add_argument(
        "--bpm", type=float, default=0.0, help="about how fast it was played without a click"
    )
    command.add_argument("--meter", default="", help="of what was played without a click, such as 3/4")
    command.add_argument(
        "--quantise",
        type=float,
        metavar="0..1",
        help="how far onsets go to the nearest sixteenth (default: 0 on the file's beats, 0.3 on found ones)",
    )


def alignment_of(args: argparse.Namespace) -> "Alignment":
    """What was asked for.

    Raises:
        LivevaeError: a tempo, a meter or a share that is none.
    """
    from livevae.corpus.align import FASTEST, SLOWEST, Alignment
    from livevae.music.meter import parse

    if args.bpm and not SLOWEST <= args.bpm <= FASTEST:
        raise LivevaeError(
            f"--bpm: beats are found from {SLOWEST:g} to {FASTEST:g} a minute, not {args.bpm:g}"
        )
    if args.quantise is not None and not 0 <= args.quantise <= 1:
        raise LivevaeError(f"--quantise is 0 (as played) to 1 (on the grid), not {args.quantise:g}")
    if args.meter:
        parse(args.meter)
    return Alignment(args.align, args.bpm, args.meter, args.quantise)
