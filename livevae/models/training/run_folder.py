"""A training run on disk: the state to go on from, the averaged model, and the log.

`state.safetensors` holds everything that the next step needs; `model.safetensors` is a checkpoint that plays;
`log.jsonl` one object a line; `begun.json` says what was taken over of another model. All are written whole or not
at all.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from livevae.errors import ModelError
from livevae.models.checkpoints.files import in_order, write_whole
from livevae.models.musicvae import assemble as assembling
from livevae.models.musicvae.networks import MusicVAE
from livevae.models.training.options import RunOptions

FORMAT = "livevae training 1"


@dataclass(slots=True)
class RunState:
    """Where a run is.

    Attributes:
        step: updates done.
        seconds: time trained, without pauses.
        wide: whether the encoder has its full size.
        tensors: after `load`, by name; emptied once they are in their places.
    """

    step: int = 0
    seconds: float = 0.0
    wide: bool = False
    tensors: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def new(cls) -> "RunState":
        """A run that has not begun."""
        return cls()


def save(
    run: Path, state: RunState, tensors: Mapping[str, Tensor], model: MusicVAE, options: RunOptions
) -> None:
    """Write a run's state and its averaged model."""
    about = save_state(run, state, tensors)
    assembling.save(run / "model.safetensors", model, {"training": {**about, "options": options.values()}})


def save_state(run: Path, state: RunState, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Write a run's state; gives what it says of itself."""
    about = {"step": state.step, "seconds": round(state.seconds, 3), "wide": state.wide}
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    metadata = {"format": FORMAT, "state": json.dumps(about)}
    write_whole(run / "state.safetensors", in_order(to_bytes(plain, metadata)))
    return about


def write_begun(run: Path, other: str, taken: Sequence[str], fresh: Sequence[str]) -> None:
    """Write down which tensors a run began with and which are new, by name."""
    text = json.dumps({"with": other, "taken": list(taken), "fresh": list(fresh)}, indent=1)
    write_whole(run / "begun.json", text.encode())


def begun(run: Path) -> str:
    """What a run began with, as a sentence; empty where it began with nothing."""
    try:
        told = json.loads((run / "begun.json").read_text())
    except FileNotFoundError:
        return ""
    fresh = ", ".join(told["fresh"]) or "none"
    return f"begun with {len(told['taken'])} tensors of {told['with']}; new: {fresh}"


def load(run: Path) -> RunState | None:
    """The state that a run was left in; None when it has not begun.

    Raises:
        ModelError: the file is broken.
    """
    path = run / "state.safetensors"
    if not path.exists():
        return None
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ModelError(f"{path} is not a training state of this version")
            about = json.loads(metadata["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
            return RunState(int(about["step"]), float(about["seconds"]), bool(about["wide"]), tensors)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path} is broken ({error}); remove it to begin again") from None


class Log:
    """The run's log; lines after the step that the run goes on from are dropped.

    Args:
        run: the run's folder.
        step: the step it goes on from.
    """

    def __init__(self, run: Path, step: int) -> None:
        self.path = run / "log.jsonl"
        if self.path.exists():
            lines = [line for line in self.path.read_text().splitlines() if _step_of(line) <= step]
            write_whole(self.path, "".join(line + "\n" for line in lines).encode())
        self.board = _board(run)

    def write(self, state: RunState, report: Mapping[str, float], kind: str = "train") -> None:
        """Add a line."""
        line = {"kind": kind, "step": state.step, "seconds": round(state.seconds, 1)}
        line |= {name: round(value, 6) for name, value in report.items()}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if self.board is not None:
            for name, value in report.items():
                self.board.add_scalar(f"{kind}/{name}", value, state.step)


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # a line that was cut off


def _board(run: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415
    except ImportError:
        return None
    return SummaryWriter(str(run))
