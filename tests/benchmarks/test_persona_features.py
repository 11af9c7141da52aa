"""What the measurements of personas hear in a window, in every vocabulary."""

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.persona_features import features, symbols
from benchmarks.persona_recognition import Classifier, all_features, all_symbols, distance
from livevae.models.musicvae.config import configuration
from livevae.models.musicvae.vocabulary import from_riff, to_riff

KINDS = (
    "cat-mel_2bar_small",
    "cat-drums_2bar_small",
    "groovae_2bar_humanize",
    "nade-drums_2bar_reduced",
    "trio_4bar",
)


def windows(name, count, seed=0):
    """Windows as the decoders give them, at random."""
    config, random = configuration(name), np.random.default_rng(seed)
    if config.music == "trio":
        parts = [random.integers(0, depth, (count, config.steps)) for depth in config.output_depths]
        return config, np.stack(parts, -1)
    if config.music == "groove":
        hits = (random.random((count, config.steps, 9)) < 0.2).astype(np.float32)
        values = hits * random.random(hits.shape).astype(np.float32)
        return config, np.concatenate([hits, values, values - hits / 2], -1)
    if config.head == "nade":
        return config, (random.random((count, config.steps, config.output_depth)) < 0.2).astype(np.float32)
    return config, random.integers(0, config.output_depth, (count, config.steps))


@pytest.mark.parametrize("name", KINDS)
def test_each_window_of_a_model_gives_as_many_numbers_and_one_symbol_a_step(name):
    config, some = windows(name, 20)
    assert np.isfinite(all_features(some, config)).all()
    heard = all_symbols(some, config)
    assert heard.shape == (20, config.steps)
    assert [distance(row, row) for row in heard] == [0.0] * 20
    assert all(distance(a, b) > 0 for a, b in pairwise(heard))


@pytest.mark.parametrize("name", KINDS[1:4])
def test_drums_that_come_back_from_a_riff_have_the_same_symbols(name):
    config, some = windows(name, 10)
    again = np.stack([from_riff(config, to_riff(config, window)) for window in some])
    assert (all_symbols(again, config) == all_symbols(some, config)).all()


def test_a_silent_window_has_features():
    config = configuration("cat-drums_2bar_small")
    assert not features(np.zeros(32, np.int64), config)[:-5].any()
    assert not symbols(np.zeros(32, np.int64), config).any()


def test_the_classifier_tells_a_backbeat_from_one_on_every_beat():
    config = configuration("cat-drums_2bar_small")
    random = np.random.default_rng(1)
    every = np.tile([1, 0, 0, 0], 8)
    back = np.tile([1, 0, 0, 0, 2, 0, 0, 0], 4)
    noise = random.integers(0, 512, (80, 32)) * (random.random((80, 32)) < 0.1)
    sets = np.concatenate([every | noise[:40], back | noise[40:]])
    labels = np.repeat([0, 1], 40)
    learnt, asked = np.arange(80) % 2 == 0, np.arange(80) % 2 == 1
    classifier = Classifier(all_features(sets[learnt], config), labels[learnt], 2)
    assert (classifier(all_features(sets[asked], config)).argmax(1) == labels[asked]).all()
