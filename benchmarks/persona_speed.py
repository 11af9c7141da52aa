"""How long a persona takes, beside magenta.js' MidiMe on the same z's in the same run.

`python -m benchmarks persona FOLDER-OF-RIFFS --node-modules DIR`, where DIR is what
`npm install --ignore-scripts @magenta/music@1.23.1` made. Without it only our own columns are shown.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from livevae.errors import LivevaeError
from livevae.models.midime import (
    network as midime_network,
    train as midime_training,
    windows as persona_windows,
)
from livevae.models.midime.network import Losses, Options

SCRIPT = Path(__file__).with_name("midime_js.js")
LAST = 10
"""Epochs over which the last losses are averaged: one epoch's depends on its noise."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One training of all epochs.

    Attributes:
        who: whose.
        seconds: by the wall's clock.
        cpu: of processor time.
        loss: mean of the last epochs' total loss.
    """

    who: str
    seconds: float
    cpu: float
    loss: float


def add_command(below: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The measurement `persona`."""
    text = "train a persona beside magenta.js on the same z's"
    command = below.add_parser("persona", help=text, description=__doc__)
    command.add_argument("riffs", type=Path, help="a folder of riffs, such as 16 of two bars")
    command.add_argument("--model", default="")
    command.add_argument("--epochs", type=int, default=midime_network.PUBLISHED_EPOCHS)
    command.add_argument("--node-modules", type=Path, help="where npm put @magenta/music")
    command.add_argument("--js-epochs", type=int, help="fewer for magenta.js, and its time scaled up")
    command.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    console = Console(highlight=False)
    base = midime_training.Base.open(args.model)
    found = persona_windows.read([args.riffs], base.config)
    mu = np.asarray(base.encode(found.windows).mu)
    options = Options(epochs=args.epochs)
    rows = [ours(mu, options, "livevae, first"), ours(mu, options, "livevae, second")]
    if args.node_modules is not None:
        rows.append(theirs(mu, args.js_epochs or args.epochs, args.epochs, args.node_modules))
    table = Table(f"{len(mu)} windows, {args.epochs} epochs", "s", "CPU s", "loss", box=None)
    for row in rows:
        table.add_row(row.who, f"{row.seconds:.2f}", f"{row.cpu:.2f}", f"{row.loss:.3f}")
    console.print(table)
    if args.node_modules is not None:
        wall, cpu = rows[-1].seconds / rows[1].seconds, rows[-1].cpu / rows[1].cpu
        console.print(f"{wall:.0f} times faster by the wall's clock, {cpu:.0f} times by processor time")
    for which, epochs in (("first", args.epochs), ("second", args.epochs), ("usual epochs", 0)):
        seconds, cpu = command(args.riffs, args.model, epochs)
        console.print(
            f"livevae persona train, {which}, from process start to file: {seconds:.2f} s, {cpu:.2f} s of CPU"
        )


def ours(mu: midime_network.Array, options: Options, who: str) -> Timed:
    """Our training."""
    losses: list[Losses] = []
    began, used = time.perf_counter(), time.process_time()
    midime_network.train(mu, options, progress=lambda _, loss: losses.append(loss))
    took, cpu = time.perf_counter() - began, time.process_time() - used
    return Timed(who, took, cpu, float(np.mean([loss.total for loss in losses[-LAST:]])))


def theirs(mu: midime_network.Array, epochs: int, all_epochs: int, node_modules: Path) -> Timed:
    """magenta.js' training of `epochs`, its times scaled to `all_epochs`.

    Raises:
        LivevaeError: there is no Node, or the script fails.
    """
    if shutil.which("node") is None:
        raise LivevaeError("magenta.js needs Node: install it, or leave out --node-modules")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"z": mu.tolist()}, file)
        file.flush()
        command_ = ["node", str(SCRIPT), str(node_modules.resolve()), file.name, str(epochs)]
        done = subprocess.run(command_, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LivevaeError(f"magenta.js failed: {done.stderr.strip()[-300:]}")
    told = json.loads(done.stdout.strip().splitlines()[-1])
    scale = all_epochs / epochs
    who = f"magenta.js, {told['backend']}" + (f", {epochs} epochs x {scale:g}" if scale != 1 else "")
    loss = float(np.mean([total for total, _, _ in told["losses"][-LAST:]]))
    return Timed(who, told["seconds"] * scale, told["cpu"] * scale, loss)


def command(folder: Path, model: str, epochs: int) -> tuple[float, float]:
    """Seconds of `livevae persona train` from the start of its process to its end: by the wall's clock, and of CPU.

    Args:
        folder: the riffs.
        model: "" is the default.
        epochs: 0 is the usual number.
    """
    with tempfile.TemporaryDirectory() as home:
        words = ["persona", "train", "bench", str(folder), *(["--epochs", str(epochs)] if epochs else [])]
        words += ["--model", model] if model else []
        began, used = time.perf_counter(), os.times()
        subprocess.run(
            [sys.executable, "-m", "livevae", *words],
            env={**os.environ, "LIVEVAE_HOME": home},
            capture_output=True,
            check=True,
        )
        took, now = time.perf_counter() - began, os.times()
        return took, now.children_user + now.children_system - used.children_user - used.children_system
