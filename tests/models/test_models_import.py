"""`model import` keeps what is whole and fits, and refuses the rest with the reason, writing nothing."""

import json
import pickle
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from livevae.checksums import crc32c, masked
from livevae.errors import ModelError
from livevae.models.checkpoints import files as checkpoint_files, shelf
from livevae.models.foreign import import_model as foreign_import, js_checkpoint, magenta, tf_bundle
from livevae.models.musicvae import assemble as assembling
from livevae.models.musicvae.config import CONFIGS
from livevae.models.musicvae.networks import MusicVAE

SMALL = CONFIGS["cat-mel_2bar_small"].replace(encoder=(6,), decoder=(5, 5), latent=4)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def unconvert(config, tensors):
    """Our tensors as Magenta's variables: the inverse of `magenta.convert`, for flat models."""
    found = {}

    def cell(prefix, w_ih, w_hh, bias):
        i, f, g, o = np.split(np.concatenate([w_ih, w_hh], 1), 4)
        b_i, b_f, b_g, b_o = np.split(bias, 4)
        found[f"{prefix}/kernel"] = np.concatenate([i, g, f, o]).T
        found[f"{prefix}/bias"] = np.concatenate([b_i, b_g, b_f - 1, b_o])

    def dense(prefix, ours):
        found[f"{prefix}/kernel"] = tensors[f"{ours}.weight"].T
        found[f"{prefix}/bias"] = tensors[f"{ours}.bias"]

    for way, suffix in (("fw", ""), ("bw", "_reverse")):
        place = "encoder.layers.runs.0"
        bias = tensors[f"{place}.bias_ih_l0{suffix}"] + tensors[f"{place}.bias_hh_l0{suffix}"]
        scope = f"encoder/cell_0/bidirectional_rnn/{way}/multi_rnn_cell/cell_0/lstm_cell"
        cell(scope, tensors[f"{place}.weight_ih_l0{suffix}"], tensors[f"{place}.weight_hh_l0{suffix}"], bias)
    for layer in range(len(config.decoder)):
        place = "cores.0.layers.runs.0"
        bias = tensors[f"{place}.bias_ih_l{layer}"] + tensors[f"{place}.bias_hh_l{layer}"]
        scope = f"decoder/multi_rnn_cell/cell_{layer}/lstm_cell"
        cell(scope, tensors[f"{place}.weight_ih_l{layer}"], tensors[f"{place}.weight_hh_l{layer}"], bias)
    dense("encoder/mu", "encoder.mu")
    dense("encoder/sigma", "encoder.sigma")
    dense("decoder/z_to_initial_state", "cores.0.initial.dense")
    dense("decoder/output_projection", "cores.0.output")
    return found


def random_tensors(config=SMALL, seed=0):
    torch.manual_seed(seed)
    return {name: value.numpy() for name, value in MusicVAE(config).state_dict().items()}


def write_js(folder, variables, **changes):
    folder.mkdir(parents=True)
    weights = [{"name": n, "shape": list(v.shape), "dtype": "float32"} for n, v in variables.items()]
    data = b"".join(value.astype("<f4").tobytes() for value in variables.values())
    manifest = [{"paths": ["group1-shard1of1"], "weights": weights} | changes]
    (folder / "group1-shard1of1").write_bytes(data)
    (folder / "weights_manifest.json").write_text(json.dumps(manifest))
    settings = {"type": "MusicVAE", "dataConverter": {"type": "MelodyConverter", "args": {"numSteps": 32}}}
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def write_tf(folder, variables):
    """A bundle as TensorFlow writes it, in one block."""
    folder.mkdir(parents=True, exist_ok=True)
    data, entries = b"", {b"": b"\x08\x01"}
    for name in sorted(variables):
        raw = np.ascontiguousarray(variables[name], "<f4").tobytes()
        dims = b"".join(
            b"\x12" + varint(len(d)) + d for d in (b"\x08" + varint(s) for s in variables[name].shape)
        )
        entry = (
            b"\x08\x01\x12"
            + varint(len(dims))
            + dims
            + b"\x20"
            + varint(len(data))
            + b"\x28"
            + varint(len(raw))
        )
        entries[name.encode()] = entry + b"\x35" + masked(crc32c(raw)).to_bytes(4, "little")
        data += raw

    def block(pairs):
        body = b"".join(b"\x00" + varint(len(k)) + varint(len(v)) + k + v for k, v in pairs)
        return body + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")

    table = b""

    def put(content):
        nonlocal table
        handle = varint(len(table)) + varint(len(content))
        table += content + b"\x00" + masked(crc32c(content + b"\x00")).to_bytes(4, "little")
        return handle

    inner = put(block(sorted(entries.items())))
    empty, outer = put(block([])), put(block([(b"z", inner)]))
    footer = (empty + outer).ljust(40, b"\x00") + tf_bundle.MAGIC.to_bytes(8, "little")
    (folder / "model.ckpt.index").write_bytes(table + footer)
    (folder / "model.ckpt.data-00000-of-00001").write_bytes(data)
    return folder


@pytest.fixture
def variables():
    return unconvert(SMALL, random_tensors())


def written(home):
    return sorted(path.name for path in home.rglob("*")) if home.exists() else []


def same_weights(path):
    model, about = assembling.load(path)
    ours = random_tensors()
    for name, value in model.state_dict().items():
        if "bias_" in name:  # the two biases of a layer are one in TensorFlow
            continue
        assert np.array_equal(value.numpy(), ours[name]), name
    return about


def test_tensorflow_and_back_is_the_same_model(tmp_path, variables):
    path = foreign_import.import_model(write_tf(tmp_path / "cat-mel_2bar_small", variables), "mine")
    assert path == shelf.find("mine")
    assert "TensorFlow" in same_weights(path)["origin"]


def test_a_folder_that_says_nothing_is_known_by_its_layers(tmp_path, variables):
    assert foreign_import.read(write_tf(tmp_path / "x", variables))[0] == SMALL


def test_magenta_js_and_back_is_the_same_model(tmp_path, variables):
    path = foreign_import.import_model(write_js(tmp_path / "js", variables), "mine")
    assert "magenta.js" in same_weights(path)["origin"]


@pytest.mark.parametrize(("kind", "near"), [("float16", 5e-4), ("uint16", 1e-5), ("uint8", 3e-3)])
def test_quantised_weights_are_near_the_plain_ones(tmp_path, variables, kind, near):
    weights, data = [], b""
    for name, value in variables.items():
        low, high = float(value.min()), float(value.max())
        quantised = {"dtype": kind, "original_dtype": "float32"}
        if kind == "float16":
            stored_values = value.astype("<f2")
        else:
            scale = (high - low) / np.iinfo(kind).max or 1.0
            quantised |= {"scale": scale, "min": low}
            stored_values = np.round((value - low) / scale).astype(kind)
        weights.append(
            {"name": name, "shape": list(value.shape), "dtype": "float32", "quantization": quantised}
        )
        data += stored_values.tobytes()
    folder = write_js(tmp_path / "js", variables, weights=weights)
    (folder / "group1-shard1of1").write_bytes(data)
    found = js_checkpoint.variables(folder)
    for name, value in variables.items():
        spread = max(1e-3, float(value.max() - value.min()))
        assert np.abs(found[name] - value).max() <= near * max(spread, float(np.abs(value).max()))


def test_our_own_checkpoints_are_imported_too(tmp_path):
    torch.manual_seed(0)
    assembling.save(tmp_path / "friend.safetensors", MusicVAE(SMALL), {"origin": "a friend"})
    assert same_weights(foreign_import.import_model(tmp_path / "friend.safetensors", "friend")) == {
        "origin": "a friend"
    }


def test_a_decoder_that_lost_its_encoders_kernels_is_imported_to_decode(tmp_path, variables):
    kept = {
        name.replace("/", "|"): value
        for name, value in variables.items()
        if "lstm_cell/kernel" not in name or "decoder" in name
    }
    np.savez(tmp_path / "half.npz", **kept)
    _, about, tensors = checkpoint_files.read(foreign_import.import_model(tmp_path / "half.npz", "half"))
    assert "cannot encode" in about["encoder"]
    expected = magenta.convert(variables, "test")[1]
    for name in tensors:
        if name.startswith("cores"):
            assert np.array_equal(tensors[name], expected[name])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", pickle.dumps({"a": 1}), b"text"])
def test_a_file_that_is_no_npz_is_refused(tmp_path, home, content):
    (tmp_path / "mine.npz").write_bytes(content)
    with pytest.raises(ModelError, match="not a whole npz"):
        foreign_import.import_model(tmp_path / "mine.npz", "mine")
    assert not list(home.rglob("*.safetensors"))


def test_an_npz_of_objects_is_refused_unread(tmp_path, home):
    np.savez(tmp_path / "mine.npz", bad=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ModelError, match="not a whole npz"):
        foreign_import.import_model(tmp_path / "mine.npz", "mine")


@pytest.mark.parametrize("cut", [0, 10, 47, 200, -1, -9, -100])
def test_a_truncated_index_is_refused(tmp_path, home, variables, cut):
    index = write_tf(tmp_path / "tf", variables) / "model.ckpt.index"
    index.write_bytes(index.read_bytes()[:cut])
    with pytest.raises(ModelError, match="not a whole TensorFlow checkpoint index"):
        foreign_import.import_model(index.parent, "mine")
    assert written(home) == []


def test_truncated_and_damaged_data_are_refused(tmp_path, home, variables):
    data = write_tf(tmp_path / "tf", variables) / "model.ckpt.data-00000-of-00001"
    whole = data.read_bytes()
    data.write_bytes(whole[:-4])
    with pytest.raises(ModelError, match="data end before"):
        foreign_import.import_model(data.parent, "mine")
    data.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    with pytest.raises(ModelError, match="do not fit their checksum"):
        foreign_import.import_model(data.parent, "mine")
    data.unlink()
    with pytest.raises(ModelError, match="is missing"):
        foreign_import.import_model(data.parent, "mine")
    assert written(home) == []


@pytest.mark.parametrize(
    "content", [b"hello\n" * 100, pickle.dumps({"w": np.zeros(3)}), b"", b"\x80\x04" * 1000], ids=range(4)
)
@pytest.mark.parametrize("name", ["model.tar", "model.pkl", "model.safetensors", "model.ckpt.index"])
def test_text_and_pickles_are_refused_whatever_they_are_called(tmp_path, home, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError):
        foreign_import.import_model(tmp_path / name, "mine")
    assert written(home) == []


def test_a_truncated_tar_is_refused(tmp_path, home, variables):
    folder = write_tf(tmp_path / "tf", variables)
    with tarfile.open(tmp_path / "m.tar", "w") as archive:
        archive.add(folder, "m")
    whole = (tmp_path / "m.tar").read_bytes()
    for keep in (100, 1500, len(whole) // 2):
        (tmp_path / "m.tar").write_bytes(whole[:keep])
        with pytest.raises(ModelError):
            foreign_import.import_model(tmp_path / "m.tar", "mine")
    assert written(home) == []


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_index_is_read_right_or_refused(data):
    with tempfile.TemporaryDirectory() as place:
        folder = write_tf(
            Path(place) / "tf", {"encoder/mu/bias": np.arange(4.0), "decoder/x": np.ones((2, 3))}
        )
        index = bytearray((folder / "model.ckpt.index").read_bytes())
    at = data.draw(st.integers(0, len(index) - 1))
    index[at] ^= data.draw(st.integers(1, 255))
    try:
        _, entries = tf_bundle.entries_of(bytes(index), "damaged")
    except ModelError:
        return
    assert set(entries) <= {"encoder/mu/bias", "decoder/x"}


def test_a_checkpoint_of_another_shape_is_refused(tmp_path, home, variables):
    variables["decoder/multi_rnn_cell/cell_1/lstm_cell/kernel"] = np.zeros((11, 20), np.float32)
    with pytest.raises(ModelError, match=r"has shape \[20, 6\].*needs \[20, 5\]"):
        foreign_import.import_model(write_tf(tmp_path / "tf", variables), "mine")
    assert written(home) == []


def test_missing_variables_are_named(tmp_path, home, variables):
    del variables["encoder/sigma/bias"]
    with pytest.raises(ModelError, match="no encoder/sigma/bias"):
        foreign_import.import_model(write_tf(tmp_path / "tf", variables), "mine")
    assert written(home) == []


def test_weights_that_are_not_finite_are_refused(tmp_path, home, variables):
    variables["encoder/mu/bias"] = np.full(4, np.nan, np.float32)
    with pytest.raises(ModelError, match="not finite"):
        foreign_import.import_model(write_js(tmp_path / "js", variables), "mine")
    assert written(home) == []


def test_a_configuration_that_does_not_fit_is_refused(tmp_path, home, variables):
    with pytest.raises(ModelError, match="is not a groovae_4bar"):
        foreign_import.import_model(write_tf(tmp_path / "tf", variables), "mine", "groovae_4bar")
    with pytest.raises(ModelError, match="no configuration is named"):
        foreign_import.import_model(tmp_path / "tf", "mine", "bassoon_2bar")
    assert written(home) == []


@pytest.mark.parametrize(
    "shard", ["../secret", "/etc/hostname", "a/../../secret", "..\\secret", "", "link", 7]
)
def test_shards_outside_the_folder_are_not_read(tmp_path, home, variables, shard):
    folder = write_js(tmp_path / "js", variables, paths=[shard])
    (tmp_path / "secret").write_bytes((folder / "group1-shard1of1").read_bytes())
    (folder / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError, match=r"outside the folder|path cannot be"):
        foreign_import.import_model(folder, "mine")
    assert written(home) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "weights_manifest.json").write_text("{"), "not JSON"),
        (lambda folder: (folder / "weights_manifest.json").write_text("{}"), "not a TensorFlow.js manifest"),
        (lambda folder: (folder / "weights_manifest.json").write_text("[{}]"), "no list of paths"),
        (lambda folder: (folder / "group1-shard1of1").write_bytes(b"1234"), "shards end before"),
        (lambda folder: (folder / "group1-shard1of1").write_bytes(bytes(10**5)), "hold .* bytes"),
        (lambda folder: (folder / "group1-shard1of1").unlink(), "cannot be read"),
        (lambda folder: (folder / "config.json").write_text('{"type": "MusicRNN"}'), "not a MusicVAE's"),
    ],
)
def test_broken_magenta_js_folders_are_refused(tmp_path, home, variables, change, said):
    folder = write_js(tmp_path / "js", variables)
    change(folder)
    with pytest.raises(ModelError, match=said):
        foreign_import.import_model(folder, "mine")
    assert written(home) == []


def test_other_vocabularies_of_magenta_js_are_refused(tmp_path, variables):
    folder = write_js(tmp_path / "js", variables)
    for converter, said in (
        ({"type": "MultitrackConverter"}, "no vocabulary for"),
        ({"type": "MelodyConverter", "args": {"minPitch": 48}}, "minPitch 48"),
        ({"type": "MelodyConverter", "args": {"numSteps": "32"}}, "numSteps cannot be"),
    ):
        (folder / "config.json").write_text(json.dumps({"type": "MusicVAE", "dataConverter": converter}))
        with pytest.raises(ModelError, match=said):
            js_checkpoint.facts(folder)


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "x" * 65, "ünlaut"])
def test_names_that_are_no_file_names_are_refused(tmp_path, home, variables, name):
    folder = write_tf(tmp_path / "tf", variables)
    if name:
        with pytest.raises(ModelError, match="a model's name is"):
            foreign_import.import_model(folder, name)
        assert written(home) == []


def test_an_optimisers_variables_are_left_out():
    assert magenta.wanted("encoder/mu/kernel")
    assert not magenta.wanted("encoder/mu/kernel/Adam_1")
    assert not magenta.wanted("global_step")


@given(st.binary(max_size=70_000))
@settings(max_examples=10, deadline=None)
def test_the_checksum_is_the_same_however_the_bytes_are_cut_in_lanes(data):
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x82F63B78 if state & 1 else 0)
    assert crc32c(data) == state ^ 0xFFFFFFFF


def test_the_checksum_of_the_standards_example():
    assert crc32c(b"123456789") == 0xE3069283
