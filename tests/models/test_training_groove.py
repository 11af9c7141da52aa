"""Drum performances: from MIDI files to windows, what each GrooVAE hears, training, scores."""

import json
from collections import Counter

import mido
import numpy as np
import pytest
import torch

from livevae.cli import main
from livevae.corpus import dataset, drum_windows, groove_windows, midi
from livevae.errors import ModelError, MusicError
from livevae.models.musicvae import assemble as assembling
from livevae.models.musicvae.config import CONFIGS, configuration
from livevae.models.musicvae.heads import Groove
from livevae.models.musicvae.networks import MusicVAE
from livevae.models.training import evaluate_groove, groove_music, growth, strokes, trainer as training_loop
from livevae.models.training.crew import Crew
from livevae.models.training.options import Options
from livevae.models.training.strokes import StrokeTrainer
from livevae.models.training.trainer import Trainer
from livevae.music import drums, groove
from livevae.music.notes import Note, Riff

SMALL = {"encoder": (12,), "decoder": (8, 8), "latent": 6}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # with more, waiting for each other is most of the work on a busy machine
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(training_loop, "configuration", lambda name: CONFIGS[name].replace(**SMALL))


def performances(count, steps=32, seed=0):
    """Stored rows: a kick on one, a snare on five, hats at random, played unevenly."""
    chance = np.random.default_rng(seed)
    hits = np.zeros((count, steps, 9), np.int8)
    hits[:, ::8, 0] = hits[:, 4::8, 1] = 1
    hits[..., 2] = chance.random((count, steps)) < 0.5
    velocities = hits * chance.integers(20, 120, hits.shape)
    offsets = hits * chance.integers(-120, 121, hits.shape)
    return np.concatenate([hits, velocities, offsets], -1).astype(np.int8)


def write_midi(path, strokes, numerator=4, per_beat=480):
    """`strokes` as (tick, pitch, velocity) on channel 10."""
    file = mido.MidiFile(ticks_per_beat=per_beat)
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("time_signature", numerator=numerator, denominator=4))
    now = 0
    for tick, pitch, velocity in sorted(strokes):
        track.append(mido.Message("note_on", channel=9, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    file.tracks.append(track)
    file.save(path)


def played(seed=0, bars=4):
    chance = np.random.default_rng(seed)
    places = range(0, bars * 1920, 120)
    return [
        (max(0, tick + int(chance.integers(-60, 60))), int(pitch), int(chance.integers(1, 128)))
        for tick in places
        for pitch in chance.choice([36, 38, 42, 22, 46, 26, 43, 45, 48, 49, 51, 53], 2, replace=False)
    ]


# windows


@pytest.mark.parametrize("seed", range(5))
def test_a_file_is_read_as_the_vocabulary_encodes_its_riff(tmp_path, seed):
    strokes = played(seed)
    write_midi(tmp_path / "a.mid", strokes)
    (stretch,) = groove_windows.stretches(midi.read(tmp_path / "a.mid"), Counter())
    riff = Riff(tuple(Note(2 * tick, 1, pitch, velocity) for tick, pitch, velocity in strokes), 16 * 960)
    expected = np.array(groove.encode(riff, 64, drums.ROLAND), np.float32)
    assert np.allclose(groove_windows.rows(stretch), expected, atol=1e-6)


def test_stored_windows_become_the_same_riff_again_to_the_tick(tmp_path):
    write_midi(
        tmp_path / "a.mid", [(0, 36, 100), (475, 38, 64), (490, 42, 20), (1300, 43, 127), (1920, 36, 1)]
    )
    (stretch,) = groove_windows.stretches(midi.read(tmp_path / "a.mid"), Counter())
    riff = groove.decode(groove_windows.rows(stretch).tolist())
    assert [(note.start, note.pitch, note.velocity) for note in riff.notes] == [
        *((0, 36, 100), (950, 38, 64), (980, 42, 20), (2600, 45, 127), (3840, 36, 1))
    ]


def test_windows_begin_on_bar_lines_and_a_silent_bar_is_refused(tmp_path):
    write_midi(tmp_path / "a.mid", [s for s in played(1, 6) if not 1900 <= s[0] < 3900])
    (stretch,) = groove_windows.stretches(midi.read(tmp_path / "a.mid"), Counter())
    refused = Counter()
    found = list(drum_windows.windows(stretch, 32, refused, groove.DRUMS))
    for first, window in zip((32, 48, 64), found, strict=True):
        assert np.array_equal(stretch[first : first + 32], window)
    assert refused == {"windows with a silent bar": 2}


def test_a_data_set_of_grooves_keeps_the_split_that_its_table_says(tmp_path):
    (tmp_path / "kit" / "one").mkdir(parents=True)
    lines = ["midi_filename,split"]
    for number in range(12):
        write_midi(tmp_path / "kit" / "one" / f"{number}.mid", played(number))
        lines.append(f"one/{number}.mid,{('train', 'train', 'validation')[number % 3]}")
    (tmp_path / "kit" / "info.csv").write_text("\n".join(lines) + "\n")
    built = dataset.build(str(tmp_path / "data"), [tmp_path / "kit"], music="groove")
    assert (built.train.shape, built.test.shape) == ((24, 32, 27), (12, 32, 27))
    assert built.train.dtype == np.int8
    assert built.info["reports"]["kit"]["split"] == "published"
    assert built.info["music"] == "groove"
    held = {window.tobytes() for window in built.test}
    for number in range(2, 12, 3):
        (stretch,) = groove_windows.stretches(
            midi.read(tmp_path / "kit" / "one" / f"{number}.mid"), Counter()
        )
        assert {window.tobytes() for window in drum_windows.windows(stretch, 32, Counter(), 9)} <= held


def test_only_midi_files_hold_grooves(tmp_path):
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "a.abc").write_text("X:1\nK:C\nCDEF|\n")
    with pytest.raises(MusicError, match="no music was found"):
        dataset.build(str(tmp_path / "data"), [tmp_path / "kit"], music="groove")


# what is heard


def test_a_batch_is_heard_as_one_performance_is():
    stored = performances(5)
    music = groove_windows.rows(stored)
    one_by_one = {
        "groovae_4bar": lambda rows: rows,
        "groovae_2bar_humanize": groove.straightened,
        "groovae_2bar_tap_fixed_velocity": groove.tapped,
        "groovae_2bar_add_closed_hh": lambda rows: groove.without(rows, groove.CLOSED_HAT),
    }
    for name, hear in one_by_one.items():
        heard, target, controls = groove_music.lesson_of(CONFIGS[name], stored, torch.device("cpu"))
        assert np.allclose(heard.numpy(), [hear(rows.tolist()) for rows in music])
        assert np.array_equal(target.numpy(), music)
        assert controls is None
    controlled = groove_music.lesson_of(
        CONFIGS["groovae_2bar_hits_control_tfds"], stored, torch.device("cpu")
    )
    assert np.array_equal(controlled[2].numpy(), music[..., :9])


def test_soft_taps_are_dropped_more_often_and_loud_ones_never():
    torch.manual_seed(3)
    music = torch.zeros(2000, 3, 27)
    music[..., 1] = 1
    music[:, 0, 10], music[:, 1, 10], music[:, 2, 10] = 1.0, 0.6, 0.2
    heard = groove_music.HEARD[groove_music.DROPPING](music)
    kept = groove_music.dropped(heard, music)
    assert ((kept == heard) | (kept == 0)).all()
    shares = kept[..., groove.TAP].mean(0)
    assert shares[0] == 1
    assert shares[1] == pytest.approx(1 - 0.4 * 0.8, abs=0.03)  # twice the mean share of 0.4, times 0.4
    assert 0.3 < shares[2] < 0.5  # above a share of 0.625 it is never heard
    assert kept.ne(0).any(1).any(1).all()


def test_the_loss_is_the_heads():
    outputs, music = 3 * torch.randn(4, 16, 27), torch.from_numpy(groove_windows.rows(performances(4, 16)))
    assert torch.allclose(
        evaluate_groove.loss(outputs, music), Groove(27).loss(outputs, music).sum(1), rtol=1e-4
    )


def test_what_is_said_of_rests_weighs_as_much_as_is_asked():
    outputs, music = 3 * torch.randn(4, 16, 27), torch.from_numpy(groove_windows.rows(performances(4, 16)))
    whole, half, struck = (evaluate_groove.loss(outputs, music, weight) for weight in (1.0, 0.5, 0.0))
    torch.testing.assert_close(half, (whole + struck) / 2)
    elsewhere = outputs.clone()
    elsewhere[..., 9:] += 5 * (1 - music[..., :9].repeat(1, 1, 2))
    torch.testing.assert_close(evaluate_groove.loss(elsewhere, music, 0.0), struck)
    assert (struck < whole).all()


# training


def options(run, **changes):
    asked = {"config": "groovae_2bar_humanize", "run": str(run), "steps": 16, "batch": 8, "warmup": 4}
    return Options(**{**asked, "dropout": 0.2, **changes})


def run_whole(asked, data):
    return training_loop.train(asked, *data, lambda *_: None)


@pytest.mark.parametrize(
    "name",
    ["groovae_2bar_humanize", groove_music.DROPPING, "groovae_2bar_hits_control_tfds"],
)
def test_training_a_groove_makes_the_loss_smaller_and_leaves_a_checkpoint_that_plays(tmp_path, name):
    seen = []
    asked = options(tmp_path, config=name, steps=40, learning_rate=0.01, sampled=0.2, lengths=((16, 0.3),))
    data = performances(48), performances(8, seed=1)
    training_loop.train(
        asked, *data, lambda _step, _done, report: seen.append(report["nll"] / report["length"])
    )
    assert np.mean(seen[-5:]) < 0.8 * np.mean(seen[:5])
    model, about = assembling.load(tmp_path / "model.safetensors")
    assert about["training"]["step"] == 40
    assert model.config.dropout == pytest.approx(CONFIGS[name].dropout)
    assert torch.isfinite(model.teacher_forced(torch.zeros(1, 6), torch.zeros(1, 32, 27),
                                               torch.zeros(1, 32, 9) if model.config.controls else None)).all()  # fmt: skip


def test_a_groove_run_that_was_stopped_goes_on_exactly_as_if_it_had_not_been(tmp_path):
    data = performances(48), performances(8, seed=1)
    changes = {"sampled": 0.3, "narrow": 5, "widen_at": 0.7}
    run_whole(options(tmp_path / "whole", **changes), data)
    stopped = options(tmp_path / "stopped", **changes)
    trainer = Trainer(stopped, *data, Crew())
    (tmp_path / "stopped").mkdir()
    for _ in range(9):
        trainer.step()
    trainer.save()
    trainer.step()  # lost
    run_whole(stopped, data)
    ends = [assembling.load(tmp_path / run / "model.safetensors")[0] for run in ("whole", "stopped")]
    for a, b in zip(*(model.state_dict().values() for model in ends), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_run_begins_with_another_model_where_its_weights_fit(tmp_path):
    data = performances(16), performances(4, seed=1)
    run_whole(options(tmp_path / "first", steps=2), data)
    first = assembling.load(tmp_path / "first" / "model.safetensors")[0]
    asked = options(
        tmp_path / "next",
        config="groovae_2bar_tap_fixed_velocity",
        begin_with=str(tmp_path / "first" / "model.safetensors"),
    )
    begun = Trainer(asked, *data, Crew())
    for name, value in begun.model.named_parameters():
        assert torch.equal(value, dict(first.named_parameters())[name])
    begun.step()
    begun.save()
    said = assembling.load(tmp_path / "next" / "model.safetensors")[1]["training"]["options"]
    assert said["begin_with"] == "first/model.safetensors"


def test_with_its_encoder_kept_every_z_stays_what_it_is_and_the_decoder_learns(tmp_path):
    data = performances(16), performances(4, seed=1)
    run_whole(options(tmp_path / "first", steps=4, narrow=5, widen_at=2.0), data)
    path = tmp_path / "wide.safetensors"
    narrow, about = assembling.load(tmp_path / "first" / "model.safetensors")
    wide = MusicVAE(narrow.config.replace(encoder=(12,)))
    wide.load_state_dict(growth.widen(growth.tensors(narrow), growth.tensors(wide)))
    assembling.save(path, wide, about)
    asked = options(
        tmp_path / "next", begin_with=str(path), narrow=5, widen_at=2.0, keep_encoder=True, rests=0.1
    )
    run_whole(asked, data)
    first, after = (assembling.load(tmp_path / run / "model.safetensors")[0] for run in ("first", "next"))
    heard = groove_music.lesson_of(first.config, data[0], torch.device("cpu"))[0]
    for a, b in zip(first.posterior(heard), after.posterior(heard), strict=True):
        torch.testing.assert_close(a, b)
    kept = dict(after.named_parameters())
    changed = [name for name, value in first.named_parameters() if not torch.equal(value, kept[name])]
    assert any(name.startswith("cores") for name in changed)
    with pytest.raises(ModelError, match="--begin-with"):
        options(tmp_path, keep_encoder=True)
    with pytest.raises(ModelError, match="does not fit"):
        Trainer(options(tmp_path, begin_with=str(path), narrow=4, keep_encoder=True), *data, Crew())


def striking(path):
    """The file of a model that knows nothing and strikes all the time, softly."""
    torch.manual_seed(3)
    model = MusicVAE(CONFIGS["groovae_2bar_humanize"].replace(**SMALL))
    with torch.no_grad():
        model.core_list()[0].output.bias[:18] = torch.tensor([1.0, -2.0]).repeat_interleave(9)
    assembling.save(path, model, {})
    return str(path)


def test_strokes_alone_learn_how_hard_and_how_early_they_are_and_hits_stay(tmp_path):
    data = performances(48), performances(8, seed=1)
    begun = striking(tmp_path / "first.safetensors")
    asked = options(tmp_path, begin_with=begun, only_strokes=True, steps=40, learning_rate=0.03)
    seen = []
    training_loop.train(asked, *data, lambda _step, _done, report: seen.append(report["loss"]), StrokeTrainer)
    assert np.mean(seen[-5:]) < 0.9 * np.mean(seen[:5])
    first, after = (assembling.load(tmp_path / f"{name}.safetensors")[0] for name in ("first", "model"))
    assert after.config == first.config
    kept = dict(after.named_parameters())
    changed = {name for name, value in first.named_parameters() if not torch.equal(value, kept[name])}
    assert changed == {"cores.0.output.weight", "cores.0.output.bias"}
    assert all(torch.equal(kept[name][:9], dict(first.named_parameters())[name][:9]) for name in changed)


def test_a_stopped_run_of_strokes_alone_goes_on_from_what_was_said_before_it_all(tmp_path):
    data = performances(48), performances(8, seed=1)
    asked = {"begin_with": striking(tmp_path / "first.safetensors"), "only_strokes": True}
    training_loop.train(options(tmp_path / "whole", **asked), *data, lambda *_: None, StrokeTrainer)
    (tmp_path / "stopped").mkdir()
    trainer = StrokeTrainer(options(tmp_path / "stopped", **asked), *data, Crew())
    for _ in range(9):
        trainer.step()
    trainer.save()
    training_loop.train(options(tmp_path / "stopped", **asked), *data, lambda *_: None, StrokeTrainer)
    ends = [assembling.load(tmp_path / run / "model.safetensors")[0] for run in ("whole", "stopped")]
    for a, b in zip(*(model.state_dict().values() for model in ends), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_stroke_that_was_not_played_weighs_nothing_and_rests_stay_what_they_were():
    before, music = 3 * torch.randn(4, 16, 27), torch.from_numpy(groove_windows.rows(performances(4, 16)))
    said, played = before[..., :9] >= 0, music[..., :9] > 0.5
    assert (said & ~played).any()
    assert (~said & played).any()
    right = torch.cat([music[..., 9:18].logit(), music[..., 18:].clamp(-0.999, 0.999).atanh()], -1)
    best = torch.where((said & played).repeat(1, 1, 2), right, before[..., 9:])
    perfect = torch.cat([before[..., :9], best], -1)
    torch.testing.assert_close(strokes.loss(perfect, before, music), torch.zeros(4), atol=1e-3, rtol=0)
    never_played = perfect.clone()
    never_played[..., 9:] += 2 * (said & ~played).repeat(1, 1, 2)
    torch.testing.assert_close(
        strokes.loss(never_played, before, music), strokes.loss(perfect, before, music)
    )
    for cells in (said & played, ~said):
        moved = perfect.clone()
        moved[..., 9:] += 2 * cells.repeat(1, 1, 2)
        assert (strokes.loss(moved, before, music) > strokes.loss(perfect, before, music)).all()


@pytest.mark.parametrize(
    "asked",
    [{}, {"config": "cat-mel_2bar_small", "begin_with": "it"}, {"begin_with": "it", "narrow": 4}],
)
def test_strokes_alone_are_trained_of_a_groove_model_that_there_is(tmp_path, asked):
    with pytest.raises(ModelError, match="--only-strokes"):
        options(tmp_path, only_strokes=True, **asked)


def test_strokes_of_another_model_are_not_trained(tmp_path):
    begun = striking(tmp_path / "first.safetensors")
    asked = options(tmp_path, config="groovae_2bar_add_closed_hh", begin_with=begun, only_strokes=True)
    with pytest.raises(ModelError, match="no whole groovae_2bar_add_closed_hh"):
        StrokeTrainer(asked, performances(16), performances(4), Crew())


def test_nothing_that_fits_to_begin_with_is_an_error(tmp_path):
    other = MusicVAE(configuration("cat-mel_2bar_small").replace(encoder=(3,), decoder=(2,), latent=4))
    assembling.save(tmp_path / "other.safetensors", other, {})
    asked = options(tmp_path, begin_with=str(tmp_path / "other.safetensors"))
    with pytest.raises(ModelError, match="nothing of"):
        Trainer(asked, performances(16), performances(4), Crew())


def test_windows_of_another_length_are_refused(tmp_path):
    with pytest.raises(ModelError, match="hears 64 steps; the data has 32"):
        Trainer(options(tmp_path, config="groovae_4bar"), performances(16), performances(4), Crew())


def write_data(folder, music="groove"):
    folder.mkdir()
    for split, seed in (("train", 0), ("test", 1)):
        windows = performances(16, seed=seed)
        np.save(folder / f"{split}.npy", windows)
        np.save(folder / f"{split}_set.npy", np.zeros(len(windows), np.uint8))
    (folder / "info.json").write_text(json.dumps({"steps": 32, "sets": ["a"], "music": music}))


def test_a_model_that_does_not_play_the_data_is_refused(tmp_path, capsys):
    write_data(tmp_path / "data")
    folders = ["--data", str(tmp_path / "data")]
    asked = ["train", "cat-drums_2bar_small", *folders, "--run", str(tmp_path), "--steps", "1"]
    assert main(asked) == 1
    assert "is groove; cat-drums_2bar_small learns drums" in capsys.readouterr().err
    model = MusicVAE(CONFIGS["cat-drums_2bar_small"].replace(**SMALL))
    assembling.save(tmp_path / "drums.safetensors", model, {})
    assert main(["evaluate", str(tmp_path / "drums.safetensors"), *folders]) == 1
    assert "is groove; cat-drums_2bar_small learns drums" in capsys.readouterr().err


# scores


def test_a_model_that_says_what_was_played_has_perfect_scores():
    stored = performances(6)
    tally = evaluate_groove._Tally()
    music = torch.from_numpy(groove_windows.rows(stored))
    tally.add(music, music)
    assert tally.shares() == {"cells": 1.0, "hits": 1.0, "struck": 1.0, "velocity": 0.0, "timing": 0.0}
    late = music.clone()
    late[..., 18:] -= 0.2 * music[..., :9]
    late[..., 9:18] += 10 / 127
    tally = evaluate_groove._Tally()
    tally.add(late, music)
    assert tally.shares()["timing"] == pytest.approx(12.5, rel=1e-4)
    assert tally.shares()["velocity"] == pytest.approx(10, rel=1e-4)


def test_a_machine_is_as_far_off_as_the_music_is_uneven():
    stored = np.zeros((1, 16, 27), np.int8)
    stored[0, 0, [0, 9, 18]] = 1, 100, 60
    stored[0, 8, [0, 9, 18]] = 1, 80, -60
    flat = evaluate_groove._flat(groove_windows.rows(stored))
    assert flat == {"velocity_flat": pytest.approx(10), "timing_flat": pytest.approx(125 / 4)}


def test_a_groove_model_is_evaluated_beside_its_music(tmp_path):
    write_data(tmp_path / "data")
    torch.manual_seed(0)
    model = MusicVAE(CONFIGS["groovae_2bar_humanize"].replace(**SMALL)).eval()
    assembling.save(tmp_path / "m.safetensors", model, {})
    asked = ["evaluate", str(tmp_path / "m.safetensors"), "--data", str(tmp_path / "data"), "--samples", "5"]
    assert main([*asked, "--out", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    for name in ("teacher_forced", "free_running", "hits_free_running", "struck_teacher_forced", "exact"):
        assert 0 <= found["scores"][name] <= 1
    assert set(found["distances"]) == {"training", "samples", "posterior", "full Gaussian"}
    assert found["distances"]["samples"]["velocities"] > 0
    for histogram in evaluate_groove.statistics(groove_windows.rows(performances(4))).values():
        assert histogram.sum() == pytest.approx(1)
