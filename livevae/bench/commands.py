"""`livevae bench`: what the README claims, as tables that anyone can make again."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

BENCHES = (
    "livevae.bench.jitter",
    "livevae.bench.clock",
    "livevae.bench.night",
    "livevae.bench.decode_table",
    "livevae.bench.precision_table",
    "livevae.bench.training_table",
    "livevae.bench.persona_speed",
    "livevae.bench.persona_stage",
    "livevae.bench.persona_morph",
    "livevae.bench.persona_recognition",
)
"""Modules with a measurement each: `add_command(subparsers)`."""


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `bench` and one below it for each measurement."""
    text = "measure this machine's timing and decoding: tables beside references in the same run"
    bench = commands.add_parser("bench", help=text, description=text[0].upper() + text[1:] + ".")
    below = bench.add_subparsers(title="measurements", required=True, metavar="WHAT")
    for name in BENCHES:
        importlib.import_module(name).add_command(below)
