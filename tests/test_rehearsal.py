"""A rehearsal told as a story: recorded, trained, kept, cued, written, restarted, recalled, and played again from its log."""

import asyncio

import numpy as np

from livevae.crib import FileCrib
from livevae.edges.osc.asking import ask
from livevae.edges.osc.codec import Message, encode
from livevae.errors import LivevaeError
from livevae.inputs import Head, Input, Log
from livevae.latent.personas import Persona, Personas, layer_shapes
from livevae.perform.scene import parse
from livevae.perform.session import Session
from livevae.perform.timing import Timing
from livevae.player.client.local import LocalPlayer
from livevae.replay import replay
from livevae.scene_files import Shelf
from livevae.tempo.timeline import Timeline
from livevae.testing import FakeDecoder, SlowEngine
from livevae.virtual_time import virtual_time
from tests.laws import assert_each_on_has_its_off

BAR = 3840
HEAD = Head(seed=7, ports=("livevae",), wall=1000.0, zero=1.0)
SCENE = parse(
    """
title = "rehearsal"
tempo = 120
[voice.lead]
bars = 2
[voice.bass]
channel = 2
bars = 2
[[cue]]
name = "lift"
tempo = 100
over = 2
[cue.voice.lead]
transpose = 5
blend = { base = 1 }
"""
)
TRAINED = 10.0
"""Seconds at which the training ends."""


def evening(*script):
    """A script whose times are from the first downbeat, with times from the beginning."""
    return [(HEAD.zero + time, *what) for time, *what in script]


class Book:
    """Trains until a moment, and gives a persona that is the same each time."""

    def __init__(self):
        self.personas = Personas()

    def identity(self, model):
        return "0" * 16

    def prior(self, model):
        return ""

    def checked_name(self, name):
        return name

    def names(self):
        return ()

    def attributes(self, model):
        return ()

    def find(self, name):
        raise LivevaeError(f"there is no persona {name}")

    keep = describe = find

    async def train(self, name, model, takes, epochs, told):
        assert len(takes) == 1
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, TRAINED - now))
        told(1, 1, 0.5)
        shapes = layer_shapes(4, 2).items()
        weights = {f"{layer}.weight": np.zeros(shape, np.float32) for layer, shape in shapes}
        weights |= {f"{layer}.bias": np.zeros(shape[0], np.float32) for layer, shape in shapes}
        return Persona(name, "0" * 16, 4, 2, weights, {"windows": 7})


EVENING = evening(
    (0.01, "/livevae/persona/record", 2),
    *((0.1 + n / 2 + off / 10, bytes([0x90 - 16 * off, 60 + n, 64])) for n in range(7) for off in (0, 1)),
    (7.0, "/livevae/persona/train", "eve"),
    (12.0, "/livevae/blend", "lead", "eve", 1.0, "over", 8),
    (17.2, "/livevae/keep", "lead", "name", "hook"),
    (21.3, "/livevae/mute", "bass"),
    (26.9, "/livevae/keep", "lead"),
    (29.4, "/livevae/mute", "bass"),
    (33.1, "/livevae/cue", "next"),
    (40.0, "/livevae/reroll", "bass"),
    (44.0, "/livevae/undo"),
    (47.0, "/livevae/solo", "lead"),
    (50.0, "/livevae/scene/write", "evening"),
    (55.0, "/livevae/scene", "evening"),
    (58.0, "/livevae/recall", "hook"),
)


async def rehearse(script, scene, crib, shelf, until, seed=7):
    """What was sent when the script was played live, where a decode takes 30 ms."""
    loop = asyncio.get_running_loop()
    player = LocalPlayer(timeline=Timeline(0, HEAD.zero, scene.tempo))
    session = Session(
        player,
        SlowEngine(FakeDecoder(), lambda _: 0.03),
        timing=Timing(HEAD.lead, HEAD.lookahead),
        seed=seed,
        scenes=shelf.find,
        writes=shelf.write,
        ports=HEAD.ports,
        personas=Book(),
        crib=crib,
        strict=True,
    )
    player.on_timeline = session.timeline_changed
    session.load(scene)
    replies = []
    for time, *what in script:
        await asyncio.sleep(time - loop.time())
        if isinstance(what[0], bytes):
            session.receive_midi(what[0], time)
            continue
        reply = session.do(ask(Message(what[0], tuple(what[1:]))).request(None))
        assert reply.ok, (what, reply.text)
        replies.append((what[0], dict(reply.pairs)))
    await asyncio.sleep(until - loop.time())
    await session.close()
    await player.close()
    return player.sent, replies


def run(*args, **options):
    with virtual_time() as loop:
        return loop.run_until_complete(rehearse(*args, **options))


def heard(one):
    """A message, so that those of one tick can be put in order."""
    return one.tick, one.port, one.data


def began(sent, start, end, channel=0):
    """(tick from `start`, pitch) of what began there."""
    return [
        (one.tick - start, one.data[1])
        for one in sent
        if one.data[0] == 0x90 | channel and start <= one.tick < end
    ]


def test_an_evening_is_kept_written_and_played_again(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    crib, shelf = FileCrib(tmp_path / "riffs"), Shelf(None)
    sent, replies = run(EVENING, SCENE, crib, shelf, 67.0)
    crib.close()
    assert_each_on_has_its_off(sent)

    # the riff that sounded at 17.2 s (tick 33024, in the turn from 30720 on) took every turn until its release
    hook = began(sent, 8 * BAR, 10 * BAR)
    assert hook
    assert began(sent, 10 * BAR, 12 * BAR) == began(sent, 12 * BAR, 14 * BAR) == hook
    assert began(sent, 14 * BAR, 16 * BAR) != hook
    assert began(sent, round(21.3 * 1920) + 1, round(29.4 * 1920), channel=1) == []

    # the next evening: another seed, the scene that was written, and the riff from the crib, note for note
    again = FileCrib(tmp_path / "riffs")
    assert again.names() == ("hook",)
    later, _ = run(
        evening((0.1, "/livevae/recall", "hook")), shelf.find("evening"), again, shelf, 20.0, seed=99
    )
    again.close()
    assert shelf.find("evening").tempo == 100.0
    assert shelf.find("evening").voices["lead"].settings.transpose == 5
    assert began(later, 2 * BAR, 4 * BAR) == hook

    # and the log of the first evening gives it once more, though nothing takes any time now
    inputs = [
        Input(time, "midi", what[0], time)
        if isinstance(what[0], bytes)
        else Input(time, "osc", encode(Message(what[0], tuple(what[1:]))))
        for time, *what in EVENING
    ]
    night = sorted([*inputs, Input(TRAINED, "trained", b"eve"), Input(67.0, "end")], key=lambda one: one.time)
    shelf_of_then = Shelf(tmp_path / "empty")
    once_more = replay(
        Log(HEAD, tuple(night)),
        SCENE,
        lambda _: FakeDecoder(),
        scenes=shelf_of_then.find,
        personas=Book(),
        crib=FileCrib(tmp_path / "none"),
        strict=True,
    )
    assert once_more.refused == 0
    assert tuple(map(len, (once_more.sent, sent))) == (len(sent), len(sent))
    assert sorted(map(heard, once_more.sent)) == sorted(map(heard, sent))
    assert dict(replies)["/livevae/keep"]["kept"] == 0
