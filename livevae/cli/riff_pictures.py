"""Riffs as piano rolls in a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livevae.errors import ModelError
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_BEAT, Riff

COLOURS = ("tab:blue", "tab:orange", "tab:green")
"""Of a trio's melody, bass and drums."""

MANY = 40
"""Riffs from which on they are drawn small, without labels and ticks, as a sheet to look over."""


def rolls(riffs: Sequence[tuple[str, Riff]], path: Path, *, columns: int = 3) -> None:
    """Draw riffs beside each other, louder notes darker.

    Args:
        riffs: (title, riff).
        path: the picture; its ending says its kind.
        columns: rolls in a row; a sheet of `MANY` or more has ten.

    Raises:
        ModelError: matplotlib is not installed, or the picture cannot be written.
    """
    try:
        from matplotlib.colors import to_rgba
        from matplotlib.figure import Figure
    except ImportError:
        raise ModelError("pictures need matplotlib: pip install 'livevae[data]'") from None
    many = len(riffs) >= MANY
    columns = min(10 if many else columns, len(riffs)) or 1
    lines = max(1, -(-len(riffs) // columns))
    size = (1.8, 1.1) if many else (4.2, 2.1)
    figure = Figure(figsize=(size[0] * columns, size[1] * lines), layout=None if many else "constrained")
    axes: Any = figure.subplots(lines, columns, squeeze=False)
    if many:
        figure.subplots_adjust(0.01, 0.005, 0.99, 0.995, wspace=0.05, hspace=0.1)
    pitches = [note.pitch for _, riff in riffs for note in riff.notes] or [60]
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (title, riff) in zip(axes.flat, riffs, strict=False):
        axis.set_axis_on()
        if not many:
            axis.set_title(title, fontsize=8)
        axis.set_xlim(-0.02 * riff.length, riff.length)
        axis.set_ylim(min(pitches) - 1.5, max(pitches) + 1.5)
        if many:
            axis.set_xticks(())
            axis.set_yticks(())
        else:
            axis.set_xticks(range(0, riff.length + 1, TICKS_PER_BAR), minor=False)
            axis.set_xticks(range(0, riff.length + 1, TICKS_PER_BEAT), minor=True)
            axis.set_xticklabels(range(1, riff.length // TICKS_PER_BAR + 2))
            axis.grid(axis="x", which="major", linewidth=1)
            axis.grid(axis="x", which="minor", linewidth=0.3)
            axis.tick_params(labelsize=7)
        if not riff.notes:
            continue
        axis.barh(
            [note.pitch for note in riff.notes],
            [max(note.length - TICKS_PER_BEAT // 24, TICKS_PER_BEAT // 12) for note in riff.notes],
            # on a small roll a semitone is thinner than a pixel
            height=max(0.8, (max(pitches) - min(pitches)) / 30) if many else 0.8,
            left=[note.start for note in riff.notes],
            color=[
                to_rgba(COLOURS[note.part % len(COLOURS)], 0.3 + 0.7 * note.velocity / 127)
                for note in riff.notes
            ],
        )
    try:
        figure.savefig(path, dpi=90)
    except (OSError, ValueError) as error:
        raise ModelError(f"the picture {path} cannot be written: {error}") from None
