"""Models that play: their fingerprints are known a moment after they were loaded, and no riff waits for them."""

import asyncio
import threading

import pytest

from livevae.edges.mqtt.workers import naming
from livevae.ensemble import speaking, unchanged
from livevae.errors import LivevaeError, ModelError
from livevae.latent.recipe import Recipe
from livevae.models.fingerprint import Fingerprint
from livevae.perform.engine import Engine
from livevae.played_models import PlayedModels
from livevae.server import Models
from livevae.testing import FakeDecoder, fake_riff

pytestmark = pytest.mark.asyncio
ONE = Fingerprint("small", "z", "w")


async def test_a_riff_does_not_wait_for_the_fingerprint_of_its_model():
    free = threading.Event()

    def fingerprint(name):
        assert free.wait(60)
        return ONE

    played = PlayedModels(lambda _: FakeDecoder(), fingerprint)
    engine = Engine(played.load)
    names = naming(speaking(played.known), {})
    told = asyncio.Queue()
    played.tell(lambda *found: told.put_nowait(found))
    try:
        assert await engine.submit(Recipe(1, bars=2)) == fake_riff(Recipe(1, bars=2))
        assert names(Recipe(1)) is None  # until it is known, no other machine is asked
        free.set()
        assert await told.get() == ("", ONE)
        assert names(Recipe(1)) == (ONE.digest, ())
        late = []
        played.tell(lambda *found: late.append(found))
        assert late == [("", ONE)]
    finally:
        await engine.close()


async def test_who_cannot_say_what_a_model_is_plays_it_all_the_same():
    def fingerprint(name):
        raise ModelError("a bundle")

    for way in (fingerprint, None):
        played = PlayedModels(lambda _: FakeDecoder(), way)
        engine = Engine(played.load)
        await engine.warm()
        await engine.close()
        assert played.known == {}


async def test_other_machines_answer_for_the_very_decoder_and_never_for_a_model_without_latent_space():
    same_encoder = Fingerprint("small", "z", "another")
    words = speaking({"": ONE, "mine": same_encoder, "steps": Fingerprint("steps", "", "w")})
    assert words("") == Fingerprint("a copy", "z", "w").digest
    assert words("mine") not in ("", words(""))
    assert words("steps") == words("nothing") == ""


async def test_a_worker_decodes_with_nothing_that_took_its_models_place_even_while_it_was_loaded():
    here = {"": ONE}

    def load(name):
        if name == "replaced while it is read":
            here[name] = Fingerprint("small", "z", "another")
        return FakeDecoder()

    load_ours = unchanged(
        Models(load, lambda _: True, "small on cpu", fingerprint=here.__getitem__),
        {"": ONE, "replaced while it is read": ONE},
    )
    here["replaced while it is read"] = ONE
    assert isinstance(load_ours(""), FakeDecoder)
    for name, words in (("", "small on cpu"), ("replaced while it is read", "replaced while it is read")):
        here[""] = Fingerprint("small", "z", "later")
        with pytest.raises(LivevaeError, match=f"{words} is another one than when this worker began"):
            load_ours(name)
