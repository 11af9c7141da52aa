"""Personas as values: what they refuse to be, and a registry that is replaced whole."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from livevae.errors import ModelError
from livevae.latent.personas import Persona, Personas, U, layer_shapes

DIM, LATENT = 12, 3


def persona(name: str = "nora", model: str = "a" * 16, seed: int = 0) -> Persona:
    random = np.random.default_rng(seed)
    weights = {}
    for layer, (out, inp) in layer_shapes(DIM, LATENT).items():
        weights[f"{layer}.weight"] = (random.standard_normal((out, inp)) / inp**0.5).astype(np.float32)
        weights[f"{layer}.bias"] = random.standard_normal(out).astype(np.float32) / 10
    return Persona(name, model, DIM, LATENT, weights)


def test_one_point_and_many_are_decoded_alike() -> None:
    one = persona()
    u = np.random.default_rng(1).standard_normal((5, LATENT))
    assert one.decode(u).shape == (5, DIM)
    assert np.allclose(one.decode(u)[2], one.decode(u[2]), atol=1e-6)
    known = one.encode(one.decode(u))
    assert known.mu.shape == known.sigma.shape == (5, LATENT)
    assert (known.sigma > 0).all()
    assert np.allclose(
        one.answer(u @ np.ones((LATENT, DIM))), one.decode(one.encode(u @ np.ones((LATENT, DIM))).mu)
    )


@settings(max_examples=40, deadline=None)
@given(u=st.lists(st.floats(-8, 8), min_size=LATENT, max_size=LATENT))
def test_every_point_of_its_space_is_a_finite_z(u: list[float]) -> None:
    assert np.isfinite(persona().decode(u)).all()


def test_parameters_that_are_not_a_personas_are_refused() -> None:
    one = persona()
    bad = {**one.weights, "mu.bias": np.full(LATENT, np.nan, np.float32)}
    for weights, said in (
        ({k: v for k, v in one.weights.items() if k != "mu.bias"}, "not a persona's"),
        ({**one.weights, "mu.bias": np.zeros(LATENT + 1, np.float32)}, "mu.bias"),
        ({**one.weights, "mu.bias": np.zeros(LATENT)}, "float64"),
        (bad, "not finite"),
    ):
        with pytest.raises(ModelError, match=said):
            replace(one, weights=weights)
    with pytest.raises(ModelError):
        replace(one, latent=0)


def test_a_decoder_is_given_none_that_speaks_the_u_of_another_prior() -> None:
    ours, theirs = "1" * 16, "2" * 16
    weights = {"map.weight": np.zeros((DIM, DIM), np.float32), "map.bias": np.zeros(DIM, np.float32)}
    in_u = Persona("nora", "a" * 16, DIM, LATENT, weights, {}, U, ours)
    personas = Personas({"nora": in_u, "petra": persona("petra")})
    assert set(personas.of("a" * 16, ours)) == {"nora", "petra"}
    assert set(personas.of("a" * 16, theirs)) == set(personas.of("a" * 16)) == {"petra"}


def test_a_registry_is_a_mapping_that_changes_under_its_readers_whole() -> None:
    here, there = persona(), persona("petra", "b" * 16)
    personas = Personas({"nora": here})
    mine = personas.of("a" * 16)
    assert personas.put("petra", there) is None
    assert dict(personas) == {"nora": here, "petra": there}
    assert dict(mine) == {"nora": here}
    assert mine.get("petra") is None
    assert len(mine) == 1
    assert personas.put("nora", None) is here
    assert list(mine) == []
    assert personas.put("nora", None) is None
