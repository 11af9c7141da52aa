"""Scenes by the thousand, good and broken, in a session that plays: the set is the new one or what it was, and nothing piles up."""

import asyncio
import random

from hypothesis import given, settings, strategies as st
from stand import SCENE, played

from benchmarks.soak_scenes import as_set, scene
from livevae.perform import requests as ask
from livevae.perform.scene import MOST_VOICES
from livevae.scene_files import Overlay

SCENES = 30
LIMIT = MOST_VOICES + 8
"""Tasks of a session: one a voice, its own few, and the test's."""


class Shelf(Overlay):
    """Scenes that are only in memory, of which what was written can be read."""

    def __init__(self):
        super().__init__(None)

    def put(self, data):
        """The scene that is asked for next; False where no file could hold it."""
        try:
            self.write("next", data.decode(), True)
        except UnicodeDecodeError:
            return False
        return True


@given(st.integers(0, 2**32))
@settings(max_examples=40)
def test_after_each_scene_the_set_is_the_new_one_or_what_it_was(seed):
    dice, shelf = random.Random(seed), Shelf()

    async def line(stand):
        first = len(asyncio.all_tasks())
        shelf.put(b"[midi]")
        assert stand.do(ask.LoadScene("next")).ok
        before, knobs = await set_now(stand), None
        for _ in range(SCENES):
            if not shelf.put(scene(dice)):
                continue
            reply = stand.do(ask.LoadScene("next"))
            await asyncio.sleep(dice.choice((0.0, 0.1, 3.0)))
            now = await set_now(stand)
            if reply.ok:
                wanted = shelf.find("next")
                knobs = wanted.midi or knobs
                assert now == as_set(wanted, knobs)
            else:
                assert now == before
            before = now
            assert len(asyncio.all_tasks()) <= LIMIT
        shelf.put(b"")
        assert stand.do(ask.LoadScene("next")).ok
        await asyncio.sleep(60)
        assert len(asyncio.all_tasks()) <= first

    async def set_now(stand):
        await asyncio.sleep(0.1)  # a tempo is the player's from the next tick on
        assert stand.do(ask.WriteScene("now", replace=True)).ok
        return shelf.find("now")

    played(line, SCENE, scenes=shelf.find, writes=shelf.write)
