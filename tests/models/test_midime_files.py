"""Personas on disk: whole or not at all, and nothing hostile is believed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st
from safetensors.numpy import save

from livevae.errors import ModelError
from livevae.latent.personas import Persona, layer_shapes
from livevae.models.midime import files as persona_files

DIM = 8


def persona(name: str = "nora", seed: int = 0, about: dict[str, object] | None = None) -> Persona:
    random = np.random.default_rng(seed)
    weights = {}
    for layer, (out, inp) in layer_shapes(DIM, 4).items():
        weights[f"{layer}.weight"] = (random.standard_normal((out, inp)) / inp**0.5).astype(np.float32)
        weights[f"{layer}.bias"] = np.zeros(out, np.float32)
    return Persona(name, "0123456789abcdef", DIM, 4, weights, about or {"windows": 3})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    monkeypatch.setattr(persona_files, "SHIPPED", tmp_path / "shipped")
    return tmp_path


def test_a_persona_comes_back_as_it_was_to_half_a_float() -> None:
    saved = persona()
    persona_files.save(saved)
    back = persona_files.load("nora")
    assert (back.name, back.model, back.dim, back.latent, back.about) == (
        "nora",
        saved.model,
        DIM,
        4,
        {"windows": 3},
    )
    u = np.random.default_rng(1).standard_normal((20, 4))
    assert np.abs(back.decode(u) - saved.decode(u)).max() < 0.01


@pytest.mark.parametrize(
    "name",
    ["../x", "", "a" * 300, "🎻", "a/b", ".hidden", "-x", "a\0b", "a b", "base", "Over", "con\n", "quiet"],
)
def test_names_that_cannot_be_are_answered_with_a_sentence(name: str, home: Path) -> None:
    for act in (persona_files.place, persona_files.load, persona_files.remove):
        with pytest.raises(ModelError, match=r"name|means something else") as error:
            act(name)
        assert len(str(error.value)) < 200
    assert not list(home.rglob("*.safetensors"))


def test_accents_are_one_spelling() -> None:
    persona_files.save(persona("Ren\u00e9e"))
    assert persona_files.find("Rene\u0301e").name == "Ren\u00e9e"


def test_personas_are_renamed_and_removed_but_the_shipped_ones_stay(home: Path) -> None:
    persona_files.write(home / "shipped" / "ours.safetensors", persona("ours"))
    persona_files.save(persona())
    persona_files.rename("nora", "petra")
    assert set(persona_files.entries()) == {"ours", "petra"}
    assert persona_files.load("petra").name == "petra"
    with pytest.raises(ModelError, match="already"):
        persona_files.rename("petra", "ours")
    for act in (persona_files.remove, lambda name: persona_files.rename(name, "mine")):
        with pytest.raises(ModelError, match="comes with livevae"):
            act("ours")
    persona_files.remove("petra")
    assert set(persona_files.entries()) == {"ours"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "a.safetensors"
    persona_files.write(path, persona())
    return path.read_bytes()


def refused(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(ModelError) as error:
        persona_files.read(path)
    return str(error.value)


def test_truncated_and_foreign_files_are_refused(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "a.safetensors"
    for length in (0, 1, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        assert "not a whole persona file" in refused(path, whole[:length])
    assert "says no format" in refused(path, save({"x": np.zeros(3, np.float32)}))
    assert "not a persona" in refused(path, save({"x": np.zeros(3)}, {"format": "livevae musicvae 1"}))
    refused(path, b"\x80\x04\x95cos\nsystem\n" * 20)
    refused(path, (2**62).to_bytes(8, "little") + b"{}")


def changed(metadata: dict[str, str], **tensors: np.ndarray) -> bytes:
    one = persona()
    held = {
        "format": persona_files.FORMAT,
        "name": "nora",
        "model": one.model,
        "dim": str(DIM),
        "latent": "4",
    }
    weights = {name: value.astype(np.float16) for name, value in one.weights.items()}
    return save({**weights, **tensors}, {**held, "about": "{}", **metadata})


@pytest.mark.parametrize(
    "metadata",
    [
        {"dim": "9"}, {"dim": "-1"}, {"dim": "1e9"}, {"dim": "99999999999"}, {"latent": "0"}, {"latent": "x"},
        {"model": "../../etc"}, {"name": "../x"}, {"name": ""}, {"about": "[]"}, {"about": "{"},
        {"about": "[" * 100_000}, {"about": json.dumps({"a": "b" * 2_000_000})}, {"format": "livevae persona 2"},
    ],
    ids=str,
)  # fmt: skip
def test_metadata_that_lies_is_refused(tmp_path: Path, metadata: dict[str, str]) -> None:
    assert len(refused(tmp_path / "a.safetensors", changed(metadata))) < 300


def test_parameters_that_lie_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    assert "not finite" in refused(path, changed({}, **{"mu.bias": np.full(4, np.nan, np.float16)}))
    assert "F16" in refused(path, changed({}, **{"mu.bias": np.zeros(5, np.float16)}))
    assert "F16" in refused(path, changed({}, **{"mu.bias": np.zeros(4, np.int64)}))
    assert "parameters" in refused(path, changed({}, extra=np.zeros(4, np.float16)))


@hypothesis_settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_bytes_turned_anywhere_in_the_header_never_escape_as_another_error(
    data: st.DataObject, whole: bytes
) -> None:
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, 1200))] = data.draw(st.integers(0, 255))
    path = persona_files.folder() / "fuzz.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(broken))
    with contextlib.suppress(ModelError):
        persona_files.read(path)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with path.open("wb") as file:
        file.truncate(persona_files.MOST_BYTES + 1)
    with pytest.raises(ModelError, match="larger"):
        persona_files.read(path)


def test_parameters_too_large_for_the_file_are_not_saved() -> None:
    one = persona()
    weights = {**one.weights, "mu.bias": np.full(4, 1e6, np.float32)}
    with pytest.raises(ModelError, match="float16"):
        persona_files.save(replace(one, weights=weights))


SAVER = """
import sys
sys.path.insert(0, {tests!r})
from test_midime_files import persona
from livevae.models.midime import files as persona_files
print("saving", flush=True)
n = 0
while True:
    n += 1
    persona_files.save(persona("nora", seed=n % 2, about={{"n": n, "padding": "x" * 500_000}}))
"""


@pytest.mark.real
def test_kill_minus_nine_during_a_save_leaves_a_whole_persona(home: Path) -> None:
    persona_files.save(persona("nora"))
    code = SAVER.format(tests=str(Path(__file__).parent))
    for delay in range(12):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=dict(os.environ))
        assert child.stdout is not None
        child.stdout.readline()
        try:
            child.wait(0.004 + 0.0031 * delay)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert child.returncode == -signal.SIGKILL
        assert persona_files.load("nora").dim == DIM
        assert set(persona_files.entries()) == {"nora"}
