"""Pictures of training and evaluation, with matplotlib (the `data` extra)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.errors import ModelError
from livevae.models.training.sample_statistics import LONGEST, WIDEST, Histogram, notes


class NoPicturesError(ModelError):
    """Matplotlib is not installed; the sentence says how it is."""


LABELS: Mapping[str, Sequence[Any]] = {
    "pitch classes": ["C", "", "D", "", "E", "F", "", "G", "", "A", "", "B"],
    "scale degrees": range(12),
    "intervals": range(-WIDEST, WIDEST + 1),
    "durations": range(1, LONGEST + 1),
    "onset positions": range(16),
}


def statistics(sources: Mapping[str, Mapping[str, Histogram]], path: Path) -> None:
    """Every statistic as one plot, the sources side by side.

    Raises:
        NoPicturesError: matplotlib is not installed.
    """
    plt = _matplotlib()
    names = list(next(iter(sources.values())))
    figure, axes = plt.subplots(len(names), 1, figsize=(10, 2.4 * len(names)))
    width = 0.8 / len(sources)
    for axis, name in zip(axes, names, strict=True):
        for index, (source, found) in enumerate(sources.items()):
            places = np.arange(len(found[name])) + (index - (len(sources) - 1) / 2) * width
            axis.bar(places, found[name], width, label=source)
        labels = LABELS.get(name)
        if labels is not None:
            axis.set_xticks(range(len(labels)), [str(label) for label in labels])
        axis.set_title(name)
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def rolls(rows: Sequence[tuple[str, NDArray[Any]]], path: Path, *, columns: int = 4) -> None:
    """Windows of tokens as piano rolls, `columns` beside each other.

    Args:
        rows: (title, tokens [steps]) of each window.
        path: the picture.
        columns: rolls in a row.

    Raises:
        NoPicturesError: matplotlib is not installed.
    """
    plt = _matplotlib()
    lines = -(-len(rows) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(3.2 * columns, 1.7 * lines), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (title, tokens) in zip(axes.flat, rows, strict=False):
        axis.set_axis_on()
        found = notes(np.asarray(tokens)[None])
        axis.barh(found[:, 2], found[:, 3] - 0.15, left=found[:, 1], height=0.9)
        axis.set_xlim(0, len(tokens))
        axis.set_xticks(range(0, len(tokens) + 1, 16))
        axis.grid(axis="x")
        axis.set_title(title, fontsize=8)
        axis.tick_params(labelsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def curves(log: Path, path: Path) -> None:
    """A training log's curves: nats, KL and accuracies over steps.

    Raises:
        NoPicturesError: matplotlib is not installed.
    """
    plt = _matplotlib()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    figure, axes = plt.subplots(3, 1, figsize=(9, 9), sharex=True)
    shown = (("nll", "kl"), ("accuracy", "note_accuracy"), ("free_running", "note_free_running", "exact"))
    for axis, names in zip(axes, shown, strict=True):
        for name in names:
            for kind in ("train", "test"):
                points = [
                    (line["step"], line[name]) for line in lines if line["kind"] == kind and name in line
                ]
                if points:
                    axis.plot(
                        *zip(*points, strict=True), "-" if kind == "train" else ".-", label=f"{name} ({kind})"
                    )
        if axis.get_legend_handles_labels()[0]:
            axis.legend()
        axis.grid(visible=True)
    axes[0].set_ylabel("nats a window")
    axes[-1].set_xlabel("steps")
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _matplotlib() -> Any:
    try:
        import matplotlib as mpl  # noqa: PLC0415
    except ImportError as error:
        raise NoPicturesError("pictures need matplotlib: pip install 'livevae[data]'") from error
    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    return plt
