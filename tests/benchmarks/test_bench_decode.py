"""The decode bench measures what plays the same; its numbers are not judged here."""

import sys

import numpy as np
import pytest

from benchmarks import decode, peers, training
from livevae.errors import LivevaeError
from livevae.models.foreign import magenta
from livevae.models.musicvae.config import CONFIGS

SMALL = CONFIGS["cat-mel_2bar_small"].replace(decoder=(16, 24), latent=8, encoder=(4,))


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(decode, "configuration", lambda _: SMALL)


@pytest.mark.usefixtures("small")
def test_every_candidate_plays_the_same_tokens():
    report = decode.measure("random:cat-mel_2bar_small", seconds=0.1, voices=(2,))
    names = [row.name for row in report.rows]
    assert names[:4] == [decode.OURS, "numpy, plain", "torch, eager", "torch, addmv"]
    for peer in ("onnxruntime", "TensorFlow", "magenta.js"):
        assert any(peer in name for name in names) != any(peer in reason for reason in report.missing)
    assert all(row.same for row in report.rows)
    assert all(0 < row.best <= row.p50 <= row.p99 for row in report.rows)
    assert [batch.voices for batch in report.batches] == [2]
    assert report.reading > 0


@pytest.mark.parametrize("name", ["hierdec-mel_16bar", "groovae_4bar", "cat-mel_2bar_med_chords"])
def test_configurations_that_it_cannot_time_are_answered(name):
    with pytest.raises(LivevaeError, match="flat models of one softmax"):
        decode.measure(f"random:{name}")


def test_a_peer_gets_the_weights_as_magenta_has_them():
    weights = decode.random_weights(SMALL)
    config, found = magenta.convert(peers.magenta_variables(SMALL, weights), "test")
    assert config.decoder == SMALL.decoder
    assert {name for name in found if name.startswith("cores")} <= set(weights)
    for name, value in found.items():
        if name.startswith("cores") and "bias_" not in name:
            assert np.array_equal(value, weights[name]), name
    # we have two biases a layer, Magenta has one
    for layer in range(2):
        names = [f"cores.0.layers.runs.{layer}.bias_{way}_l0" for way in ("ih", "hh")]
        ours, theirs = (sum(of[name] for name in names) for of in (weights, found))
        assert np.allclose(ours, theirs, atol=1e-6)


CHILD = """
import json, sys
print("libraries chat"); print(json.dumps({"ready": "a child"}), flush=True)
for line in sys.stdin:
    number, noisy = line.split()
    if number == "9":
        sys.exit("ValueError: there is no z 9")
    print(json.dumps({"ms": 1.5, "tokens": [int(number), int(noisy)]}), flush=True)
"""


@pytest.mark.real
def test_a_peer_answers_until_it_ends_and_then_its_last_words_are_the_error(tmp_path):
    peer = peers.Peer([sys.executable, "-c", CHILD], tmp_path)
    try:
        assert peer.title == "a child"
        took, tokens = peer.decode(3, noisy=True)
        assert (took, tokens.tolist()) == (1.5, [3, 1])
        with pytest.raises(LivevaeError, match="there is no z 9"):
            peer.decode(9, noisy=False)
    finally:
        peer.close()


def test_a_peer_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LivevaeError, match="nowhere/python does not start"):
        peers.Peer(["nowhere/python"], tmp_path)


def test_training_steps_are_measured_beside_torchs_own_lstm(tmp_path):
    rows = training.measure(
        "cat-mel_2bar_small", batch=2, units=4, seconds=0, device="cpu", precision="float32", folder=tmp_path
    )
    assert [row.name for row in rows] == [training.OURS, training.TORCH]
    assert all(0 < row.windows <= row.best for row in rows)
    assert rows[1].ratio == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["groovae_4bar", "hierdec-mel_16bar"])
def test_models_whose_training_it_cannot_time_are_answered(name, tmp_path):
    with pytest.raises(LivevaeError, match="such as cat-mel_2bar_small"):
        training.measure(
            name, batch=2, units=0, seconds=0, device="cpu", precision="float32", folder=tmp_path
        )
