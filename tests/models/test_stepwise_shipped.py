"""The models that ship and go on step by step: each plays, alone and with others, within its time; and has a card."""

import pytest

import livevae.models
from livevae.latent.recipe import Recipe
from livevae.models import stepwise
from livevae.models.checkpoints import shelf, step_files
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_STEP

SHIPPED = sorted(path.stem for path in shelf.BUNDLED.glob(f"*{shelf.SUFFIX}") if step_files.is_one(path))
DRUMS = (36, 42, 38, 42)


def played(pitches, steps=4, bars=4):
    """So many bars that end at tick 0, a note every few steps, the pitches over and over."""
    count = bars * TICKS_PER_BAR // (steps * TICKS_PER_STEP)
    return tuple(
        ((i - count) * steps * TICKS_PER_STEP, steps * TICKS_PER_STEP, pitches[i % len(pitches)], 90)
        for i in range(count)
    )


def tune_for(name):
    held = step_files.describe(shelf.BUNDLED / f"{name}{shelf.SUFFIX}")
    return DRUMS if stepwise.plays(held) == "drums" else (60, 64, 67, 72)


def test_melodies_drums_and_keys_ship():
    assert {"lookback_rnn", "attention_rnn", "drum_rnn", "note_rnn"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_model_that_ships_says_what_it_learnt_and_what_it_cannot_do(name):
    card = (shelf.BUNDLED / f"{name}.md").read_text()
    for heading in ("## What it was trained on", "## How it was trained", "## Scores", "## Limits"):
        assert heading in card
    about = livevae.models.load(name).about
    assert about["licence"]
    assert (
        about["evaluation"]["held out"]["nats_a_bar"] < about["evaluation"]["held out"]["n_gram_nats_a_bar"]
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_the_same_recipe_gives_the_same_riff_alone_and_beside_others(name):
    tune = tune_for(name)
    recipes = [
        Recipe(1, bars=2, context=played(tune)),
        Recipe(2, 1.0, bars=4, context=played(tune[::-1], steps=2), top=5),
        Recipe(3, 0.0, bars=1),
        Recipe(4, 4.0, bars=2, context=played(tune, bars=1)),
    ]
    together = stepwise.decoder(name).decode(recipes)
    for recipe, riff in zip(recipes, together, strict=True):
        assert stepwise.decoder(name).decode([recipe]) == [riff]
        assert riff.length == recipe.bars * TICKS_PER_BAR
        assert all(0 <= n.start < n.start + n.length <= riff.length for n in riff.notes)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_was_played_decides_what_comes(name):
    tune = tune_for(name)
    decoder = stepwise.decoder(name)
    one, other = (decoder.decode([Recipe(1, context=played(t))]) for t in (tune, [p + 5 for p in tune[:2]]))
    assert one != other


@pytest.mark.parametrize("name", SHIPPED)
def test_a_context_of_ten_thousand_notes_is_a_riff_like_any_other(name):
    tune = tune_for(name)
    (riff,) = stepwise.decoder(name).decode([Recipe(1, context=played(tune, steps=1, bars=625))])
    assert riff.length == 2 * TICKS_PER_BAR
