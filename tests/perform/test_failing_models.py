"""A model or a persona that fails in the middle: what played goes on, and the fault is shown until it is mended."""

import pytest
from stand import BAR, SCENE, played

from livevae.errors import ModelError
from livevae.perform import requests as ask
from livevae.perform.engine import Engine
from livevae.perform.session import Session
from livevae.testing import FakeDecoder


@pytest.fixture(autouse=True)
def forgiving(monkeypatch):
    """A session as on stage, where a model called `broken` does not load, and seed 13 cannot be decoded."""

    def load(name):
        if name == "broken":
            raise ModelError("broken is not a whole safetensors file")
        return FakeDecoder(fail=lambda recipe: ModelError("it cannot") if recipe.seed == 13 else None)

    monkeypatch.setattr("stand.Engine", lambda _load, inline: Engine(load, inline=inline))
    monkeypatch.setattr("stand.Session", lambda *given, strict, **more: Session(*given, strict=False, **more))


@pytest.mark.parametrize(
    ("wrong", "right"), [({"model": "broken"}, {"model": ""}), ({"seed": 13}, {"seed": 5})]
)
def test_the_last_riff_is_repeated_until_the_setting_is_mended(wrong, right):
    async def line(stand):
        await stand.until(4 * BAR - 10)
        assert stand.do(ask.Set("lead", wrong)).ok
        await stand.until(10 * BAR - 10)
        (lead,) = [voice for voice in stand.session.snapshot().voices if voice.name == "lead"]
        assert lead.playing
        assert lead.fault in ("broken is not a whole safetensors file", "it cannot")
        assert lead.repeats >= 2
        assert stand.do(ask.Set("lead", right)).ok
        await stand.until(16 * BAR)
        (lead,) = [voice for voice in stand.session.snapshot().voices if voice.name == "lead"]
        assert (lead.playing, lead.fault) == (True, "")

    stand = played(line, SCENE, has_model=lambda _: True)
    turns = [stand.notes(start * BAR, (start + 2) * BAR) for start in range(0, 16, 2)]
    assert all(turns)
    assert turns[3] == turns[4]
    assert [stand.notes(bar * BAR, (bar + 1) * BAR, channel=2) != [] for bar in range(16)] == [True] * 16


def test_a_voice_whose_first_riff_fails_stops_and_says_why():
    async def line(stand):
        assert stand.do(ask.Set("new", {"model": "broken", "channel": 3}, new=True)).ok
        assert stand.do(ask.Play("new")).ok
        await stand.until(4 * BAR)
        (new,) = [voice for voice in stand.session.snapshot().voices if voice.name == "new"]
        assert (new.playing, new.fault) == (False, "broken is not a whole safetensors file")

    assert played(line, SCENE, has_model=lambda _: True).notes(0, 4 * BAR)
