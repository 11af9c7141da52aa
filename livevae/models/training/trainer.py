"""Training a MusicVAE: the loss, the schedules, one loop for a CPU, a GPU or many processes.

loss = reconstruction + beta * max(KL - free_bits * ln 2, 0), both summed over a window and averaged over the
batch (Roberts et al. 2018; Magenta 2.1.4). Everything random is a function of seed and step (see `batches`),
so a run that was killed goes on as if it had not been.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from livevae.errors import ModelError
from livevae.models.checkpoints import shelf
from livevae.models.musicvae import assemble as assembling
from livevae.models.musicvae.config import configuration
from livevae.models.musicvae.networks import MusicVAE, kl
from livevae.models.training import (
    crew as training_crew,
    evaluate,
    growth,
    run_folder,
    tasks,
    token_music,
)
from livevae.models.training.batches import Batches
from livevae.models.training.crew import Crew
from livevae.models.training.options import Options
from livevae.models.training.run_folder import RunState
from livevae.models.training.tasks import Lesson

Report = Mapping[str, float]

FIGURES = 6
"""What is measured at each step and travels with the gradients: loss, nll, kl, two accuracies, seconds."""


class Trainer:
    """One process's share of a run.

    Args:
        options: as asked.
        train: training windows [N, steps] or [N, steps, width], see `dataset`.
        test: held-out windows.
        crew: the processes of this run.
    """

    def __init__(self, options: Options, train: Any, test: Any, crew: Crew) -> None:
        self.options, self.crew, self.test = options, crew, test
        self.config = configuration(options.config)
        self.task = tasks.task_of(self.config, options.rests)
        if train.shape[1] != self.config.steps:
            raise ModelError(
                f"{self.config.name} hears {self.config.steps} steps; the data has {train.shape[1]}"
            )
        self.device = torch.device(options.device)
        transpose = options.transpose if self.config.music in ("melody", "trio") else (0, 0)
        self.batches = Batches(train, options.batch, transpose, options.seed)
        self.state = run_folder.load(Path(options.run)) or RunState.new()
        self.model = self._new_model(wide=self.state.wide or not options.narrow)
        self.average = growth.tensors(self._new_model(wide=self.state.wide or not options.narrow))
        self.optimizer = self._new_optimizer()
        if self.state.step:
            self._restore()
        else:
            self._begin()
            for name, value in growth.tensors(self.model).items():
                self.average[name].copy_(value)
        self.durations: list[float] = []

    # ------------------------------------------------------------------ models

    def _new_model(self, *, wide: bool) -> MusicVAE:
        torch.manual_seed(self.options.seed)
        config = self.config if wide else self.config.replace(encoder=(self.options.narrow,))
        if self.options.dropout is not None:
            config = config.replace(dropout=self.options.dropout)
        model = MusicVAE(config).to(self.device)
        model.encoder.requires_grad_(not self.options.keep_encoder)
        return model

    def _new_optimizer(self) -> torch.optim.Adam:
        """Adam, over gradients that are all parts of one vector: clipped and averaged in one go."""
        sizes = [value.numel() for _, value in self._named()]
        self.flat = torch.zeros(sum(sizes) + FIGURES, device=self.device)
        pieces: tuple[Tensor, ...] = torch.split(self.flat[:-FIGURES], sizes)
        for (_, value), piece in zip(self._named(), pieces, strict=True):
            value.grad = piece.view_as(value)
        return torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=True)

    def _named(self) -> list[tuple[str, torch.nn.Parameter]]:
        return list(self.model.named_parameters())

    def _begin(self) -> None:
        """Take over what fits of the checkpoint to begin with; of a widened encoder what it computes with."""
        if not self.options.begin_with:
            return
        model = assembling.load(shelf.find(self.options.begin_with))[0]
        other = growth.tensors(model)
        layers = model.config.encoder
        if 0 < self.options.narrow < layers[0] and len(layers) == 1 and not model.config.encode_segments:
            other |= growth.narrow(other, self.options.narrow)
        taken: list[str] = []
        with torch.no_grad():
            for name, value in self._named():
                if name in other and other[name].shape == value.shape:
                    value.copy_(other[name])
                    taken.append(name)
        if not taken:
            raise ModelError(f"nothing of {self.options.begin_with} fits {self.config.name}")
        fresh = [name for name, _ in self._named() if name not in taken]
        if self.options.keep_encoder and any(name.startswith("encoder.") for name in fresh):
            raise ModelError(f"the encoder of {self.options.begin_with} does not fit {self.config.name}")
        if self.crew.rank == 0:
            run_folder.write_begun(Path(self.options.run), self.options.begin_with, taken, fresh)

    def _restore(self) -> None:
        with torch.no_grad():
            for name, value in self._named():
                value.copy_(self.state.tensors[f"model/{name}"])
                self.average[name].copy_(self.state.tensors[f"average/{name}"])
                self.optimizer.state[value] = {
                    "step": torch.tensor(float(self.state.step), device=self.device),
                    "exp_avg": self.state.tensors[f"first/{name}"].to(self.device),
                    "exp_avg_sq": self.state.tensors[f"second/{name}"].to(self.device),
                }
        self.state.tensors = {}

    def _moments(self, which: str) -> dict[str, Tensor]:
        return {name: self.optimizer.state[value][which] for name, value in self._named()}

    def _widen(self) -> None:
        wide = self._new_model(wide=True)
        fresh = growth.tensors(wide)
        weights = growth.widen(growth.tensors(self.model), fresh)
        self.average = growth.widen(self.average, fresh)
        first = growth.widen_moments(self._moments("exp_avg"), fresh, second=False)
        second = growth.widen_moments(self._moments("exp_avg_sq"), fresh, second=True)
        self.model = wide
        self.optimizer = self._new_optimizer()
        with torch.no_grad():
            for name, value in self._named():
                value.copy_(weights[name])
                self.optimizer.state[value] = {
                    "step": torch.tensor(float(self.state.step), device=self.device),
                    "exp_avg": first[name].clone(),
                    "exp_avg_sq": second[name].clone(),
                }
        self.state.wide = True

    def averaged(self) -> MusicVAE:
        """The model with the running average of its weights."""
        model = MusicVAE(self.model.config.replace(dropout=self.config.dropout)).to(self.device)
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(self.average[name])
        return model.eval()

    # --------------------------------------------------------------- schedules

    @property
    def progress(self) -> float:
        """How much of the run is done, 0 to 1, in steps or trained time."""
        options = self.options
        by_steps = self.state.step / options.steps if options.steps else 0.0
        by_time = self.state.seconds / (3600 * options.hours) if options.hours else 0.0
        return min(1.0, max(by_steps, by_time))

    def rate(self) -> float:
        """The learning rate of the next step."""
        highest = self.options.learning_rate or self.config.learning_rate
        rise = min(1.0, (self.state.step + 1) / max(1, self.options.warmup))
        fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self.progress))
        return highest * rise * fall

    def beta(self) -> float:
        """Weight of the KL at the next step."""
        options, config = self.options, self.config
        highest = config.max_beta if options.max_beta is None else options.max_beta
        base = config.beta_rate if options.beta_rate is None else options.beta_rate
        return float((1 - base**self.state.step) * highest)

    def length(self) -> int | None:
        """Steps of the next batch's stretches; None for whole windows."""
        return next((length for length, end in self.options.lengths if self.progress < end), None)

    def sampled(self) -> float:
        """Share of the decoder's inputs that are its own samples at the next step."""
        return self.options.sampled * max(0.0, 2 * self.progress - 1)

    # -------------------------------------------------------------------- steps

    def step(self) -> dict[str, float]:
        """One update; what it measured, over all processes."""
        begun = time.monotonic()
        number, crew = self.state.step, self.crew
        batch = self.batches.at(number, crew.rank, crew.world, self.length(), self.options.vary)
        chance = np.random.default_rng((self.options.seed, number, crew.rank, 2))
        torch.manual_seed(int(chance.integers(2**62)))
        lesson = self._lesson(batch)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        bf16 = self.options.precision == "bf16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            loss, measured = self._loss(lesson)
        self.flat.zero_()
        loss.backward()  # type: ignore[no-untyped-call]
        found = self.flat[-FIGURES:]
        found.copy_(torch.stack([*measured, torch.tensor(self._last_duration(), device=self.device)]))
        crew.average(self.flat)
        if not math.isfinite(float(found[0])):
            raise ModelError(f"the loss is not finite at step {number}: a lower --learning-rate may help")
        gradient = self.flat[:-FIGURES]
        norm = float(torch.linalg.vector_norm(gradient))
        gradient *= min(1.0, self.config.grad_clip / (norm + 1e-6))
        self.optimizer.step()
        self._follow(number)
        self.state.step += 1
        self.state.seconds += float(found[-1])
        self.durations = [*self.durations[-200:], time.monotonic() - begun]
        names = ("loss", "nll", "kl", "accuracy", "note_accuracy")
        report = dict(zip(names, found.tolist(), strict=False))
        schedule = {"rate": self.rate(), "beta": self.beta(), "length": float(batch.shape[1])}
        return {**report, "norm": norm, **schedule}

    def _lesson(self, batch: Any) -> Lesson:
        return self.task.lesson(batch, self.device)

    def _last_duration(self) -> float:
        """What the last step took; a step that was stopped in the middle counts as an ordinary one."""
        if not self.durations:
            return 0.0
        usual = statistics.median(self.durations)
        last = self.durations[-1]
        return usual if last > 5 * usual + 1 else last

    def _loss(self, lesson: Lesson) -> tuple[Tensor, list[Tensor]]:
        mu, sigma = self.model.posterior(lesson.inputs, lesson.controls)
        z = mu + sigma * torch.randn_like(sigma)
        outputs = token_music.outputs_of(self.model, z, self._told(z, lesson), lesson.controls)
        nll = self.task.loss(self.model, outputs, lesson.music)
        divergence = kl(mu.float(), sigma.float()).sum(1).mean()
        free = (
            self.config.free_bits if self.options.free_bits is None else self.options.free_bits
        ) * math.log(2)
        loss = nll + self.beta() * torch.clamp(divergence - free, min=0)
        with torch.no_grad():
            right = self.task.right(self.model, outputs, lesson.music)
        return loss, [loss.detach(), nll.detach(), divergence.detach(), *right]

    def _told(self, z: Tensor, lesson: Lesson) -> Tensor:
        """What the decoder hears: the truth, some of it replaced by what the decoder would have said."""
        share, music = self.sampled(), lesson.music
        if share <= 0:
            return music
        with torch.no_grad():
            predicted = self.task.predicted(
                self.model, token_music.outputs_of(self.model, z, music, lesson.controls)
            )
            own = torch.rand(music.shape[:2], device=music.device) < share
        return torch.where(own if music.dim() == 2 else own.unsqueeze(-1), predicted, music)

    def _follow(self, number: int) -> None:
        decay = min(self.options.average, (1 + number) / (10 + number))
        with torch.no_grad():
            ours = [self.average[name] for name, _ in self._named()]
            torch._foreach_lerp_(ours, [value.detach() for _, value in self._named()], 1 - decay)

    # --------------------------------------------------------------------- run

    def kept(self) -> dict[str, Tensor]:
        """What a run goes on from: weights, their average and both moments, by name."""
        kept: dict[str, Tensor] = {}
        first, second = self._moments("exp_avg"), self._moments("exp_avg_sq")
        for name, value in self._named():
            kept[f"model/{name}"] = value.detach()
            kept[f"average/{name}"] = self.average[name]
            kept[f"first/{name}"], kept[f"second/{name}"] = first[name], second[name]
        return kept

    def save(self) -> None:
        """Write the run's checkpoint; nothing is lost if it is interrupted."""
        if self.crew.rank:
            return
        run_folder.save(Path(self.options.run), self.state, self.kept(), self.averaged(), self.options)

    def run(self, show: Callable[[int, float, Report], object]) -> RunState:
        """Train to the end, saving now and then.

        Args:
            show: called with step, progress and what was measured, every step (only in the first process).
        """
        saved = time.monotonic()
        log = run_folder.Log(Path(self.options.run), self.state.step) if self.crew.rank == 0 else None
        sums: dict[str, float] = {}
        count = 0
        while self.progress < 1:
            if self.options.narrow and not self.state.wide and self.progress >= self.options.widen_at:
                self._widen()
            report = self.step()
            count += 1
            for name, value in report.items():
                sums[name] = sums.get(name, 0.0) + value
            if log is None:
                continue
            show(self.state.step, self.progress, report)
            if self.state.step % 50 == 0:
                log.write(self.state, {name: value / count for name, value in sums.items()})
                sums, count = {}, 0
            if time.monotonic() - saved > 60 * self.options.save_minutes or self.progress >= 1:
                self.save()
                log.write(self.state, self.look(), kind="test")
                saved = time.monotonic()
        return self.state

    def look(self) -> dict[str, float]:
        """Scores of the averaged weights on some held-out windows."""
        return self.task.scores(self.averaged(), evaluate.spread(self.test, self.options.test_windows))


def train(
    options: Options,
    train: Any,
    test: Any,
    show: Callable[[int, float, Report], object],
    kind: type[Trainer] = Trainer,
) -> RunState:
    """Train as asked, as one process of as many as the environment says (see `processes`)."""
    with training_crew.join(options.device) as crew:
        if options.batch % crew.world:
            raise ModelError(f"a batch of {options.batch} does not divide among {crew.world} processes")
        Path(options.run).mkdir(parents=True, exist_ok=True)
        return kind(options, train, test, crew).run(show)
