"""`python -m livevae.models.midime.worker`: trains one persona at low priority, beside a performance.

One JSON object comes in on standard input; JSON lines go out: {"epoch", "epochs", "loss"} as it goes on, then {"done"}
with the number of windows, or {"error"} with a sentence. The persona itself is a file, read with the same suspicion as
any other. Nothing is pickled, and nothing that trains shares an interpreter with anything that plays. Standard input
stays open as long as anybody waits for the persona: where it ends, the worker ends too, and takes its folder along.
"""

import contextlib
import json
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

NICE = 15
"""How far the worker steps back for everyone else."""

TOLD = 20
"""How many times a training says how it goes."""


def main() -> int:
    """Train what standard input asks for; the exit status."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(NICE)
    # what takes time is imported at low priority too
    from livevae.errors import LivevaeError  # noqa: PLC0415

    wish = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, args=(Path(wish["out"]).parent,), daemon=True).start()
    try:
        _train(wish)
    except LivevaeError as error:
        _say({"error": str(error)})
        return 1
    return 0


def _end_with_parent(folder: Path) -> None:
    """Wait until standard input ends: nobody waits for the persona any more."""
    while os.read(0, 1 << 10):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _train(wish: dict[str, Any]) -> None:
    from livevae.models.midime import (  # noqa: PLC0415  (torch is slow to import)
        files as persona_files,
        network as midime_network,
        train as midime_training,
        windows as persona_windows,
    )
    from livevae.music.notes import Note, Riff  # noqa: PLC0415

    base = midime_training.Base.open(wish["model"])
    takes = [Riff(tuple(Note(*note) for note in take["notes"]), take["length"]) for take in wish["takes"]]
    found = persona_windows.from_takes(takes, base.config)
    usual = midime_network.usual_epochs(len(found.windows), base.config.music)
    space = midime_training.usual_space(base, for_midime=bool(wish["epochs"]))
    options = midime_network.Options(epochs=wish["epochs"] or usual, space=space)
    step = max(1, options.epochs // TOLD)

    def on_progress(epoch: int, losses: midime_network.Losses) -> None:
        if epoch % step == 0 or epoch == options.epochs:
            _say({"epoch": epoch, "epochs": options.epochs, "loss": losses.total})

    persona = midime_training.train(wish["name"], found, base, options, on_progress)
    persona_files.write(Path(wish["out"]), persona)
    _say({"done": len(found.windows)})


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
