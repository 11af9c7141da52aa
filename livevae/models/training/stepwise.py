"""Training the families that go on step by step, with the loop that all families share: a task, batches, scores.

loss = nats an event, averaged. Everything random is a function of seed and step, so a run that was killed goes on as
if it had not been.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from livevae.errors import ModelError
from livevae.models import families
from livevae.models.checkpoints import shelf, step_files
from livevae.models.checkpoints.step_files import StepFile
from livevae.models.training import crew as training_crew, evaluate, growth, run_folder
from livevae.models.training.crew import Crew
from livevae.models.training.options import RunOptions
from livevae.models.training.run_folder import RunState
from livevae.models.training.trainer import Report, Trainer
from livevae.music.notes import Riff


class StepTask(Protocol):
    """What differs between the step-wise families while training.

    Attributes:
        config: of the model.
        family: its name, as checkpoints have it.
        learns: the kind of data set.
        learning_rate: at its highest, where nothing else is asked for.
        grad_clip: largest norm of the gradient.
    """

    config: Any
    family: str
    learns: str
    learning_rate: float
    grad_clip: float

    def module(self, dropout: float | None) -> Any:
        """A fresh network; its `tensors()` are its parameters by the checkpoint's names."""

    def prepared(self, window: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """A stored window as arrays of fixed shapes."""

    def losses(self, module: Any, batch: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Nats of each prediction (0 where nothing is predicted), whether it is right, whether it begins a note."""

    def bars(self, batch: Sequence[Tensor]) -> float:
        """How many bars a batch predicts."""

    def notes(self, batch: Sequence[Tensor]) -> float:
        """How many notes a batch predicts."""

    def tokens(self, window: NDArray[Any]) -> tuple[list[int], int, int]:
        """A stored window as tokens for an n-gram, how many there are, and how many of them make a prediction."""

    def riff(self, window: NDArray[Any]) -> Riff:
        """A stored window as a riff."""


def task_of(name: str) -> StepTask | None:
    """The task of a configuration; None of one that no step-wise family has."""
    family = families.of_configuration(name)
    return None if family is None else family.task(family.CONFIGS[name])


class Shuffled:
    """Numbers of windows by step: every window once an epoch, in an order of the seed's."""

    def __init__(self, count: int, size: int, seed: int) -> None:
        self._count, self._size, self._seed = count, size, seed
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def at(self, step: int, rank: int, world: int, *_: object) -> NDArray[np.int64]:
        """The windows of a process' share of a step, `[n, 1]`."""
        places = np.arange(step * self._size + rank, (step + 1) * self._size, world)
        return np.array([self._window(int(place)) for place in places])[:, None]

    def _window(self, place: int) -> int:
        epoch, inside = divmod(place, self._count)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.random.default_rng((self._seed, epoch, 7)).permutation(self._count)
        return int(self._order[inside])


class StepTrainer(Trainer):
    """One process's share of a run of a step-wise model.

    Args:
        options: as asked.
        train: stored windows.
        test: held-out windows.
        crew: the processes of this run.
    """

    def __init__(self, options: RunOptions, train: Any, test: Any, crew: Crew) -> None:
        task = task_of(options.config)
        if task is None:
            raise ModelError(f"{options.config} is no model that goes on step by step")
        self.options, self.crew, self.test, self.task = options, crew, test, task  # type: ignore[assignment]
        # the loop asks its configuration for rates only, and those are the task's
        self.config = task  # type: ignore[assignment]
        self.device = torch.device(options.device)
        self.windows = _Windows(task, train)
        self.batches = Shuffled(len(train), options.batch, options.seed)  # type: ignore[assignment]
        self.state = run_folder.load(Path(options.run)) or RunState.new()
        self.model = self._new_model(wide=True)
        self.average = growth.tensors(self._new_model(wide=True))
        self.optimizer = self._new_optimizer()
        self.durations: list[float] = []
        if self.state.step:
            self._restore()
            return
        self._begin()
        for name, value in growth.tensors(self.model).items():
            self.average[name].copy_(value)

    def _new_model(self, *, wide: bool) -> Any:  # noqa: ARG002
        torch.manual_seed(self.options.seed)
        return self.task.module(self.options.dropout).to(self.device)  # type: ignore[attr-defined]

    def _begin(self) -> None:
        if not self.options.begin_with:
            return
        held = step_files.read(shelf.find(self.options.begin_with))
        with torch.no_grad():
            for name, value in self.model.tensors().items():  # type: ignore[operator]
                if name in held.tensors and held.tensors[name].shape == tuple(value.shape):
                    value.copy_(torch.from_numpy(held.tensors[name]))

    def averaged(self) -> Any:
        """The model with the running average of its weights."""
        model = self._new_model(wide=True)
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(self.average[name])
        return model.eval()

    def beta(self) -> float:
        """There is no KL."""
        return 0.0

    def length(self) -> int | None:
        """Whole windows."""
        return None

    def step(self) -> dict[str, float]:
        """One update; what it measured."""
        self.model.train()
        found = super().step()
        return {name: value for name, value in found.items() if name not in ("kl", "beta", "length")}

    def _lesson(self, batch: NDArray[Any]) -> Any:
        return self.windows.batch(batch[:, 0], self.device)

    def _loss(self, lesson: Any) -> tuple[Tensor, list[Tensor]]:
        nats, right, notes = self.task.losses(self.model, lesson)  # type: ignore[attr-defined]
        known = (nats > 0).sum().clamp(min=1)
        loss = nats.sum() / known
        bars = nats.detach().sum() / self.task.bars(lesson)  # type: ignore[attr-defined]
        heads = [(right & (nats > 0)).sum() / known, (right & notes).sum() / notes.sum().clamp(min=1)]
        return loss, [loss.detach(), bars, torch.zeros(()), *(value.detach() for value in heads)]

    def look(self) -> dict[str, float]:
        """Scores of the averaged weights on some held-out windows."""
        return scores(self.task, self.averaged(), evaluate.spread(self.test, self.options.test_windows))  # type: ignore[arg-type]

    def save(self) -> None:
        """Write the run's state and its averaged model."""
        if self.crew.rank:
            return
        run = Path(self.options.run)
        run_folder.save_state(run, self.state, self.kept())
        about = {
            "step": self.state.step,
            "seconds": round(self.state.seconds, 1),
            "options": self.options.values(),
        }
        tensors = {name: value.detach().cpu().numpy() for name, value in self.averaged().tensors().items()}
        task: Any = self.task
        step_files.write(
            run / "model.safetensors", StepFile(task.family, task.config, {"training": about}, tensors)
        )


class _Windows:
    """Prepared windows, each prepared once."""

    def __init__(self, task: StepTask, windows: Any) -> None:
        self._task, self._windows = task, windows
        example = task.prepared(windows[0])
        self._held = [np.zeros((len(windows), *value.shape), value.dtype) for value in example]
        self._known = np.zeros(len(windows), np.bool_)

    def batch(self, numbers: NDArray[np.int64], device: torch.device) -> list[Tensor]:
        for number in numbers[~self._known[numbers]]:
            for held, value in zip(self._held, self._task.prepared(self._windows[number]), strict=True):
                held[number] = value
            self._known[number] = True
        return [torch.from_numpy(held[numbers]).to(device) for held in self._held]


@torch.no_grad()
def scores(task: StepTask, module: nn.Module, windows: Any, batch: int = 64) -> dict[str, float]:
    """Held-out scores: nats an event, a note and a bar, and shares that are right."""
    module.eval()
    ready = _Windows(task, windows)
    device = next(module.parameters()).device
    total = bars = events = notes = right = right_notes = 0.0
    for first in range(0, len(windows), batch):
        lesson = ready.batch(np.arange(first, min(first + batch, len(windows))), device)
        nats, hit, struck = task.losses(module, lesson)
        known = nats > 0
        total += float(nats.double().sum())
        bars += task.bars(lesson)
        events, notes = events + float(known.sum()), notes + float(struck.sum())
        right, right_notes = right + float((hit & known).sum()), right_notes + float((hit & struck).sum())
    return {
        "nats_an_event": total / events,
        "nats_a_note": total / max(1.0, notes),
        "nats_a_bar": total / bars,
        "accuracy": right / events,
        "note_accuracy": right_notes / max(1.0, notes),
        "perplexity": math.exp(total / events),
    }


def train(
    options: RunOptions, train: Any, test: Any, show: Callable[[int, float, Report], object]
) -> RunState:
    """Train as asked, as one process of as many as the environment says (see `crew`)."""
    with training_crew.join(options.device) as crew:
        Path(options.run).mkdir(parents=True, exist_ok=True)
        return StepTrainer(options, train, test, crew).run(show)
