"""Drum models in a scene: the notes stay drums, with a groove's dynamics and timing."""

import io
from pathlib import Path

import mido
import numpy as np
import pytest

from livevae import cli
from livevae.corpus import midi
from livevae.models.checkpoints import shelf
from livevae.models.live import LiveDecoder
from livevae.models.musicvae.config import configuration
from livevae.models.musicvae.vocabulary import to_riff
from livevae.music import drums, keys, midi_file, shape
from livevae.music.notes import TICKS_PER_BAR, Note, Riff
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
    if not shelf.BUNDLED.joinpath(f"{name}{shelf.SUFFIX}").exists():
        pytest.skip(f"{name} is not shipped here")
    scene = parse(f"[voice.kit]\nmodel = '{name}'\nchannel = 10\nbars = 4\nkey = 'Dm'\nlow = 60\nhigh = 80")
    done = render(
        scene, lambda model: LiveDecoder.open(model, device="cpu"), bars=8, seed=3, has_model=shelf.exists
    )
    file = mido.MidiFile(file=io.BytesIO(done.midi()))
    now, struck = 0, []
    for message in mido.merge_tracks(file.tracks):
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


@pytest.mark.parametrize(
    ("verb", "name"), [("humanize", "groovae_2bar_humanize"), ("tap", "groovae_2bar_tap_fixed_velocity")]
)
def test_groove_works_with_what_is_shipped(verb, name, tmp_path, monkeypatch):
    if not shelf.BUNDLED.joinpath(f"{name}{shelf.SUFFIX}").exists():
        pytest.skip(f"{name} is not shipped here")
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    beat = [(step, pitch) for bar in (0, 16) for step, pitch in ((0, 36), (4, 38), (8, 36), (12, 38))]
    beat += [(step, 42) for step in range(0, 32, 2)]
    notes = [Note(step * 240, 120, pitch, 100) for step, pitch in beat]
    Path("beat.mid").write_bytes(midi_file.riff_bytes(Riff(tuple(notes), 2 * TICKS_PER_BAR), channel=10))
    assert cli.main(["groove", verb, "beat.mid", "--out", "out"]) == 0
    score = midi.read(tmp_path / "out" / f"beat-{verb}.mid")
    (part,) = score.parts
    assert part.is_drums
    step = score.ticks_per_quarter // 4
    assert len({note.velocity for note in part.notes}) > 3
    assert any(note.start % step for note in part.notes)
    assert {round(note.start / step) % 32 for note in part.notes} >= {0, 8, 16}
