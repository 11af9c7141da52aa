"""The note RNN: bins, network, continuation, riffs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import livevae.models
from livevae.errors import ModelError
from livevae.latent.recipe import Recipe
from livevae.models.checkpoints import shelf, step_files
from livevae.models.checkpoints.step_files import StepFile
from livevae.models.note_rnn.config import CONFIGS, DURATIONS, STEPS, WIDTHS, Config, binned, shapes
from livevae.models.note_rnn.model import NOTES_A_BAR, Model, NoteDecoder
from livevae.models.note_rnn.task import Task
from livevae.models.note_rnn.torch_network import NoteRNN
from livevae.music.notes import TICKS_PER_BAR

CONFIG = Config(layers=(12, 10))


def tensors(seed=0):
    numbers = np.random.default_rng(seed)
    return {name: numbers.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes(CONFIG).items()}


MODEL = Model(CONFIG, tensors(), {})
NOTES = st.lists(
    st.tuples(st.integers(21, 108), st.integers(0, 70), st.integers(1, 70)), min_size=1, max_size=12
)


@pytest.mark.parametrize("bins", [STEPS, DURATIONS])
@given(st.integers(0, 100))
def test_a_bin_is_the_nearest(bins, value):
    assert abs(bins[binned(value, bins)] - value) == min(abs(b - value) for b in bins)


@given(NOTES)
@settings(max_examples=20, deadline=None)
def test_numpy_and_torch_agree_and_the_likelihood_is_the_sum(notes):
    reference = NoteRNN(CONFIG).eval()
    with torch.no_grad():
        for name, value in reference.tensors().items():
            value.copy_(torch.from_numpy(tensors()[name]))
    x, labels = torch.from_numpy(MODEL.inputs(notes)), MODEL.labels(notes)
    if len(labels) == 0:
        assert MODEL.log_likelihood(notes) == 0
        return
    after = torch.from_numpy(labels)
    heads = reference(x[None, :-1], after[None, :, 0], after[None, :, 1])
    expected = torch.cat(heads, -1)[0].detach().numpy()
    np.testing.assert_allclose(MODEL.logits(notes)[:-1], expected, atol=1e-4)
    nats = sum(
        torch.nn.functional.cross_entropy(h[0], after[:, i], reduction="sum") for i, h in enumerate(heads)
    )
    assert MODEL.log_likelihood(notes) == pytest.approx(-float(nats.detach()), abs=1e-2)


def test_a_continuation_is_what_its_seed_says():
    primer = [(60, 0, 4), (64, 4, 4)]
    assert (MODEL.continued(primer, 9, seed=1) == MODEL.continued(primer, 9, seed=1)).all()
    assert (MODEL.continued(primer, 9, 0.0) == MODEL.continued(primer, 9, top=1, seed=4)).all()
    assert MODEL.continued(primer, 0).shape == (0, 3)
    for wrong in ([], [(60, 0)], [(0, 1, 1)], [(60, -1, 1)], [(60, 1, 0)], [(60.5, 1, 1)]):
        with pytest.raises(ModelError):
            MODEL.continued(wrong, 4)


@given(
    st.lists(
        st.builds(
            Recipe,
            seed=st.integers(0, 50),
            temperature=st.sampled_from([0.0, 0.9, 4.0]),
            bars=st.integers(1, 3),
            top=st.sampled_from([0, 5]),
            context=st.lists(
                st.tuples(
                    st.integers(-16000, -1), st.integers(1, 9000), st.integers(0, 127), st.integers(1, 127)
                ),
                max_size=40,
            ).map(tuple),
        ),
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=25, deadline=None)
def test_a_recipe_gives_the_same_riff_whatever_shares_its_batch(recipes):
    decoder = NoteDecoder(MODEL)
    riffs = decoder.decode(recipes)
    assert decoder.decode(recipes[::-1]) == riffs[::-1]
    for recipe, riff in zip(recipes, riffs, strict=True):
        assert riff.length == recipe.bars * TICKS_PER_BAR
        assert len(riff.notes) <= recipe.bars * NOTES_A_BAR + 1
        assert all(note.start >= 0 and note.end <= riff.length for note in riff.notes)
        ends = {}
        for note in riff.notes:
            assert note.start >= ends.get(note.pitch, 0)  # no key is struck while it sounds
            ends[note.pitch] = note.end


def test_an_answer_begins_as_its_call_does():
    call = tuple((beat * 960, 480, 60 + beat, 100) for beat in range(8))
    riff = NoteDecoder(MODEL).decode([Recipe(1, bars=2, call=call, distance=0.5)])[0]
    assert [(n.start, n.pitch) for n in riff.notes if n.start < 4 * 960] == [
        (b * 960, 60 + b) for b in range(4)
    ]


def test_a_model_is_kept_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    step_files.write(shelf.place("notes"), StepFile("note_rnn", CONFIG, {}, tensors()))
    again = livevae.models.load("notes")
    assert again.config == CONFIG
    assert (again.logits([(60, 0, 4)]) == MODEL.logits([(60, 0, 4)])).all()
    with pytest.raises(ModelError):
        Config.from_json('{"layers": [0], "name": "x", "window": 25, "weights": [1, 1, 1]}')


def test_a_few_windows_are_learnt_by_heart():
    """A net that can learn does: two scales in C, over and over."""
    torch.manual_seed(1)
    windows = np.zeros((4, 128, 88), np.uint8)
    for row, window in enumerate(windows):
        for step in range(0, 128, 4):
            window[step, 39 + (step // 4 * (1 + row % 2)) % 8] = 4
    task = Task(CONFIGS["note_rnn"])
    network = task.module(0.0)
    held = [torch.from_numpy(np.stack(part)) for part in zip(*map(task.prepared, windows), strict=True)]
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    network.eval()
    for _ in range(120):
        nats, right, there = task.losses(network, held)
        optimizer.zero_grad()
        nats.sum().backward()
        optimizer.step()
    assert int(there.sum()) == 4 * 31
    assert float(right.sum() / there.sum()) > 0.9
    assert task.bars(held) == pytest.approx(4 * 31 / 4)
    assert sum(WIDTHS) == 88 + len(STEPS) + len(DURATIONS)
