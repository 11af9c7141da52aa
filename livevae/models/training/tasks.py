"""What a model is to learn from a window: what its encoder hears, what its decoder should say, how right it is.

Melodies (also over chords), drums and trios are tokens, heard as they are. Of a groove each GrooVAE hears something
else: all of the performance, its hits alone (humanize), a tapped rhythm (tap), or all but the closed hi-hat (Gillick et
al. 2019).
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livevae.errors import ModelError
from livevae.models.musicvae.config import Config
from livevae.models.musicvae.networks import MusicVAE
from livevae.models.training import evaluate, evaluate_groove, token_music
from livevae.models.training.groove_music import DROPPING, HEARD, dropped, lesson_of
from livevae.music.groove import DRUMS


@dataclass(frozen=True, slots=True)
class Lesson:
    """A batch, ready for the networks.

    Attributes:
        inputs: of the encoder: tokens [N, steps] (trios [N, steps, 3]) or rows [N, steps, depth].
        music: what the decoder should say, likewise.
        controls: [N, steps, controls] where the configuration has them.
    """

    inputs: Tensor
    music: Tensor
    controls: Tensor | None = None


class Task(Protocol):
    """What differs between vocabularies while training."""

    def lesson(self, windows: NDArray[Any], device: torch.device) -> Lesson:
        """Stored windows as a batch; what is random about it is torch's."""

    def loss(self, model: MusicVAE, outputs: Tensor, music: Tensor) -> Tensor:
        """The reconstruction's loss, nats a window, averaged over the batch."""

    def right(self, model: MusicVAE, outputs: Tensor, music: Tensor) -> tuple[Tensor, Tensor]:
        """Two shares: of everything that is right, and of notes (grooves: F1 of hits)."""

    def predicted(self, model: MusicVAE, outputs: Tensor) -> Tensor:
        """What the decoder would say of itself, sampled with torch's own chance, shaped like the music."""

    def scores(self, model: MusicVAE, windows: NDArray[Any]) -> dict[str, float]:
        """Scores on held-out windows."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Melodies, also over chords, drums and trios."""

    config: Config

    def lesson(self, windows: NDArray[Any], device: torch.device) -> Lesson:  # noqa: D102
        tokens = torch.from_numpy(windows.astype(np.int64)).to(device)
        music, controls = token_music.separate(self.config, tokens)
        return Lesson(music, music, controls)

    def loss(self, model: MusicVAE, outputs: Tensor, music: Tensor) -> Tensor:  # noqa: D102
        return token_music.losses(model, outputs, music).mean()

    def right(self, model: MusicVAE, outputs: Tensor, music: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        right = token_music.predicted(model, outputs) == music
        first = torch.tensor(token_music.FIRST_NOTES[model.config.music], device=music.device)
        notes = music >= (first if music.dim() == 3 else first[0])
        return right.float().mean(), (right & notes).sum() / notes.sum().clamp(min=1)

    def predicted(self, model: MusicVAE, outputs: Tensor) -> Tensor:  # noqa: D102
        even = torch.rand(*outputs.shape[:2], model.config.output_depth, device=outputs.device)
        return token_music.predicted(model, outputs, token_music.noise_for(model.config, even))

    def scores(self, model: MusicVAE, windows: NDArray[Any]) -> dict[str, float]:  # noqa: D102
        device = next(model.parameters()).device
        return evaluate.reconstruction_scores(model, torch.from_numpy(windows.astype(np.int64)).to(device))


@dataclass(frozen=True, slots=True)
class Grooves:
    """Drum performances, and what a GrooVAE hears of them; `rests` as in `evaluate_groove.loss`."""

    config: Config
    rests: float = 1.0

    def lesson(self, windows: NDArray[Any], device: torch.device) -> Lesson:  # noqa: D102
        heard, music, controls = lesson_of(self.config, windows, device)
        if self.config.name == DROPPING:
            heard = dropped(heard, music)
        return Lesson(heard, music, controls)

    def loss(self, model: MusicVAE, outputs: Tensor, music: Tensor) -> Tensor:  # noqa: D102, ARG002
        return evaluate_groove.loss(outputs.float(), music, self.rests).mean()

    def right(self, model: MusicVAE, outputs: Tensor, music: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102, ARG002
        predicted, hits = outputs[..., :DRUMS] >= 0, music[..., :DRUMS] > 0.5
        both = 2 * (predicted & hits).sum()
        return (predicted == hits).float().mean(), both / (predicted.sum() + hits.sum()).clamp(min=1)

    def predicted(self, model: MusicVAE, outputs: Tensor) -> Tensor:  # noqa: D102, ARG002
        return evaluate_groove.music(outputs, token_music.logistic(torch.rand_like(outputs[..., :DRUMS])))

    def scores(self, model: MusicVAE, windows: NDArray[Any]) -> dict[str, float]:  # noqa: D102
        return evaluate_groove.scores(model, windows)


def task_of(config: Config, rests: float = 1.0) -> Task:
    """What a model of this configuration learns; of grooves, see `evaluate_groove.loss` for `rests`.

    Raises:
        ModelError: livevae cannot train such models.
    """
    if token_music.known(config):
        return Tokens(config)
    if config.name in HEARD:
        return Grooves(config, rests)
    raise ModelError(
        f"training knows melodies (also over chords), drums, trios and grooves, and {config.name} is none"
    )
