"""Weights of fewer bits: near to the exact decoder, the same alone and in company, and refusals that say why."""

import numpy as np
import pytest
import torch

from livevae.bench.decode import random_weights
from livevae.errors import ModelError
from livevae.latent.recipe import Recipe
from livevae.models import narrow, stored
from livevae.models.config import CONFIGS
from livevae.models.decoder import LiveDecoder
from livevae.models.narrow import narrowing
from livevae.models.packed import Packed

MELODY = CONFIGS["cat-mel_2bar_small"].replace(decoder=(24, 32), latent=12, encoder=(4,))
WEIGHTS = random_weights(MELODY)
NEAR = {"float16": 2e-3, "bf16": 4e-2, "int8": 6e-2}
"""How far a product of weights around 1 / sqrt(inputs) may be from float32's."""

needs_fbgemm = pytest.mark.skipif(
    "fbgemm" not in torch.backends.quantized.supported_engines, reason="torch has no fbgemm here"
)
NARROW = ["bf16", pytest.param("float16", marks=needs_fbgemm), pytest.param("int8", marks=needs_fbgemm)]


@pytest.mark.parametrize("precision", NARROW)
def test_a_narrow_product_is_near_the_exact_one(precision):
    chance = np.random.default_rng(0)
    weights = chance.standard_normal((70, 40), np.float32) / np.float32(40**0.5)
    bias = chance.standard_normal(70, np.float32)
    h = chance.uniform(-2, 2, (5, 40)).astype(np.float32)
    product = narrowing(precision)(weights, bias)
    assert np.abs(product(h) - (h @ weights.T + bias)).max() < NEAR[precision]
    assert product(h[0]).shape == (70,)


@needs_fbgemm
def test_int8_rounds_weights_and_hardly_anything_else():
    chance = np.random.default_rng(1)
    steps = chance.integers(-127, 128, (30, 40)).astype(np.float32)
    steps[:, 0] = 127  # so that each row's scale is known
    scales = chance.uniform(0.001, 0.01, (30, 1)).astype(np.float32)
    h = chance.uniform(-2, 2, (6, 40)).astype(np.float32)
    found = narrowing("int8")(steps * scales, np.zeros(30, np.float32))(h)
    # h is rounded to 1/126 of a 63rd of its bound, twice over a sum of 40
    assert np.abs(found - h @ (steps * scales).T).max() < 40 * 1.3 * 2 / 63 / 126 / 2


@needs_fbgemm
def test_int8_plays_a_row_the_same_alone_and_in_company():
    network = Packed(MELODY, WEIGHTS, narrowing("int8"))
    chance = np.random.default_rng(2)
    z = chance.standard_normal((4, 12), np.float32)
    noise = chance.gumbel(size=(4, 32, 90)).astype(np.float32)
    ones = np.ones(4, np.float32)
    together = network(z, ones, noise)
    assert [
        network(z[i : i + 1], ones[:1], noise[i : i + 1])[0].tolist() for i in range(4)
    ] == together.tolist()


@pytest.mark.parametrize("precision", NARROW)
@pytest.mark.parametrize(
    "name", ["cat-mel_2bar_small", "hierdec-trio_16bar", "groovae_4bar", "nade-drums_2bar_full"]
)
def test_every_kind_of_decoder_can_be_narrowed(name, precision):
    config = CONFIGS[name].replace(decoder=(16, 16), latent=8, encoder=(4,) * len(CONFIGS[name].encoder))
    network = Packed(config, random_weights(config), narrowing(precision))
    exact = Packed(config, random_weights(config))
    z = np.random.default_rng(3).standard_normal((2, 8), np.float32)
    noise = np.zeros((2, config.steps, config.output_depth), np.float32)
    music = [decode(z, np.zeros(2, np.float32), noise) for decode in (exact, network)]
    assert music[0].shape == music[1].shape
    assert np.mean(np.abs(music[0][:, 0] - music[1][:, 0]) < 0.1) > 0.5


def test_outputs_are_what_the_decoder_chose_from():
    network = Packed(MELODY, WEIGHTS)
    z = np.random.default_rng(4).standard_normal((3, 12), np.float32)
    tokens = network(z, np.zeros(3, np.float32), np.zeros((3, 32, 90), np.float32))
    assert np.array_equal(network.outputs(z, tokens).argmax(-1), tokens)


@pytest.mark.parametrize("precision", NARROW)
def test_a_decoder_opens_in_a_precision_and_plays(precision, tmp_path):
    stored.write(tmp_path / "mine.safetensors", MELODY, WEIGHTS, {})
    opened = LiveDecoder.open(str(tmp_path / "mine.safetensors"), device="cpu", precision=precision)
    recipes = [Recipe(1), Recipe(2)]
    assert opened.decode(recipes) == [opened.decode([recipe])[0] for recipe in recipes]


def test_precisions_that_are_not_there_are_answered(monkeypatch):
    assert narrowing("float32") is None
    with pytest.raises(ModelError, match="float32, float16, bf16, int8, not 'int4'"):
        narrowing("int4")
    monkeypatch.setattr(narrow, "INTEGER", "no_such_kernel")
    with pytest.raises(ModelError, match="no kernels for int8"):
        narrowing("int8")
