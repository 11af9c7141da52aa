"""What a model is to learn from a window: what its encoder hears, what its decoder should say, how right it is.

Melodies and drums are tokens, heard as they are. Of a groove each GrooVAE hears something else: all of the performance,
its hits alone (humanize), a tapped rhythm (tap), or everything but the closed hi-hat (Gillick et al. 2019).
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from livevae.errors import ModelError
from livevae.models import evaluate, evaluate_groove
from livevae.models.config import Config
from livevae.models.grooves import HEARD, lesson_of
from livevae.models.networks import MusicVAE
from livevae.music.groove import DRUMS


@dataclass(frozen=True, slots=True)
class Lesson:
    """A batch, ready for the networks.

    Attributes:
        heard: by the encoder: tokens [N, steps] or rows [N, steps, depth].
        music: what the decoder should say, likewise.
        controls: [N, steps, controls] where the configuration has them.
    """

    heard: Tensor
    music: Tensor
    controls: Tensor | None = None


class Task(Protocol):
    """What differs between vocabularies while training."""

    def lesson(self, windows: NDArray[Any], device: torch.device) -> Lesson:
        """Stored windows as a batch."""

    def loss(self, outputs: Tensor, music: Tensor) -> Tensor:
        """The reconstruction's loss, nats a window, averaged over the batch."""

    def right(self, outputs: Tensor, music: Tensor) -> tuple[Tensor, Tensor]:
        """Two shares: of everything that is right, and of notes (grooves: F1 of hits)."""

    def said(self, outputs: Tensor) -> Tensor:
        """What the decoder would say of itself, sampled with torch's own chance, shaped like the music."""

    def scores(self, model: MusicVAE, windows: NDArray[Any]) -> dict[str, float]:
        """Scores on held-out windows."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Melodies and drums."""

    first_note: int

    def lesson(self, windows: NDArray[Any], device: torch.device) -> Lesson:  # noqa: D102
        tokens = torch.from_numpy(windows.astype(np.int64)).to(device)
        return Lesson(tokens, tokens)

    def loss(self, outputs: Tensor, music: Tensor) -> Tensor:  # noqa: D102
        return F.cross_entropy(outputs.float().flatten(0, 1), music.flatten()) * music.shape[1]

    def right(self, outputs: Tensor, music: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        right = outputs.argmax(-1) == music
        notes = music >= self.first_note
        return right.float().mean(), (right & notes).sum() / notes.sum().clamp(min=1)

    def said(self, outputs: Tensor) -> Tensor:  # noqa: D102
        # the largest of outputs + Gumbel noise is a sample of the softmax
        return (outputs + evaluate.gumbel(torch.rand_like(outputs))).argmax(-1)

    def scores(self, model: MusicVAE, windows: NDArray[Any]) -> dict[str, float]:  # noqa: D102
        device = next(model.parameters()).device
        return evaluate.reconstruction_scores(model, torch.from_numpy(windows.astype(np.int64)).to(device))


@dataclass(frozen=True, slots=True)
class Grooves:
    """Drum performances, and what a GrooVAE hears of them."""

    config: Config

    def lesson(self, windows: NDArray[Any], device: torch.device) -> Lesson:  # noqa: D102
        return Lesson(*lesson_of(self.config, windows, device))

    def loss(self, outputs: Tensor, music: Tensor) -> Tensor:  # noqa: D102
        return evaluate_groove.loss(outputs.float(), music).mean()

    def right(self, outputs: Tensor, music: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        said, hits = outputs[..., :DRUMS] >= 0, music[..., :DRUMS] > 0.5
        both = 2 * (said & hits).sum()
        return (said == hits).float().mean(), both / (said.sum() + hits.sum()).clamp(min=1)

    def said(self, outputs: Tensor) -> Tensor:  # noqa: D102
        return evaluate_groove.music(outputs, evaluate_groove.logistic(torch.rand_like(outputs[..., :DRUMS])))

    def scores(self, model: MusicVAE, windows: NDArray[Any]) -> dict[str, float]:  # noqa: D102
        return evaluate_groove.scores(model, windows)


def task_of(config: Config) -> Task:
    """What a model of this configuration learns.

    Raises:
        ModelError: livevae cannot train such models.
    """
    if config.head == "categorical" and config.music in evaluate.FIRST_NOTE and not config.controls:
        return Tokens(evaluate.FIRST_NOTE[config.music])
    if config.name in HEARD:
        return Grooves(config)
    raise ModelError(
        f"training knows melodies, drums and grooves so far; {config.name} is none that it knows"
    )
