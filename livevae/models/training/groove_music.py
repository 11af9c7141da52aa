"""What each GrooVAE hears of a drum performance, for whole batches.

All of it, its hits alone (humanize), a tapped rhythm (tap), or everything but the closed hi-hat (Gillick et al.
2019). The same as `livevae.music.groove` says of one performance. Rows are [N, steps, 27].
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from livevae.corpus.groove_windows import rows
from livevae.models.musicvae.config import Config
from livevae.music.groove import CLOSED_HAT, DRUMS, TAP

DROPPING = "groovae_2bar_tap_fixed_velocity_note_dropout"
"""The GrooVAE that learns to hear some taps only."""

MOST_DROPPED = 0.8
"""The largest share of a window's taps that it does not hear while it learns (Magenta's configuration)."""


def _all(music: Tensor) -> Tensor:
    return music


def _hits(music: Tensor) -> Tensor:
    """`groove.straightened` for a batch."""
    return torch.cat([music[..., :DRUMS], torch.zeros_like(music[..., DRUMS:])], -1)


def _tap(music: Tensor) -> Tensor:
    """`groove.tapped` with fixed velocity for a batch."""
    hits, velocities, offsets = music.chunk(3, -1)
    hardest = velocities.argmax(-1, keepdim=True)
    found = torch.zeros_like(music)
    found[..., TAP] = hits.gather(-1, hardest)[..., 0]
    found[..., 2 * DRUMS + TAP] = offsets.gather(-1, hardest)[..., 0]
    return found


def _no_hat(music: Tensor) -> Tensor:
    """`groove.without` the closed hi-hat for a batch."""
    found = music.clone()
    found[..., CLOSED_HAT::DRUMS] = 0
    return found


HEARD: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "groovae_4bar": _all,
        "groovae_2bar_humanize": _hits,
        "groovae_2bar_tap_fixed_velocity": _tap,
        DROPPING: _tap,
        "groovae_2bar_add_closed_hh": _no_hat,
        "groovae_2bar_hits_control_tfds": _all,
    }
)
"""What the encoder of each GrooVAE that can be trained hears of a performance."""


def dropped(heard: Tensor, music: Tensor) -> Tensor:
    """Taps of which some are not heard: of each window another share, of soft ones more than of loud ones.

    Args:
        heard: taps [N, steps, 27].
        music: the performances that they are of.

    Returns:
        The same without some. A window's share is anything up to `MOST_DROPPED`; a tap is dropped with twice that
        share, times what its hardest stroke falls short of the hardest possible.
    """
    share = MOST_DROPPED * torch.rand(len(heard), 1, 1, device=heard.device)
    short = 1 - music[..., DRUMS : 2 * DRUMS].amax(-1, keepdim=True)
    kept = torch.rand_like(short) >= 2 * share * short
    return heard * kept


def lesson_of(
    config: Config, windows: NDArray[Any], device: torch.device
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Stored windows (see `data.groove_lines`) as what the encoder hears, what was played, and the controls."""
    music = torch.from_numpy(rows(windows)).to(device)
    controls = music[..., :DRUMS] if config.controls else None
    return HEARD[config.name](music), music, controls
