"""`benchmarks decode`: the table that `bench.decode` measures. Light, so that the command line starts quickly."""

import argparse
from pathlib import Path


def add_command(below: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `decode`."""
    text = "how fast one CPU thread decodes, beside other ways to do it"
    decode = below.add_parser("decode", help=text, description=text[0].upper() + text[1:] + ".")
    decode.add_argument(
        "--model",
        "--config",
        default="random:cat-mel_2bar_small",
        metavar="NAME|PATH|random:CONFIG",
        help="a model, or a configuration with random weights (default: %(default)s)",
    )
    decode.add_argument(
        "--seconds", type=float, default=10.0, help="how long to measure (default: %(default)s)"
    )
    decode.add_argument(
        "--tensorflow",
        default="",
        metavar="PYTHON",
        help="a Python that has tensorflow, to run Magenta's graph",
    )
    decode.add_argument("--node-modules", type=Path, metavar="DIR", help="where npm put @magenta/music")
    decode.set_defaults(run=_decode)


def _decode(arguments: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.table import Table

    from benchmarks.decode import measure

    report = measure(
        arguments.model,
        seconds=arguments.seconds,
        tensorflow=arguments.tensorflow,
        node_modules=arguments.node_modules,
    )
    title = f"{report.config}, one decode, one CPU thread, float32"
    table = Table("", "best ms", "p50 ms", "p99 ms", "times ours", "same tokens", title=title)
    for row in report.rows:
        times = (f"{value:.2f}" for value in (row.best, row.p50, row.p99, row.ratio))
        table.add_row(row.name, *times, "yes" if row.same else "no")
    out = Console(soft_wrap=True, highlight=False)
    out.print(table)
    together = Table(
        "livevae", "best ms", "p50 ms", "times one voice: best", "p50", title="several voices in one batch"
    )
    for batch in report.batches:
        figures = (f"{value:.2f}" for value in (batch.best, batch.p50, batch.ratio_of_best, batch.ratio))
        together.add_row(f"{batch.voices} voices", *figures)
    out.print(together)
    ours = report.rows[0].p50
    out.print(
        f"decoder weights {report.megabytes:.1f} MB; to read as much once a step, and nothing else, takes"
        f" {report.reading:.2f} ms here and now: our p50 is {ours / report.reading:.2f} times that"
    )
    for reason in report.missing:
        out.print(f"not measured: {reason}")
