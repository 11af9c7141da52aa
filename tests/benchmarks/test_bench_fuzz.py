"""What atheris is given to fuzz, given damaged seeds by hypothesis: a result, or a sentence, and nothing else."""

from contextlib import suppress
from functools import cache

import pytest
from hypothesis import given, settings, strategies as st

from benchmarks.fuzz import TARGETS
from benchmarks.fuzz_seeds import SEEDS
from livevae.corpus import note_sequences
from livevae.errors import LivevaeError
from livevae.models.foreign import tf_bundle

NEEDS = {"tfrecord": "note_seq"}
SLOW = {"align"}
"""Targets that a damaged tempo can keep busy for seconds: the suite has tests of its own of them."""


@cache
def seeds(name):
    return list(SEEDS[name]())


@st.composite
def damaged(draw, name):
    data = bytearray(draw(st.sampled_from(seeds(name))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


def test_every_target_has_seeds():
    assert TARGETS.keys() == SEEDS.keys()
    assert all(seeds(name) for name in TARGETS if name not in NEEDS)


@pytest.fixture(params=sorted(set(TARGETS) - SLOW), scope="module")
def target(request):
    if request.param in NEEDS:
        pytest.importorskip(NEEDS[request.param])
    with pytest.MonkeyPatch.context() as kept:  # a target takes every checksum for right
        for module in (note_sequences, tf_bundle):
            for name in {"crc32c", "masked"} & vars(module).keys():
                kept.setattr(module, name, vars(module)[name])
        yield request.param, TARGETS[request.param]()


@settings(max_examples=20)
@given(data=st.data())
def test_damaged_inputs_end_in_a_result_or_a_sentence(target, data):
    name, take = target
    with suppress(LivevaeError):
        take(data.draw(damaged(name)))
