"""Whole training runs, small: resume, kill -9, several processes."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from livevae.cli import training as training_commands
from livevae.corpus.kinds import KINDS
from livevae.errors import ModelError
from livevae.models.musicvae import assemble as assembling
from livevae.models.musicvae.config import CONFIGS, configuration
from livevae.models.training import trainer as training_loop
from livevae.models.training.crew import Crew
from livevae.models.training.options import Options
from livevae.models.training.tasks import task_of
from livevae.models.training.trainer import Trainer

SMALL = configuration("cat-mel_2bar_small").replace(encoder=(12,), decoder=(8, 8), latent=6)


@pytest.fixture
def data():
    chance = np.random.default_rng(0)
    notes = np.where(chance.random((64, 32)) < 0.3, chance.integers(30, 60, (64, 32)), 0).astype(np.uint8)
    return notes[:48], notes[48:]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(
        training_loop, "configuration", lambda name: SMALL if name == SMALL.name else CONFIGS[name]
    )


def options(run, **changes):
    asked = {"config": SMALL.name, "run": str(run), "steps": 24, "batch": 8, "max_beta": 0.05, "warmup": 4}
    return Options(**{**asked, **changes})


def weights(run):
    return assembling.load(run / "model.safetensors")[0].state_dict()


def run_whole(asked, data):
    return training_loop.train(asked, *data, lambda *_: None)


def test_training_makes_the_loss_smaller_and_leaves_a_checkpoint_that_plays(tmp_path, data):
    seen = []
    asked = options(tmp_path, steps=60, learning_rate=0.01)
    training_loop.train(asked, *data, lambda _step, _done, report: seen.append(report["nll"]))
    assert len(seen) == 60
    assert np.mean(seen[-10:]) < 0.8 * np.mean(seen[:5])
    model, about = assembling.load(tmp_path / "model.safetensors")
    assert about["training"]["step"] == 60
    assert torch.isfinite(model.teacher_forced(torch.zeros(1, 6), torch.zeros(1, 32, dtype=torch.long))).all()


def test_a_run_that_was_stopped_goes_on_exactly_as_if_it_had_not_been(tmp_path, data):
    run_whole(options(tmp_path / "whole"), data)
    # stopped after 9 steps, between two saves, with the same schedule
    stopped = options(tmp_path / "stopped")
    trainer = Trainer(stopped, *data, Crew())
    (tmp_path / "stopped").mkdir()
    for _ in range(9):
        trainer.step()
    trainer.save()
    for _ in range(3):
        trainer.step()  # lost
    state = run_whole(stopped, data)
    assert state.step == 24
    for a, b in zip(
        weights(tmp_path / "whole").values(), weights(tmp_path / "stopped").values(), strict=True
    ):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_run_widens_its_encoder_on_the_way_and_can_be_resumed_after_it(tmp_path, data):
    asked = options(tmp_path, narrow=5, widen_at=0.5)
    run_whole(asked, data)
    assert assembling.load(tmp_path / "model.safetensors")[0].config.encoder == SMALL.encoder
    more = options(tmp_path, narrow=5, widen_at=0.5, steps=30)
    assert run_whole(more, data).step == 30


def test_stretches_grow_and_own_samples_are_heard_as_the_run_goes_on(tmp_path, data):
    asked = options(tmp_path, lengths=((8, 0.25), (16, 0.5)), sampled=0.5)
    lengths = []
    training_loop.train(asked, *data, lambda _step, _done, report: lengths.append(report["length"]))
    assert lengths == [8] * 6 + [16] * 6 + [32] * 12


def test_a_pause_is_not_training_time(tmp_path, data):
    trainer = Trainer(options(tmp_path), *data, Crew())
    trainer.durations = [0.2] * 20 + [500.0]
    assert trainer._last_duration() == pytest.approx(0.2)
    trainer.durations = [0.2] * 20 + [0.4]
    assert trainer._last_duration() == pytest.approx(0.4)


def test_the_log_has_no_line_twice_after_a_resume(tmp_path, data):
    run_whole(options(tmp_path, steps=50), data)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"kind": "train", "step": 100, "nll": 1}\n{"kind": "tr')
    run_whole(options(tmp_path, steps=100), data)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["kind"] == "train"] == [50, 100]


def test_a_broken_state_is_named(tmp_path, data):
    (tmp_path / "state.safetensors").write_bytes(b"no state at all")
    with pytest.raises(ModelError, match="broken"):
        run_whole(options(tmp_path), data)


def test_a_loss_that_is_not_finite_ends_the_run_with_a_sentence(tmp_path, data):
    trainer = Trainer(options(tmp_path), *data, Crew())
    with torch.no_grad():
        trainer.model.encoder.mu.bias.fill_(float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        trainer.step()


def test_bf16_is_refused_on_a_cpu_before_anything_is_read(tmp_path):
    with pytest.raises(ModelError, match="is for a GPU"):
        options(tmp_path, precision="bf16", device="cpu")
    assert options(tmp_path, precision="bf16", device="cuda").precision == "bf16"


@pytest.mark.parametrize("name", CONFIGS)
def test_every_configuration_has_something_to_learn_and_data_sets_of_its_kind(name):
    config = configuration(name)
    task_of(config)
    assert config.learns in KINDS
    assert tuple(KINDS) == training_commands.KINDS


# real processes


def write_data(folder, data):
    folder.mkdir()
    for name, windows in zip(("train", "test"), data, strict=True):
        np.save(folder / f"{name}.npy", windows)
        np.save(folder / f"{name}_set.npy", np.zeros(len(windows), np.uint8))
    (folder / "info.json").write_text('{"steps": 32, "sets": ["a"], "music": "melody"}')


def command(tmp_path, *more):
    return [
        *(sys.executable, "-m", "livevae.cli.training", "train", SMALL.name),
        *("--data", f"{tmp_path}/data", "--run", f"{tmp_path}/run", "--batch", "4", "--narrow", "8", *more),
    ]


@pytest.mark.real
def test_after_kill_9_the_run_goes_on_where_it_was_saved(tmp_path, data):
    write_data(tmp_path / "data", data)
    killed = subprocess.Popen(
        command(tmp_path, "--steps", "100000", "--save-minutes", "0.005"), stdout=subprocess.DEVNULL
    )
    model = tmp_path / "run" / "model.safetensors"
    for _ in range(600):
        if model.exists() or killed.poll() is not None:
            break
        time.sleep(0.1)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    about = assembling.load(model)[1]["training"]
    goal = about["step"] + 3
    resumed = subprocess.run(
        command(tmp_path, "--resume", "--steps", str(goal)), capture_output=True, check=True
    )
    assert str(goal) in resumed.stdout.decode()
    assert assembling.load(tmp_path / "run" / "model.safetensors")[1]["training"]["step"] == goal


@pytest.mark.real
def test_two_processes_train_one_model(tmp_path, data):
    write_data(tmp_path / "data", data)
    done = subprocess.run(
        command(tmp_path, "--steps", "3", "--processes", "2"), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert assembling.load(tmp_path / "run" / "model.safetensors")[1]["training"]["step"] == 3


def test_resuming_what_has_not_begun_is_an_error(tmp_path, capsys):
    arguments = ["train", SMALL.name, "--data", "x", "--run", str(tmp_path), "--steps", "1", "--resume"]
    assert training_commands.main(arguments) == 1
    assert "nothing to resume" in capsys.readouterr().err


@pytest.mark.real
def test_the_second_process_of_a_run_ends_when_the_first_is_killed(tmp_path, data):
    write_data(tmp_path / "data", data)
    arguments = command(tmp_path, "--steps", "1000000", "--processes", "2")
    # both write to one pipe: it ends when both are gone
    first = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    log = tmp_path / "run" / "log.jsonl"
    for _ in range(600):
        if log.exists() or first.poll() is not None:
            break
        time.sleep(0.1)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate(timeout=60)
    assert first.returncode == -signal.SIGKILL
