"""Configurations survive their JSON, and say what is wrong with broken ones."""

import json

import pytest

from livevae.errors import ModelError
from livevae.models.musicvae.config import ALIASES, CONFIGS, Config, configuration


@pytest.mark.parametrize("config", CONFIGS.values(), ids=lambda config: config.name)
def test_json_and_back_is_the_same_configuration(config):
    assert Config.from_json(config.to_json()) == config


@pytest.mark.parametrize("name", [*CONFIGS, *ALIASES])
def test_every_name_and_alias_finds_a_configuration(name):
    assert configuration(name).name == ALIASES.get(name, name)


def test_an_unknown_name_is_answered_with_the_names_there_are():
    with pytest.raises(ModelError, match=r"cat-mel_3bar.*cat-mel_2bar_small"):
        configuration("cat-mel_3bar")


def changed(**changes):
    return json.dumps(json.loads(CONFIGS["cat-mel_2bar_small"].to_json()) | changes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "not whole"),
        (changed(tempo=3), "unknown fields: tempo"),
        (changed(latent="256"), "latent cannot be"),
        (changed(latent=True), "latent cannot be"),
        (changed(latent=0), "at least 1"),
        (changed(encoder=[]), "encoder must be"),
        (changed(decoder=[256] * 1000), "decoder must be"),
        (changed(head="oracle"), "head cannot be"),
        (changed(segments=5), "do not divide"),
        (changed(head="nade"), "nade_hidden"),
    ],
)
def test_broken_configurations_are_refused_with_the_field_that_is_wrong(text, said):
    with pytest.raises(ModelError, match=said):
        Config.from_json(text)


def test_beta_rises_from_nothing_to_its_maximum():
    config = CONFIGS["cat-mel_2bar_small"]
    betas = [config.beta(step) for step in (0, 1000, 100_000, 10_000_000)]
    assert betas[0] == 0
    assert betas == sorted(betas)
    assert betas[-1] == pytest.approx(config.max_beta)
