"""The numpy encoder against the network that defines it."""

import numpy as np
import pytest
import torch

from livevae.errors import ModelError
from livevae.models.musicvae.config import configuration
from livevae.models.musicvae.encoder import PackedEncoder
from livevae.models.musicvae.networks import MusicVAE

SMALL = {
    "cat-mel_2bar_small": {"encoder": (12,), "decoder": (8, 8), "latent": 6},
    "cat-drums_2bar_small": {"encoder": (12,), "decoder": (8,), "latent": 6},
    "nade-drums_2bar_full": {"encoder": (12,), "decoder": (8,), "latent": 6},
    "groovae_4bar": {"encoder": (12,), "decoder": (8,), "latent": 6},
    "hierdec-trio_16bar": {"encoder": (12, 12), "decoder": (8,), "latent": 6},
    "hier-trio_4bar": {"encoder": (12,), "decoder": (8,), "latent": 6},
}


def music(config, random: np.random.Generator) -> np.ndarray:
    if config.head == "groove":
        return random.random((3, config.steps, config.output_depth)).astype(np.float32)
    if config.head == "nade":
        return (random.random((3, config.steps, config.output_depth)) < 0.1).astype(np.float32)
    parts = [random.integers(0, depth, (3, config.steps)) for depth in config.output_depths]
    return parts[0] if len(parts) == 1 else np.stack(parts, -1)


@pytest.mark.parametrize("name", SMALL)
def test_the_posterior_is_that_of_the_network(name: str) -> None:
    config = configuration(name).replace(**SMALL[name])
    torch.manual_seed(4)
    model = MusicVAE(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    x = music(config, np.random.default_rng(8))
    with torch.inference_mode():
        mu, sigma = model.posterior(torch.from_numpy(x))
    weights = {key: value.numpy() for key, value in model.state_dict().items()}
    ours = PackedEncoder(config, weights)(x)
    np.testing.assert_allclose(ours.mu, mu.numpy(), atol=2e-6)
    np.testing.assert_allclose(ours.sigma, sigma.numpy(), atol=2e-6)


def test_a_model_with_controls_is_refused() -> None:
    config = configuration("cat-mel_2bar_med_chords")
    with pytest.raises(ModelError, match="controls"):
        PackedEncoder(config, {})
