"""Magenta's own numbers: every folder of the reference is imported and agrees in float32."""

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from livevae.models.checkpoints import files as checkpoint_files
from livevae.models.foreign import import_model as foreign_import
from livevae.models.musicvae import assemble as assembling
from livevae.models.musicvae.networks import free_running
from livevae.music import melody

pytestmark = pytest.mark.shared

SHARED = Path(__file__).resolve().parents[3] / "shared" / "reference"
FOLDERS = sorted((SHARED / "magenta_tf").glob("*")) if SHARED.is_dir() else []
TOLERANCE = 5e-6


@pytest.fixture(scope="module", params=FOLDERS or [None], ids=lambda folder: getattr(folder, "name", "none"))
def reference(request):
    if request.param is None:
        pytest.skip("the reference folder ../shared is not here")
    config, tensors, _ = foreign_import.read(request.param)
    checkpoint_files.check(config, tensors, "reference")
    with np.load(request.param / "ref.npz") as numbers:
        return assembling.assemble(config, tensors), {
            name: torch.from_numpy(numbers[name]) for name in numbers
        }


def near(found, expected):
    difference = float((found - expected).abs().max())
    print(f"max difference {difference:.2e} of values up to {float(expected.abs().max()):.3g}")  # noqa: T201
    return difference < TOLERANCE * max(1.0, float(expected.abs().max()))


def test_mu_and_sigma_agree(reference):
    model, numbers = reference
    mu, sigma = model.posterior(numbers["x"], numbers.get("controls"))
    assert near(mu, numbers["mu"])
    assert near(sigma, numbers["sigma"])


def test_teacher_forced_outputs_and_the_loss_agree(reference):
    model, numbers = reference
    if "teacher_forced" not in numbers:
        pytest.skip("Magenta's own graph has no teacher-forced trio")
    outputs = model.teacher_forced(numbers["z"], numbers["y"], numbers.get("controls"))
    assert near(outputs, numbers["teacher_forced"])
    assert near(model.reconstruction_loss(outputs, numbers["y"]), numbers["r_loss"])


TOSS_UP = 1e-3
"""Magenta sampled at temperature 1e-4, so of two classes this near each other it may have taken either."""


def test_greedy_tokens_are_equal(reference):
    model, numbers = reference
    if "greedy" not in numbers:
        pytest.skip("not a categorical decoder")
    expected, controls = numbers["greedy"], numbers.get("controls")
    if controls is not None:
        # Magenta decodes a batch with one sequence of controls, the first
        controls = controls[:1].expand(3, -1, -1)
    found = free_running(model, numbers["z"], torch.zeros(3, 1), torch.zeros_like(expected), controls)
    if torch.equal(found, expected):
        return
    # where they part, Magenta must have tossed a coin: on its own path its choices were as good as the best
    outputs = model.teacher_forced(numbers["z"], expected, controls)
    depths = list(model.config.output_depths)
    parts = zip(torch.split(outputs, depths, -1), torch.split(expected, depths, -1), strict=True)
    lost = torch.stack([logits.amax(-1) - (logits * chosen).sum(-1) for logits, chosen in parts], -1)
    print(f"toss-ups: {int((lost > 0).sum())} of {lost.numel()}, by {float(lost.max()):.1e} at most")  # noqa: T201
    assert float(lost.max()) < TOSS_UP
    assert int((lost > 0).sum()) <= 2


JS = SHARED / "magenta_js"


@pytest.fixture(params=["float32", "uint8", "uint16"])
def js(request):
    if not JS.is_dir():
        pytest.skip("the reference folder ../shared is not here")
    config, tensors, _ = foreign_import.read(JS / request.param)
    checkpoint_files.check(config, tensors, "reference")
    cases = json.loads((JS / request.param / "ref.json").read_text())
    return assembling.assemble(config, tensors), cases


def test_magenta_js_agrees_quantised_or_not(js):
    model, cases = js
    for case in cases:
        spans = [(n["quantizedStartStep"], n["quantizedEndStep"], n["pitch"]) for n in case["notes"]]
        tokens = torch.tensor(melody.write(spans, 32)).unsqueeze(0)
        mu, _ = model.posterior(tokens)
        assert near(mu[0], torch.tensor(case["mu"]))
        music = free_running(model, mu, torch.zeros(1, 1), torch.zeros(1, 32, 90))
        assert music.argmax(-1)[0].tolist() == case["greedy"]


def test_shards_may_be_cut_anywhere(tmp_path):
    if not JS.is_dir():
        pytest.skip("the reference folder ../shared is not here")
    folder = JS / "uint8"
    manifest = json.loads((folder / "weights_manifest.json").read_text())
    data = b"".join((folder / name).read_bytes() for name in manifest[0]["paths"])
    pieces = [data[:1], data[1:17], b"", data[17:40_001], data[40_001:]]
    manifest[0]["paths"] = [f"piece{i}" for i in range(len(pieces))]
    for name, piece in zip(manifest[0]["paths"], pieces, strict=True):
        (tmp_path / name).write_bytes(piece)
    (tmp_path / "weights_manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    (config, tensors, _), (other, others, _) = foreign_import.read(tmp_path), foreign_import.read(folder)
    assert config == other
    assert all(np.array_equal(tensors[name], others[name]) for name in others)


def test_the_tar_as_published_is_the_same_as_the_folder(tmp_path):
    if not FOLDERS:
        pytest.skip("the reference folder ../shared is not here")
    folder = SHARED / "magenta_tf" / "groovae_4bar"
    with tarfile.open(tmp_path / "groovae_4bar.tar", "w") as archive:
        for file in folder.glob("model.ckpt*"):
            archive.add(file, f"groovae_4bar/{file.name}")
    (config, tensors, _), (other, others, _) = (
        foreign_import.read(tmp_path / "groovae_4bar.tar"),
        foreign_import.read(folder),
    )
    assert config == other
    assert all(np.array_equal(tensors[name], others[name]) for name in others)
