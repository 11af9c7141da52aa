"""A checkpoint comes back as it was written; a broken one says what is wrong and nothing else happens."""

import json
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from livevae.errors import ModelError
from livevae.models.checkpoints import files as checkpoint_files
from livevae.models.checkpoints.layout import shapes
from livevae.models.musicvae import assemble as assembling
from livevae.models.musicvae.config import CONFIGS
from livevae.models.musicvae.networks import MusicVAE

SMALL = CONFIGS["cat-mel_2bar_small"].replace(encoder=(8,), decoder=(6, 6), latent=4)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=lambda config: config.name)
def test_the_layout_lists_exactly_the_tensors_that_the_networks_have(config):
    with torch.device("meta"):
        model = MusicVAE(config)
    assert shapes(config) == {name: tuple(value.shape) for name, value in model.state_dict().items()}


@pytest.fixture
def model():
    torch.manual_seed(1)
    return MusicVAE(SMALL)


@pytest.fixture
def path(tmp_path, model):
    assembling.save(tmp_path / "m.safetensors", model, {"origin": "a test"})
    return tmp_path / "m.safetensors"


def test_what_was_saved_is_loaded_bit_for_bit_with_its_configuration_and_origin(path, model):
    loaded, about = assembling.load(path)
    assert loaded.config == SMALL
    assert about == {"origin": "a test"}
    assert not loaded.training
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


def test_half_precision_is_half_the_size_and_loads_as_float32(tmp_path, path, model):
    assembling.save(tmp_path / "half.safetensors", model, {}, half=True)
    loaded, _ = assembling.load(tmp_path / "half.safetensors")
    assert all(value.dtype == torch.float32 for value in loaded.state_dict().values())
    assert (tmp_path / "half.safetensors").stat().st_size < 0.7 * path.stat().st_size


def test_the_same_model_is_the_same_bytes_each_time(tmp_path, path, model):
    """The library writes metadata in any order."""
    for _ in range(8):
        assembling.save(tmp_path / "again.safetensors", model, {"origin": "a test"})
        assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.dictionaries(TEXTS, TEXTS, max_size=8),
    st.dictionaries(
        TEXTS.filter(lambda name: name != "__metadata__"), st.integers(0, 3), min_size=1, max_size=5
    ),
)
def test_a_file_in_order_holds_what_it_held_and_is_one_whatever_the_order_was(metadata, sizes):
    tensors = {name: np.arange(size, dtype=np.float16) for name, size in sizes.items()}
    ours = checkpoint_files.to_bytes(tensors, metadata)
    assert checkpoint_files.to_bytes(tensors, dict(reversed(metadata.items()))) == ours
    assert checkpoint_files.in_order(ours) == ours
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        path.write_bytes(ours)
        with safe_open(str(path), framework="np") as file:
            assert (file.metadata() or {}) == metadata
            held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert held.keys() == tensors.keys()
    for name, value in tensors.items():
        np.testing.assert_array_equal(held[name], value)


def test_describe_reads_no_weights(path):
    assert assembling.describe(path) == (SMALL, {"origin": "a test"})


def test_saving_leaves_no_other_files_behind(path):
    assert [file.name for file in path.parent.iterdir()] == ["m.safetensors"]


def test_weights_that_are_not_finite_are_not_saved_and_the_old_file_stays(path, model):
    before = path.read_bytes()
    with torch.no_grad():
        model.cores[0].output.bias[3] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        assembling.save(path, model, {})
    assert path.read_bytes() == before


def rewritten(path, change, metadata=None):
    """The same checkpoint with its tensors or metadata changed."""
    tensors = assembling.load(path)[0].state_dict()
    change(tensors)
    whole = {"format": checkpoint_files.FORMAT, "config": SMALL.to_json(), "about": "{}"}
    save_file(tensors, path, whole | (metadata or {}))


@pytest.mark.parametrize("keep", [0, 5, 8, 100, 2000, -1])
def test_a_truncated_file_is_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        assembling.load(path)


@pytest.mark.parametrize("content", [b"hello, I am text\n" * 50, pickle.dumps({"a": [1, 2]})])
def test_text_and_pickles_are_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        assembling.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match="there is no checkpoint at"):
        assembling.load(tmp_path / "none.safetensors")


def test_other_shapes_are_named_with_both(path):
    rewritten(path, lambda tensors: tensors.update({"encoder.mu.bias": torch.zeros(5)}))
    with pytest.raises(ModelError, match=r"encoder.mu.bias has shape \[5\].*needs \[4\]"):
        assembling.load(path)


def test_missing_tensors_are_named(path):
    rewritten(path, lambda tensors: tensors.pop("encoder.mu.bias"))
    with pytest.raises(ModelError, match=r"missing, first encoder.mu.bias"):
        assembling.load(path)


def test_tensors_that_the_model_does_not_have_are_named(path):
    rewritten(path, lambda tensors: tensors.update(stowaway=torch.zeros(1)))
    with pytest.raises(ModelError, match="first stowaway"):
        assembling.load(path)


def test_not_finite_weights_are_refused(path):
    rewritten(path, lambda tensors: tensors["encoder.mu.bias"].fill_(float("inf")))
    with pytest.raises(ModelError, match="not finite"):
        assembling.load(path)


def test_integer_weights_are_refused(path):
    rewritten(path, lambda tensors: tensors.update({"encoder.mu.bias": torch.zeros(4, dtype=torch.int32)}))
    with pytest.raises(ModelError, match="I32, not F32 or F16"):
        assembling.load(path)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"format": "livevae musicvae 99"}, "not a livevae checkpoint of this version"),
        ({"config": "{"}, "not JSON"),
        ({"config": json.dumps({"name": "x"})}, "not whole"),
        ({"about": "]"}, "not JSON"),
        ({"about": "[]"}, "not a JSON object"),
    ],
)
def test_strange_metadata_is_refused(path, metadata, said):
    rewritten(path, lambda tensors: None, metadata)
    with pytest.raises(ModelError, match=said):
        assembling.load(path)


def test_someone_elses_safetensors_file_is_refused(path):
    save_file({"w": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match="says no format"):
        assembling.load(path)
