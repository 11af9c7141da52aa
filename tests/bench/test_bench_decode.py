"""The decode bench measures what plays the same; its numbers are not judged here."""

import pytest

from livevae.bench import decode
from livevae.errors import LivevaeError
from livevae.models.config import CONFIGS


def test_every_candidate_plays_the_same_tokens(monkeypatch):
    small = CONFIGS["cat-mel_2bar_small"].replace(decoder=(16, 24), latent=8, encoder=(4,))
    monkeypatch.setattr(decode, "configuration", lambda _: small)
    report = decode.measure("cat-mel_2bar_small", seconds=0.1, voices=(2,))
    names = [row.name for row in report.rows]
    assert names[:4] == [decode.OURS, "numpy, plain", "torch, eager", "torch, addmv"]
    assert ("onnxruntime" in names) != any("onnxruntime" in reason for reason in report.missing)
    assert all(row.same for row in report.rows)
    assert all(0 < row.best <= row.p50 <= row.p99 for row in report.rows)
    assert [batch.voices for batch in report.batches] == [2]
    assert report.reading > 0


@pytest.mark.parametrize("name", ["hierdec-mel_16bar", "groovae_4bar", "cat-mel_2bar_med_chords"])
def test_configurations_that_it_cannot_time_are_answered(name):
    with pytest.raises(LivevaeError, match="flat models of one softmax"):
        decode.measure(name)
