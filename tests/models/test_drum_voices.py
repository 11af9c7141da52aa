"""Drum models in a scene: the notes stay drums, with a groove's dynamics and timing."""

import io

import mido
import numpy as np
import pytest

from livevae.models import store
from livevae.models.config import configuration
from livevae.models.decoder import LiveDecoder
from livevae.models.vocabulary import to_riff
from livevae.music import drums, keys, shape
from livevae.music.trio import DRUMS
from livevae.perform.scene import parse
from livevae.render import render

KIT = {pitches[0] for pitches in drums.REDUCED}


def drum_riff(name):
    config = configuration(name)
    chance = np.random.default_rng(0)
    if config.music == "groove":
        return to_riff(config, chance.random((32, 27)))
    if config.head == "nade":
        return to_riff(config, chance.integers(0, 2, (32, config.output_depth)))
    return to_riff(config, chance.integers(0, 512, 32))


@pytest.mark.parametrize(
    "name", ["cat-drums_2bar_small", "nade-drums_2bar_full", "groovae_2bar_humanize", "groovae_4bar"]
)
def test_no_key_and_no_register_moves_what_a_drum_model_plays(name):
    riff = drum_riff(name)
    assert {note.part for note in riff.notes} == {DRUMS}
    moved = shape.folded(shape.transposed(keys.moved(riff, keys.Key(6, minor=False)), 7), 70, 90)
    assert moved == riff


@pytest.mark.parametrize("name", ["cat-drums_2bar_small", "groovae_4bar", "groovae_2bar_humanize"])
def test_a_shipped_drum_model_plays_in_a_scene(name):
    if not store.BUNDLED.joinpath(f"{name}{store.SUFFIX}").exists():
        pytest.skip(f"{name} is not shipped here")
    scene = parse(f"[voice.beat]\nmodel = '{name}'\nchannel = 10\nbars = 4\nkey = 'Dm'\nlow = 60\nhigh = 80")
    done = render(
        scene, lambda model: LiveDecoder.open(model, device="cpu"), bars=8, seed=3, has_model=store.exists
    )
    file = mido.MidiFile(file=io.BytesIO(done.midi()))
    now, struck = 0, []
    for message in file.tracks[0]:
        now += message.time
        if message.type == "note_on" and message.velocity:
            struck.append((now, message))
    assert len(struck) > 16
    assert {message.channel for _, message in struck} == {9}
    assert {message.note for _, message in struck} <= KIT
    uneven = {tick % 240 for tick, _ in struck}
    loudness = {message.velocity for _, message in struck}
    if name.startswith("groovae"):
        assert len(uneven) > 4
        assert len(loudness) > 4
    else:
        assert (uneven, loudness) == ({0}, {96})
