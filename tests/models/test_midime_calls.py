"""Call and response: from a copy to free play."""

import numpy as np
import torch

from livevae.latent.personas import Persona, Personas, layer_shapes
from livevae.latent.recipe import Recipe
from livevae.models.live import LiveDecoder
from livevae.models.musicvae.call_and_response import Listener, answered, call_riffs
from livevae.models.musicvae.config import configuration
from livevae.models.musicvae.encoder import PackedEncoder
from livevae.models.musicvae.networks import MusicVAE

CONFIG = configuration("cat-mel_2bar_small").replace(encoder=(12,), decoder=(16, 16), latent=10)
BAR = 3840
CALL = tuple((i * 480, 480, 60 + i, 90) for i in range(8))


def seen() -> tuple[list[np.ndarray], LiveDecoder]:
    torch.manual_seed(3)
    model = MusicVAE(CONFIG)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    weights = {key: value.detach().numpy() for key, value in model.state_dict().items()}
    taken: list[np.ndarray] = []

    def network(z, temperature, noise, controls=None):
        taken.append(z)
        return np.zeros((len(z), CONFIG.steps), np.int64)

    random = np.random.default_rng(1)
    parts = {}
    for layer, (out, inp) in layer_shapes(10, 4).items():
        parts[f"{layer}.weight"] = (random.standard_normal((out, inp)) / inp**0.5).astype(np.float32)
        parts[f"{layer}.bias"] = np.zeros(out, np.float32)
    persona = Persona("nora", "0" * 16, 10, 4, parts)
    listener = Listener(CONFIG, lambda: PackedEncoder(CONFIG, weights))
    return taken, LiveDecoder(CONFIG, network, Personas({"nora": persona}), listener=listener)


def test_the_way_goes_from_the_call_over_the_personas_manner_to_free_play() -> None:
    taken, decoder = seen()
    blend = (("nora", 1.0),)
    distances = (0.0, 0.25, 0.5, 0.75, 1.0)
    decoder.decode(
        [Recipe(1, blend=blend, call=CALL, distance=d) for d in distances] + [Recipe(1, blend=blend)]
    )
    copy, near, manner, far, free, without = taken[0]
    persona = decoder._personas["nora"]
    assert np.allclose(manner, persona.answer(copy), atol=1e-5)
    assert np.allclose(free, without, atol=1e-6)
    for middle, a, b in ((near, copy, manner), (far, manner, free)):
        apart = np.linalg.norm(a - b)
        assert np.linalg.norm(middle - a) < apart
        assert np.linalg.norm(middle - b) < apart


def test_without_personas_the_call_itself_is_the_middle() -> None:
    taken, decoder = seen()
    decoder.decode([Recipe(1, call=CALL, distance=d) for d in (0.0, 0.5)])
    assert np.allclose(taken[0][0], taken[0][1])


def test_a_short_call_is_repeated_and_a_long_one_cut_into_windows() -> None:
    (once,) = call_riffs(Recipe(1, call=CALL[:4]), CONFIG, 1)
    assert [(n.start, n.pitch) for n in once.notes] == [
        (t * BAR + s, p) for t in (0, 1) for s, _, p, _ in CALL[:4]
    ]
    first, second = call_riffs(Recipe(1, call=(*CALL, (2 * BAR, 480, 72, 90))), CONFIG, 2)
    assert len(first.notes) == 8
    assert [(n.start, n.pitch) for n in second.notes] == [(0, 72)]


def test_every_distance_is_finite_between_any_two_places() -> None:
    zero, one = np.zeros((1, 4)), np.ones((1, 4))
    for distance in (0.0, 0.3, 0.5, 0.9, 1.0):
        for a, b, c in ((zero, one, -one), (one, one, one), (one, -one, zero)):
            assert np.isfinite(answered(a, b, c, distance)).all()
