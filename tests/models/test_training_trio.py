"""Training what has several parts: trios from MIDI files to scores, and drums by a NADE."""

from collections import Counter

import mido
import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from livevae.corpus import dataset, midi, trio_windows
from livevae.errors import ModelError, MusicError
from livevae.models.musicvae import assemble as assembling
from livevae.models.musicvae.config import CONFIGS, configuration
from livevae.models.musicvae.networks import MusicVAE
from livevae.models.training import evaluate, sample_statistics, token_music, trainer as training_loop
from livevae.models.training.batches import transposed
from livevae.models.training.options import Options

TRIO = configuration("hier-trio_4bar").replace(encoder=(6,), decoder=(8,), latent=5)
FLAT = configuration("flat-trio_16bar").replace(encoder=(6,), decoder=(8,), latent=5)
NADE = configuration("nade-drums_2bar_reduced").replace(encoder=(6,), decoder=(8,), latent=5, nade_hidden=4)
FULL = NADE.replace(name="nade-drums_2bar_full", input_depth=62, output_depths=(61,))
SMALL = {config.name: config for config in (TRIO, FLAT, NADE, FULL)}

LEAD, BASS, DRUMS = (0, 80), (1, 33), (9, 0)
"""MIDI channel and program, both from 0."""


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(training_loop, "configuration", lambda name: SMALL.get(name) or CONFIGS[name])


def write(path, parts, meter=(4, 4)):
    """A file of notes (step, steps, pitch) for each (channel, program)."""
    file = mido.MidiFile(ticks_per_beat=480)
    for number, ((channel, program), notes) in enumerate(parts.items()):
        track = mido.MidiTrack()
        if not number:
            track.append(mido.MetaMessage("time_signature", numerator=meter[0], denominator=meter[1]))
        track.append(mido.Message("program_change", channel=channel, program=program))
        events = sorted(
            event
            for step, steps, pitch in notes
            for event in ((step * 120, 1, pitch), ((step + steps) * 120, 0, pitch))
        )
        now = 0
        for tick, on, pitch in events:
            kind = "note_on" if on else "note_off"
            track.append(mido.Message(kind, channel=channel, note=pitch, velocity=64 * on, time=tick - now))
            now = tick
        file.tracks.append(track)
    file.save(path)
    return path


def band(bars=8):
    lead = [
        (16 * bar + 4 * beat, 3, 60 + (5 * bar + 2 * beat) % 13) for bar in range(bars) for beat in range(4)
    ]
    low = [(16 * bar + 8 * half, 8, 36 + bar % 5) for bar in range(bars) for half in range(2)]
    beat = [(4 * n, 1, (36, 38)[n % 2]) for n in range(4 * bars)]
    return {LEAD: lead, BASS: low, DRUMS: beat}


def test_a_trio_is_read_step_by_step(tmp_path):
    score = midi.read(write(tmp_path / "a song.mid", band()))
    (stretch,) = trio_windows.stretches(score, Counter())
    assert score.song == "song"
    assert stretch.shape == (128, 3)
    # a pitch is its token plus 19; a lead's note ends a step before the next begins
    assert stretch[:5].tolist() == [[41, 17, 1], [0, 0, 0], [0, 0, 0], [1, 0, 0], [43, 0, 2]]


def test_windows_begin_on_bar_lines_and_do_not_hear_what_began_before(tmp_path):
    parts = band()
    parts[BASS] = [(8, 16, 40), *(note for note in parts[BASS] if note[0] >= 24)]
    (stretch,) = trio_windows.stretches(midi.read(write(tmp_path / "a.mid", parts)), Counter())
    found = list(trio_windows.windows(stretch, 64, Counter()))
    assert len(found) == 5
    assert found[0][8, 1] == 21
    assert not found[1][:8, 1].any()
    assert (found[2] == stretch[32:96]).all()


@pytest.mark.parametrize(
    ("missing", "name"), [(LEAD, "no line of one voice"), (BASS, "no bass"), (DRUMS, "no drums")]
)
def test_a_band_without_one_of_the_three_is_refused(tmp_path, missing, name):
    parts = {part: notes for part, notes in band().items() if part != missing}
    with pytest.raises(MusicError, match=name):
        list(trio_windows.stretches(midi.read(write(tmp_path / "a.mid", parts)), Counter()))


def test_windows_in_which_one_of_the_three_rests_are_counted(tmp_path):
    rests = {"melody": LEAD, "bass": BASS, "drums": DRUMS}
    for name, part in rests.items():
        parts = band(12)
        parts[part] = [note for note in parts[part] if note[0] >= 96]
        (stretch,) = trio_windows.stretches(midi.read(write(tmp_path / "a.mid", parts)), Counter())
        refused = Counter()
        assert len(list(trio_windows.windows(stretch, 64, refused))) < 9
        assert set(refused) == {f"windows without {'' if name == 'drums' else 'a '}{name}"}


def test_other_meters_are_counted(tmp_path):
    refused = Counter()
    assert not list(trio_windows.stretches(midi.read(write(tmp_path / "a.mid", band(), (3, 4))), refused))
    assert refused == {"stretches in 3/4, which does not fit the 4/4 grid": 1}


trios = st.integers(0, 2**32 - 1).map(
    lambda seed: np.stack(
        [
            np.where(np.random.default_rng(seed).random((5, 16)) < 0.4, draw, 0)
            for draw in np.random.default_rng(seed).integers(
                [[[20]], [[2]], [[0]]], [[[80]], [[60]], [[512]]], (3, 5, 16)
            )
        ],
        -1,
    )
)


@given(trios, st.integers(0, 99))
def test_melody_and_bass_move_together_and_the_drums_stay(windows, seed):
    moved = transposed(windows, (-7, 7), np.random.default_rng(seed))
    assert (moved[..., 2] == windows[..., 2]).all()
    assert ((moved[..., :2] > 1) == (windows[..., :2] > 1)).all()
    for before, after in zip(windows, moved, strict=True):
        notes = before[:, :2] > 1
        assert len(set((after[:, :2] - before[:, :2])[notes].tolist())) <= 1
        if notes[:, 0].any():
            assert trio_windows.shape_key(before) == trio_windows.shape_key(after)


@pytest.mark.parametrize("config", [TRIO, FLAT, NADE], ids=lambda config: config.name)
def test_losses_are_the_networks_own_and_greedy_outputs_say_what_is_likeliest(config):
    torch.manual_seed(1)
    model = MusicVAE(config).eval()
    shape = (3, config.steps) if config is NADE else (3, config.steps, 3)
    tokens = torch.randint(0, 90, shape)
    z = torch.randn(3, config.latent)
    with torch.no_grad():
        outputs = token_music.outputs_of(model, z, tokens)
        told = token_music.target(config, tokens)
        assert torch.allclose(
            token_music.losses(model, outputs, tokens), model.reconstruction_loss(outputs, told), rtol=1e-4
        )
        free = token_music.greedy(model, z)
        assert free.shape == tokens.shape
        # told its own words, it says them again
        assert (token_music.predicted(model, token_music.outputs_of(model, z, free)) == free).all()


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    for song in range(12):
        parts = band()
        parts[LEAD] = [(step, steps, pitch + song) for step, steps, pitch in parts[LEAD]][song % 3 :]
        parts[DRUMS] = parts[DRUMS] + [(4 * n + song % 4, 1, 42 + 4 * (n * song % 3 > 0)) for n in range(32)]
        write(folder / f"song {song}.mid", parts)
    return folder


def learnt(config, data, run, **changes):
    seen = []
    asked = Options(
        config.name, str(run), steps=40, batch=8, max_beta=0.01, warmup=2, learning_rate=0.02, **changes
    )
    training_loop.train(asked, data.train, data.test, lambda *now: seen.append(now[2]["nll"]))
    assert np.mean(seen[-5:]) < 0.8 * np.mean(seen[:3])
    return assembling.load(run / "model.safetensors")[0]


def test_a_trio_is_trained_and_judged_part_by_part(songs, tmp_path):
    data = dataset.build(str(tmp_path / "trios"), [songs], music="trio", steps=64, share=0.3)
    assert data.train.shape[1:] == (64, 3)
    model = learnt(TRIO, data, tmp_path / "run")
    found = evaluate.evaluate(model, data.train, data.test, windows=4, samples=4)
    assert found.samples.shape == (4, 64, 3)
    for part in evaluate.PARTS:
        assert 0 <= found.scores[f"{part}_free_running"] <= 1
        assert any(name.startswith(f"{part}: ") for name in found.statistics["samples"])
    assert 0 <= found.scores["hits_teacher_forced"] <= 1
    assert set(found.distances) == {"training", "training, transposed", "samples"}


def test_a_nade_learns_drums(songs, tmp_path):
    data = dataset.build(str(tmp_path / "kit"), [songs], music="drums", share=0.3)
    model = learnt(NADE, data, tmp_path / "run", sampled=0.2, vary=0.5)
    found = evaluate.evaluate(model, data.train, data.test, windows=4, samples=4)
    assert found.samples.shape == (4, 32)
    assert 0 <= found.scores["hits_teacher_forced"] <= 1


def test_a_nade_learns_all_drums_of_general_midi(songs, tmp_path):
    nine, all_of_them = (
        dataset.build(str(tmp_path / kind), [songs], music=kind, share=0.3) for kind in ("drums", "all-drums")
    )
    assert all_of_them.train.dtype == np.uint64
    assert sorted(
        map(bytes, sample_statistics.reduced(all_of_them.train.astype(np.int64)).astype(np.uint16))
    ) == sorted(map(bytes, nine.train))
    model = learnt(FULL, all_of_them, tmp_path / "run")
    found = evaluate.evaluate(model, all_of_them.train, all_of_them.test, windows=4, samples=4)
    assert found.samples.shape == (4, 32)
    assert found.samples.max() >= 512
    assert 0 <= found.scores["hits_teacher_forced"] <= 1


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"config": TRIO.name, "lengths": ((8, 0.5),)}, "--lengths is for flat decoders"),
        ({"config": TRIO.name, "narrow": 4}, "--narrow is for encoders of one layer"),
        ({"config": TRIO.name, "vary": 0.5}, "--vary is for drums and grooves"),
        ({"config": FULL.name, "vary": 0.5}, "--vary is for drums and grooves of nine"),
    ],
)
def test_what_a_trio_cannot_be_trained_with_is_said(asked, why):
    with pytest.raises(ModelError, match=why):
        Options(run="x", steps=1, **asked)
