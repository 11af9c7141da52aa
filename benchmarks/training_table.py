"""`benchmarks train`: the table that `models.bench_training` measures. Light, so that commands start quickly."""

import argparse


def add_command(below: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `train`."""
    text = "windows a second of a training step, beside torch's own LSTM of the same sizes"
    command = below.add_parser("train", help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("--config", default="cat-mel_2bar_small", help="default: %(default)s")
    command.add_argument("--batch", type=int, nargs="+", default=[32, 64], help="default: 32 64")
    command.add_argument(
        "--encoder",
        type=int,
        nargs="+",
        default=[0],
        metavar="UNITS",
        help="default: the configuration's own",
    )
    command.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: %(default)s")
    command.add_argument("--precision", choices=("float32", "bf16"), default="float32")
    command.add_argument(
        "--seconds", type=float, default=10.0, help="for each batch and encoder (default: %(default)s)"
    )
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    import tempfile
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from benchmarks.training import measure

    where = "one CPU thread" if arguments.device == "cpu" else "one GPU"
    table = Table(
        "", "encoder", "batch", "windows/s", "best", "of nn.LSTM's",
        title=f"{arguments.config}, training, {where}, {arguments.precision}", box=None,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for units in arguments.encoder:
            for batch in arguments.batch:
                rows = measure(
                    arguments.config,
                    batch=batch,
                    units=units,
                    seconds=arguments.seconds,
                    device=arguments.device,
                    precision=arguments.precision,
                    folder=Path(folder),
                )
                for row in rows:
                    numbers = (f"{row.windows:.0f}", f"{row.best:.0f}", f"{row.ratio:.2f}")
                    table.add_row(row.name, str(units or "own"), str(batch), *numbers)
    Console(soft_wrap=True, highlight=False).print(table)
