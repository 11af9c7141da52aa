"""Rendering: the same voices and player as on stage, in virtual time, into the same bytes."""

import io

import mido
import pytest

from livevae.errors import ModelError, RequestError
from livevae.perform.scene import parse
from livevae.render import render, seconds
from livevae.testing import FakeDecoder

SCENE = parse("tempo = 100\n[voice.a]\n[voice.b]\nbars = 4\nchannel = 2\n[voice.c]\nplay = false")


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    one, two = (render(SCENE, lambda _: FakeDecoder(), bars=16, seed=5).midi() for _ in range(2))
    assert one == two
    assert one != render(SCENE, lambda _: FakeDecoder(), bars=16, seed=6).midi()


def test_it_lasts_as_many_bars_as_were_asked_for_and_every_on_has_its_off() -> None:
    done = render(SCENE, lambda _: FakeDecoder(), bars=7)
    assert done.end == 7 * 3840
    assert seconds(done) == pytest.approx(7 * 4 * 0.6)
    file = mido.MidiFile(file=io.BytesIO(done.midi()))
    now, held, ons = 0, {}, []
    for message in file.tracks[0]:
        now += message.time
        if message.type == "note_on":
            assert (message.channel, message.note) not in held
            held[message.channel, message.note] = now
            ons.append((now, message.channel))
        elif message.type == "note_off":
            held.pop((message.channel, message.note))
    assert not held
    assert now == done.end
    assert [tick for tick, channel in ons if channel == 0] == list(range(0, 7 * 3840, 960))
    assert {channel for _, channel in ons} == {0, 1}


def test_faults_come_out() -> None:
    broken = FakeDecoder(fail=lambda _: ModelError("broken"))
    with pytest.raises(ModelError, match="broken"):
        render(SCENE, lambda _: broken, bars=4)
    with pytest.raises(RequestError, match="there is no model 'x'"):
        render(parse("[voice.a]\nmodel = 'x'"), lambda _: broken, bars=4)
