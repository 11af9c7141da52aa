"""Training of what a GrooVAE says of its strokes, how hard and how early, and of nothing else.

Only the rows of the output layer that say velocities and offsets learn: of any music that the decoder hears, the hits
that it says next stay what they were. It hears itself, greedily, as it will when it plays. Errors of strokes
that were said and played weigh `STROKES`. What is said where no hit is said is to stay as it was, at a weight of 1: the
decoder hears that, too. Strokes that were said and not played have no right answer, and weigh nothing. In
`evaluate_groove.loss` they count as strokes of no velocity, so an unsure stroke is said too softly.
"""

from typing import Any

import torch
from torch import Tensor

from livevae.errors import ModelError
from livevae.models.checkpoints import shelf
from livevae.models.musicvae import assemble as assembling
from livevae.models.musicvae.networks import MusicVAE, free_running, kl
from livevae.models.training.crew import Crew
from livevae.models.training.evaluate_groove import music as rows_of
from livevae.models.training.options import Options
from livevae.models.training.tasks import Lesson
from livevae.models.training.token_music import outputs_of
from livevae.models.training.trainer import Trainer
from livevae.music.groove import DRUMS

STROKES = 3.0
"""Weight of a stroke's error beside that of a rest."""


def loss(outputs: Tensor, before: Tensor, music: Tensor) -> Tensor:
    """Absolute errors of velocities and offsets, summed over a window, [N].

    Args:
        outputs: [N, steps, 27], hits as `before` says them.
        before: what the model said before this training, hearing the same.
        music: what was played.
    """
    said, played = before[..., :DRUMS] >= 0, music[..., :DRUMS] > 0.5
    right = torch.where(said.repeat(1, 1, 2), music[..., DRUMS:], rows_of(before)[..., DRUMS:])
    weights = torch.where(said & played, STROKES, (~said).to(outputs)).repeat(1, 1, 2)
    return ((rows_of(outputs)[..., DRUMS:] - right).abs() * weights).sum((1, 2))


class StrokeTrainer(Trainer):
    """One process's share of such a run; the arguments are `Trainer`'s."""

    def __init__(self, options: Options, train: Any, test: Any, crew: Crew) -> None:
        self.before = assembling.load(shelf.find(options.begin_with), options.device)[0]
        super().__init__(options, train, test, crew)
        shapes, own = (
            {name: value.shape for name, value in model.named_parameters()}
            for model in (self.before, self.model)
        )
        if self.before.config.name != self.config.name or shapes != own:
            raise ModelError(
                f"{options.begin_with} is no whole {self.config.name}, whose strokes could be trained"
            )

    def _new_model(self, *, wide: bool) -> MusicVAE:
        model = super()._new_model(wide=wide).eval().requires_grad_(False)
        for core in model.core_list():
            core.output.requires_grad_(True)
        return model

    def _loss(self, lesson: Lesson) -> tuple[Tensor, list[Tensor]]:
        with torch.no_grad():
            mu, sigma = self.model.posterior(lesson.inputs, lesson.controls)
            z = mu + sigma * torch.randn_like(sigma)
            greedy = z.new_zeros(len(z), 1), torch.zeros_like(lesson.music)
            own = free_running(self.model, z, *greedy, lesson.controls)
            before = outputs_of(self.before, z, own, lesson.controls)
        outputs = outputs_of(self.model, z, own, lesson.controls)
        found = loss(outputs, before, lesson.music).mean()
        with torch.no_grad():
            right = self.task.right(self.model, outputs, lesson.music)
            divergence = kl(mu.float(), sigma.float()).sum(1).mean()
        return found, [found.detach(), found.detach(), divergence, *right]
