"""`benchmarks WHAT`: what the README claims, as tables that anyone can make again."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from livevae.errors import LivevaeError

BENCHES = (
    "benchmarks.jitter",
    "benchmarks.cold",
    "benchmarks.osc_codec",
    "benchmarks.pictures",
    "benchmarks.flood",
    "benchmarks.fuzz",
    "benchmarks.mqtt",
    "benchmarks.ensemble",
    "benchmarks.tui",
    "benchmarks.clock",
    "benchmarks.night",
    "benchmarks.soak",
    "benchmarks.packets",
    "benchmarks.endings",
    "benchmarks.families",
    "benchmarks.duet",
    "benchmarks.reflection",
    "benchmarks.decode_table",
    "benchmarks.training_table",
    "benchmarks.align",
    "benchmarks.persona_speed",
    "benchmarks.persona_stage",
    "benchmarks.persona_morph",
    "benchmarks.persona_recognition",
    "benchmarks.prior",
    "benchmarks.tell_apart",
    "benchmarks.music",
)
"""Modules with a measurement each: `add_command(subparsers)`."""


def parser() -> argparse.ArgumentParser:
    """One command for each measurement."""
    text = "Measure this machine's timing and decoding: tables beside references in the same run."
    top = argparse.ArgumentParser("benchmarks", description=text)
    below = top.add_subparsers(title="measurements", required=True, metavar="WHAT")
    for name in BENCHES:
        importlib.import_module(name).add_command(below)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one measurement; gives the exit status."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments) or 0)
    except LivevaeError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
