"""Forms: letters, riff by riff, and round again."""

from typing import Any

import pytest
from hypothesis import given, strategies as st
from stand import BAR, played

from livevae.errors import MusicError
from livevae.music.form import parse, place
from livevae.perform import requests as ask
from livevae.perform.scene import parse as scene
from livevae.render import render
from livevae.testing import FakeDecoder

letters = st.text("ABCabc", min_size=1, max_size=12)


def test_spaces_commas_and_bar_lines_are_between_the_letters() -> None:
    assert parse("AABA ccD") == parse("A,A,B,A,c,c,D") == parse("| AABA | ccD |") == "AABAccD"
    assert parse(" | ") == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [("AAB1", "letters, such as AABA"), ("ÄB", "letters"), ("A" * 65, "64 letters are the most")],
)
def test_what_is_no_form_is_said_to_be_none(text: str, words: str) -> None:
    with pytest.raises(MusicError, match=words):
        parse(text)


@given(letters, st.integers(0, 1000))
def test_a_letter_is_counted_anew_each_round(text: str, number: int) -> None:
    here = place(text, number)
    assert here.letter == text[number % len(text)]
    assert here.round == number // len(text)
    same = [n for n in range(number) if place(text, n)[:2] == here[:2]]
    assert here.before == len(same)


def test_riffs_of_a_letter_are_one_walk_and_each_round_has_others() -> None:
    def walks(setting: str, seed: int = 5) -> list[tuple[int, int]]:
        decoder = FakeDecoder()
        render(scene(f"[voice.a]\nbars = 1\n{setting}"), lambda _: decoder, bars=8, seed=seed)
        return [(one.seed, one.index) for batch in decoder.batches for one in batch][:8]

    heard = walks("form = 'AABA'")
    seeds, indices = [seed for seed, _ in heard], [index for _, index in heard]
    assert indices == [0, 1, 0, 2] * 2
    assert seeds[0] == seeds[1] == seeds[3]
    assert seeds[4] == seeds[5] == seeds[7]
    assert len(set(seeds)) == 4
    assert walks("form = 'AABA'") == heard != walks("form = 'AABA'", seed=6)
    assert walks("seed = 9\nform = 'AABA'") == walks("seed = 9\nform = 'AABA'", seed=6)
    assert [index for _, index in walks("")] == [*range(8)]


def test_a_sample_of_a_voice_with_a_form_is_of_the_seed_that_it_says() -> None:
    async def line(stand: Any) -> None:
        submit, seen = stand.session.engine.submit, []
        stand.session.engine.submit = lambda recipe: seen.append(recipe) or submit(recipe)
        stand.asked(ask.Set("lead", {"form": "AABA"}))
        told = stand.asked(ask.Sample("lead"))["seed"]
        await stand.until(5 * BAR)  # elsewhere in the form
        assert stand.asked(ask.Sample("lead", {"seed": told}))["seed"] == told
        assert stand.asked(ask.Sample("lead", {"seed": 7}))["seed"] == 7
        await stand.until(6 * BAR)
        seeds = [recipe.seed for recipe in seen if recipe.index == 0]
        assert (seeds.count(told), seeds.count(7)) == (2, 1)

    played(line)
