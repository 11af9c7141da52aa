"""Rendering: the same voices and player as on stage, in virtual time, into the same bytes."""

import io
from pathlib import Path

import mido
import pytest

from livevae.cli import main
from livevae.cli.common import warn_of_drums
from livevae.errors import LivevaeError, ModelError, RequestError
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
    for message in mido.merge_tracks(file.tracks):
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


def test_a_file_has_a_track_of_tempo_and_meter_and_one_named_after_each_voice() -> None:
    scene = parse(
        'title = "Jig"\ntempo = 90\nmeter = "6/8"\n[voice.a]\nprogram = "Flute"\nbank = 1\nlevel = 80\n'
        "[voice.b]\nchannel = 2\n[voice.quiet]\nchannel = 3\nvelocity = 0"
    )
    done = render(scene, lambda _: FakeDecoder(), bars=8)
    file = mido.MidiFile(file=io.BytesIO(done.midi()))
    assert file.type == 1
    assert [track.name for track in file.tracks] == ["Jig", "a", "b"], "a voice of velocity 0 is silent"
    first = {message.type: message for message in file.tracks[0]}
    assert first["set_tempo"].tempo == mido.bpm2tempo(90)
    assert (first["time_signature"].numerator, first["time_signature"].denominator) == (6, 8)
    sound = [message for message in file.tracks[1] if message.type in ("control_change", "program_change")]
    assert [(m.type, *m.bytes()[1:]) for m in sound] == [
        ("control_change", 7, 80), ("control_change", 0, 0), ("control_change", 32, 1), ("program_change", 73),
    ]  # fmt: skip
    assert all(message.time == 0 for message in file.tracks[1][: len(sound) + 2]), "before the first note"
    for track, channel in zip(file.tracks[1:], (0, 1), strict=True):
        notes = [message for message in track if message.type.startswith("note")]
        assert {message.channel for message in notes} == {channel}
        assert [m.type for m in notes].count("note_on") == [m.type for m in notes].count("note_off") > 0
    alone = mido.MidiFile(file=io.BytesIO(done.midi("b")))
    assert [track.name for track in alone.tracks] == ["Jig", "b"]


def test_a_persona_that_is_not_there_ends_a_rendering_with_its_sentence() -> None:
    with pytest.raises(LivevaeError, match="voice a: this session has no personas"):
        render(parse("[voice.a]\n[voice.a.blend]\nnobody = 1"), lambda _: FakeDecoder(), bars=2)


def test_only_music_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "first-light", "--out", str(tmp_path / "x.txt")]) == 1
    assert "x.txt has to end in .mid or .wav" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_drums_on_a_channel_where_synths_have_none_are_warned_of() -> None:
    told: list[str] = []
    text = "[voice.kit]\nmodel = 'groovae_4bar'\nchannel = {}\n[voice.a]\n"
    for channel in (1, 10):
        warn_of_drums(parse(text.format(channel)), told.append)
    assert told == [
        "scene   voice kit plays the drums of groovae_4bar on channel 1: most synths have drums on 10 only, channel = 10"
    ]
