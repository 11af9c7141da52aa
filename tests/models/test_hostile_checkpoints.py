"""Checkpoints, personas and scenes that were made to harm: each is refused with one sentence, and nothing is written."""

import gzip
import io
import json
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from safetensors.numpy import save

from livevae import scene_files
from livevae.errors import LivevaeError, ModelError, SceneError
from livevae.models.checkpoints import files as checkpoint_files, step_files
from livevae.models.foreign import (
    generator_bundle,
    import_model as foreign_import,
    js_checkpoint,
    magenta_rnn,
    tf_bundle,
    tf_checkpoint,
)
from livevae.models.melody_rnn import config as melody_config
from livevae.models.midime import files as persona_files
from livevae.models.music_transformer import config as transformer_config
from livevae.models.musicvae import prior as priors
from livevae.models.note_rnn import config as note_config
from livevae.perform import scene as scenes
from livevae.perform.scene import parse


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def refused(path):
    with pytest.raises(ModelError) as error:
        foreign_import.import_model(path, "mine")
    text = str(error.value)
    assert len(text.replace(str(path), "")) < 400
    assert text.encode().decode() == text
    return text


def npz(path, header, data=b"\0" * 64, method=zipfile.ZIP_DEFLATED):
    head = header.encode().ljust(117) + b"\n"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("w.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data)
    return path


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(1000000, 1000000)", "(4096, 4096)", "(1,) * 9"])
def test_an_npz_that_declares_more_numbers_than_it_holds_sets_nothing_aside(tmp_path, shape):
    if "*" in shape:
        shape = str((1,) * 9)
    path = npz(tmp_path / "a.npz", f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}")
    assert "not a whole npz" in refused(path) or "declares" in refused(path) or "dimensions" in refused(path)


def test_an_npz_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign_import, "MAX_NPZ", 1 << 20)
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1048576,)}"
    assert "4 MB of numbers" in refused(npz(tmp_path / "a.npz", header, bytes(1 << 22)))


def js(folder, manifest, shard=b""):
    folder.mkdir()
    (folder / js_checkpoint.MANIFEST).write_text(
        manifest if isinstance(manifest, str) else json.dumps(manifest)
    )
    (folder / "shard").write_bytes(shard)
    return folder


def group(paths=("shard",), shape=(1,), dtype="float32", **more):
    return [{"paths": list(paths), "weights": [{"name": "w", "shape": list(shape), "dtype": dtype, **more}]}]


@pytest.mark.parametrize(
    "manifest",
    [
        "[" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "[" + "9" * 5000 + "]",
        group(shape=[1] * 65),
        group(shape=[2**31 - 1] * 8),
        group(paths=["\ud800"]),
        group(paths=["a\nb"]),
        group(paths=["x" * 5000]),
        group(dtype={"a": 1}),
        group(quantization={"dtype": ["float32"]}),
        group(quantization={"dtype": "uint8", "scale": 10**400, "min": 0}),
    ],
)
def test_manifests_that_no_converter_writes_are_refused(tmp_path, manifest):
    refused(js(tmp_path / "js", manifest, b"\0\0\0\0"))


def test_the_shards_of_a_manifest_have_a_budget(tmp_path, monkeypatch):
    monkeypatch.setattr(js_checkpoint, "MAX_BYTES", 10)
    assert "larger than" in refused(js(tmp_path / "js", group(paths=["shard"] * 3), bytes(4)))


def test_settings_beside_weights_are_read_within_limits(tmp_path):
    folder = js(tmp_path / "js", group(), bytes(4))
    (folder / js_checkpoint.SETTINGS).write_text('{"a":' * 100_000)
    refused(folder)


def test_a_compressed_tar_that_grows_is_not_unpacked(tmp_path):
    path = tmp_path / "a.tar"
    with gzip.open(path, "wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
    assert "times its size" in refused(path)


def test_a_tar_that_lies_about_a_size_is_refused(tmp_path):
    path = tmp_path / "a.tar"
    info = tarfile.TarInfo("model.ckpt.index")
    info.size = tf_bundle.MAX_BYTES + 1
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    refused(path)


def test_a_tar_of_thousands_of_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tf_checkpoint, "MAX_MEMBERS", 3)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for number in range(9):
            archive.addfile(tarfile.TarInfo(f"{number}"), io.BytesIO())
    assert "more than 3 files" in refused(tmp_path / "a.tar")


def test_variables_of_many_dimensions_and_endless_names_are_refused():
    dims = b"\x12\x02\x08\x01" * 65
    with pytest.raises(ValueError, match="dimensions"):
        tf_bundle._entry(b"\x08\x01\x12" + bytes([len(dims) & 127 | 128, len(dims) >> 7]) + dims)
    with pytest.raises(ModelError, match="more than"):
        tf_bundle.entries_of(bytes(tf_bundle.MAX_INDEX + 1), "a.index")


def metadata(**about):
    facts = {"format": persona_files.FORMAT, "name": "n", "model": "0" * 16, "dim": "4", "latent": "2"}
    return facts | {key: str(value) for key, value in about.items()}


@pytest.mark.parametrize(
    "about", ["[" * 900, '{"a":' * 20_000, "{" + '"a":1,' * 200_000 + "}", "9" * 5000, "[]"]
)
def test_what_a_persona_says_of_itself_is_read_within_limits(tmp_path, about):
    path = tmp_path / "nora.safetensors"
    path.write_bytes(save({"a": np.zeros(1, np.float16)}, metadata(about=about)))
    with pytest.raises(ModelError):
        persona_files.read(path)
    with pytest.raises(ModelError):
        persona_files.describe(path)


@pytest.mark.parametrize("key", ["config", "about"])
def test_what_a_checkpoint_says_of_itself_is_read_within_limits(tmp_path, key):
    path = tmp_path / "model.safetensors"
    facts = {"format": checkpoint_files.FORMAT, "config": "{}", "about": "{}", key: '{"a":' * 100_000}
    path.write_bytes(save({"a": np.zeros(1, np.float16)}, facts))
    with pytest.raises(ModelError):
        checkpoint_files.read(path)


# models that go on step by step

DEEP = ['{"a":' * 100_000, "[" * 100_000, "[" * 33 + "]" * 33]
CONFIGURATIONS = {
    melody_config.FORMAT: melody_config.Config("basic_rnn"),
    note_config.FORMAT: note_config.Config(),
    transformer_config.FORMAT: transformer_config.Config(),
}


def step_file(path, family, **changes):
    facts = {"format": family, "config": CONFIGURATIONS[family].to_json(), "about": "{}"} | changes
    path.write_bytes(save({"a": np.zeros(1, np.float16)}, facts))
    return path


def step_refused(read, path):
    with pytest.raises(ModelError) as error:
        read(path)
    text = str(error.value).replace(str(path), "")
    assert 10 < len(text) < 400
    assert "\n" not in text
    return text


@pytest.mark.parametrize("family", CONFIGURATIONS)
@pytest.mark.parametrize("key", ["config", "about"])
@pytest.mark.parametrize("text", [*DEEP, "9" * 5000, "[]", "{"])
def test_what_a_step_wise_model_says_of_itself_is_read_within_limits(tmp_path, family, key, text):
    path = step_file(tmp_path / "rnn.safetensors", family, **{key: text})
    for read in (step_files.describe, step_files.read):
        step_refused(read, path)


@pytest.mark.parametrize("family", CONFIGURATIONS)
@pytest.mark.parametrize("layers", [[7] * 100_000, [10**400], [float("inf")], "x" * 100_000, {"a": 1}, None])
def test_a_configuration_of_endless_layers_is_refused_with_a_short_sentence(tmp_path, family, layers):
    values = json.loads(CONFIGURATIONS[family].to_json()) | {"layers": layers}
    step_refused(
        step_files.describe, step_file(tmp_path / "rnn.safetensors", family, config=json.dumps(values))
    )


@pytest.mark.parametrize("text", DEEP)
def test_what_a_prior_says_of_itself_is_read_within_limits(tmp_path, text):
    path = tmp_path / "prior.safetensors"
    facts = {"format": priors.KIND.format, "model": "0" * 16, "about": text}
    path.write_bytes(save({"a": np.zeros(1, np.float16)}, facts))
    assert "nested" in step_refused(lambda path: priors.read(path, "0" * 16), path)


@pytest.mark.parametrize("name", ["model.mag", "model.ckpt"])
def test_bundles_and_first_format_checkpoints_have_a_size_and_are_files(tmp_path, monkeypatch, name):
    monkeypatch.setattr(generator_bundle, "MOST", 100)
    path = tmp_path / name
    path.write_bytes(bytes(101))
    assert "larger than 100 bytes" in step_refused(magenta_rnn.read, path)
    (tmp_path / "folder.ckpt").mkdir()
    assert "no regular file" in step_refused(magenta_rnn.read, tmp_path / "folder.ckpt")
    assert "No such file" in step_refused(magenta_rnn.read, tmp_path / f"none-{name}")


def test_settings_beside_a_step_wise_checkpoint_are_passed_over_beyond_their_limits(tmp_path, monkeypatch):
    path = tmp_path / "model.ckpt"
    settings = tmp_path / "config.json"
    settings.write_text('{"attn_length": 3}')
    assert magenta_rnn._settings(path) == {"attn_length": 3}
    monkeypatch.setattr(magenta_rnn, "MAX_SETTINGS", 10)
    assert magenta_rnn._settings(path) == {}
    monkeypatch.undo()
    for text in [*DEEP, "9" * 5000, "[1]"]:
        settings.write_text(text)
        assert magenta_rnn._settings(path) == {}


# scenes


@pytest.mark.parametrize(
    "text",
    [
        "title = " + "[" * 100_000,
        "title = " + "{a=" * 100_000,
        ".".join("a" * 20_000) + " = 1",
        "title" + ".a" * 20_000 + " = 1",
        "[title" + ".'='" * 20_000 + "]",
        "tempo = " + "9" * 5000,
        "tempo = 1979-05-27",
        "x" * 100_000 + " = 1",
        "title = [" + "1," * 50_000 + "]",
        "".join(f"[voice.v{number}]\n" for number in range(5_000)),
    ],
)
def test_scenes_that_nobody_writes_are_refused_with_a_sentence(text):
    with pytest.raises(SceneError) as error:
        parse(text, "night.toml")
    assert "night.toml" in str(error.value)
    assert len(str(error.value)) < 400


def test_a_scene_has_as_many_voices_as_a_session():
    voices = [f"[voice.v{number}]\n" for number in range(scenes.MOST_VOICES + 1)]
    assert len(parse("".join(voices[:-1])).voices) == scenes.MOST_VOICES
    with pytest.raises(SceneError, match="64 voices are the most, not 65"):
        parse("".join(voices))


def test_a_scene_file_has_a_size_and_is_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(scene_files, "MAX_BYTES", 100)
    (tmp_path / "a.toml").write_text("#" * 101)
    for name in ("a.toml", "."):
        with pytest.raises(SceneError):
            scene_files.find(str(tmp_path / name))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text(st.sampled_from("[]{}=\"a.1\n,#'"), max_size=60))
def test_any_text_is_a_scene_or_one_sentence(text):
    try:
        parse(text)
    except SceneError as error:
        assert len(str(error)) < 600


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["a.npz", "a.tar", "a.index", "a.safetensors"]))
def test_any_bytes_are_a_checkpoint_or_one_sentence(tmp_path_factory, data, name):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data)
    with pytest.raises(LivevaeError):
        foreign_import.read(path)
