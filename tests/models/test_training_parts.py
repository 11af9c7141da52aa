"""The parts of training: batches, the fast recurrence, growing encoders, statistics."""

import json
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from livevae.cli import main, training as training_commands
from livevae.errors import LivevaeError, ModelError
from livevae.models.musicvae import assemble
from livevae.models.musicvae.config import configuration
from livevae.models.musicvae.networks import MusicVAE
from livevae.models.training import evaluate, growth, recurrence, sample_statistics, token_music
from livevae.models.training.batches import CYMBALS, TOMS, Batches, transposed, varied
from livevae.models.training.options import Options
from livevae.music import drums, melody

SMALL = configuration("cat-mel_2bar_small").replace(encoder=(12,), decoder=(8, 10), latent=6)


def small_model(seed=0, **changes):
    torch.manual_seed(seed)
    return MusicVAE(SMALL.replace(**changes))


def melodies(count, steps=32, seed=0):
    chance = np.random.default_rng(seed)
    found = np.where(chance.random((count, steps)) < 0.3, chance.integers(30, 60, (count, steps)), 0)
    return found.astype(np.uint8)


# batches


def test_a_batch_is_the_same_whenever_it_is_asked_for():
    first, second = (Batches(melodies(50), 8, (-7, 7), 3) for _ in range(2))
    assert (first.at(11) == second.at(11)).all()
    assert not (first.at(11) == first.at(12)).all()


def test_every_window_comes_once_a_round():
    windows = np.arange(40, dtype=np.uint8)[:, None] + np.zeros((1, 4), np.uint8)
    batches = Batches(windows, 8, (0, 0), 0)
    for number in range(3):
        seen = np.concatenate([batches.at(step)[:, 0] for step in range(5 * number, 5 * number + 5)])
        assert sorted(seen) == list(range(40))


def test_the_processes_of_a_run_share_a_batch_out():
    windows = np.arange(40, dtype=np.uint8)[:, None] + np.zeros((1, 4), np.uint8)
    batches = Batches(windows, 8, (0, 0), 0)
    parts = [batches.at(3, rank, 4)[:, 0] for rank in range(4)]
    assert sorted(np.concatenate(parts)) == sorted(batches.at(3)[:, 0])


def test_shorter_stretches_begin_on_a_beat():
    windows = np.tile(np.arange(2, 34, dtype=np.uint8), (8, 1))
    for step in range(20):
        part = Batches(windows, 8, (0, 0), 0).at(step, length=8)
        assert part.shape == (8, 8)
        assert (part[:, 0] - 2) % 4 == pytest.approx(0)


@given(st.integers(0, 2**32 - 1))
def test_transposition_keeps_rhythm_and_intervals_and_stays_in_range(seed):
    windows = np.array([[2, 0, 5, 1], [89, 88, 0, 0], [40, 1, 0, 47], [2, 89, 0, 0]], np.int64)
    moved = transposed(windows, (-7, 7), np.random.default_rng(seed))
    notes = windows > melody.OFF
    assert (moved[~notes] == windows[~notes]).all()
    assert ((moved > melody.OFF) == notes).all()
    assert moved.max() < melody.CLASSES
    for row, old in zip(moved, windows, strict=True):
        by = set((row - old)[old > melody.OFF].tolist())
        assert len(by) == 1
        assert abs(by.pop()) <= 7
    assert (moved[3] == windows[3]).all()


TOKENS = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).integers(0, 512, (12, 32)))


def hit_rows(tokens):
    hits = (tokens[..., None] >> np.arange(9)) & 1
    return np.concatenate([hits, hits * 64, hits * 3], -1)


@given(TOKENS, st.floats(0, 1), st.integers(0, 99))
def test_tokens_of_drums_vary_as_their_rows_do(windows, share, seed):
    moved = varied(windows, share, np.random.default_rng(seed))
    assert np.array_equal(hit_rows(moved), varied(hit_rows(windows), share, np.random.default_rng(seed)))
    assert np.array_equal(varied(windows, 0.0, np.random.default_rng(seed)), windows)


@given(TOKENS, st.floats(0, 1), st.integers(0, 99))
def test_varied_drums_are_made_of_what_was_played(windows, share, seed):
    """Beat by beat, and instrument by instrument: what a window plays, some window had played."""
    before = hit_rows(windows)[..., :9]
    after = hit_rows(varied(windows, share, np.random.default_rng(seed)))[..., :9]

    def beats(hits):
        return {tuple(beat) for window in hits for beat in window.T.reshape(-1, 4).tolist()}

    alone = [[drums.NAMES.index(name)] for name in ("kick", "snare", "open hi-hat", "crash")]
    for instruments in (*alone, TOMS, CYMBALS):
        assert beats(after[..., instruments]) <= beats(before[..., instruments])


# the fast recurrence


def test_the_recurrence_computes_what_the_networks_do_forwards_and_backwards():
    model = small_model()
    tokens = torch.from_numpy(melodies(5).astype(np.int64))
    z = torch.randn(5, SMALL.latent)

    def through(teacher_forced):
        model.zero_grad()
        mu, sigma = model.posterior(tokens)
        outputs = teacher_forced(model, z + mu * sigma, tokens)
        (outputs.sin().sum() + mu.sum()).backward()
        return [mu, sigma, outputs, *(value.grad.clone() for value in model.parameters())]

    for a, b in zip(through(MusicVAE.teacher_forced), through(recurrence.teacher_forced), strict=True):
        assert torch.allclose(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["cat-drums_2bar_small", "groovae_4bar", "groovae_2bar_hits_control_tfds"])
def test_the_recurrence_decodes_drums_and_grooves_as_the_networks_do(name):
    torch.manual_seed(0)
    config = configuration(name).replace(encoder=(4,), decoder=(6, 5), latent=3, dropout=0.0)
    model = MusicVAE(config)
    drums = config.music == "drums"
    music = torch.randint(0, 512, (4, 16)) if drums else torch.rand(4, 16, 27)
    controls = torch.rand(4, 16, config.controls) if config.controls else None
    z = torch.randn(4, 3)

    def through(teacher_forced):
        model.zero_grad()
        outputs = teacher_forced(model, z, music, controls)
        outputs.sin().sum().backward()
        return [outputs, *(value.grad.clone() for value in model.cores.parameters())]

    for a, b in zip(through(MusicVAE.teacher_forced), through(recurrence.teacher_forced), strict=True):
        assert torch.allclose(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("tokens", [True, False])
def test_dropout_in_the_recurrence_is_for_training_only_and_keeps_the_mean(tokens):
    torch.manual_seed(0)
    config = configuration("cat-drums_2bar_small" if tokens else "groovae_4bar")
    model = MusicVAE(config.replace(encoder=(4,), decoder=(6,), latent=3, dropout=0.4))
    music = torch.randint(0, 512, (1, 8)) if tokens else torch.rand(1, 8, 27)
    z = torch.randn(1, 3)
    many = 4000
    with torch.no_grad():
        first = recurrence._first
        core, (_, w_ih, _, b_ih, _) = model.core_list()[0], next(model.core_list()[0].layers.weights())
        dropped = first(core, z, music.expand(many, *music.shape[1:]), None, w_ih, b_ih)
        model.eval()
        assert torch.equal(first(core, z, music, None, w_ih, b_ih), first(core, z, music, None, w_ih, b_ih))
        assert torch.allclose(dropped.mean(1), first(core, z, music, None, w_ih, b_ih)[:, 0], atol=0.08)
    assert float(dropped[1:].std(1).min()) > 0


def test_the_recurrence_knows_which_models_it_fits():
    assert recurrence.fits(small_model())
    small = {"encoder": (4,), "decoder": (4, 4)}
    assert recurrence.fits(MusicVAE(configuration("cat-drums_2bar_small").replace(**small)))
    assert not recurrence.fits(MusicVAE(configuration("nade-drums_2bar_reduced").replace(**small)))
    assert not recurrence.fits(MusicVAE(configuration("hierdec-mel_16bar").replace(**small)))


# growth


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 11), st.integers(0, 100))
def test_a_widened_encoder_computes_what_the_narrow_one_did(units, seed):
    narrow, wide = small_model(seed, encoder=(units,)), small_model(seed + 1)
    wide.load_state_dict(growth.widen(growth.tensors(narrow), growth.tensors(wide)))
    tokens = torch.from_numpy(melodies(4, seed=seed).astype(np.int64))
    for a, b in zip(narrow.posterior(tokens), wide.posterior(tokens), strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    wide.posterior(tokens)[0].sum().backward()
    assert wide.encoder.mu.weight.grad[:, units : SMALL.encoder[0]].abs().sum() > 0


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 11), st.integers(0, 100))
def test_a_widened_encoder_made_narrow_is_the_one_it_was(units, seed):
    narrow, wide = growth.tensors(small_model(seed, encoder=(units,))), growth.tensors(small_model(seed + 1))
    again = growth.narrow(growth.widen(narrow, wide), units)
    assert set(again) == {name for name in narrow if narrow[name].shape != wide[name].shape}
    assert all(torch.equal(again[name], narrow[name]) for name in again)


def test_an_encoder_whose_units_are_all_heard_has_no_narrow_one():
    assert growth.narrow(growth.tensors(small_model()), 5) == {}


def test_moments_of_new_weights_begin_still_and_as_wide_as_the_others():
    narrow, wide = growth.tensors(small_model(encoder=(5,))), growth.tensors(small_model())
    squares = {name: value**2 for name, value in narrow.items()}
    second = growth.widen_moments(squares, wide, second=True)
    first = growth.widen_moments(narrow, wide, second=False)
    for name, value in wide.items():
        assert first[name].shape == second[name].shape == value.shape
    assert float(first["encoder.mu.weight"][:, 5:12].abs().max()) == 0
    assert float(second["encoder.mu.weight"][0, 6]) == pytest.approx(
        float(squares["encoder.mu.weight"].mean())
    )


# scores and statistics


def test_scores_of_a_model_that_knows_nothing_are_shares():
    scores = evaluate.reconstruction_scores(
        small_model(), torch.from_numpy(melodies(6).astype(np.int64)), batch=4
    )
    for name in ("teacher_forced", "free_running", "note_teacher_forced", "note_free_running", "exact"):
        assert 0 <= scores[name] <= 1
    assert scores["nll"] == pytest.approx(32 * np.log(90), rel=0.2)


def test_single_hits_of_drums_are_scored_beside_their_tokens():
    assert int(evaluate._struck(torch.tensor([[0, 1, 5], [511, 8, 0]]))) == 13
    torch.manual_seed(0)
    small = {"encoder": (4,), "decoder": (4,), "latent": 3}
    model = MusicVAE(configuration("cat-drums_2bar_small").replace(**small))
    scores = evaluate.reconstruction_scores(model, torch.randint(0, 512, (3, 32)))
    assert 0 <= scores["hits_free_running"] <= 1
    assert 0 <= scores["hits_teacher_forced"] <= 1


def test_samples_are_the_same_for_the_same_seed_whatever_the_batch():
    model = small_model()
    first = evaluate.prior_samples(model, 6, seed=4)
    assert (first == evaluate.prior_samples(model, 6, seed=4)).all()
    assert not (first == evaluate.prior_samples(model, 6, seed=5)).all()
    assert first.shape == (6, 32)


def test_notes_are_read_with_their_lengths():
    window = np.array([[0, 41, 0, 1, 43, 45, 0, 0], [0] * 8])
    assert sample_statistics.notes(window).tolist() == [[0, 1, 60, 2], [0, 4, 62, 1], [0, 5, 64, 3]]
    assert sample_statistics.notes(np.zeros((2, 8), np.int64)).shape == (0, 4)


def test_every_statistic_sums_to_one_and_is_at_no_distance_from_itself():
    found = sample_statistics.statistics(melodies(40))
    for histogram in found.values():
        assert histogram.sum() == pytest.approx(1)
    assert set(sample_statistics.distances(found, found).values()) == {0.0}


def test_scale_degrees_do_not_know_the_key():
    window = np.array([melody.encode(melody.decode([41, 0, 0, 43, 45, 46, 0, 0]))])
    moved = np.array([melody.transpose(window[0].tolist(), 5)])
    first, second = (sample_statistics.statistics(part) for part in (window, moved))
    assert first["scale degrees"].tolist() == second["scale degrees"].tolist()
    assert first["pitch classes"].tolist() != second["pitch classes"].tolist()


# options


def test_training_needs_an_end():
    with pytest.raises(ModelError, match="--steps or --hours"):
        Options(config="cat-mel_2bar_small", run="x")


def test_a_curriculum_that_is_none_is_refused():
    assert training_commands._lengths("8:0.05,16:0.1") == ((8, 0.05), (16, 0.1))
    with pytest.raises(LivevaeError, match="8:0"):
        training_commands._lengths("eight")


def test_an_interpolation_begins_and_ends_with_the_reconstructions():
    model = small_model()
    a, b = melodies(2)
    path = evaluate.interpolation(model, a, b, 5)
    assert path.shape == (5, 32)
    mu, _ = model.posterior(torch.from_numpy(np.stack([a, b]).astype(np.int64)))
    with torch.no_grad():
        assert (path[[0, -1]] == token_music.greedy(model, mu).numpy()).all()
    assert len(evaluate.changes(path)) == 4


def test_a_model_is_evaluated_beside_its_music_and_other_models():
    found = evaluate.evaluate(
        small_model(),
        melodies(30),
        melodies(12, seed=1),
        windows=6,
        samples=8,
        beside={"other": small_model(1)},
    )
    assert set(found.distances) == {"training", "training, transposed", "samples", "other"}
    assert found.samples.shape == (8, 32)
    assert set(found.as_json()) == {"scores", "distances", "distinct", "copies"}


def test_a_model_of_another_length_is_refused():
    with pytest.raises(ModelError, match="16 steps"):
        evaluate.evaluate(small_model(), melodies(4, 16), melodies(4, 16))


def test_an_evaluation_without_matplotlib_writes_its_numbers_and_says_how_to_have_pictures(
    tmp_path, monkeypatch, capsys
):
    data, model, found = tmp_path / "data", tmp_path / "small.safetensors", tmp_path / "found"
    data.mkdir()
    for split, seed in (("train", 0), ("test", 1)):
        np.save(data / f"{split}.npy", melodies(12, seed=seed))
        np.save(data / f"{split}_set.npy", np.zeros(12, np.uint8))
    info = {"music": "melody", "steps": 32, "sets": ["drawn"], "counts": {"train": 12, "test": 12}}
    (data / "info.json").write_text(json.dumps(info))
    assemble.save(model, small_model(), {})
    words = [
        "evaluate",
        str(model),
        "--data",
        str(data),
        "--windows",
        "4",
        "--samples",
        "8",
        "--out",
        str(found),
    ]
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(words) == 0
    assert (
        "the numbers alone: pictures need matplotlib: pip install 'livevae[data]'" in capsys.readouterr().out
    )
    assert [path.name for path in found.iterdir()] == ["evaluation.json"]
    numbers = json.loads((found / "evaluation.json").read_text())
    assert 0 < numbers["distances"]["samples"]["mean"] < 1
    monkeypatch.undo()
    assert main(words) == 0
    assert {path.name for path in found.iterdir()} > {"evaluation.json", "statistics.png", "samples.png"}
