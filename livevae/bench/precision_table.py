"""`livevae bench precision`: the table that `bench.precision` measures. Light, so that commands start quickly."""

# ruff: noqa: PLC0415
import argparse


def add_command(below: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `precision`."""
    text = "what weights of fewer bits gain in time, and what they change of a model's music"
    command = below.add_parser("precision", help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument(
        "model",
        nargs="?",
        default="",
        metavar="NAME|PATH|random:CONFIG",
        help="default: the default melody model",
    )
    command.add_argument("-n", type=int, default=300, help="z's from the prior (default: %(default)s)")
    command.add_argument(
        "--seconds", type=float, default=10.0, help="how long to time decodes (default: %(default)s)"
    )
    command.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.table import Table

    from livevae.bench.precision import measure

    config, rows = measure(arguments.model, points=max(1, arguments.n), seconds=arguments.seconds)
    title = f"{arguments.model or config}, {arguments.n} z's from the prior, one CPU thread"
    table = Table("", "MB a step", "best ms", "p50 ms", "times faster", title=title, box=None)
    for heading in ("riffs", "tokens", "choices", "logits, most", "rms"):
        table.add_column(heading)
    for row in rows:
        table.add_row(
            row.precision,
            f"{row.megabytes:.1f}",
            f"{row.best:.2f}",
            f"{row.p50:.2f}",
            f"{row.ratio:.2f}",
            *(f"{share:.4f}" for share in (row.riffs, row.tokens, row.choices)),
            f"{row.largest:.2g}",
            f"{row.typical:.2g}",
        )
    out = Console(soft_wrap=True, highlight=False)
    out.print(table)
    out.print(
        "riffs, tokens: share of the greedy ones that are float32's. choices, logits: the same, and how far apart,"
        " after having heard float32's tokens"
    )
