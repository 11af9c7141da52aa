"""The doctor says what it measured, and what follows from it."""

import re

import pytest

from livevae.doctor import examine
from livevae.errors import ModelError
from livevae.server import Models
from livevae.testing import FakeDecoder

pytestmark = pytest.mark.real


def test_it_measures_timing_and_decoding_and_says_which_lead_follows() -> None:
    said: list[str] = []
    assert examine(Models(lambda _: FakeDecoder(), bool, "fake"), said.append) == 0
    text = "\n".join(said)
    assert re.search(r"timer     notes leave -?\d+\.\d+ ms late at p50, \d+\.\d+ ms at p99", text)
    assert re.search(r"decode    one voice p50 \d+\.\d ms, p99 \d+\.\d ms; 4 voices together", text)
    assert "lead      250 ms" in text
    assert "priority  " in text
    assert "midi      " in text


def test_a_model_that_does_not_load_is_a_finding() -> None:
    def load(_: str) -> FakeDecoder:
        raise ModelError("the model is broken")

    said: list[str] = []
    assert examine(Models(load, bool, "fake"), said.append) == 1
    assert "model     the model is broken" in said
