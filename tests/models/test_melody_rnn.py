"""Melody, improv and drums RNNs: encodings, network, continuation, and the riffs that they give."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import livevae.models
from livevae.errors import ModelError, MusicError
from livevae.latent.recipe import Recipe
from livevae.models import stepwise
from livevae.models.checkpoints import shelf, step_files
from livevae.models.checkpoints.step_files import StepFile
from livevae.models.melody_rnn import chord_inputs, encodings, events
from livevae.models.melody_rnn.config import CONFIGS, Config
from livevae.models.melody_rnn.decode import MelodyDecoder, melody_events, melody_notes
from livevae.models.melody_rnn.layout import shapes
from livevae.models.melody_rnn.model import Model, limited
from livevae.models.melody_rnn.network import State
from livevae.models.melody_rnn.torch_network import StepRNN
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_STEP
from livevae.perform.scene import parse
from livevae.render import render

SMALL = {
    name: config.replace(layers=(12,) * len(config.layers), attention_length=min(6, config.attention_length))
    for name, config in CONFIGS.items()
}
EVENTS = st.lists(st.integers(-2, 35).map(lambda e: e if e < 0 else e + 48), min_size=1, max_size=80)


def tensors(config, seed=0):
    numbers = np.random.default_rng(seed)
    return {name: numbers.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes(config).items()}


def model(name, seed=0, **changes):
    config = SMALL[name].replace(**changes)
    return Model(config, tensors(config, seed), {})


@pytest.mark.parametrize("name", ["basic_rnn", "mono_rnn", "lookback_rnn", "attention_rnn"])
@given(EVENTS)
@settings(max_examples=30, deadline=None)
def test_a_label_means_the_event_that_it_was_made_of(name, melody):
    reader = encodings.encoder(CONFIGS[name])
    for event in melody:
        assert reader.event(reader.label(event)) == event
        assert len(reader.push(event)) == CONFIGS[name].inputs


@given(EVENTS, st.sampled_from([(48, 84, 0), (0, 128, None), (60, 72, 7)]))
@settings(max_examples=60, deadline=None)
def test_a_squashed_melody_is_in_range_and_keeps_its_rhythm(melody, range_):
    low, high, key = range_
    moved, amount = events.squashed(melody, low, high, key)
    assert all(e < 0 or low <= e < high for e in moved)
    assert [e for e in moved if e < 0] == [e for e in melody if e < 0]
    assert all((b - a - amount) % 12 == 0 for a, b in zip(melody, moved, strict=True) if a >= 0)


def test_an_input_of_the_lookback_encoding_by_hand():
    """Sixteen steps of one note, struck twice: at the second bar's beginning it repeats."""
    row = encodings.inputs(CONFIGS["lookback_rnn"], [60] + [-2] * 15 + [60])[-1]
    on = set(np.flatnonzero(row).tolist())
    assert row[2 + 12] == 1  # what is: the note
    assert row[38 + 0] == 1  # what would come after it 16 steps ago: nothing new
    assert row[76 + 0] == 1  # 32 steps ago there was nothing
    assert row[114:119].tolist() == [1, -1, -1, -1, 1]  # 17
    assert row[119] == 1
    assert row[120] == 0
    assert on == {14, 38, 76, 114, 115, 116, 117, 118, 119}


def test_before_the_second_bar_ends_nothing_new_counts_as_a_repetition():
    assert encodings.labels(CONFIGS["lookback_rnn"], [60, -2, -1, 62]).tolist() == [39, 1, 16]
    assert encodings.labels(CONFIGS["attention_rnn"], [60, -2, -1, 62]).tolist() == [39, 37, 14]


def test_a_pitch_out_of_range_is_named():
    with pytest.raises(ModelError, match="plays pitches 48 to 83, not 90"):
        encodings.inputs(CONFIGS["attention_rnn"], [90])
    with pytest.raises(ModelError, match="not -3"):
        model("basic_rnn").inputs([-3])
    with pytest.raises(ModelError, match=r"drums are \[T, 128\]"):
        model("drum_kit").inputs(np.zeros((4, 100)))
    with pytest.raises(ModelError, match="0 to 511, not 512"):
        model("drum_kit").inputs([512])


@pytest.mark.parametrize(
    ("symbol", "tones", "bass"),
    [
        ("C", [0, 4, 7], 0),
        ("F#m7", [1, 4, 6, 9], 6),
        ("Bb7(b9)/D", [2, 5, 8, 10, 11], 2),
        ("Gsus4", [0, 2, 7], 7),
    ],
)
def test_a_chord_symbol_says_its_tones(symbol, tones, bass):
    chord = chord_inputs.parse(symbol)
    assert (chord.pitches, chord.bass) == (tones, bass)


@pytest.mark.parametrize("symbol", ["H", "c", "Cfoo", "C/H", "Cadd0", "Cno9"])
def test_what_is_no_chord_is_an_error(symbol):
    with pytest.raises(MusicError, match="is no chord"):
        chord_inputs.parse(symbol)


@pytest.mark.parametrize("name", list(SMALL))
@pytest.mark.parametrize("attention", ["", "first", "stack"])
def test_numpy_and_torch_agree(name, attention):
    """The network that plays against the one that trains; attention around the first layer and around all."""
    config = SMALL[name].replace(attention=attention, attention_length=5 if attention else 0)
    held = {name: value / 2 for name, value in tensors(config).items()}
    reference = StepRNN(config).eval()
    with torch.no_grad():
        for key, value in reference.tensors().items():
            value.copy_(torch.from_numpy(held[key]))
    numbers = np.random.default_rng(1)
    # as sparse as what the encoders give: with more the cells saturate, and rounding grows from step to step
    x = numbers.choice([-1, 1], (2, 20, config.inputs)) * (
        numbers.random((2, 20, config.inputs)) < 8 / config.inputs
    )
    x = x.astype(np.float32)
    expected = reference(torch.from_numpy(x)).detach().numpy()
    playing = Model(config, held, {})._network
    for row, wanted in zip(x, expected, strict=True):
        state = playing.start()
        for at, logits in zip(row, wanted, strict=True):
            state = playing.step([at], state)
            found = playing.logits(state)[0]
            np.testing.assert_allclose(found, logits, atol=1e-5)


@given(
    st.sampled_from(list(SMALL)),
    st.sampled_from(["", "first", "stack"]),
    st.sampled_from([12, 48]),
    st.data(),
)
@settings(max_examples=40, deadline=None)
def test_a_row_has_the_same_logits_bit_for_bit_in_every_batch(name, attention, units, data):
    config = SMALL[name].replace(attention=attention, attention_length=5 if attention else 0)
    config = config.replace(layers=(units,) * len(config.layers))
    network = Model(config, tensors(config), {})._network
    rows = data.draw(st.integers(2, 5))
    x = np.random.default_rng(rows).integers(-1, 2, (7, rows, config.inputs)).astype(np.float32)
    together = State.joined([network.start()] * rows)
    alone = [network.start() for _ in range(rows)]
    for at in x:
        together = network.step(list(at), together)
        alone = [network.step([row], state) for row, state in zip(at, alone, strict=True)]
        found = network.logits(together)
        assert [row.tobytes() for row in found] == [network.logits(state).tobytes() for state in alone]


def test_a_likelihood_is_the_sum_of_its_steps():
    playing = model("lookback_rnn")
    melody = [60, -2, 62, -1, 64, 65]
    logits = playing.logits(melody).astype(np.float64)
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = sum(np.log(chances[p, label]) for p, label in enumerate(playing.labels(melody)))
    assert playing.log_likelihood(melody) == pytest.approx(expected)
    assert playing.log_likelihood([60]) == 0


def test_a_continuation_is_what_its_seed_says():
    playing = model("attention_rnn")
    first = playing.continued([60, -2, 62], 24, seed=1)
    assert (playing.continued([60, -2, 62], 24, seed=1) == first).all()
    assert (playing.continued([60, -2, 62], 24, seed=2) != first).any()
    greedy = playing.continued([60, -2, 62], 24, temperature=0)
    assert (playing.continued([60, -2, 62], 24, seed=1, top=1) == greedy).all()
    assert playing.continued([60], 0).shape == (0,)
    assert len(playing.continued([60], 8, temperature=4.0, seed=1)) == 8
    for wrong in ({"temperature": -1.0}, {"temperature": float("nan")}, {"top": -1}, {"beam": 0}):
        with pytest.raises(ModelError, match="temperature is 0 or more"):
            playing.continued([60], 4, **wrong)
    with pytest.raises(ModelError, match="at least one event"):
        playing.continued([], 4)


def test_a_primer_beyond_the_range_comes_back_where_it_was():
    """An octave above the range is continued an octave above, in its own key."""
    playing = model("basic_rnn")
    inside = [62, -2, 66, -2, 69, -2, 74, -2]
    moved, amount = events.squashed([e + 24 if e >= 0 else e for e in inside], 48, 84, 0)
    expected = events.transposed(playing.continued(moved, 16, temperature=0).tolist(), -amount)
    assert (
        playing.continued([e + 24 if e >= 0 else e for e in inside], 16, temperature=0).tolist() == expected
    )


def test_a_wider_beam_finds_no_less_likely_melody():
    playing = model("basic_rnn")
    primer = [60, -2, 62, -2]

    def score(melody):
        return playing.log_likelihood([*primer, *melody.tolist()])

    narrow = [score(playing.continued(primer, 12, seed=s)) for s in range(8)]
    wide = [score(playing.continued(primer, 12, seed=s, beam=4, branch=4)) for s in range(8)]
    assert np.mean(wide) > np.mean(narrow)


def test_chords_are_heard_where_they_are_known():
    playing = model("basic_improv")
    chords = ["C"] * 8 + ["G7"] * 8
    assert playing.inputs([60] * 4, chords).shape == (4, 87)
    assert (playing.continued([60], 12, temperature=0, chords=chords) >= -2).all()
    with pytest.raises(ModelError, match="needs chords"):
        playing.inputs([60])
    with pytest.raises(ModelError, match="hears no chords"):
        model("basic_rnn").inputs([60], ["C", "C"])
    with pytest.raises(ModelError, match="at least 15 chords, not 4"):
        playing.continued([60] * 4, 12, chords=["C"] * 4)


def test_drums_come_and_go_as_rolls():
    playing = model("drum_kit")
    rhythm = np.zeros((4, 128), np.uint8)
    rhythm[0, [35, 42]] = 1  # an acoustic bass drum is a kick too
    rhythm[2, 38] = 1
    assert playing.labels(rhythm).tolist() == [0, 2, 0]
    made = playing.continued(rhythm, 16, seed=3)
    assert made.shape == (16, 128)
    assert set(np.flatnonzero(made.any(0))) <= {36, 38, 42, 46, 45, 48, 50, 49, 51}


def test_the_likeliest_are_what_is_left_of_logits():
    logits = np.array([0.1, 3, 2, -1], np.float32)
    assert np.isfinite(limited(logits, 2)).tolist() == [False, True, True, False]
    assert limited(logits, 0) is logits
    assert limited(logits, 9) is logits


# recipes

NOTES = st.tuples(
    st.integers(-4 * TICKS_PER_BAR, -1),
    st.integers(1, 2 * TICKS_PER_BAR),
    st.integers(0, 127),
    st.integers(1, 127),
)
RECIPES = st.builds(
    Recipe,
    seed=st.integers(0, 99),
    temperature=st.sampled_from([0.0, 0.8, 4.0]),
    bars=st.integers(1, 2),
    index=st.integers(0, 3),
    context=st.lists(NOTES, max_size=12).map(tuple),
    top=st.sampled_from([0, 3]),
)


@pytest.mark.parametrize(
    "name", ["lookback_rnn", "attention_rnn", "mono_rnn", "drum_kit", "attention_improv"]
)
@given(st.lists(RECIPES, min_size=1, max_size=3))
@settings(max_examples=12, deadline=None)
def test_a_recipe_gives_the_same_riff_whatever_shares_its_batch_and_whatever_is_kept(name, recipes):
    playing = model(name)
    together = MelodyDecoder(playing)
    alone = [MelodyDecoder(playing, keep=False).decode([recipe])[0] for recipe in recipes]
    assert together.decode(recipes) == alone
    assert together.decode(recipes[::-1]) == alone[::-1]
    assert [riff.length for riff in alone] == [recipe.bars * TICKS_PER_BAR for recipe in recipes]


def test_an_answer_begins_as_its_call_does():
    decoder = MelodyDecoder(model("attention_rnn"))
    call = tuple((beat * 960, 480, 60 + beat, 100) for beat in range(8))
    near = decoder.decode([Recipe(1, bars=2, call=call, distance=0.5)])[0]
    assert [(n.start, n.pitch) for n in near.notes][:4] == [(beat * 960, 60 + beat) for beat in range(4)]
    free = decoder.decode([Recipe(1, bars=2, call=call, distance=1.0)])[0]
    assert free != near
    copy = decoder.decode([Recipe(1, bars=2, call=call, distance=0.0)])[0]
    assert [(n.start, n.pitch) for n in copy.notes if n.start < 7 * 960] == [
        (b * 960, 60 + b) for b in range(7)
    ]


def test_a_context_of_ten_thousand_notes_is_read_no_further_than_the_memory():
    decoder = MelodyDecoder(model("lookback_rnn"))
    long = tuple((-start * TICKS_PER_STEP, 240, 40 + start % 50, 90) for start in range(1, 10_001))
    short = tuple(note for note in long if note[0] >= -decoder.memory * TICKS_PER_BAR)
    assert decoder.decode([Recipe(5, context=long)]) == decoder.decode([Recipe(5, context=short)])


def test_chords_beside_an_improvisation_change_it():
    decoder = MelodyDecoder(model("basic_improv"))
    major = tuple((0, 2 * TICKS_PER_BAR, pitch, 90) for pitch in (60, 64, 67))
    minor = tuple((0, 2 * TICKS_PER_BAR, pitch, 90) for pitch in (57, 60, 63))
    riffs = decoder.decode([Recipe(1, beside=major), Recipe(1, beside=minor), Recipe(1)])
    assert len(set(riffs)) == 3


@given(st.lists(st.integers(-2, 127), min_size=16, max_size=16))
@settings(max_examples=60, deadline=None)
def test_notes_become_events_and_events_notes(melody):
    notes = [(n.start - TICKS_PER_BAR, n.length, n.pitch, n.velocity) for n in melody_notes(melody)]
    again = [(n.start, n.length, n.pitch, n.velocity) for n in melody_notes(melody_events(tuple(notes)))]
    assert again == [(start + TICKS_PER_BAR, *rest) for start, *rest in notes]


# files


def test_a_model_is_kept_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    made = model("attention_rnn")
    step_files.write(
        shelf.place("mine"), StepFile("melody_rnn", made.config, {"licence": "mine"}, tensors(made.config))
    )
    again = livevae.models.load("mine")
    assert (again.config, again.about) == (made.config, {"licence": "mine"})
    assert (again.logits([60, -2]) == made.logits([60, -2])).all()
    assert again.bars == 1
    assert again.memory == 4
    assert "context" in again.takes
    assert "mine" not in shelf.with_latent()
    held = step_files.read(shelf.place("mine"))
    del held.tensors["output.bias"]
    with pytest.raises(ModelError, match=r"output.bias is missing"):
        step_files.write(tmp_path / "x.safetensors", held)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"layers": [0]}', '{"name": "x", "layers": [9], "family": "choir"}', '{"layers": 3, "name": "x"}']
)  # fmt: skip
def test_a_configuration_that_is_none_is_an_error(text):
    with pytest.raises(ModelError):
        Config.from_json(text)


# the one that ships


def test_the_shipped_model_goes_on_nearer_to_the_tune_than_by_chance():
    shipped = livevae.models.load("lookback_rnn")
    scale = [e for pitch in (60, 62, 64, 65, 67, 69, 71, 72) for e in (pitch, -2, -2, -2)]
    at_random = [e for pitch in (48, 83, 49, 78, 54, 73, 61, 82) for e in (pitch, -2, -2, -2)]
    assert shipped.log_likelihood(scale) > shipped.log_likelihood(at_random) > -40 * 31
    assert {e % 12 for e in shipped.continued(scale * 2, 64, 0.5, seed=1).tolist() if e >= 0} <= {
        0,
        2,
        4,
        5,
        7,
        9,
        11,
    }
    assert shipped.about["licence"] == "Apache-2.0"


def test_a_scene_of_two_that_continue_is_rendered_the_same_twice():
    scene = parse(
        '[voice.lead]\nmodel = "lookback_rnn"\n[voice.echo]\nmodel = "lookback_rnn"\nfollow = "lead"\n'
    )

    def render_once():
        return render(
            scene, stepwise.decoder, bars=8, has_model=shelf.exists, takes=stepwise.takes, seed=3
        ).midi()

    assert render_once() == render_once()
