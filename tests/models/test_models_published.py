"""Magenta's published mel_2bar_small decoder, on our networks: it plays music."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from livevae.latent.recipe import Recipe
from livevae.models.checkpoints import files as checkpoint_files
from livevae.models.foreign import magenta
from livevae.models.live import LiveDecoder
from livevae.models.musicvae.config import CONFIGS
from livevae.models.musicvae.packed import Packed

FILE = (
    Path(__file__).resolve().parents[3]
    / "shared/reference/magenta_mel_2bar_small_decoder/present_tensors.npz"
)
MAJOR = (0, 2, 4, 5, 7, 9, 11)


@pytest.fixture(scope="module")
def riffs():
    if not FILE.is_file():
        pytest.skip("the reference folder ../shared is not here")
    with np.load(FILE) as tensors:
        variables = {name.replace("|", "/"): tensors[name] for name in tensors}
    config, weights = magenta.convert(magenta.with_silent_encoder(variables), "published")
    checkpoint_files.check(config, weights, "published")
    assert config == CONFIGS["cat-mel_2bar_small"]
    decoder = LiveDecoder(config, Packed(config, weights))
    return decoder.decode([Recipe(1, 0.8, 2, index) for index in range(200)])


@pytest.mark.shared
def test_two_hundred_samples_sound_like_melodies(riffs):
    counts = [len(riff.notes) for riff in riffs]
    assert 6 < np.mean(counts) < 24
    assert np.mean([count > 0 for count in counts]) > 0.95
    played = [riff.notes for riff in riffs if riff.notes]
    assert 50 < np.median([note.pitch for notes in played for note in notes]) < 80
    steps = [abs(b.pitch - a.pitch) for notes in played for a, b in pairwise(notes)]
    # of leaps between random pitches of a piano an eighth are so small
    assert np.mean([step <= 5 for step in steps]) > 0.5


@pytest.mark.shared
def test_their_notes_agree_on_a_key_and_on_the_beat(riffs):
    in_key = []
    for riff in riffs:
        classes = np.bincount([note.pitch % 12 for note in riff.notes], minlength=12)
        if classes.sum() >= 6:
            in_key.append(
                max(sum(classes[(root + d) % 12] for d in MAJOR) for root in range(12)) / classes.sum()
            )
    assert np.mean(in_key) > 0.86  # of so few random pitches about 0.75 fit the best of twelve keys
    starts = [note.start for riff in riffs for note in riff.notes]
    assert np.mean([start % 480 == 0 for start in starts]) > 0.6


@pytest.mark.shared
def test_two_hundred_samples_are_two_hundred_riffs(riffs):
    assert len(set(riffs)) > 190
