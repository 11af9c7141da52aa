"""What a model's riffs depend on is told by a digest of it, and said in words where it differs."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from livevae.errors import ModelError
from livevae.latent.attributes import Directions
from livevae.models.checkpoints import files, shelf
from livevae.models.fingerprint import Fingerprint, differences, fingerprint
from livevae.models.musicvae import directions, prior as priors


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    return tmp_path


def copied(path, change=lambda name, value: value, dtype=np.float32):
    """The bundled model, written again with other tensors."""
    config, about, tensors = files.read(shelf.find())
    files.write(path, config, {n: change(n, v).astype(dtype) for n, v in tensors.items()}, about)
    return fingerprint(str(path))


def nudged(part):
    return lambda name, value: value * 1.5 if name.startswith(part) else value


def test_every_copy_of_a_model_has_its_digest_however_it_is_stored(home):
    ours = fingerprint("")
    assert ours.name == shelf.DEFAULT
    assert all(len(part) == 16 for part in (ours.identity, ours.weights, ours.prior, ours.directions))
    for dtype in (np.float32, np.float16):  # those that ship are float16
        copy = copied(home / "copy.safetensors", dtype=dtype)
        assert copy == replace(ours, name="copy")
        assert copy.digest == ours.digest
        assert differences(ours, copy) == ""


def test_another_decoder_of_the_same_encoder_is_another_model(home):
    """Their z is the same, and so are their personas; their riffs are not."""
    ours = fingerprint("")
    other = copied(home / f"{shelf.DEFAULT}.safetensors", nudged("cores"))
    assert other.identity == ours.identity
    assert other.digest != ours.digest
    assert differences(ours, other) == f"another decoder of {shelf.DEFAULT}"
    third = copied(home / "mine.safetensors", nudged("encoder"))
    assert differences(ours, third) == f"{shelf.DEFAULT}, which is not mine"
    assert differences(ours, replace(third, name=shelf.DEFAULT)) == f"another {shelf.DEFAULT}"


def test_a_file_that_changes_is_read_again(home):
    path = home / "mine.safetensors"
    first = copied(path)
    assert copied(path, nudged("cores")).weights != first.weights


def test_what_belongs_to_a_model_is_told_apart(home):
    ours = fingerprint("")
    path = directions.KIND.place(ours.identity)
    path.parent.mkdir()
    directions.save(path, Directions({"density": np.ones(256)}), ours.identity)
    other = fingerprint("")
    assert replace(other, directions=ours.directions) == ours
    assert differences(ours, other) == f"other directions of {shelf.DEFAULT}"
    without = replace(ours, prior="")
    assert differences(without, other) == f"another learned prior and other directions of {shelf.DEFAULT}"


def test_a_prior_that_takes_anothers_place_is_another_whatever_its_files_time_is(home):
    ours = fingerprint("")
    tensors, held = priors.KIND.read(priors.KIND.find(ours.identity), ours.identity)
    place = priors.KIND.place(ours.identity)
    place.parent.mkdir()
    found = []
    for much in (1.0, 1.01):
        priors.save(
            place, tensors | {"spread": tensors["spread"] * much}, json.loads(held["about"]), ours.identity
        )
        os.utime(place, ns=(1, 1))
        found.append(fingerprint("").prior)
    assert found[0] == ours.prior != found[1]


def test_what_goes_while_it_is_looked_at_is_said(home, monkeypatch):
    monkeypatch.setattr(type(directions.KIND), "find", lambda *_: home / "gone.safetensors")
    with pytest.raises(ModelError, match=r"gone\.safetensors cannot be read: No such file"):
        fingerprint("")


def test_a_model_that_goes_on_step_by_step_has_weights_alone():
    ours = fingerprint(shelf.DEFAULT_STEPWISE)
    assert ours == Fingerprint(shelf.DEFAULT_STEPWISE, "", ours.weights)
    other = replace(ours, weights="0" * 16)
    assert differences(ours, other) == f"another {shelf.DEFAULT_STEPWISE}"


def test_what_is_no_model_has_none(home):
    with pytest.raises(ModelError, match="there is no model"):
        fingerprint("nothing")
