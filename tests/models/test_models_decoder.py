"""The live decoder: the same recipe is the same riff, alone or in company, and errors say what to do."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from livevae.errors import ModelError
from livevae.latent.attributes import REACH, Directions
from livevae.latent.recipe import Recipe
from livevae.models.live import LiveDecoder
from livevae.models.musicvae import assemble as assembling
from livevae.models.musicvae.config import CONFIGS
from livevae.models.musicvae.cuda import TorchNetwork
from livevae.models.musicvae.networks import MusicVAE, free_running
from livevae.models.musicvae.packed import Packed
from livevae.models.musicvae.packed_layers import Layer, LayerState, unit_width
from livevae.models.products import BLOCK
from livevae.music.notes import TICKS_PER_BAR


def small(name, **changes):
    config = CONFIGS[name]
    sizes = {
        "encoder": tuple(8 for _ in config.encoder),
        "decoder": tuple(12 + 3 * i for i, _ in enumerate(config.decoder)),
        "latent": 10,
        "steps": config.steps if config.segments else 2 * config.bar,
    }
    return config.replace(**sizes | changes)


def random_model(config, seed=0):
    generator = torch.Generator().manual_seed(seed)
    model = MusicVAE(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.4, generator=generator)
    return model


def arrays(model):
    return {name: value.numpy() for name, value in model.state_dict().items()}


def whole(config, music):
    """Tokens as one-hot vectors, side by side; rows as they are."""
    if config.head != "categorical":
        return music
    music = music.reshape(*music.shape[:2], -1)
    return np.concatenate(
        [np.eye(depth, dtype=np.float32)[music[..., i]] for i, depth in enumerate(config.output_depths)], -1
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_the_packed_decoder_plays_what_the_plain_one_plays(name):
    config = small(name)
    model = random_model(config)
    chance = np.random.default_rng(1)
    z = chance.standard_normal((3, config.latent)).astype(np.float32)
    temperature = np.array([0, 0.5, 1.2], np.float32)
    noise = chance.gumbel(size=(3, config.steps, config.output_depth)).astype(np.float32)
    controls = None
    if config.controls:
        controls = chance.integers(0, 2, (3, config.steps, config.controls)).astype(np.float32)
    with torch.inference_mode():
        expected = free_running(
            model,
            torch.from_numpy(z),
            torch.from_numpy(temperature)[:, None],
            torch.from_numpy(noise),
            None if controls is None else torch.from_numpy(controls),
        ).numpy()
    found = whole(config, Packed(config, arrays(model))(z, temperature, noise, controls))
    assert np.allclose(found, expected, atol=2e-6)


POOL = 6


@cache
def rows_of(name, units):
    """A random model, z's and chance to choose rows from, and what each row plays by itself, as bytes."""
    config = small(name, decoder=tuple(units for _ in CONFIGS[name].decoder))
    packed = Packed(config, arrays(random_model(config)))
    chance = np.random.default_rng(5)
    z = chance.standard_normal((POOL, config.latent)).astype(np.float32)
    temperature = np.linspace(0, 1.5, POOL, dtype=np.float32)
    noise = chance.gumbel(size=(POOL, config.steps, config.output_depth)).astype(np.float32)
    values = [z, temperature, noise]
    if config.controls:
        values.append(chance.integers(0, 2, (POOL, config.steps, config.controls)).astype(np.float32))
    alone = [packed(*(value[row : row + 1] for value in values)).tobytes() for row in range(POOL)]
    return packed, values, alone


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(CONFIGS)),
    st.sampled_from([13, 32, 96]),
    st.lists(st.integers(0, POOL - 1), min_size=1, max_size=9),
)
def test_a_row_has_the_same_bytes_in_every_batch(name, units, chosen):
    packed, values, alone = rows_of(name, units)
    music = packed(*(value[chosen] for value in values))
    assert [row.tobytes() for row in music] == [alone[row] for row in chosen]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 700), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_a_layer_computes_each_row_as_if_it_were_alone(units, rows, seed):
    """What a token hides: h, the outputs and the recurrence, bit for bit, for blocks of every width."""
    chance = np.random.default_rng(seed)
    layer = Layer(
        units,
        chance.standard_normal((4 * units, units), np.float32),
        chance.standard_normal((7, units), np.float32),
        chance.standard_normal(7, np.float32),
    )
    c, h = (chance.standard_normal((rows, units), np.float32) for _ in range(2))

    def heard(c, h):
        state = LayerState(layer, len(c))
        state.begin(c, h)
        state.hear()
        state.gates[...] = state.recurrence
        state.advance()
        state.hear()
        return np.concatenate([state.outputs, state.h], 1)

    together = heard(c, h)
    assert [row.tobytes() for row in together] == [
        heard(c[row : row + 1], h[row : row + 1]).tobytes() for row in range(rows)
    ]


@given(st.integers(1, 4096))
def test_the_units_of_a_gate_divide_into_blocks(units):
    width = unit_width(units)
    assert units % width == 0
    assert width == units or 4 * (units + 1) * width <= BLOCK


@pytest.mark.parametrize("name", CONFIGS)
def test_the_torch_network_plays_what_the_packed_one_plays(name):
    config = small(name)
    weights = arrays(random_model(config))
    chance = np.random.default_rng(2)
    z = chance.standard_normal((3, config.latent)).astype(np.float32)
    noise = chance.gumbel(size=(3, config.steps, config.output_depth)).astype(np.float32)
    temperature = np.array([0, 1, 0.5], np.float32)
    controls = None
    if config.controls:
        controls = chance.integers(0, 2, (3, config.steps, config.controls)).astype(np.float32)
    ours = Packed(config, weights)(z, temperature, noise, controls)
    theirs = TorchNetwork(config, weights, "cpu")(z, temperature, noise, controls)
    assert ours.shape == theirs.shape
    assert np.allclose(ours, theirs, atol=2e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("name", CONFIGS)
def test_a_captured_graph_plays_what_the_packed_decoder_plays(name):
    config = small(name)
    if config.controls:
        pytest.skip("graphs with controls are the same code")
    weights = arrays(random_model(config))
    network, packed_one = TorchNetwork(config, weights, "cuda"), Packed(config, weights)
    chance = np.random.default_rng(2)
    for n in (1, 3, 1):
        z = chance.standard_normal((n, config.latent)).astype(np.float32)
        noise = chance.gumbel(size=(n, config.steps, config.output_depth)).astype(np.float32)
        ours, theirs = (decode(z, np.ones(n, np.float32), noise) for decode in (packed_one, network))
        assert np.mean(np.abs(ours - theirs) < 1e-3) > 0.99


MELODY = small("cat-mel_2bar_small", decoder=(16, 16))


@pytest.fixture(scope="module")
def decoder():
    return LiveDecoder(MELODY, Packed(MELODY, arrays(random_model(MELODY))))


RECIPES = [
    Recipe(seed=1),
    Recipe(seed=1, index=1),
    Recipe(seed=2, temperature=0.0),
    Recipe(seed=3, bars=8, drift=0.2, index=70),
    Recipe(seed=2**63 - 1, temperature=1.4),
]


def test_a_recipe_is_the_same_riff_alone_and_in_every_company(decoder):
    alone = [decoder.decode([recipe])[0] for recipe in RECIPES]
    assert decoder.decode(RECIPES) == alone
    assert decoder.decode(RECIPES[::-1]) == alone[::-1]


def test_riffs_are_as_long_as_their_recipes_say(decoder):
    assert [riff.length for riff in decoder.decode(RECIPES)] == [r.bars * TICKS_PER_BAR for r in RECIPES]


def test_other_seeds_and_indices_are_other_riffs(decoder):
    riffs = decoder.decode([Recipe(seed=seed, index=index) for seed in (1, 2, 3) for index in (0, 1, 2)])
    assert len(set(riffs)) == 9


def test_without_drift_and_temperature_a_walk_repeats_itself(decoder):
    first, later = decoder.decode([Recipe(7, 0.0, bars=4, index=index, drift=0.0) for index in (0, 9)])
    assert first == later


def test_a_long_riff_begins_as_the_short_one_does(decoder):
    short, long = decoder.decode([Recipe(seed=5), Recipe(seed=5, bars=6)])
    assert long.notes[: len(short.notes)] == short.notes


@pytest.mark.parametrize("bars", [0, 1, 3, -2])
def test_bars_that_the_window_does_not_divide_are_refused(decoder, bars):
    with pytest.raises(ModelError, match="multiples of 2 bars"):
        decoder.decode([Recipe(seed=1, bars=bars)])


def test_nothing_asked_is_nothing_played(decoder):
    assert decoder.decode([]) == []


class Corner:
    """A persona that knows one place, and leans where it is told."""

    latent = 2

    def __init__(self, scale):
        self.scale = scale

    def decode(self, u):
        return np.concatenate([u, np.full(MELODY.latent - 2, self.scale)])


def test_a_blend_of_one_persona_is_that_persona_and_positions_place_it():
    heard = []

    def network(z, temperature, noise, controls=None):
        heard.append(z)
        return np.zeros((len(z), MELODY.steps), np.int64)

    decoder = LiveDecoder(MELODY, network, {"ana": Corner(1.0), "ben": Corner(-1.0)})
    decoder.decode([Recipe(1, blend=(("ana", 1.0),), position=(0.25, -0.5))])
    decoder.decode([Recipe(1, blend=(("ana", 0.5), ("ben", 0.5)), position=(3.0, 4.0))])
    decoder.decode([Recipe(1, blend=(("ana", 0.5), ("", 0.5)))])
    assert heard[0][0].tolist() == [0.25, -0.5, *[1.0] * 8]
    assert np.allclose(heard[1][0], np.array([3, 4, *[0] * 8]) * np.sqrt(33) / 5, atol=1e-5)
    assert heard[2].shape == (1, 10)


def test_a_persona_that_is_gone_leaves_its_share_to_the_base_model(decoder):
    gone, base = decoder.decode([Recipe(1, blend=(("eve", 1.0),)), Recipe(1)])
    assert gone == base


def test_a_position_of_another_size_is_cut_or_filled_with_zeros():
    heard = []

    def network(z, temperature, noise, controls=None):
        heard.append(z)
        return np.zeros((len(z), MELODY.steps), np.int64)

    decoder = LiveDecoder(MELODY, network, {"ana": Corner(1.0)})
    decoder.decode([Recipe(1, blend=(("ana", 1.0),), position=p) for p in [(0.5,), (0.5, 0.0, 9.0)]])
    assert heard[0].tolist() == [[0.5, 0.0, *[1.0] * 8]] * 2


def test_attributes_push_z_along_the_models_directions():
    heard = []

    def network(z, temperature, noise, controls=None):
        heard.append(z)
        return np.zeros((len(z), MELODY.steps), np.int64)

    up = np.eye(MELODY.latent, dtype=np.float32)[3]
    decoder = LiveDecoder(MELODY, network, directions=Directions({"density": up}))
    recipe = Recipe(1, attributes=(("density", 0.5), ("height", 1.0)))
    decoder.decode([recipe, Recipe(1)])
    assert np.allclose(heard[0][0] - heard[0][1], 0.5 * REACH * up, atol=1e-5)


def test_a_decoder_opens_by_path_on_the_cpu(tmp_path):
    assembling.save(tmp_path / "mine.safetensors", random_model(MELODY), {})
    opened = LiveDecoder.open(str(tmp_path / "mine.safetensors"), device="cpu")
    assert opened.bars == 2
    assert opened.steps == 32
    assert len(opened.decode([Recipe(1)])) == 1


def test_a_model_that_needs_controls_says_that_it_cannot_play_alone(tmp_path):
    config = small("cat-mel_2bar_med_chords")
    assembling.save(tmp_path / "chords.safetensors", random_model(config), {})
    with pytest.raises(ModelError, match="needs controls"):
        LiveDecoder.open(str(tmp_path / "chords.safetensors"))


def test_a_device_that_is_not_there_is_named(tmp_path):
    assembling.save(tmp_path / "mine.safetensors", random_model(MELODY), {})
    with pytest.raises(ModelError, match="auto, cpu or cuda"):
        LiveDecoder.open(str(tmp_path / "mine.safetensors"), device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="finds no GPU"):
            LiveDecoder.open(str(tmp_path / "mine.safetensors"), device="cuda")
